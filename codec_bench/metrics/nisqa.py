"""NISQA: five quality scales predicted from the decoded signal alone, and the naturalness that NISQA-TTS predicts.

Networks, mel spectrogram and weights are those of github.com/gabrielmittag/NISQA, which computes at whatever rate a
file has: the bands above half that rate are empty, so a decoder at 16 kHz and one at 24 kHz are not judged alike. The
variant `nisqa[48000]` resamples every signal to one rate first.

Source: Mittag et al., "NISQA: A Deep CNN-Self-Attention Model for Multidimensional Speech Quality Prediction with
Crowdsourced Datasets", Interspeech 2021; Mittag and Möller, "Deep Learning Based Assessment of Synthetic Speech
Naturalness", Interspeech 2020.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial, reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from codec_bench.audio import Audio
from codec_bench.errors import UsageError
from codec_bench.hub import RemoteFile
from codec_bench.metrics.checkpoints import Weights, read_checkpoint, weights_of
from codec_bench.metrics.model import Model, ModelOutput, model_feature
from codec_bench.metrics.opinions import opinion_score
from codec_bench.metrics.resampling import POLYPHASE
from codec_bench.metrics.signal import Feature
from codec_bench.metrics.spectral import slaney_filterbank
from codec_bench.records import NotScorable, Status

if TYPE_CHECKING:
    from torch import Tensor

LICENCE = "CC BY-NC-SA 4.0"
"""Licence of both checkpoints: non-commercial. The original code is MIT."""

FFT = 4096
MELS = 48
HOP_SECONDS, WINDOW_SECONDS = 0.01, 0.02
FLOOR = 1e-4
"""Smallest magnitude of a band, -80 dB."""

RANGE_DB = 80.0
"""Bands are raised to this far below the loudest one of the whole signal."""

SEGMENT = 15
"""Frames that the convolutions see at once."""

_COMMIT = "fe84f0f252abec382b24367d5b22498a7ce34dbb"
_ADDRESS = f"https://raw.githubusercontent.com/gabrielmittag/NISQA/{_COMMIT}/weights"
_AT_ONCE = 1024  # segments that the convolutions take together, so that memory does not grow with the length


@dataclass(frozen=True)
class Network:
    """One of the published networks.

    Attributes:
        name: Prefix of its models and features.
        file: The checkpoint.
        top_hz: Upper edge of the highest mel band.
        hop: Frames from one segment to the next.
        segments: The most segments that it takes.
        predict: From tensors of the checkpoint and segments `[segments, 1, 48, 15]` in dB to `[scales]`.
    """

    name: str
    file: RemoteFile
    top_hz: int
    hop: int
    segments: int
    predict: Callable[[Weights, Tensor], Tensor]

    def load(self, device: str) -> Weights:
        """The tensors of the checkpoint.

        Raises:
            UnavailableError: The file is missing, or is a different one.
        """
        with weights_of(self.name, self.file) as path:
            return Weights(read_checkpoint(path, device)["model_state_dict"])

    def apply(self, weights: Weights, audio: Audio) -> ModelOutput:
        """The scales of one signal, float32 `[scales]`, or that it is too short or too long."""
        frames = 1 + len(audio) // int(audio.rate * HOP_SECONDS)
        if frames < SEGMENT:
            need = f"NISQA needs {(SEGMENT - 1) * HOP_SECONDS:g} s"
            return NotScorable(f"{audio.seconds:.2f} s: {need}", Status.TOO_SHORT)
        most = SEGMENT + self.hop * self.segments - 1  # in a frame more, one more segment begins
        if frames > most:
            return NotScorable(f"{audio.seconds:.1f} s: {self.name} is only defined up to {most * HOP_SECONDS:.0f} s")
        spectrogram = mel_spectrogram(audio, self.top_hz, weights.device)
        segments = spectrogram.unfold(1, SEGMENT, self.hop).transpose(0, 1).unsqueeze(1)
        return np.asarray(self.predict(weights, segments).cpu().numpy(), np.float32)


def mel_spectrogram(audio: Audio, top_hz: int, device: Any = "cpu") -> Tensor:
    """The input of the networks: magnitudes of 48 Slaney mel bands in dB, as librosa makes them.

    Args:
        audio: At any rate of 100 Hz or more.
        top_hz: Upper edge of the highest band; bands above half the rate are empty.
        device: Where it is computed.

    Returns:
        float32 `[48, 1 + samples // hop]`, centred frames every 10 ms, not below -80 dB, nor 80 dB below the loudest.
    """
    import torch

    hop, window = int(audio.rate * HOP_SECONDS), int(audio.rate * WINDOW_SECONDS)
    # Only the magnitude counts, so the window need not stand in the middle of the transform.
    padded = np.pad(audio.samples, FFT // 2, mode="reflect")[(FFT - window) // 2 :]
    frames = torch.from_numpy(padded).to(device).unfold(0, window, hop)[: 1 + len(audio) // hop]
    spectrum = torch.fft.rfft(frames * torch.hann_window(window, device=device), n=FFT)
    filters = torch.tensor(slaney_filterbank(audio.rate, FFT, MELS, top_hz), device=device)
    bands = filters @ spectrum.abs().T
    decibels = 20 * torch.log10(bands.clamp(min=FLOOR))
    return decibels.clamp(min=float(decibels.max()) - RANGE_DB)


def predict_quality(weights: Weights, segments: Tensor) -> Tensor:
    """NISQA v2: convolutions, two layers of self-attention, and attention pooling for each of the five scales.

    Args:
        weights: Tensors of `nisqa.tar`.
        segments: float32 `[segments, 1, 48, 15]`, dB.

    Returns:
        float32 `[5]`: overall quality, noisiness, discontinuity, coloration, loudness.
    """
    import torch
    from torch.nn.functional import relu, scaled_dot_product_attention

    tensors, linear, norm = weights.tensors, weights.linear, weights.layer_norm

    def convolved(part: Tensor) -> Tensor:
        x = _largest(_convolution(weights, 1, part), (24, 7))
        x = _largest(_convolution(weights, 2, x), (12, 5))
        x = _convolution(weights, 4, _convolution(weights, 3, x))
        x = _convolution(weights, 5, _largest(x, (6, 3)))
        return _convolution(weights, 6, x, padding=(1, 0)).flatten(1)

    x = torch.cat([convolved(part) for part in torch.split(segments, _AT_ONCE)])
    base = "time_dependency.model"
    x = norm(linear(x, f"{base}.linear"), f"{base}.norm1")
    for layer in (f"{base}.layers.0", f"{base}.layers.1"):
        projected = x @ tensors[f"{layer}.self_attn.in_proj_weight"].T + tensors[f"{layer}.self_attn.in_proj_bias"]
        query, key, value = (part[None] for part in projected.chunk(3, dim=1))
        seen = scaled_dot_product_attention(query, key, value)[0]
        x = norm(x + linear(seen, f"{layer}.self_attn.out_proj"), f"{layer}.norm1")
        x = norm(x + linear(relu(linear(x, f"{layer}.linear1")), f"{layer}.linear2"), f"{layer}.norm2")
    scales = []
    for pool in (f"pool_layers.{scale}.model" for scale in range(5)):
        attention = linear(relu(linear(x, f"{pool}.linear1")), f"{pool}.linear2").softmax(dim=0)
        scales.append(linear((attention * x).sum(dim=0), f"{pool}.linear3"))
    return torch.cat(scales)


def predict_naturalness(weights: Weights, segments: Tensor) -> Tensor:
    """NISQA-TTS: convolutions, and a bidirectional LSTM whose last steps in both directions count.

    Args:
        weights: Tensors of `nisqa_tts.tar`.
        segments: float32 `[segments, 1, 48, 15]`, dB.

    Returns:
        float32 `[1]`: naturalness.
    """
    import torch
    from torch.nn.functional import max_pool2d

    def convolved(part: Tensor) -> Tensor:
        x = max_pool2d(_convolution(weights, 1, part), 2, padding=(0, 1))
        x = max_pool2d(_convolution(weights, 2, x), 2)
        x = max_pool2d(_convolution(weights, 4, _convolution(weights, 3, x)), 2)
        x = _convolution(weights, 6, _convolution(weights, 5, x))
        return weights.linear(x.flatten(1), "cnn.model.fc_out")

    x = torch.cat([convolved(part) for part in torch.split(segments, _AT_ONCE)])
    _, last = weights.lstm(x[None], "time_dependency.model.lstm")
    return weights.linear(last.flatten(), "pool.model.linear")


def _convolution(weights: Weights, layer: int, x: Tensor, padding: tuple[int, int] = (1, 1)) -> Tensor:
    """Convolution, batch normalisation and rectification."""
    x = weights.convolution(x, f"cnn.model.conv{layer}", padding=padding)
    return weights.norm(x, f"cnn.model.bn{layer}").relu_()


def _largest(x: Tensor, shape: tuple[int, int]) -> Tensor:
    """`adaptive_max_pool2d`, in less than half of its time: that also finds where the largest values are."""
    import torch

    for axis, size in ((2, shape[0]), (3, shape[1])):
        width = x.shape[axis]
        edges = [(number * width // size, -(-(number + 1) * width // size)) for number in range(size)]
        x = torch.stack([reduce(torch.maximum, (x.select(axis, k) for k in range(*edge))) for edge in edges], axis)
    return x


QUALITY = Network(
    "nisqa",
    RemoteFile(
        "models/nisqa/nisqa.tar",
        sha256="7ec4cf937514dd3f8860b21e66fabd8ca87a168572675ef8d979c4c4ad2e805c",
        size=1_051_663,
        source=f"{_ADDRESS}/nisqa.tar",
    ),
    top_hz=20_000,
    hop=4,
    segments=1300,
    predict=predict_quality,
)
NATURALNESS = Network(
    "nisqa_tts",
    RemoteFile(
        "models/nisqa/nisqa_tts.tar",
        sha256="c556a954cd9536360b4fe6f524ad432816509cd22f436f345b281a7851360656",
        size=1_237_159,
        source=f"{_ADDRESS}/nisqa_tts.tar",
    ),
    top_hz=8_000,
    hop=1,
    segments=6000,
    predict=predict_naturalness,
)


@cache
def scores_at(network: Network, rate: int = 0) -> Feature:
    """The feature of the scales that a network gives to a signal, float32 `[scales]`.

    Args:
        network: Which one.
        rate: Sampling rate in Hz that signals are brought to first, as VERSA does it; 0 leaves them at their own.
    """

    def apply(weights: Weights, audios: Sequence[Audio]) -> list[ModelOutput]:
        # One by one: a padded batch is no faster, since the convolutions already get hundreds of segments together.
        return [network.apply(weights, POLYPHASE(audio, rate)) for audio in audios]

    name = f"{network.name}/{rate}" if rate else network.name
    packages, version = (("scipy", "torch"), 2) if rate else (("torch",), 1)
    return model_feature(
        Model(name, network.load, apply, (network.file,), packages=packages, licence=LICENCE, version=version)
    )


def _variant(network: Network, name: str) -> Mapping[str, Any]:
    """A variant is a sampling rate."""
    if not (name.isdecimal() and str(int(name)) == name and 8_000 <= int(name) <= 192_000):
        example = f"{network.name}[16000]"
        raise UsageError(f"a variant of {network.name} is a rate from 8000 to 192000 Hz, {example}, not {name!r}")
    return {"scores": scores_at(network, int(name))}


_NOTE = "at the decoded signal's own rate, or at the one in brackets"
_scale = partial(opinion_score, scores=scores_at(QUALITY), rate=0, variants=partial(_variant, QUALITY))

quality = _scale("nisqa", 0, "NISQA", f"overall quality that NISQA v2 predicts without a reference, {_NOTE}")
"""Overall quality by NISQA v2 of a signal of 0.14 to 52 s: about 0.6 to 5, not clamped."""

noisiness = _scale("nisqa.noi", 1, "NISQA noisiness", f"noisiness by NISQA v2, higher is cleaner, {_NOTE}")
discontinuity = _scale("nisqa.dis", 2, "NISQA discontinuity", f"discontinuity by NISQA v2, higher is smoother, {_NOTE}")
coloration = _scale("nisqa.col", 3, "NISQA coloration", f"coloration by NISQA v2, higher is more natural, {_NOTE}")
loudness = _scale("nisqa.loud", 4, "NISQA loudness", f"loudness by NISQA v2, higher is nearer the optimum, {_NOTE}")

naturalness = opinion_score(
    "nisqa_tts",
    0,
    "NISQA-TTS",
    f"naturalness that NISQA-TTS, made for synthetic speech, predicts without a reference, {_NOTE}",
    scores=scores_at(NATURALNESS),
    rate=0,
    variants=partial(_variant, NATURALNESS),
)
"""Naturalness by NISQA-TTS of a signal of 0.14 to 60 s: about 1 to 5, not clamped."""
