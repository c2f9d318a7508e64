"""NISQA: five quality scales predicted from the decoded signal alone, and the naturalness that NISQA-TTS predicts.

Networks, mel spectrogram and weights are those of github.com/gabrielmittag/NISQA, which computes at whatever rate a
file has: the bands above half that rate are empty, so a decoder at 16 kHz and one at 24 kHz are not judged alike. The
variant `nisqa[48000]` brings every signal to one rate first.

Source: Mittag et al., "NISQA: A Deep CNN-Self-Attention Model for Multidimensional Speech Quality Prediction with
Crowdsourced Datasets", Interspeech 2021; Mittag and Möller, "Deep Learning Based Assessment of Synthetic Speech
Naturalness", Interspeech 2020.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from codec_bench.audio import Audio, resample
from codec_bench.errors import UsageError
from codec_bench.hub import RemoteFile, locate
from codec_bench.metrics import register_metric
from codec_bench.metrics.model import Model, Result, model_feature
from codec_bench.metrics.signal import Feature, Signal
from codec_bench.records import NotScorable, Status

if TYPE_CHECKING:
    from torch import Tensor

Weights = Mapping[str, Any]
"""Tensors by the names that the checkpoints give them."""

LICENCE = "CC BY-NC-SA 4.0"
"""Of both checkpoints: not for commercial use. The code of the original is MIT."""

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
        name: Of its models and features.
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

    def load(self, device: str) -> dict[str, Tensor]:
        """The tensors of the checkpoint.

        Raises:
            UnavailableError: The file is not here, or is another one.
        """
        import torch

        checkpoint = torch.load(locate(self.file), map_location=device, weights_only=True)
        weights: dict[str, Tensor] = checkpoint["model_state_dict"]
        return weights

    def apply(self, weights: Weights, audio: Audio) -> Result:
        """The scales of one signal, float32 `[scales]`, or that it is too short or too long."""
        import torch

        frames = 1 + len(audio) // int(audio.rate * HOP_SECONDS)
        if frames < SEGMENT:
            need = f"NISQA needs {(SEGMENT - 1) * HOP_SECONDS:g} s"
            return NotScorable(f"{audio.seconds:.2f} s: {need}", Status.TOO_SHORT)
        most = SEGMENT + self.hop * self.segments - 1  # in a frame more, one more segment begins
        if frames > most:
            return NotScorable(f"{audio.seconds:.1f} s: {self.name} is only defined up to {most * HOP_SECONDS:.0f} s")
        # CUDA convolutions and LSTMs round to 10 bits (TF32) unless told not to.
        cudnn = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
        with torch.inference_mode(), cudnn:
            spectrogram = mel_spectrogram(audio, self.top_hz, next(iter(weights.values())).device)
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
    bands = torch.from_numpy(mel_filters(audio.rate, top_hz)).to(device) @ spectrum.abs().T
    decibels = 20 * torch.log10(bands.clamp(min=FLOOR))
    return decibels.clamp(min=float(decibels.max()) - RANGE_DB)


@cache
def mel_filters(rate: int, top_hz: int) -> NDArray[np.float32]:
    """Triangular mel filters of equal area, float32 `[48, 2049]`, as `librosa.filters.mel(fmax=top_hz)` makes them.

    Unlike `spectral.slaney_filterbank`, they may end elsewhere than at half the rate, and begin above it.
    """
    step = np.log(6.4) / 27  # Slaney's scale: 200/3 Hz per mel up to 1 kHz, then 27 mels per factor 6.4
    scale = np.linspace(0, 15 + np.log(top_hz / 1000) / step, MELS + 2)
    edges = np.where(scale < 15, scale * 200 / 3, 1000 * np.exp((scale - 15) * step))
    ramps = np.fft.rfftfreq(FFT, 1 / rate) - edges[:, None]
    widths = np.diff(edges)[:, None]
    triangles = np.maximum(0, np.minimum(ramps[:-2] / widths[:-1], -ramps[2:] / widths[1:]))
    return np.asarray(triangles * (2 / (edges[2:] - edges[:-2]))[:, None], np.float32)


def predict_quality(weights: Weights, segments: Tensor) -> Tensor:
    """NISQA v2: convolutions, two layers of self-attention, and attention pooling for each of the five scales.

    Args:
        weights: Tensors of `nisqa.tar`.
        segments: float32 `[segments, 1, 48, 15]`, dB.

    Returns:
        float32 `[5]`: overall quality, noisiness, discontinuity, coloration, loudness.
    """
    import torch
    from torch.nn.functional import layer_norm, relu, scaled_dot_product_attention

    def convolved(part: Tensor) -> Tensor:
        from torch.nn.functional import adaptive_max_pool2d

        x = adaptive_max_pool2d(_convolution(weights, 1, part), (24, 7))
        x = adaptive_max_pool2d(_convolution(weights, 2, x), (12, 5))
        x = _convolution(weights, 4, _convolution(weights, 3, x))
        x = _convolution(weights, 5, adaptive_max_pool2d(x, (6, 3)))
        return _convolution(weights, 6, x, padding=(1, 0)).flatten(1)

    def norm(name: str, x: Tensor) -> Tensor:
        return layer_norm(x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"])

    linear = partial(_linear, weights)
    x = torch.cat([convolved(part) for part in torch.split(segments, _AT_ONCE)])
    base = "time_dependency.model"
    x = norm(f"{base}.norm1", linear(f"{base}.linear", x))
    for layer in (f"{base}.layers.0", f"{base}.layers.1"):
        projected = x @ weights[f"{layer}.self_attn.in_proj_weight"].T + weights[f"{layer}.self_attn.in_proj_bias"]
        query, key, value = (part[None] for part in projected.chunk(3, dim=1))
        seen = scaled_dot_product_attention(query, key, value)[0]
        x = norm(f"{layer}.norm1", x + linear(f"{layer}.self_attn.out_proj", seen))
        x = norm(f"{layer}.norm2", x + linear(f"{layer}.linear2", relu(linear(f"{layer}.linear1", x))))
    scales = []
    for pool in (f"pool_layers.{scale}.model" for scale in range(5)):
        attention = linear(f"{pool}.linear2", relu(linear(f"{pool}.linear1", x))).softmax(dim=0)
        scales.append(linear(f"{pool}.linear3", (attention * x).sum(dim=0)))
    return torch.cat(scales)


def predict_naturalness(weights: Weights, segments: Tensor) -> Tensor:
    """NISQA-TTS: convolutions, and a bidirectional LSTM of which both last steps count.

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
        return _linear(weights, "cnn.model.fc_out", x.flatten(1))

    x = torch.cat([convolved(part) for part in torch.split(segments, _AT_ONCE)])
    base = "time_dependency.model.lstm."
    tensors = {name.removeprefix(base): tensor for name, tensor in weights.items() if name.startswith(base)}
    size = tensors["weight_hh_l0"].shape[1]
    with torch.random.fork_rng(devices=[]):  # a new layer draws numbers, and the caller's generator must not move
        lstm = torch.nn.LSTM(x.shape[1], size, bidirectional=True)
    lstm.load_state_dict(tensors)
    lstm.to(x.device)
    _, (last, _) = lstm(x)
    return _linear(weights, "pool.model.linear", last.flatten())


def _convolution(weights: Weights, layer: int, x: Tensor, padding: tuple[int, int] = (1, 1)) -> Tensor:
    """Convolution, batch normalisation and rectification."""
    from torch.nn.functional import batch_norm, conv2d, relu

    conv, norm = f"cnn.model.conv{layer}", f"cnn.model.bn{layer}"
    x = conv2d(x, weights[f"{conv}.weight"], weights[f"{conv}.bias"], padding=padding)
    mean, variance = weights[f"{norm}.running_mean"], weights[f"{norm}.running_var"]
    return relu(batch_norm(x, mean, variance, weights[f"{norm}.weight"], weights[f"{norm}.bias"]))


def _linear(weights: Weights, name: str, x: Tensor) -> Tensor:
    from torch.nn.functional import linear

    return linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])


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
    """The scales that a network gives to a signal.

    Args:
        network: Which one.
        rate: Sampling rate in Hz that signals are brought to first; 0 leaves them at their own.

    Returns:
        Feature whose value is float32 `[scales]`.
    """

    def apply(weights: Weights, audios: Sequence[Audio]) -> list[Result]:
        # One by one: a padded batch is no faster, since the convolutions already get hundreds of segments together.
        return [network.apply(weights, resample(audio, rate) if rate else audio) for audio in audios]

    name = f"{network.name}/{rate}" if rate else network.name
    weights = (network.file,)
    return model_feature(Model(name, network.load, apply, weights, packages=("torch",), licence=LICENCE))


def _variants(network: Network) -> Callable[[str], Mapping[str, Any]]:
    """A variant is a sampling rate."""

    def variant(name: str) -> dict[str, Any]:
        if not (name.isdecimal() and str(int(name)) == name and 8_000 <= int(name) <= 192_000):
            example = f"{network.name}[16000]"
            raise UsageError(f"a variant of {network.name} is a rate from 8000 to 192000 Hz, {example}, not {name!r}")
        return {"scores": scores_at(network, int(name))}

    return variant


_quality = scores_at(QUALITY)
_naturalness = scores_at(NATURALNESS)
_register = partial(
    register_metric, unit="MOS", better="higher", rate=0, family="mos", digits=2, variants=_variants(QUALITY)
)  # fmt: skip
_NOTE = "at the decoded signal's own rate, or at the one in brackets"


@_register("nisqa", title="NISQA", note=f"overall quality that NISQA v2 predicts without a reference, {_NOTE}")
def quality(decoded: Signal, *, scores: Feature = _quality) -> float:
    """Overall quality by NISQA v2.

    Args:
        decoded: The signal that is judged, 0.14 to 52 s, at its own rate.
        scores: The network's five scales.

    Returns:
        Mean opinion score, about 0.6 to 5; the network's output is not clamped.

    Raises:
        NotScorable: Too short or too long.
        UnavailableError: The weights are not here.
    """
    return float(decoded[scores][0])


@_register("nisqa.noi", title="NISQA noisiness", note=f"noisiness by NISQA v2, higher is cleaner, {_NOTE}")
def noisiness(decoded: Signal, *, scores: Feature = _quality) -> float:
    """Noisiness by NISQA v2, higher is cleaner; otherwise as `quality`."""
    return float(decoded[scores][1])


@_register("nisqa.dis", title="NISQA discontinuity", note=f"discontinuity by NISQA v2, higher is smoother, {_NOTE}")
def discontinuity(decoded: Signal, *, scores: Feature = _quality) -> float:
    """Discontinuity by NISQA v2, higher is smoother; otherwise as `quality`."""
    return float(decoded[scores][2])


@_register("nisqa.col", title="NISQA coloration", note=f"coloration by NISQA v2, higher is more natural, {_NOTE}")
def coloration(decoded: Signal, *, scores: Feature = _quality) -> float:
    """Coloration by NISQA v2, higher is more natural; otherwise as `quality`."""
    return float(decoded[scores][3])


@_register("nisqa.loud", title="NISQA loudness", note=f"loudness by NISQA v2, higher is nearer the optimum, {_NOTE}")
def loudness(decoded: Signal, *, scores: Feature = _quality) -> float:
    """Loudness by NISQA v2, higher is nearer to the optimum; otherwise as `quality`."""
    return float(decoded[scores][4])


@_register(
    "nisqa_tts",
    title="NISQA-TTS",
    variants=_variants(NATURALNESS),
    note=f"naturalness that NISQA-TTS, made for synthetic speech, predicts without a reference, {_NOTE}",
)
def naturalness(decoded: Signal, *, scores: Feature = _naturalness) -> float:
    """Naturalness by NISQA-TTS.

    Args:
        decoded: The signal that is judged, 0.14 to 60 s, at its own rate.
        scores: The network's output.

    Returns:
        Mean opinion score, about 1 to 5, not clamped.

    Raises:
        NotScorable: Too short or too long.
        UnavailableError: The weights are not here.
    """
    return float(decoded[scores][0])
