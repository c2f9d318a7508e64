"""CosyVoice's flow and vocoder; the tokenizer is the package's own of a small size, and CAM++ a small ONNX file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch.nn import functional

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.isolated.cosyvoice.adapter import CosyVoice
from tests.adapters import small_packages
from tests.adapters.isolated.standins import Expected, Samples, write

CLASSES = (CosyVoice,)
SETTINGS = ((CosyVoice, None),)

FLOW = """
import torch
from omegaconf import DictConfig
from torch import nn
from torch.nn import functional

from cosyvoice.utils.onnx import SpeechTokenExtractor


class MaskedDiffWithXvec(nn.Module):
    def __init__(self, input_size, output_size, spk_embed_dim, output_type, vocab_size, input_frame_rate,
                 only_mask_loss, encoder, length_regulator, decoder, decoder_conf={"cfm_params": DictConfig({})}):
        super().__init__()
        assert (input_size, output_size, spk_embed_dim, input_frame_rate) == (512, 80, 192, 50)
        self.input_embedding = nn.Embedding(vocab_size, 6)
        self.layer = nn.Linear(6, output_size, bias=False)
        self.voice = nn.Linear(spk_embed_dim, output_size, bias=False)

    def inference(self, token, token_len, prompt_token, prompt_token_len, prompt_feat, prompt_feat_len, embedding,
                  flow_cache):
        assert token.dtype == torch.int32 and token.shape == (1, int(token_len))
        assert prompt_token.shape == (1, 0) and prompt_feat.shape == (1, 0, 80) and flow_cache.shape == (1, 80, 0, 2)
        frames = int(token_len / 50 * 22050 / 256)
        steps = torch.arange(frames) * token.shape[1] // max(frames, 1)
        mel = self.layer(self.input_embedding(token)[:, steps]) + self.voice(functional.normalize(embedding, dim=1))
        return mel.transpose(1, 2), flow_cache
"""

MATCHING = """
from matcha.models.components.flow_matching import BASECFM


class ConditionalCFM(BASECFM):
    def __init__(self, in_channels, n_spks, spk_emb_dim, cfm_params, estimator):
        assert (in_channels, cfm_params.t_scheduler, cfm_params.inference_cfg_rate) == (240, "cosine", 0.7)
"""

BASE = """
from conformer import ConformerBlock
from matcha.utils.pylogger import get_pylogger

log = get_pylogger(__name__)


class BASECFM:
    pass
"""

HIFT = """
from torch import nn


class HiFTGenerator(nn.Module):
    def __init__(self, sampling_rate, upsample_rates, istft_params, **sizes):
        super().__init__()
        assert (sampling_rate, upsample_rates, istft_params["hop_len"]) == (22050, [8, 8], 4)
        self.layer = nn.Linear(80, 256, bias=False)

    def inference(self, speech_feat, cache_source):
        assert cache_source.shape == (1, 1, 0)
        return self.layer(speech_feat.transpose(1, 2)).flatten(1), None
"""

EMPTY = "class {}:\n    def __init__(self, **sizes):\n        pass\n"
SOURCES = {
    "FunAudioLLM/CosyVoice": {
        "cosyvoice/__init__.py": "",
        "cosyvoice/flow/decoder.py": EMPTY.format("ConditionalDecoder"),
        "cosyvoice/flow/flow.py": FLOW,
        "cosyvoice/flow/flow_matching.py": MATCHING,
        "cosyvoice/flow/length_regulator.py": EMPTY.format("InterpolateRegulator"),
        "cosyvoice/hifigan/f0_predictor.py": EMPTY.format("ConvRNNF0Predictor"),
        "cosyvoice/hifigan/generator.py": HIFT,
        "cosyvoice/transformer/__init__.py": "",
        "cosyvoice/transformer/encoder.py": EMPTY.format("ConformerEncoder"),
        "cosyvoice/utils/__init__.py": "",
        "cosyvoice/utils/class_utils.py": "",
        "cosyvoice/utils/common.py": "",
        "cosyvoice/utils/mask.py": "",
    },
    "shivammehta25/Matcha-TTS": {
        "matcha/models/__init__.py": "",
        "matcha/models/components/__init__.py": "",
        "matcha/models/components/decoder.py": "",
        "matcha/models/components/flow_matching.py": BASE,
        "matcha/models/components/transformer.py": "",
    },
}


def adjust(patch: pytest.MonkeyPatch) -> None:
    """Files have any digest."""
    spec = CosyVoice.spec
    patch.setattr(
        CosyVoice, "spec", replace(spec, weights=tuple(replace(w, sha256=None, size=None) for w in spec.weights))
    )


def weights(mirror: Path) -> None:
    """The tokenizer as an ONNX file whose names are the published ones, and the others."""
    tokens, flow, hift, voice = (mirror / weight.path for weight in CosyVoice.spec.weights)
    small_packages.s3tokenizer("s3tokenizer-v1-50hz", tokens.parent).rename(tokens)
    state = {"input_embedding": torch.randn(4096, 6), "layer": torch.randn(80, 6), "voice": torch.randn(80, 192)}
    write(flow, {f"{name}.weight": tensor for name, tensor in state.items()})
    write(hift, {"generator.layer.weight": torch.randn(256, 80) / 40})
    table = numpy_helper.from_array(np.random.default_rng(0).standard_normal((80, 192)).astype(np.float32), "W")
    nodes = [
        helper.make_node("Abs", ["x"], ["a"]),
        helper.make_node("ReduceMean", ["a"], ["m"], axes=[1], keepdims=0),
        helper.make_node("MatMul", ["m", "W"], ["y"]),
    ]
    given, found = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("x", [1, "t", 80]), ("y", [1, 192]))
    )
    graph = helper.make_graph(nodes, "voice", [given], [found], [table])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), voice)


def expected(mirror: Path, codec: IsolatedCodec, samples: Samples) -> Expected:
    """The package's tokens, and Kaldi's features in place of CAM++."""
    from s3tokenizer.utils import log_mel_spectrogram, padding
    from torchaudio.compliance import kaldi

    _, flow, hift, voice = (mirror / weight.path for weight in codec.spec.weights)
    audio = torch.from_numpy(samples)
    tokenizer = small_packages.s3tokenizer_model("s3tokenizer-v1-50hz")
    with torch.no_grad():
        codes, lengths = tokenizer.quantize(*padding([log_mel_spectrogram(audio, 128)]))  # type: ignore[operator]
    features = kaldi.fbank(audio[None], num_mel_bins=80, dither=0, sample_frequency=16_000)
    (table,) = onnx.load(voice).graph.initializer
    embedding = (features - features.mean(0)).abs().mean(0) @ torch.from_numpy(numpy_helper.to_array(table).copy())
    state = torch.load(flow, weights_only=True)
    output = torch.load(hift, weights_only=True)["generator.layer.weight"]

    def decoded(tokens: list[torch.Tensor]) -> torch.Tensor:
        frames = int(len(tokens[0]) / 50 * 22_050 / 256)
        steps = torch.arange(frames) * len(tokens[0]) // frames
        mel = state["input_embedding.weight"][tokens[0][steps]] @ state["layer.weight"].T
        return ((mel + functional.normalize(embedding, dim=0) @ state["voice.weight"].T) @ output.T).flatten()

    return Expected(
        [codes[0, : int(lengths[0])]],
        decoded,
        {"voice": embedding},
        192 * 32,
        latents=lambda tokens: {"embedding": state["input_embedding.weight"][tokens[0]]},
    )
