"""What the tokens of a codec say by themselves: use of codebooks, n-grams, dependence, modelability, stability.

What looks at all utterances counts in bounded memory, and their order changes nothing.
"""
