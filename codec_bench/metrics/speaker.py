"""Speaker similarity: the cosine between the speaker embeddings of two whole recordings.

`secs` is the same by Resemblyzer. Numbers of different models are not comparable with each other.

The networks are written down here as the functions that they are at inference, so that no package of a research group
is needed, and take their weights from the published checkpoints by the names that these have there.
"""

from __future__ import annotations

import logging
import pickle
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from codec_bench.audio import Audio, FloatArray
from codec_bench.errors import UnavailableError
from codec_bench.hub import RemoteFile, locate
from codec_bench.metrics import register_metric
from codec_bench.metrics.model import Model, Result, model_feature
from codec_bench.metrics.signal import Feature, Signal
from codec_bench.records import NotScorable, Status

if TYPE_CHECKING:
    from torch import Tensor

RATE = 16_000
MELS = 80
_WINDOW, _HOP, _KALDI_FFT = 400, 160, 512  # 25 and 10 ms at 16 kHz

WAVLM_SV = tuple(
    RemoteFile(f"hf/microsoft/wavlm-base-plus-sv/{name}")
    for name in ("config.json", "preprocessor_config.json", "pytorch_model.bin")
)
# On Google Drive, which gives no file to programs: https://drive.google.com/file/d/1-aE1NfzpRCLxA4GUxX9ITI3F9LlbtEGP
WAVLM_LARGE = RemoteFile("models/unispeech/wavlm_large_finetune.pth")
CAMPPLUS = RemoteFile("hf/funasr/campplus/campplus_cn_common.bin", revision="fb71fe990cbf6031ae6987a2d76fe64f94377b7e")
ECAPA = RemoteFile("hf/speechbrain/spkrec-ecapa-voxceleb/embedding_model.ckpt")

_TRANSFORMERS = ("torch", "transformers", *(("torchaudio",) if find_spec("torchaudio") else ()))
"""transformers imports torchaudio wherever it is installed, and fails where that is broken."""


@dataclass(frozen=True)
class Weights:
    """Tensors of a checkpoint by their names, and the layers that they belong to."""

    tensors: Mapping[str, Tensor]

    def convolution(self, x: Tensor, name: str, **options: Any) -> Tensor:
        """Convolution over time `[batch, channels, frames]`, or over two axes where the weight has two."""
        from torch.nn import functional

        weight, bias = self.tensors[f"{name}.weight"], self.tensors.get(f"{name}.bias")
        convolve = functional.conv2d if weight.ndim == 4 else functional.conv1d
        return convolve(x, weight, bias, **options)

    def linear(self, x: Tensor, name: str) -> Tensor:
        """Linear layer on the last axis."""
        from torch.nn import functional

        return functional.linear(x, self.tensors[f"{name}.weight"], self.tensors.get(f"{name}.bias"))

    def norm(self, x: Tensor, name: str) -> Tensor:
        """Batch normalization by the statistics of the training."""
        from torch.nn import functional

        mean, variance = (self.tensors[f"{name}.running_{which}"] for which in ("mean", "var"))
        weight, bias = (self.tensors.get(f"{name}.{which}") for which in ("weight", "bias"))
        return functional.batch_norm(x, mean, variance, weight, bias)


# CAM++


def kaldi_fbank(samples: FloatArray) -> FloatArray:
    """Log mel energies as Kaldi's `compute-fbank-feats` makes them, without dither.

    Args:
        samples: `[n]` in [-1, 1] at 16 kHz, at least 400.

    Returns:
        float32 `[1 + (n - 400) // 160, 80]`: frames of 25 ms every 10 ms that lie wholly in the signal, 80 bands from
        20 Hz to 8 kHz.
    """
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64), _WINDOW)[::_HOP]
    frames = frames - frames.mean(axis=1, keepdims=True)
    frames = frames - 0.97 * np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    povey = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_WINDOW) / (_WINDOW - 1))) ** 0.85
    power = np.abs(np.fft.rfft(frames * povey, _KALDI_FFT)) ** 2
    energies = power @ _kaldi_bands().T
    return np.asarray(np.log(np.maximum(energies, np.finfo(np.float32).eps)), np.float32)


@cache
def _kaldi_bands() -> np.ndarray[Any, np.dtype[np.float64]]:
    """Triangles on the mel scale of HTK, `[80, 257]`; unlike others they are triangles in mel, not in Hz."""
    mel = 1127 * np.log1p(np.arange(_KALDI_FFT // 2 + 1) * RATE / _KALDI_FFT / 700)
    low, high = 1127 * np.log1p(np.array([20, RATE / 2]) / 700)
    step = (high - low) / (MELS + 1)
    left = low + step * np.arange(MELS)[:, None]
    bands = np.maximum(0, np.minimum((mel - left) / step, (left + 2 * step - mel) / step))
    bands[:, -1] = 0  # Kaldi leaves the bin at half the rate out
    return np.asarray(bands)


def campplus_embedding(weights: Weights, features: Tensor) -> Tensor:
    """CAM++: a convolutional head, then densely connected TDNN layers with masks that look at the context.

    Args:
        weights: Of the published checkpoint, whose embedding has 192 dimensions.
        features: `[batch, frames, 80]`, each band with its mean over time subtracted; at least 3 frames.

    Returns:
        `[batch, 192]`.

    Source: Wang et al., "CAM++: A fast and efficient network for speaker verification using context-aware masking",
    Interspeech 2023; modelscope/3D-Speaker.
    """
    import torch
    from torch.nn import functional

    w = weights

    def active(x: Tensor, name: str) -> Tensor:
        return torch.relu(w.norm(x, name))

    def residual(x: Tensor, name: str, stride: int) -> Tensor:
        y = active(w.convolution(x, f"{name}.conv1", stride=(stride, 1), padding=1), f"{name}.bn1")
        y = w.norm(w.convolution(y, f"{name}.conv2", padding=1), f"{name}.bn2")
        if f"{name}.shortcut.0.weight" in w.tensors:
            x = w.norm(w.convolution(x, f"{name}.shortcut.0", stride=(stride, 1)), f"{name}.shortcut.1")
        return torch.relu(x + y)

    def masked(x: Tensor, name: str, dilation: int) -> Tensor:
        local = w.convolution(x, f"{name}.linear_local", padding=dilation, dilation=dilation)
        segments = functional.avg_pool1d(x, 100, 100, ceil_mode=True).repeat_interleave(100, dim=-1)
        context = x.mean(-1, keepdim=True) + segments[..., : x.shape[-1]]
        context = torch.relu(w.convolution(context, f"{name}.linear1"))
        return local * torch.sigmoid(w.convolution(context, f"{name}.linear2"))

    x = active(w.convolution(features.transpose(1, 2)[:, None], "head.conv1", padding=1), "head.bn1")
    for layer in ("head.layer1", "head.layer2"):
        x = residual(residual(x, f"{layer}.0", 2), f"{layer}.1", 1)
    x = active(w.convolution(x, "head.conv2", stride=(2, 1), padding=1), "head.bn2").flatten(1, 2)
    x = active(w.convolution(x, "xvector.tdnn.linear", stride=2, padding=2), "xvector.tdnn.nonlinear.batchnorm")
    for block, (layers, dilation) in enumerate(((12, 1), (24, 2), (16, 2)), start=1):
        for layer_number in range(1, layers + 1):
            name = f"xvector.block{block}.tdnnd{layer_number}"
            y = w.convolution(active(x, f"{name}.nonlinear1.batchnorm"), f"{name}.linear1")
            y = masked(active(y, f"{name}.nonlinear2.batchnorm"), f"{name}.cam_layer", dilation)
            x = torch.cat([x, y], dim=1)
        x = w.convolution(active(x, f"xvector.transit{block}.nonlinear.batchnorm"), f"xvector.transit{block}.linear")
    x = active(x, "xvector.out_nonlinear.batchnorm")
    statistics = torch.cat([x.mean(-1), x.std(-1)], dim=-1)[..., None]
    dense = w.convolution(statistics, "xvector.dense.linear")[..., 0]
    return w.norm(dense, "xvector.dense.nonlinear.batchnorm")


# ECAPA-TDNN of SpeechBrain


def ecapa_features(waves: Tensor) -> Tensor:
    """Log mel energies as SpeechBrain's `Fbank` makes them, the mean of each band over time subtracted.

    Args:
        waves: float32 `[batch, n]` in [-1, 1] at 16 kHz.

    Returns:
        `[batch, 1 + n // 160, 80]` in dB, before the subtraction not below 80 dB under the loudest.
    """
    import torch

    window = torch.hamming_window(_WINDOW, device=waves.device)
    spectrum = torch.stft(
        waves, _WINDOW, _HOP, window=window, center=True, pad_mode="constant", return_complex=True
    ).transpose(1, 2)
    mel = torch.linspace(0, 2595 * np.log10(1 + RATE / 2 / 700), MELS + 2, device=waves.device)
    edges = 700 * (10 ** (mel / 2595) - 1)
    # Both sides of a triangle are as wide as its left one.
    slope = (torch.linspace(0, RATE // 2, _WINDOW // 2 + 1, device=waves.device) - edges[1:-1, None]) / (
        edges[1:] - edges[:-1]
    )[:-1, None]
    bands = (1 - slope.abs()).clamp(min=0)
    decibels = 10 * torch.log10(((spectrum.real**2 + spectrum.imag**2) @ bands.T).clamp(min=1e-10))
    decibels = torch.maximum(decibels, decibels.amax(dim=(1, 2), keepdim=True) - 80)
    return decibels - decibels.mean(dim=1, keepdim=True)


def ecapa_embedding(weights: Weights, features: Tensor) -> Tensor:
    """ECAPA-TDNN with 1024 channels, as SpeechBrain has it.

    Args:
        weights: Of the published checkpoint, whose embedding has 192 dimensions.
        features: `[batch, frames, 80]` of `ecapa_features`; at least 5 frames.

    Returns:
        `[batch, 192]`.

    Source: Desplanques et al., "ECAPA-TDNN: Emphasized channel attention, propagation and aggregation in TDNN based
    speaker verification", Interspeech 2020; speechbrain/spkrec-ecapa-voxceleb.
    """
    import torch
    from torch.nn import functional

    w = weights

    def layer(x: Tensor, name: str, dilation: int = 1) -> Tensor:
        reach = (w.tensors[f"{name}.conv.conv.weight"].shape[-1] - 1) // 2 * dilation
        padded = functional.pad(x, (reach, reach), mode="reflect") if reach else x
        return w.norm(torch.relu(w.convolution(padded, f"{name}.conv.conv", dilation=dilation)), f"{name}.norm.norm")

    def block(x: Tensor, name: str, dilation: int) -> Tensor:
        parts = list(layer(x, f"{name}.tdnn1").chunk(8, dim=1))
        for index in range(1, 8):
            part = parts[index] + parts[index - 1] if index > 1 else parts[index]
            parts[index] = layer(part, f"{name}.res2net_block.blocks.{index - 1}", dilation)
        y = layer(torch.cat(parts, dim=1), f"{name}.tdnn2")
        squeezed = torch.relu(w.convolution(y.mean(2, keepdim=True), f"{name}.se_block.conv1.conv"))
        return x + y * torch.sigmoid(w.convolution(squeezed, f"{name}.se_block.conv2.conv"))

    def moments(x: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
        mean = (shares * x).sum(2, keepdim=True)
        return mean, (shares * (x - mean) ** 2).sum(2, keepdim=True).clamp(min=1e-12).sqrt()

    outputs = [layer(features.transpose(1, 2), "blocks.0")]
    for index in (1, 2, 3):
        outputs.append(block(outputs[-1], f"blocks.{index}", index + 1))
    x = layer(torch.cat(outputs[1:], dim=1), "mfa")
    mean, deviation = moments(x, torch.full_like(x, 1 / x.shape[2]))
    context = torch.cat([x, mean.expand_as(x), deviation.expand_as(x)], dim=1)
    attention = w.convolution(torch.tanh(layer(context, "asp.tdnn")), "asp.conv.conv").softmax(dim=2)
    pooled = w.norm(torch.cat(moments(x, attention), dim=1), "asp_bn.norm")
    return w.convolution(pooled, "fc.conv")[..., 0]


# WavLM large with an ECAPA-TDNN


def unispeech_embedding(weights: Weights, features: Tensor) -> Tensor:
    """The small ECAPA-TDNN that UniSpeech puts upon features of a self-supervised model.

    Args:
        weights: Of the published checkpoint, whose embedding has 256 dimensions.
        features: `[batch, frames, d]`, the weighted sum of the layers; at least 2 frames.

    Returns:
        `[batch, 256]`.

    Source: `downstreams/speaker_verification` of microsoft/UniSpeech.
    """
    import torch
    from torch.nn import functional

    w = weights

    def layer(x: Tensor, convolution: str, norm: str, dilation: int = 1) -> Tensor:
        reach = (w.tensors[f"{convolution}.weight"].shape[-1] - 1) // 2 * dilation
        return w.norm(torch.relu(w.convolution(x, convolution, padding=reach, dilation=dilation)), norm)

    def block(x: Tensor, name: str, dilation: int) -> Tensor:
        y = layer(x, f"{name}.Conv1dReluBn1.conv", f"{name}.Conv1dReluBn1.bn")
        parts = list(y.chunk(8, dim=1))
        middle = f"{name}.Res2Conv1dReluBn"
        for index in range(7):
            part = parts[index] + parts[index - 1] if index else parts[index]
            parts[index] = layer(part, f"{middle}.convs.{index}", f"{middle}.bns.{index}", dilation)
        y = layer(torch.cat(parts, dim=1), f"{name}.Conv1dReluBn2.conv", f"{name}.Conv1dReluBn2.bn")
        squeezed = torch.relu(w.linear(y.mean(dim=2), f"{name}.SE_Connect.linear1"))
        return x + y * torch.sigmoid(w.linear(squeezed, f"{name}.SE_Connect.linear2"))[..., None]

    outputs = [layer(functional.instance_norm(features.transpose(1, 2) + 1e-6), "layer1.conv", "layer1.bn")]
    for number in (2, 3, 4):
        outputs.append(block(outputs[-1], f"layer{number}", number))
    x = torch.relu(w.convolution(torch.cat(outputs[1:], dim=1), "conv"))
    attention = w.convolution(torch.tanh(w.convolution(x, "pooling.linear1")), "pooling.linear2").softmax(dim=2)
    mean = (attention * x).sum(dim=2)
    deviation = ((attention * x**2).sum(dim=2) - mean**2).clamp(min=1e-9).sqrt()
    return w.linear(w.norm(torch.cat([mean, deviation], dim=1), "bn"), "linear")


_WAVLM_NAMES = (
    (r"^post_extract_proj\.", "feature_projection.projection."),
    (r"^layer_norm\.", "feature_projection.layer_norm."),
    (r"^mask_emb$", "masked_spec_embed"),
    (r"^(feature_extractor\.conv_layers\.\d+)\.0\.", r"\1.conv."),
    (r"^(feature_extractor\.conv_layers\.\d+)\.2\.1\.", r"\1.layer_norm."),
    (r"\.pos_conv\.0\.weight_g$", ".pos_conv_embed.conv.parametrizations.weight.original0"),
    (r"\.pos_conv\.0\.weight_v$", ".pos_conv_embed.conv.parametrizations.weight.original1"),
    (r"\.pos_conv\.0\.", ".pos_conv_embed.conv."),
    (r"\.self_attn_layer_norm\.", ".layer_norm."),
    (r"\.self_attn\.grep_linear\.", ".attention.gru_rel_pos_linear."),
    (r"\.self_attn\.grep_a$", ".attention.gru_rel_pos_const"),
    (r"\.self_attn\.relative_attention_bias\.", ".attention.rel_attn_embed."),
    (r"\.self_attn\.", ".attention."),
    (r"\.fc1\.", ".feed_forward.intermediate_dense."),
    (r"\.fc2\.", ".feed_forward.output_dense."),
)
"""Names of the original WavLM and what transformers calls the same tensor."""


def wavlm_of(original: Mapping[str, Tensor]) -> Any:
    """The `WavLMModel` of transformers with the tensors of an original WavLM large, whose sizes they tell.

    Raises:
        KeyError: A tensor is missing.
        RuntimeError: Tensors do not fit together.
    """
    from transformers import WavLMConfig, WavLMModel

    bias = original["encoder.layers.0.self_attn.relative_attention_bias.weight"]
    position = original["encoder.pos_conv.0.weight_v"]
    config = WavLMConfig(
        hidden_size=position.shape[0],
        num_hidden_layers=sum(name.endswith(".fc1.weight") for name in original),
        num_attention_heads=bias.shape[1],
        intermediate_size=original["encoder.layers.0.fc1.weight"].shape[0],
        conv_dim=tuple(original[f"feature_extractor.conv_layers.{i}.0.weight"].shape[0] for i in range(7)),
        num_conv_pos_embeddings=position.shape[2],
        num_conv_pos_embedding_groups=position.shape[0] // position.shape[1],
        num_buckets=bias.shape[0],
        max_bucket_distance=800,
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
        apply_spec_augment=False,
        layerdrop=0.0,
    )
    renamed = {}
    for name, tensor in original.items():
        new = name
        for pattern, replacement in _WAVLM_NAMES:
            new = re.sub(pattern, replacement, new)
        renamed[new] = tensor
    with _silent_transformers():
        model: Any = WavLMModel(config)
    missing, _ = model.load_state_dict(renamed, strict=False)
    if absent := [name for name in missing if name != "masked_spec_embed"]:
        raise KeyError(f"it lacks {len(absent)} tensors, e.g. {absent[0]}")
    return model.eval().requires_grad_(False)


# Loading


def _tensors(file: RemoteFile, device: str) -> dict[str, Any]:
    """What a checkpoint holds.

    Raises:
        UnavailableError: The file is not here, or is no checkpoint.
    """
    import torch

    path = locate(file)
    try:
        loaded = torch.load(path, map_location=device, weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise _damaged(path, error) from error
    if not isinstance(loaded, dict):
        raise _damaged(path, TypeError(f"it holds a {type(loaded).__name__}"))
    return loaded


def _damaged(path: Path, error: Exception) -> UnavailableError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return UnavailableError(f"{path} is not the checkpoint that is published: {reason}; delete it and fetch it again")


def _loader(file: RemoteFile, network: Callable[[Weights, Tensor], Tensor], dimensions: int) -> Callable[[str], Any]:
    """Loads the weights of a network, and tries them out: names and shapes must fit."""

    def load(device: str) -> Weights:
        import torch

        weights = Weights(_tensors(file, device))
        try:
            with torch.inference_mode():
                shape = network(weights, torch.zeros(1, 16, MELS, device=device)).shape
        except (KeyError, RuntimeError, AttributeError) as error:
            raise _damaged(locate(file), error) from error
        if shape != (1, dimensions):
            raise _damaged(locate(file), ValueError(f"embeddings have the shape {tuple(shape)}"))
        return weights

    return load


@contextmanager
def _exact() -> Iterator[None]:
    """No gradients, and no rounding of convolutions to 10 bits (TF32), which CUDA does unless told not to."""
    import torch

    with (
        torch.inference_mode(),
        torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False),
    ):
        yield


def _too_short(name: str, samples: int) -> NotScorable:
    return NotScorable(f"{name} needs {1000 * samples / RATE:g} ms", Status.TOO_SHORT)


def _waves(audios: Sequence[Audio], device: Any) -> Tensor:
    """Signals of one length, float32 `[batch, n]`."""
    import torch

    return torch.from_numpy(np.stack([audio.samples for audio in audios])).to(device)


WAVLM_LARGE_SAMPLES = 400 + 320
"""Two frames; one has no deviation to be normalized by."""


def _load_wavlm_large(device: str) -> tuple[Any, Weights]:
    """WavLM and the weights of the network upon it.

    Raises:
        UnavailableError: The file is not here, or is another one.
    """
    import torch

    try:
        tensors = _tensors(WAVLM_LARGE, "cpu")["model"]
        prefix = "feature_extract.model."
        original = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
        head = {n: tensor.to(device) for n, tensor in tensors.items() if not n.startswith("feature_extract.")}
        loaded = wavlm_of(original).to(device), Weights(head)
        with torch.inference_mode():
            _wavlm_large_embedding(loaded, torch.zeros(1, RATE, device=device))
    except (KeyError, AttributeError, RuntimeError, TypeError) as error:
        raise _damaged(locate(WAVLM_LARGE), error) from error
    return loaded


def _wavlm_large_embedding(loaded: tuple[Any, Weights], waves: Tensor) -> Tensor:
    """Embeddings `[batch, 256]` of signals of one length, `[batch, n]`."""
    import torch
    from torch.nn import functional

    wavlm, weights = loaded
    normalized = functional.layer_norm(waves, waves.shape[1:])
    output = wavlm(normalized, output_hidden_states=True)
    # The last of `hidden_states` has not yet passed the final normalization, or has, as the version may be.
    layers = torch.stack([*output.hidden_states[:-1], output.last_hidden_state])
    shares = weights.tensors["feature_weight"].softmax(dim=0)
    return unispeech_embedding(weights, (shares[:, None, None, None] * layers).sum(dim=0))


def _apply_wavlm_large(loaded: tuple[Any, Weights], audios: Sequence[Audio]) -> list[Result]:
    if len(audios[0]) < WAVLM_LARGE_SAMPLES:
        return [_too_short("WavLM large", WAVLM_LARGE_SAMPLES)] * len(audios)
    with _exact():
        return _rows(_wavlm_large_embedding(loaded, _waves(audios, loaded[0].device)))


def _rows(embeddings: Tensor) -> list[Result]:
    return list(np.asarray(embeddings.float().cpu().numpy(), np.float32))


CAMPPLUS_SAMPLES = _WINDOW + 2 * _HOP
"""Three frames, of which the network makes two; the deviation of one is not defined."""


def _apply_campplus(weights: Weights, audios: Sequence[Audio]) -> list[Result]:
    import torch

    if len(audios[0]) < CAMPPLUS_SAMPLES:
        return [_too_short("CAM++", CAMPPLUS_SAMPLES)] * len(audios)
    features = np.stack([kaldi_fbank(audio.samples) for audio in audios])
    features -= features.mean(axis=1, keepdims=True)
    with _exact():
        device = next(iter(weights.tensors.values())).device
        return _rows(campplus_embedding(weights, torch.from_numpy(features).to(device)))


ECAPA_SAMPLES = 4 * _HOP
"""Five frames: the outermost layer reflects four at each end."""


def _apply_ecapa(weights: Weights, audios: Sequence[Audio]) -> list[Result]:
    if len(audios[0]) < ECAPA_SAMPLES:
        return [_too_short("ECAPA-TDNN", ECAPA_SAMPLES)] * len(audios)
    with _exact():
        device = next(iter(weights.tensors.values())).device
        return _rows(ecapa_embedding(weights, ecapa_features(_waves(audios, device))))


WAVLM_SAMPLES = 400 + 15 * 320
"""Sixteen frames, of which the x-vector layers make two; the deviation of one is not defined."""


@contextmanager
def _folder(files: Sequence[RemoteFile]) -> Iterator[Path]:
    """A folder with links to files of one repository; mirrors may have them in several."""
    with TemporaryDirectory() as name:
        for file in files:
            (Path(name) / Path(file.path).name).symlink_to(locate(file).resolve())
        yield Path(name)


@contextmanager
def _silent_transformers() -> Iterator[None]:
    """No progress bars and no reports while a model is loaded; what matters in them is checked here."""
    from transformers.utils import logging as reports

    level, bars = reports.get_verbosity(), reports.is_progress_bar_enabled()
    reports.set_verbosity(logging.CRITICAL)
    reports.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        reports.set_verbosity(level)
        if bars:
            reports.enable_progress_bar()  # type: ignore[no-untyped-call]


def _load_wavlm(device: str) -> tuple[Any, Any]:
    """The feature extractor and the model of transformers.

    Raises:
        UnavailableError: A file is not here, or is another one.
    """
    weights = locate(WAVLM_SV[-1])
    import torch
    from transformers import Wav2Vec2FeatureExtractor, WavLMForXVector

    try:
        with _folder(WAVLM_SV) as folder, _silent_transformers():
            extractor = Wav2Vec2FeatureExtractor.from_pretrained(folder, local_files_only=True)
            loaded: Any = WavLMForXVector.from_pretrained(
                folder,
                local_files_only=True,
                use_safetensors=False,
                weights_only=True,
                dtype=torch.float32,
                output_loading_info=True,
            )
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, pickle.UnpicklingError) as error:
        raise _damaged(weights, error) from error
    model, report = loaded
    # Only the training looks at these.
    missing = [name for name in report["missing_keys"] if name not in ("objective.weight", "wavlm.masked_spec_embed")]
    if missing:
        raise _damaged(weights, KeyError(f"it lacks {len(missing)} tensors, e.g. {missing[0]}"))
    return extractor, model.to(device).eval().requires_grad_(False)


def _apply_wavlm(loaded: tuple[Any, Any], audios: Sequence[Audio]) -> list[Result]:
    if len(audios[0]) < WAVLM_SAMPLES:
        return [_too_short("WavLM x-vectors", WAVLM_SAMPLES)] * len(audios)
    extractor, model = loaded
    inputs = extractor([audio.samples for audio in audios], sampling_rate=RATE, return_tensors="pt")
    with _exact():
        return _rows(model(inputs["input_values"].to(model.device)).embeddings)


_WAVLM_MODEL = Model(
    "wavlm-base-plus-sv",
    _load_wavlm,
    _apply_wavlm,
    weights=WAVLM_SV,
    packages=("torch", "transformers"),
    modules=_TRANSFORMERS,
    extra="transformers",
    licence="CC BY-SA 3.0",
    equal_lengths=True,
    is_heavy=True,
)
_WAVLM_LARGE_MODEL = Model(
    "wavlm-large-ecapa",
    _load_wavlm_large,
    _apply_wavlm_large,
    weights=(WAVLM_LARGE,),
    packages=("torch", "transformers"),
    modules=_TRANSFORMERS,
    extra="transformers",
    licence="CC BY-SA 3.0",
    equal_lengths=True,
    is_heavy=True,
)
_CAMPPLUS_MODEL = Model(
    "campplus",
    _loader(CAMPPLUS, campplus_embedding, 192),
    _apply_campplus,
    weights=(CAMPPLUS,),
    packages=("torch",),
    modules=("torch",),
    licence="Apache-2.0",
    equal_lengths=True,
)
_ECAPA_MODEL = Model(
    "ecapa-voxceleb",
    _loader(ECAPA, ecapa_embedding, 192),
    _apply_ecapa,
    weights=(ECAPA,),
    packages=("torch",),
    modules=("torch",),
    licence="Apache-2.0",
    equal_lengths=True,
)

wavlm_embedding = model_feature(_WAVLM_MODEL)
"""Embedding of a whole signal at 16 kHz, float32 `[512]`, not normalized."""
wavlm_large_embedding = model_feature(_WAVLM_LARGE_MODEL)
"""Embedding of a whole signal at 16 kHz, float32 `[256]`, not normalized."""
campplus_feature = model_feature(_CAMPPLUS_MODEL)
"""Embedding of a whole signal at 16 kHz, float32 `[192]`, not normalized."""
ecapa_feature = model_feature(_ECAPA_MODEL)
"""Embedding of a whole signal at 16 kHz, float32 `[192]`, not normalized."""


def cosine(first: FloatArray, second: FloatArray) -> float:
    """Cosine of the angle between two embeddings, in [-1, 1].

    Raises:
        NotScorable: One of them is zero or not finite.
    """
    one, other = first.astype(np.float64), second.astype(np.float64)
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    if not (np.isfinite(size) and size > 0):
        raise NotScorable("the speaker embedding has no direction", Status.UNDEFINED)
    return float(np.clip(one @ other / size, -1.0, 1.0))


@register_metric(
    "spk_sim",
    better="higher",
    range=(-1.0, 1.0),
    rate=RATE,
    family="speaker",
    same_utterance=False,
    title="SPK-SIM",
    variants={"wavlm-large": {"embedding": wavlm_large_embedding}},
    note="Cosine of WavLM x-vectors (microsoft/wavlm-base-plus-sv) of the whole recordings; [wavlm-large] of "
    "UniSpeech's WavLM large with ECAPA-TDNN (wavlm_large_finetune.pth).",
)
def speaker_similarity(reference: Signal, decoded: Signal, *, embedding: Feature = wavlm_embedding) -> float:
    """Cosine similarity of the WavLM speaker embeddings of two whole recordings.

    Args:
        reference: Original at 16 kHz.
        decoded: Reconstruction at 16 kHz.
        embedding: The model.

    Returns:
        Similarity from -1 to 1; 1 for identity.

    Raises:
        NotScorable: One of the two is shorter than 0.325 s, for WavLM large 45 ms.
        UnavailableError: The extra or the weights are missing.

    Source: Chen et al., "WavLM: Large-scale self-supervised pre-training for full stack speech processing", 2021.
    """
    return cosine(reference[embedding], decoded[embedding])


@register_metric(
    "campplus_sim",
    better="higher",
    range=(-1.0, 1.0),
    rate=RATE,
    family="speaker",
    same_utterance=False,
    title="CAM++ SIM",
    note="Cosine of CAM++ embeddings (iic/speech_campplus_sv_zh-cn_16k-common) of the whole recordings.",
)
def campplus_similarity(reference: Signal, decoded: Signal, *, embedding: Feature = campplus_feature) -> float:
    """Cosine similarity of the CAM++ embeddings of two whole recordings.

    Args:
        reference: Original at 16 kHz.
        decoded: Reconstruction at 16 kHz.
        embedding: The model.

    Returns:
        Similarity from -1 to 1; 1 for identity.

    Raises:
        NotScorable: One of the two is shorter than 45 ms.
        UnavailableError: The weights are missing.
    """
    return cosine(reference[embedding], decoded[embedding])


@register_metric(
    "ecapa_sim",
    better="higher",
    range=(-1.0, 1.0),
    rate=RATE,
    family="speaker",
    same_utterance=False,
    title="ECAPA SIM",
    note="Cosine of ECAPA-TDNN embeddings (speechbrain/spkrec-ecapa-voxceleb) of the whole recordings.",
)
def ecapa_similarity(reference: Signal, decoded: Signal, *, embedding: Feature = ecapa_feature) -> float:
    """Cosine similarity of the ECAPA-TDNN embeddings of two whole recordings.

    Args:
        reference: Original at 16 kHz.
        decoded: Reconstruction at 16 kHz.
        embedding: The model.

    Returns:
        Similarity from -1 to 1; 1 for identity.

    Raises:
        NotScorable: One of the two is shorter than 40 ms.
        UnavailableError: The weights are missing.
    """
    return cosine(reference[embedding], decoded[embedding])
