"""Speaker similarity: the cosine between the speaker embeddings of two whole recordings.

`secs` is the same by Resemblyzer. Numbers of different models are not comparable with each other.

The networks are written down here as the functions that they are at inference, so that no package of a research group
is needed, and take their weights from the published checkpoints by the names that these have there.
"""
