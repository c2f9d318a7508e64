"""ViSQOL v3 in speech mode: how alike the gammatone spectrograms of two signals are, after they have been aligned.

A port to NumPy of Google's C++ program (version 3.3.3) with its exponential mapping, scaled so that identity is 5. That
is the variant whose ground truth is 5.00 in papers. The program's default since 3.3 is a lattice network,
`visqol_lattice`, whose scores lie 1.6 lower on speech codecs and whose identity is 4.51; its audio mode, 4.73 for
identity, is not here.

Source: Chinen et al., "ViSQOL v3: An open source production ready objective speech and audio metric", QoMEX 2020;
github.com/google/visqol.
"""
