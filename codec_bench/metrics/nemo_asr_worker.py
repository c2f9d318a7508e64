"""Speech recognition by NeMo: any model for which `ASRModel.restore_from` and `transcribe` are all it takes.

It runs in an environment of its own or, where NeMo can be imported, in our process: `metrics/asr_nemo.py` decides.
"""

from __future__ import annotations

import json
import os

import numpy as np

RATE = 16_000
WEIGHTS_ONLY = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"


class Model:
    """A restored model."""

    def __init__(self, model):
        self.model = model

    def transcribe(self, signals):
        """Texts of float32 signals `[n]` at 16 kHz; the shorter ones of a batch are padded and masked by the model."""
        found = self.model.transcribe(
            [np.ascontiguousarray(signal, np.float32) for signal in signals],
            batch_size=len(signals),
            num_workers=0,
            verbose=False,
        )
        if isinstance(found, tuple):  # older models of two decoders: the best path, and all
            found = found[0]
        return [str(getattr(one, "text", one)) for one in found]

    def answer(self, header, arrays):
        """`transcribe`: `samples` are all signals one after the other, `lengths` theirs; JSON of the texts."""
        if header["op"] != "transcribe":
            raise ValueError("nobody knows %r" % header["op"])
        ends = np.cumsum(arrays["lengths"])[:-1]
        texts = self.transcribe(np.split(arrays["samples"], ends))
        return {"texts": np.frombuffer(json.dumps(texts).encode(), np.uint8)}


def restore(path: str, device: str) -> Model:
    """Reads a `.nemo` file: weights as tensors only, whatever the version of NeMo would allow."""
    before = os.environ.get(WEIGHTS_ONLY)
    os.environ[WEIGHTS_ONLY] = "1"
    try:
        from nemo.collections.asr.models import ASRModel

        model = ASRModel.restore_from(path, map_location=device)
    finally:
        del os.environ[WEIGHTS_ONLY]
        if before is not None:
            os.environ[WEIGHTS_ONLY] = before
    rate = int(getattr(model.cfg, "sample_rate", RATE))
    if rate != RATE:
        raise ValueError("the model takes %d Hz, not %d" % (rate, RATE))
    return Model(model.to(device).eval())


def load(job):
    """The one file of the job."""
    (path,) = set(job.files.values())
    return restore(path, job.device)
