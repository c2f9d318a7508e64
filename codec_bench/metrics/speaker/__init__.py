"""Speaker similarity: the cosine between the speaker embeddings of two whole recordings.

`secs` is the same by Resemblyzer. Numbers of different models are not comparable with each other.

The networks are functions of the published checkpoints, whose tensors they take by name.
"""
