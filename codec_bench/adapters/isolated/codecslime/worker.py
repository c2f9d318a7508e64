"""CodecSlime: frames of BigCodec, those alike merged into one that is sent with its duration."""

from __future__ import annotations

from pathlib import Path

import codec_bench_support as support


class Model(support.TorchModel):
    """Upstream's class at a number of segments per second; at 80 each frame is one, and no duration is sent."""

    def __init__(self, model, device, rate):
        super().__init__(model, device)
        self.rate = rate

    def codes(self, audio):
        codes, durations, _ = self.model.encode(audio, self.rate)
        return [codes[:, 0], durations - 1][: 1 if self.rate == 80 else 2]

    def samples(self, codes):
        durations = codes[1] + 1 if len(codes) > 1 else codes[0] * 0 + 1
        return self.model.decode(codes[0], durations)

    def vectors(self, codes):
        return {"quantized": self.model.model.decoder.codes_to_embeddings(codes[0][None, :, None])[0].T}


def load(job):
    """The mode is a variant and a rate."""
    support.add_source(str(Path(job.sources["X-LANCE/codecslime"], "src")))
    from codecslime.api import CodecSlime

    variant, rate = job.mode.split()
    (checkpoint,) = job.files.values()
    return Model(CodecSlime(variant, checkpoint, job.device), job.device, float(rate))
