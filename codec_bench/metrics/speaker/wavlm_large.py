"""WavLM large with the small ECAPA-TDNN of UniSpeech upon it, the usual SIM of zero-shot speech synthesis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from codec_bench.audio import Audio
from codec_bench.hub import RemoteFile
from codec_bench.metrics.checkpoints import Weights, read_checkpoint, weights_of
from codec_bench.metrics.model import Model, model_feature, waves
from codec_bench.metrics.resampling import SINC
from codec_bench.metrics.self_supervised import TRANSFORMERS, wavlm_of
from codec_bench.metrics.similarity import RATE, equal_lengths

if TYPE_CHECKING:
    from torch import Tensor

WAVLM_LARGE = RemoteFile(
    "models/unispeech/wavlm_large_finetune.pth",
    "51f07e3b94d9e0262a6a675ef5a087be3dd09e8c62e9d886827f44f82fe7f94b",
    1_301_926_579,
    source="https://huggingface.co/subatomicseer/wavlm-large-sv-ckpts/resolve/main/wavlm_large_finetune.pth",
)
"""Its makers have it on Google Drive, which gives no file to programs; several copies on Hugging Face are equal."""


def unispeech_embedding(weights: Weights, features: Tensor) -> Tensor:
    """The small ECAPA-TDNN that UniSpeech puts upon features of a self-supervised model.

    Args:
        weights: The published checkpoint, whose embedding has 256 dimensions.
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


WAVLM_LARGE_SAMPLES = 400 + 320
"""Two frames; one has no deviation to be normalized by."""


def _load_wavlm_large(device: str) -> tuple[Any, Weights]:
    """WavLM and the weights of the network upon it."""
    import torch

    with weights_of("WavLM large", WAVLM_LARGE) as path:
        tensors = read_checkpoint(path)["model"]
        prefix = "feature_extract.model."
        original = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
        head = {n: tensor.to(device) for n, tensor in tensors.items() if not n.startswith("feature_extract.")}
        loaded = wavlm_of(original).to(device), Weights(head)
        with torch.inference_mode():
            _wavlm_large_embedding(loaded, torch.zeros(1, RATE, device=device))
    return loaded


def _wavlm_large_embedding(loaded: tuple[Any, Weights], signals: Tensor) -> Tensor:
    """Embeddings `[batch, 256]` of signals of one length, `[batch, n]`."""
    import torch
    from torch.nn import functional

    wavlm, weights = loaded
    normalized = functional.layer_norm(signals, signals.shape[1:])
    output = wavlm(normalized, output_hidden_states=True)
    # The last of `hidden_states` has not yet passed the final normalization, or has, as the version may be.
    layers = torch.stack([*output.hidden_states[:-1], output.last_hidden_state])
    shares = weights.tensors["feature_weight"].softmax(dim=0)
    return unispeech_embedding(weights, (shares[:, None, None, None] * layers).sum(dim=0))


@equal_lengths("WavLM large", WAVLM_LARGE_SAMPLES)
def _apply_wavlm_large(loaded: tuple[Any, Weights], audios: Sequence[Audio]) -> Tensor:
    return _wavlm_large_embedding(loaded, waves(audios, loaded[0].device))


WAVLM_LARGE_MODEL = Model(
    "wavlm-large-ecapa",
    _load_wavlm_large,
    _apply_wavlm_large,
    weights=(WAVLM_LARGE,),
    packages=("torch", "transformers"),
    modules=TRANSFORMERS,
    extra="transformers",
    licence="CC BY-SA 3.0",
    version=2,
    equal_lengths=True,
    is_heavy=True,
)

wavlm_large_embedding = model_feature(WAVLM_LARGE_MODEL, SINC)
"""Embedding of a whole signal at 16 kHz, float32 `[256]`, not normalized."""
