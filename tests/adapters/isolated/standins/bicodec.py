"""BiCodec, with an encoder of transformers' own code and of a small size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.isolated.bicodec.adapter import BiCodec
from tests.adapters.isolated.standins import Expected, Samples, Wrong, nearest, synthesised, write

CLASSES = (BiCodec,)
SETTINGS = ((BiCodec, None),)
LENGTHS = (16_000, 100_100)

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
SOURCES = {
    "SparkAudio/Spark-TTS": {
        "sparktts/models/bicodec.py": MODEL,
        "sparktts/models/audio_tokenizer.py": "raise ImportError('not needed')",
        "sparktts/modules/parts.py": PARTS,
        "sparktts/utils/__init__.py": "",
        "sparktts/utils/audio.py": AUDIO,
        "sparktts/utils/file.py": "from omegaconf import OmegaConf, DictConfig\n\n\ndef load_config(path):\n    pass\n",
    }
    | {f"sparktts/modules/{place}.py": f"from sparktts.modules.parts import {name}" for place, name in PLACES.items()}
}

CONFIG = "sample_rate: 16000\nvolume_normalize: true\nref_segment_duration: 6\nlatent_hop_length: 320\n"


STATE = {
    "encoder.weight": (WIDTH, WIDTH, 1),
    "postnet.weight": (WIDTH, WIDTH, 1),
    "decoder.weight": (WIDTH, 1, 320),
    "quantizer.table": (8192, WIDTH),
    "speaker_encoder.project.weight": (WIDTH, 32),
    "prenet.weight": (WIDTH, WIDTH, 1),
}
SCALES = {"prenet.weight": 10, "decoder.weight": 100, "speaker_encoder.project.weight": 10}


def state() -> dict[str, torch.Tensor]:
    return {name: torch.randn(shape) / SCALES.get(name, 1) for name, shape in STATE.items()}


def weights(mirror: Path) -> None:
    """The folders that the encoder and the codec are read from."""
    folder = (mirror / BiCodec.weights()[0].path).parent
    write(folder / "config.yaml", CONFIG)
    names = ("encoder", "decoder", "quantizer", "speaker_encoder", "prenet", "postnet")
    parts = "".join(f"  {name}: {{width: {WIDTH}}}\n" for name in names)
    write(folder / "BiCodec/config.yaml", f"audio_tokenizer:\n  mel_params: {{num_mels: 2}}\n{parts}")
    write(folder / "BiCodec/model.safetensors", state())
    config = Wav2Vec2Config(
        hidden_size=WIDTH, num_hidden_layers=17, num_attention_heads=2, intermediate_size=16, conv_dim=(8,) * 7,
        num_conv_pos_embedding_groups=2, num_conv_pos_embeddings=8,
    )  # fmt: skip
    model = Wav2Vec2Model(config)
    model.config.save_pretrained(folder / "wav2vec2-large-xlsr-53")
    write(folder / "wav2vec2-large-xlsr-53/pytorch_model.bin", model.state_dict())
    extractor = Wav2Vec2FeatureExtractor(do_normalize=True)  # type: ignore[no-untyped-call]
    extractor.save_pretrained(folder / "wav2vec2-large-xlsr-53")


def expected(mirror: Path, codec: IsolatedCodec, samples: Samples) -> Expected:
    """The voice is that of the first six seconds, repeated where there are fewer."""
    folder = (mirror / codec.spec.weights[0].path).parent
    state = load_file(folder / "BiCodec/model.safetensors")
    table = state["quantizer.table"]
    encoder = Wav2Vec2Model.from_pretrained(folder / "wav2vec2-large-xlsr-53").eval()  # type: ignore[no-untyped-call]
    loud = samples * (0.2 / np.abs(samples).max())
    values = (loud - loud.mean()) / np.sqrt(loud.var() + 1e-7)
    padded = np.pad(values, (0, -len(values) % 320 + 80)).astype(np.float32)
    with torch.inference_mode():
        hidden = encoder(torch.from_numpy(padded)[None], output_hidden_states=True).hidden_states
    features = (hidden[11] + hidden[14] + hidden[16])[0] / 3
    tokens = (torch.from_numpy(np.abs(np.resize(loud, 96_000)).reshape(32, 3000).max(1)) * 4000).int()
    voice = state["speaker_encoder.project.weight"] @ (tokens / 4096)

    def decoded(codes: list[torch.Tensor]) -> torch.Tensor:
        return synthesised(table[codes[0]] @ state["prenet.weight"][:, :, 0].T + voice, state["decoder.weight"])

    return Expected(
        [nearest(features @ state["encoder.weight"][:, :, 0].T, table)],
        decoded,
        side={"global": tokens},
        side_bits=384,
        latents=lambda codes: {"quantized": table[codes[0]]},
        agreement=0.95,
    )


def lacking(path: Path) -> None:
    write(path, {name: tensor for name, tensor in state().items() if name != "prenet.weight"})


WRONG = (Wrong((BiCodec, None), 2, lacking, r"lacks 1 tensors, e\.g\. prenet\.weight"),)
