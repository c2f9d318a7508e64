"""UTMOSv2: naturalness predicted by the T05 system of the VoiceMOS Challenge 2024, from segments drawn at random.

wav2vec 2.0 base hears 3 s of a signal, and four EfficientNetV2-S see two pictures each of 1.4 s of it, which are mel
spectrograms by four windows, each mixed with one of another segment. Where segments begin, and how they are mixed, is
drawn. Here it is drawn from one seed, anew for every signal, and a score is the mean of five, as in the paper; of its
five folds of networks it is the first one, as by default in the package.

The package `utmosv2` is not needed: it is not on PyPI, asks for timm and torchvision, and fetches the networks that its
training began with before it reads those that it ended with. On a GPU it computes in half precision, which is not done
here. Its `remove_silent_section`, on by default, has no effect there: it is switched off again before a file is read.

Source: Baba et al., "The T05 system for the VoiceMOS Challenge 2024: Transfer learning from deep image classifier to
naturalness MOS prediction of high-quality synthetic speech", SLT 2024; github.com/sarulab-speech/UTMOSv2 at cc2700d.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from codec_bench.audio import Audio, FloatArray
from codec_bench.hub import RemoteFile
from codec_bench.metrics.checkpoints import Weights, read_checkpoint, weights_of
from codec_bench.metrics.model import Model, model_feature, one_by_one
from codec_bench.metrics.opinions import single_opinion_score
from codec_bench.metrics.resampling import LIBROSA
from codec_bench.metrics.self_supervised import TRANSFORMERS, filled
from codec_bench.metrics.signal import Array
from codec_bench.metrics.spectral import slaney_filterbank

if TYPE_CHECKING:
    from torch import Tensor

RATE = 16_000
SHORTEST = RATE // 2
"""Half a second: the networks have a score for anything."""

SEED = 0
"""Of the draws; `numpy.random.seed(0)` before each signal gives the package the same."""

REPETITIONS = 5

SPEECH = 3 * RATE
"""What wav2vec 2.0 hears."""

SEGMENT = RATE * 14 // 10
FRAMES, WINDOWS = 2, (4096, 2048, 1024, 512)
"""Pictures of each kind, and the kinds."""

FFT, HOP, MELS, SIZE = 4096, 32, 512, 512
MIXED = 0.4
"""Both parameters of the Beta distribution that shares are drawn from."""

STRIDES = (1, 2, 2, 2, 1, 2)
"""Of the first block in each stage of EfficientNetV2."""

DOMAINS, DOMAIN = 10, 1
"""Sets of listening tests that the network learned from, and the one whose listeners it imitates: sarulab."""

LAYER_HEADS, POOLING_HEADS = 12, 8

WEIGHTS = RemoteFile(
    "hf/sarulab-speech/UTMOSv2/fold0_s42_best_model.pth",
    sha256="c8149d988e4bbf3f347e6966b5d769de347a5f8c59ffca1dc4bd4bf5b8585e57",
    size=818_531_314,
    revision="506474f2b33dc77c234d668cc419be1861899cad",
)


def drawn(samples: FloatArray, repetitions: int) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """What the networks hear of a signal.

    Args:
        samples: Of any length but 0 at 16 kHz; short ones are repeated.
        repetitions: How often they hear it; more do not change the first.

    Returns:
        Speech `[repetitions, 48000]`; segments `[repetitions, frames, 22400]`; for each window another segment to mix
        with it, `[repetitions, frames, windows, 22400]`; and the share of the first, `[repetitions, frames, windows]`.
    """
    random = np.random.RandomState(SEED)

    def segment(length: int) -> FloatArray:
        there = samples if len(samples) > length else np.tile(samples, length // len(samples) + 1)
        begin = random.randint(0, len(there) - length)
        return there[begin : begin + length]

    speech = np.empty((repetitions, SPEECH), np.float32)
    firsts = np.empty((repetitions, FRAMES, SEGMENT), np.float32)
    others = np.empty((repetitions, FRAMES, len(WINDOWS), SEGMENT), np.float32)
    shares = np.empty((repetitions, FRAMES, len(WINDOWS)), np.float32)
    for repetition in range(repetitions):
        speech[repetition] = segment(SPEECH)
        for frame in range(FRAMES):
            firsts[repetition, frame] = segment(SEGMENT)
            for kind in range(len(WINDOWS)):
                others[repetition, frame, kind] = segment(SEGMENT)
                shares[repetition, frame, kind] = random.beta(MIXED, MIXED)
    return speech, firsts, others, shares


def levels(segments: Tensor, window: int) -> Tensor:
    """Mel spectrograms by a Hann window, of the 80 dB below the loudest: `[batch, 512, frames]`, from 0 to 1."""
    import torch

    hann = torch.hann_window(window, device=segments.device)
    spectrum = torch.stft(segments, FFT, HOP, window, hann, pad_mode="constant", return_complex=True)
    bands = torch.tensor(slaney_filterbank(RATE, FFT, MELS), device=segments.device)
    level = 10 * (bands @ spectrum.abs().square()).clamp(min=1e-10).log10()
    return ((level - level.amax(dim=(1, 2), keepdim=True)) / 80 + 1).clamp(min=0)


def image_features(weights: Weights, network: str, images: Tensor) -> Tensor:
    """EfficientNetV2 with the padding of TensorFlow, without its head.

    Args:
        weights: The published checkpoint.
        network: Which of its networks.
        images: `[batch, 3, 512, 512]`.

    Returns:
        `[batch, 1280, 16, 16]`.
    """
    from torch.nn.functional import pad, silu

    def layer(x: Tensor, block: str, convolution: str, norm: str, stride: int = 1, groups: int = 1) -> Tensor:
        reach = weights.tensors[f"{block}.{convolution}.weight"].shape[-1] // 2
        if stride == 2:  # sizes are even, so that what is lacking is at the end
            x, reach = pad(x, (0, reach, 0, reach)), 0
        x = weights.convolution(x, f"{block}.{convolution}", stride=stride, padding=reach, groups=groups)
        return weights.norm(x, f"{block}.{norm}", eps=1e-3)

    def applied(x: Tensor, block: str, stride: int) -> Tensor:
        if f"{block}.conv.weight" in weights.tensors:
            y = silu(layer(x, block, "conv", "bn1", stride))
        elif f"{block}.conv_exp.weight" in weights.tensors:
            y = layer(silu(layer(x, block, "conv_exp", "bn1", stride)), block, "conv_pwl", "bn2")
        else:
            y = silu(layer(x, block, "conv_pw", "bn1"))
            y = silu(layer(y, block, "conv_dw", "bn2", stride, groups=y.shape[1]))
            squeezed = silu(weights.convolution(y.mean(dim=(2, 3), keepdim=True), f"{block}.se.conv_reduce"))
            y = layer(y * weights.convolution(squeezed, f"{block}.se.conv_expand").sigmoid(), block, "conv_pwl", "bn3")
        return x + y if x.shape == y.shape else y

    x = silu(layer(images, network, "conv_stem", "bn1", stride=2))
    for stage, first in enumerate(STRIDES):
        for index in count():
            block = f"{network}.blocks.{stage}.{index}"
            if f"{block}.bn1.weight" not in weights.tensors:
                break
            x = applied(x, block, 1 if index else first)
    return silu(layer(x, network, "conv_head", "bn2"))


def pictures(firsts: Tensor, others: Tensor, shares: Tensor) -> list[Tensor]:
    """What the networks for images see in what `drawn` returns: `[repetitions, frames, 512, 512]` for each window."""
    from torch.nn.functional import interpolate

    made = []
    for kind, window in enumerate(WINDOWS):
        share = shares[:, :, kind, None, None]
        first, other = (levels(x.flatten(0, 1), window) for x in (firsts, others[:, :, kind]))
        mixed = share * first.view(*share.shape[:2], *first.shape[1:])
        mixed = mixed + (1 - share) * other.view(*share.shape[:2], *other.shape[1:])
        made.append(interpolate(mixed, (SIZE, SIZE), mode="bilinear", antialias=True))
    return made


def sight(weights: Weights, images: Sequence[Tensor]) -> Tensor:
    """What the networks for images find in `pictures`, `[repetitions, 5120]`."""
    import torch

    repetitions = len(images[0])
    total = torch.zeros((), device=weights.device)
    for kind, image in enumerate(images):
        grey = image.flatten(0, 1)[:, None].expand(-1, 3, -1, -1)
        features = image_features(weights, f"spec_long.backbones.{kind}", grey)
        total = total + weights.tensors["spec_long.weights"][kind] * features
    # Frames follow one another in time, of which each band has its mean and its maximum.
    x = total.view(repetitions, FRAMES, *total.shape[1:]).permute(0, 2, 3, 1, 4).flatten(3)
    x = torch.cat([x.mean(dim=3), x.amax(dim=3)], dim=1).transpose(1, 2)
    return _pooled(weights, x, "spec_long.attn")


def _pooled(weights: Weights, x: Tensor, attention: str) -> Tensor:
    """The mean of what attention makes of a sequence `[batch, n, d]`, and its own maximum: `[batch, 2 * d]`."""
    import torch

    return torch.cat([weights.self_attention(x, attention, POOLING_HEADS).mean(dim=1), x.amax(dim=1)], dim=1)


def hearing(weights: Weights, wav2vec: Any, speech: Tensor) -> Tensor:
    """What wav2vec 2.0 hears in `[batch, 48000]`, `[batch, 1536]`."""
    import torch

    centred = speech - speech.mean(dim=1, keepdim=True)
    normalized = centred / (centred.square().mean(dim=1, keepdim=True) + 1e-7).sqrt()
    hidden = wav2vec(normalized, output_hidden_states=True).hidden_states
    x = torch.stack([share * layer for share, layer in zip(weights.tensors["ssl.weights"], hidden, strict=True)]).sum(0)
    return _pooled(weights, x, "ssl.attn.0")


def _wav2vec_of(tensors: dict[str, Tensor]) -> Any:
    """wav2vec 2.0 base of transformers; the tensors tell its sizes, except the number of heads."""
    from transformers import Wav2Vec2Config, Wav2Vec2Model

    # Of the convolution over positions, whose norm has another name in older versions, and a single row.
    kernels = [x for name, x in tensors.items() if "pos_conv_embed" in name and x.ndim == 3 and len(x) > 1]
    if not kernels:
        raise KeyError("it lacks a convolution over positions")
    kernel = kernels[0]
    config = Wav2Vec2Config(
        hidden_size=kernel.shape[0],
        num_hidden_layers=sum(name.endswith("final_layer_norm.weight") for name in tensors),
        num_attention_heads=LAYER_HEADS,
        intermediate_size=tensors["encoder.layers.0.feed_forward.intermediate_dense.weight"].shape[0],
        conv_dim=tuple(len(tensors[f"feature_extractor.conv_layers.{index}.conv.weight"]) for index in range(7)),
        num_conv_pos_embeddings=kernel.shape[2],
        num_conv_pos_embedding_groups=kernel.shape[0] // kernel.shape[1],
    )
    return filled(Wav2Vec2Model, config, tensors)


def _load(device: str) -> tuple[Weights, Any]:
    import torch

    with weights_of("UTMOSv2", WEIGHTS) as path:
        tensors = read_checkpoint(path)
        prefix = "ssl.encoder.model."
        inner = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
        rest = Weights({name: tensor for name, tensor in tensors.items() if not name.startswith(prefix)})
        loaded = rest.to(device), _wav2vec_of(inner).to(device)
        small = [torch.zeros(1, FRAMES, 32, 32, device=device)] * len(WINDOWS)
        with torch.inference_mode():
            opinions(loaded, torch.zeros(1, SHORTEST, device=device), small)
    return loaded


def opinions(loaded: tuple[Weights, Any], speech: Tensor, images: Sequence[Tensor]) -> Tensor:
    """One for each repetition, `[repetitions]`, of what it hears and what it sees."""
    import torch

    weights, wav2vec = loaded
    heard, seen = hearing(weights, wav2vec, speech), sight(weights, images)
    none = heard.new_zeros(len(heard), DOMAINS)  # each half learned with a domain of its own, which is not given here
    domain = none.clone()
    domain[:, DOMAIN] = 1
    return weights.linear(torch.cat([heard, none, seen, none, domain], dim=1), "fc")[:, 0]


@one_by_one(SHORTEST, f"UTMOSv2 needs {SHORTEST / RATE:g} s to say anything")
def _apply(loaded: tuple[Weights, Any], audio: Audio) -> Array:
    import torch

    speech, *segments = (torch.from_numpy(part).to(loaded[0].device) for part in drawn(audio.samples, REPETITIONS))
    return np.asarray(opinions(loaded, speech, pictures(*segments)).mean().item(), np.float32)


MODEL = Model(
    "utmosv2",
    _load,
    _apply,
    weights=(WEIGHTS,),
    packages=("torch", "transformers"),
    modules=TRANSFORMERS,
    extra="transformers",
    licence="MIT",
    is_heavy=True,
)

utmosv2 = single_opinion_score(
    "utmosv2",
    "UTMOSv2",
    f"UTMOSv2 (fusion_stage3, fold 0, domain sarulab) at 16 kHz: mean over {REPETITIONS} draws of segments, from seed "
    f"{SEED} for each signal; the package makes one at each call, and always another.",
    score=model_feature(MODEL, LIBROSA),
    rate=RATE,
    hears_polarity=True,
)
"""Naturalness by UTMOSv2 of a signal of half a second or more: about 1 to 5, not clamped. A signal costs the same
whatever its length, many times what UTMOS costs."""
