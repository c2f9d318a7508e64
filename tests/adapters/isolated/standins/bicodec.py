"""BiCodec, with an encoder of transformers' own code and of a small size."""

from __future__ import annotations

from pathlib import Path

import pytest

from codec_bench.adapters.isolated.bicodec.codec import BiCodec
from tests.adapters.isolated.standins import environment, use

CLASSES = (BiCodec,)

REPOSITORY = "SparkAudio/Spark-TTS"
WIDTH = 16

MODEL = """
from omegaconf import DictConfig
from torch import nn

from sparktts.utils.file import load_config


class BiCodec(nn.Module):
    def __init__(self, mel_params, encoder, decoder, quantizer, speaker_encoder, prenet, postnet):
        super().__init__()
        self.encoder, self.decoder, self.quantizer = encoder, decoder, quantizer
        self.speaker_encoder, self.prenet, self.postnet = speaker_encoder, prenet, postnet
        self.mel_transformer = nn.BatchNorm1d(mel_params["num_mels"])
        self.removed = False

    def remove_weight_norm(self):
        self.removed = True

    def tokenize(self, batch):
        assert batch["feat"].dim() == 3 and batch["ref_wav"].dim() == 2 and self.removed and not self.training
        codes = self.quantizer.tokenize(self.encoder(batch["feat"].transpose(1, 2)))
        return codes, self.speaker_encoder.tokenize(batch["ref_wav"])

    def detokenize(self, semantic_tokens, global_tokens):
        voice = self.speaker_encoder.detokenize(global_tokens)
        return self.decoder(self.prenet(self.quantizer.detokenize(semantic_tokens)) + voice[..., None])
"""

PARTS = """
import torch
from torch import nn


class Encoder(nn.Conv1d):
    def __init__(self, width):
        super().__init__(width, width, 1, bias=False)


class Decoder(Encoder):
    pass


class WaveGenerator(nn.ConvTranspose1d):
    def __init__(self, width):
        super().__init__(width, 1, 320, 320, bias=False)


class SpeakerEncoder(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.project = nn.Linear(32, width, bias=False)

    def tokenize(self, wav):
        assert wav.shape == (1, 96000)
        return (wav.view(1, 1, 32, 3000).abs().amax(-1) * 4000).int()

    def detokenize(self, tokens):
        assert tokens.shape == (1, 1, 32)
        return self.project(tokens[:, 0] / 4096)


class FactorizedVectorQuantize(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.table = nn.Parameter(torch.zeros(8192, width))

    def tokenize(self, z):
        return torch.cdist(z.transpose(1, 2), self.table[None]).argmin(-1)

    def detokenize(self, codes):
        return self.table[codes].transpose(1, 2)
"""

AUDIO = """
import soundfile
import soxr


def audio_volume_normalize(audio, coeff=0.2):
    return audio * (coeff / max(abs(audio).max(), 0.001))
"""

PLACES = {
    "encoder_decoder/feat_decoder": "Decoder",
    "encoder_decoder/feat_encoder": "Encoder",
    "encoder_decoder/wave_generator": "WaveGenerator",
    "speaker/speaker_encoder": "SpeakerEncoder",
    "vq/factorized_vector_quantize": "FactorizedVectorQuantize",
}
FILES = {
    "sparktts/models/bicodec.py": MODEL,
    "sparktts/models/audio_tokenizer.py": "raise ImportError('not needed')",
    "sparktts/modules/parts.py": PARTS,
    "sparktts/utils/__init__.py": "",
    "sparktts/utils/audio.py": AUDIO,
    "sparktts/utils/file.py": "from omegaconf import OmegaConf, DictConfig\n\n\ndef load_config(path):\n    pass\n",
} | {f"sparktts/modules/{place}.py": f"from sparktts.modules.parts import {name}" for place, name in PLACES.items()}

CONFIG = "sample_rate: 16000\nvolume_normalize: true\nref_segment_duration: 6\nlatent_hop_length: 320\n"


def checkpoint(folder: Path) -> None:
    """The folders that the encoder and the codec are read from."""
    import torch
    from safetensors.torch import save_file
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

    torch.manual_seed(0)
    (folder / "BiCodec").mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(CONFIG, encoding="utf-8")
    names = ("encoder", "decoder", "quantizer", "speaker_encoder", "prenet", "postnet")
    parts = "".join(f"  {name}: {{width: {WIDTH}}}\n" for name in names)
    text = f"audio_tokenizer:\n  mel_params: {{num_mels: 2}}\n{parts}"
    (folder / "BiCodec" / "config.yaml").write_text(text, encoding="utf-8")
    state = {
        "encoder.weight": torch.randn(WIDTH, WIDTH, 1),
        "prenet.weight": torch.randn(WIDTH, WIDTH, 1) / 10,
        "postnet.weight": torch.randn(WIDTH, WIDTH, 1),
        "decoder.weight": torch.randn(WIDTH, 1, 320) / 100,
        "quantizer.table": torch.randn(8192, WIDTH),
        "speaker_encoder.project.weight": torch.randn(WIDTH, 32) / 10,
    }
    save_file(state, str(folder / "BiCodec" / "model.safetensors"))
    config = Wav2Vec2Config(
        hidden_size=WIDTH, num_hidden_layers=17, num_attention_heads=2, intermediate_size=16, conv_dim=(8,) * 7,
        num_conv_pos_embedding_groups=2, num_conv_pos_embeddings=8,
    )  # fmt: skip
    encoder = folder / "wav2vec2-large-xlsr-53"
    model = Wav2Vec2Model(config)
    model.config.save_pretrained(encoder)
    torch.save(model.state_dict(), encoder / "pytorch_model.bin")
    Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(encoder)  # type: ignore[no-untyped-call]


def prepare(mirror: Path, patch: pytest.MonkeyPatch) -> None:
    """The checkpoint and the environment."""
    checkpoint((mirror / BiCodec.weights()[0].path).parent)
    use(patch, environment(BiCodec.environment, mirror, {REPOSITORY: FILES}), *CLASSES)
