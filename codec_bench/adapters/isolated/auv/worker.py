"""AUV: one codebook between two Conformers on the spectrum."""

from __future__ import annotations

import codec_bench_support as support
import numpy as np

HOP = 320


class Model(support.TorchModel):
    """The package's model, which codes whole frames only, and two at least."""

    def encode(self, samples):
        return super().encode(np.pad(samples, (0, max(0, 2 * HOP - len(samples)))))

    def codes(self, audio):
        found = self.model.encode({"sample": audio[None], "sample_rate": 16_000})
        return [found["tokens"].flatten()]

    def samples(self, codes):
        return self.model.token2wav(self._embedded(codes))[0, 0]

    def vectors(self, codes):
        return {"quantized": self._embedded(codes)[0]}

    def _embedded(self, codes):
        """`[1, frames, dimension]`."""
        return self.model.tokenizer.vq2emb(codes[0][None, :, None])


def load(job):
    """The package builds its networks as it reads the file."""
    from auv.model import AUV

    model = AUV()
    model.from_pretrained(job.files["auv.pt"], device="cpu")
    return Model(model.to(job.device).eval(), job.device, HOP)
