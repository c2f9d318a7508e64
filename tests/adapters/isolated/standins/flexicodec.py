"""FlexiCodec: frames that are alike merged, in a package beside FunASR's, whose own `__init__.py` is not run."""

from __future__ import annotations

import itertools
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.isolated.flexicodec.adapter import FlexiCodec, FlexiCodec6, FlexiCodec8
from tests.adapters.isolated.standins import (
    Expected,
    Samples,
    Wrong,
    analysed,
    nearest,
    residual,
    summed,
    synthesised,
    write,
)  # fmt: skip

CLASSES = (FlexiCodec, FlexiCodec8, FlexiCodec6)
SETTINGS = ((FlexiCodec6, None), (FlexiCodec, None))
LENGTHS = (32_000, 32_001)
WIDTH = 2  # in which some neighbours are alike by chance

MODEL = """
import torch
from funasr import AutoModel
from torch import nn


class Quantizer(nn.Module):
    def __init__(self, n_codebooks, codebook_size):
        super().__init__()
        self.tables = nn.Parameter(torch.zeros(n_codebooks, codebook_size, 2))

    def from_codes(self, codes):
        found = sum(table[book] for table, book in zip(self.tables, codes[0]))
        return found.T[None], None


class FlexiCodec(nn.Module):
    def __init__(self, semantic_model_path, n_codebooks, codebook_size, semantic_codebook_size):
        super().__init__()
        self.semantic_model = AutoModel(model=semantic_model_path).model
        self.conv = nn.Conv1d(1, 2, 1280, 1280, bias=False)
        self.table = nn.Parameter(torch.zeros(semantic_codebook_size, 2))
        self.dac = nn.Module()
        self.dac.quantizer = Quantizer(n_codebooks, codebook_size)
        self.decoder = nn.ConvTranspose1d(2, 1, 1280, 1280, bias=False)

    def get_semantic_feature(self, semantic_codes):
        assert semantic_codes.dim() == 3
        return self.table[semantic_codes[0, 0]].T[None]

    def decode_from_codes(self, semantic_codes, acoustic_codes, token_lengths):
        found = self.get_semantic_feature(semantic_codes)
        if acoustic_codes is not None:
            found = found + self.dac.quantizer.from_codes(acoustic_codes)[0]
        return self.decoder(found.repeat_interleave(token_lengths[0], -1))
"""

INFER = """
import torch
from torch import nn


def encode_flexicodec(audio, model, sample_rate, num_quantizers, merging_threshold):
    network = model["model"]
    assert audio.dim() == 2 and sample_rate == 16000 and num_quantizers == 24 and not network.training
    features = model["feature_extractor"].extract_fbank(audio)
    frames = network.semantic_model.embed(network.conv(features[:, None])[0].T)
    alike = nn.functional.cosine_similarity(frames[:-1], frames[1:])
    lengths = [1]
    for similarity in alike.tolist():
        if similarity > merging_threshold and lengths[-1] < 8:
            lengths[-1] += 1
        else:
            lengths.append(1)
    groups = torch.stack([part.mean(0) for part in frames.split(lengths)])
    codes = [torch.cdist(groups, network.table).argmin(-1)]
    rest = groups - network.table[codes[0]]
    for table in network.dac.quantizer.tables[: num_quantizers - 1]:
        codes.append(torch.cdist(rest, table).argmin(-1))
        rest = rest - table[codes[-1]]
    return {
        "semantic_codes": codes[0][None, None],
        "acoustic_codes": torch.stack(codes[1:])[None],
        "token_lengths": torch.tensor(lengths)[None],
    }
"""

ENCODER = """
from funasr.losses.label_smoothing_loss import LabelSmoothingLoss
from torch import nn


class SenseVoiceSmall(nn.Module):
    def __init__(self, encoder, encoder_conf, input_size, vocab_size):
        super().__init__()
        assert input_size == 560 and encoder == "SenseVoiceEncoderSmall"
        self.embed = nn.Linear(2, encoder_conf["output_size"], bias=False)
        self.criterion = LabelSmoothingLoss(size=vocab_size)
"""

FBANK = """
import funasr
import librosa
from torch import nn


class FBankGen:
    def __init__(self, sr):
        assert sr == 16000
        self.frontend = funasr.frontends.wav_frontend.WavFrontend()

    def extract_fbank(self, data):
        return nn.functional.pad(data, (0, -data.shape[-1] % self.frontend.hop))
"""

SOURCES: dict[str, dict[str, str]] = {}
PACKAGES = {
    "flexicodec/__init__.py": "",
    "flexicodec/modeling_flexicodec.py": MODEL,
    "flexicodec/infer.py": INFER,
    "flexicodec/feature_extractors.py": FBANK,
    "flexicodec/customized_sensevoice/model.py": ENCODER,
    "funasr/__init__.py": "raise ImportError('not needed')",
    "funasr/frontends/__init__.py": "",
    "funasr/frontends/wav_frontend.py": "from . import eend_ola_feature\n\n\nclass WavFrontend:\n    hop = 1280",
}


def weights(mirror: Path) -> None:
    config, checkpoint, encoder, model = (mirror / weight.path for weight in FlexiCodec.spec.weights)
    sizes = "n_codebooks: 24\n  codebook_size: 4096\n  semantic_codebook_size: 32768"
    write(config, f"model:\n  semantic_model_path: null\n  {sizes}\n")
    write(encoder, f"encoder: SenseVoiceEncoderSmall\nencoder_conf:\n  output_size: {WIDTH}\n")
    write(model, {"embed.weight": torch.randn(WIDTH, WIDTH), "ctc.ctc_lo.weight": torch.zeros(3, WIDTH)})
    corners = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * WIDTH)[None]  # so that 24 of them leave a rest
    tensors = {
        "conv.weight": torch.randn(WIDTH, 1, 1280) / 10,
        "table": torch.randn(32_768, WIDTH),
        "dac.quantizer.tables": corners.repeat(1, 1024, 1) * 0.6 ** torch.arange(24)[:, None, None] / 10,
        "decoder.weight": torch.randn(WIDTH, 1, 1280) / 10,
    }
    write(checkpoint, tensors)


def expected(mirror: Path, codec: IsolatedCodec, samples: Samples) -> Expected:
    _, checkpoint, _, model = (mirror / weight.path for weight in codec.spec.weights)
    state, encoder = load_file(checkpoint), torch.load(model, weights_only=True)
    frames = analysed(samples, state["conv.weight"]) @ encoder["embed.weight"].T
    merges, lengths = codec.spec.variable_rate, [1]
    for one, other in itertools.pairwise(frames):
        is_alike = merges and functional.cosine_similarity(one, other, 0) > float(codec.spec.configuration or 1)
        lengths = [*lengths[:-1], lengths[-1] + 1] if is_alike and lengths[-1] < 8 else [*lengths, 1]
    groups = torch.stack([part.mean(0) for part in frames.split(lengths)])
    semantic, acoustic = state["table"], [*state["dac.quantizer.tables"][:23]]
    first = nearest(groups, semantic)
    rest = residual(groups - semantic[first], acoustic)
    durations = [torch.tensor(lengths) - 1] * merges

    def parts(codes: list[Tensor]) -> dict[str, Tensor]:
        lasting = codes[1] + 1 if merges else torch.ones_like(codes[0])
        found = {"semantic": semantic[codes[0]]}
        if len(codes) > 1 + merges:
            found["acoustic"] = summed(acoustic, codes[1 + merges :])
        return {name: vectors.repeat_interleave(lasting, 0) for name, vectors in found.items()}

    def decoded(codes: list[Tensor]) -> Tensor:
        return synthesised(torch.stack([*parts(codes).values()]).sum(0), state["decoder.weight"])

    return Expected([first, *durations, *rest], decoded, latents=parts)


def without_decoder(path: Path) -> None:
    write(path, {"conv.weight": torch.zeros(WIDTH, 1, 1280)})


WRONG = (Wrong((FlexiCodec, None), 1, without_decoder, "12hz_v1_half.safetensors has no"),)
