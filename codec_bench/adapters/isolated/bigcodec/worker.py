"""BigCodec: a convolutional codec with one large codebook."""

from __future__ import annotations

import codec_bench_support as support
import numpy as np

REPOSITORY = "Aria-K-Alethia/BigCodec"
HOP = 200


class Model:
    """Encoder, and decoder with the codebook."""

    def __init__(self, encoder, decoder, device):
        self.encoder, self.decoder, self.device = encoder, decoder, device

    def encode(self, samples):
        """Codes of float32 `[n]` at 16 kHz; padded as upstream does, by a whole frame where nothing is left over."""
        import torch

        audio = np.pad(samples, (0, HOP - len(samples) % HOP))
        with torch.inference_mode():
            embedded = self.encoder(torch.from_numpy(audio).to(self.device)[None, None])
            _, codes, _ = self.decoder(embedded, vq=True)
        return [codes[0, 0].cpu().numpy().astype(np.int64)], {}

    def decode(self, codes, side):
        """Samples at 16 kHz."""
        import torch

        with torch.inference_mode():
            return self.decoder(self._embedded(codes).transpose(1, 2), vq=False)[0, 0].cpu().numpy()

    def latents(self, codes, side):
        """Codebook vectors after their projection."""
        import torch

        with torch.inference_mode():
            return {"quantized": self._embedded(codes)[0].cpu().numpy()}

    def _embedded(self, codes):
        """`[1, frames, dimension]`."""
        import torch

        return self.decoder.vq2emb(torch.from_numpy(codes[0]).to(self.device)[None, :, None])


def load(job):
    """Both networks of the one checkpoint."""
    support.add_source(job.sources[REPOSITORY])
    from vq.codec_decoder import CodecDecoder
    from vq.codec_encoder import CodecEncoder

    state = support.load_state(job.files["bigcodec.pt"])
    encoder, decoder = CodecEncoder(), CodecDecoder()
    encoder.load_state_dict(state["CodecEnc"])
    decoder.load_state_dict(state["generator"])
    return Model(encoder.to(job.device).eval(), decoder.to(job.device).eval(), job.device)
