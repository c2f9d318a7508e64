"""SQ-Codec: the package that L3AC grew out of, with the same calls."""

CODEC = "sq-codec-3k"
NAME = "SQCodec"


def write(job):
    job.other("l3ac").write(job, NAME)


def call(job, samples):
    return job.other("l3ac").call(job, samples, NAME)
