"""LongCat-Audio-Codec: inference of the published architecture from the authors' checkpoints.

`adapter` has the codecs and imports no torch; `model` has the encoder and the decoder for use without them, and
`streaming` a decoder that is fed frame by frame.
"""
