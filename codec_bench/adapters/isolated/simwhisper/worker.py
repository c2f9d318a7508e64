"""SimWhisper-Codec: Whisper's encoder without its places and one of its nonlinearities, and a Vocos-like decoder."""

from __future__ import annotations

from pathlib import Path

import codec_bench_support as support

REPOSITORY = "ZhangXinWhut/SimWhisper-Codec"
OVERLAP_SECONDS = 10
"""Of the windows of 30 s: upstream's default."""


class Model(support.TorchModel):
    """Upstream's model, given whole frames: it would drop the last one."""

    def codes(self, audio):
        found = self.model.encode([audio], overlap_seconds=OVERLAP_SECONDS, device=audio.device)
        return list(found["codes_list"][0])

    def samples(self, codes):
        tokens = self._stacked(codes)
        return self.model.decode([tokens], overlap_seconds=OVERLAP_SECONDS, device=tokens.device)["syn_wav_list"][0]

    def vectors(self, codes):
        tokens = self._stacked(codes)[:, None]
        lengths = tokens.new_tensor([tokens.shape[-1]])
        return {"quantized": self.model.quantizer.decode(tokens, lengths)[0].T}

    def _stacked(self, codes):
        import torch

        return torch.stack(codes)


def load(job):
    """Builds the model from upstream's configuration."""
    source = Path(job.sources[REPOSITORY])
    support.add_source(str(source))
    # First, with whatever it finds of what is stubbed next.
    import transformers.audio_utils  # noqa: F401
    import yaml
    from transformers import WhisperModel  # noqa: F401

    # Imported for heads of other models, and for taking Whisper's weights before training.
    support.stub("torchaudio", "torchaudio.functional.functional", "utils.weight_init")
    from audiocodec.model import AudioCodec

    with (source / "config" / "SimWhisperCodec.yaml").open(encoding="utf-8") as file:
        model = AudioCodec(yaml.safe_load(file)["generator_params"])
    state = support.load_state(job.files["SimWhisperCodec.pt"])
    model.load_state_dict(state.get("model", state))
    return Model(model.to(job.device).eval(), job.device, model.encoder_downsample_rate)
