"""What the tokens of a codec say by themselves: use of codebooks, n-grams, dependence, modelability, stability.

Everything that looks at all utterances is an accumulator with `add` and `merge`, so that a data set of any size streams
through bounded memory, and neither the order nor the division among processes changes a result.
"""
