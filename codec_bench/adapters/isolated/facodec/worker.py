"""FACodec of NaturalSpeech 3: prosody, content and detail codebooks, and one speaker vector per utterance."""

from __future__ import annotations

import codec_bench_support as support
import numpy as np

REPOSITORY = "lifeiteng/naturalspeech3_facodec"
HOP = 200
WITHOUT_DETAIL = 3
"""One codebook of prosody and two of content."""


class Model:
    """Encoder, and decoder with the quantizers."""

    def __init__(self, encoder, decoder, device):
        self.encoder, self.decoder, self.device = encoder, decoder, device

    def encode(self, samples):
        """Codes and speaker vector of float32 `[n]` at 16 kHz."""
        import torch

        audio = np.pad(samples, (0, -len(samples) % HOP))
        with torch.inference_mode():
            encoded = self.encoder(torch.from_numpy(audio).to(self.device)[None, None])
            _, codes, _, _, speaker = self.decoder(encoded, eval_vq=False, vq=True)
        return list(codes[:, 0].cpu().numpy().astype(np.int64)), {"speaker": speaker[0].cpu().numpy()}

    def decode(self, codes, side):
        """Samples at 16 kHz; with fewer than six codebooks, those of detail are left out."""
        import torch

        with torch.inference_mode():
            speaker = torch.from_numpy(side["speaker"]).to(self.device)[None]
            return self.decoder.inference(self._embedded(codes), speaker)[0, 0].cpu().numpy()

    def latents(self, codes, side):
        """Sum of codebook vectors."""
        import torch

        with torch.inference_mode():
            return {"quantized": self._embedded(codes)[0].T.cpu().numpy()}

    def _embedded(self, codes):
        """`[1, dimension, frames]`."""
        import torch

        stacked = torch.from_numpy(np.stack(codes)).to(self.device)[:, None]
        return self.decoder.vq2emb(stacked, use_residual_code=len(codes) > WITHOUT_DETAIL)


def load(job):
    """Both networks, with the sizes of upstream's example."""
    support.add_source(job.sources[REPOSITORY])
    from ns3_codec import FACodecDecoder, FACodecEncoder

    encoder = FACodecEncoder(ngf=32, up_ratios=[2, 4, 5, 5], out_channels=256)
    decoder = FACodecDecoder(
        in_channels=256,
        upsample_initial_channel=1024,
        ngf=32,
        up_ratios=[5, 5, 4, 2],
        vq_num_q_c=2,
        vq_num_q_p=1,
        vq_num_q_r=3,
        vq_dim=256,
        codebook_dim=8,
        codebook_size_prosody=10,
        codebook_size_content=10,
        codebook_size_residual=10,
        use_gr_x_timbre=True,
        use_gr_residual_f0=True,
        use_gr_residual_phone=True,
    )
    encoder.load_state_dict(support.load_state(job.files["ns3_facodec_encoder.bin"]))
    decoder.load_state_dict(support.load_state(job.files["ns3_facodec_decoder.bin"]))
    return Model(encoder.to(job.device).eval(), decoder.to(job.device).eval(), job.device)
