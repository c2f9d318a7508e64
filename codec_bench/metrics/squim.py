"""SQUIM: PESQ, STOI and SI-SDR predicted without the recording, and an opinion score beside any clean one.

The networks are those of torchaudio, with the weights that its pipelines download.

Source: Kumar et al., "TorchAudio-Squim: Reference-less speech quality and intelligibility measures in TorchAudio",
ICASSP 2023.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from codec_bench.audio import Audio
from codec_bench.hub import RemoteFile
from codec_bench.metrics import Metric, register_metric
from codec_bench.metrics.checkpoints import read_checkpoint, weights_of
from codec_bench.metrics.model import Model, ModelOutput, model_feature, one_by_one, run_model
from codec_bench.metrics.resampling import SINC
from codec_bench.metrics.signal import Array, Feature, Signal
from codec_bench.records import NotScorable, Status

if TYPE_CHECKING:
    from torch.nn import Module

RATE = 16_000
SHORTEST = RATE // 4
"""Below 0.25 s the measures that are predicted have no values; the networks have some for anything."""

_ADDRESS = "https://download.pytorch.org/torchaudio/models"
OBJECTIVE, SUBJECTIVE = (
    RemoteFile(f"models/squim/{name}", source=f"{_ADDRESS}/{name}")
    for name in ("squim_objective_dns2020.pth", "squim_subjective_bvcc_daps.pth")
)
_TOO_SHORT = NotScorable(f"SQUIM needs {SHORTEST / RATE:g} s to say anything", Status.TOO_SHORT)


def _load(file: RemoteFile, architecture: Callable[[Any], Callable[[], Module]], device: str) -> Module:
    import torch
    import torchaudio.models

    with weights_of("SQUIM", file) as path, torch.random.fork_rng(devices=[]):
        network = architecture(torchaudio.models)()
        network.load_state_dict(read_checkpoint(path))
    return network.to(device).eval().requires_grad_(False)


def _load_objective(device: str) -> Module:
    return _load(OBJECTIVE, lambda models: models.squim_objective_base, device)


def _load_subjective(device: str) -> Module:
    return _load(SUBJECTIVE, lambda models: models.squim_subjective_base, device)


@one_by_one(SHORTEST, _TOO_SHORT.reason)  # it has no mask
def _apply_objective(network: Any, audio: Audio) -> Array:
    import torch

    device = next(network.parameters()).device
    return np.array([float(value) for value in network(torch.from_numpy(audio.samples)[None].to(device))], np.float32)


def _apply_subjective(network: Any, pairs: Sequence[Any]) -> list[ModelOutput]:
    import torch

    found: list[ModelOutput] = []
    for decoded, reference in pairs:
        if min(len(decoded), len(reference)) < SHORTEST:
            found.append(_TOO_SHORT)
            continue
        waves = (torch.from_numpy(np.ascontiguousarray(samples))[None] for samples in (decoded, reference))
        found.append(np.asarray(network(*waves).item(), np.float32))
    return found


def _model(name: str, load: Callable[[str], Any], apply: Any, file: RemoteFile, licence: str) -> Model:
    return Model(
        name, load, apply, weights=(file,), packages=("torch", "torchaudio"), modules=("torchaudio",), extra="squim",
        licence=licence,
    )  # fmt: skip


measures = model_feature(_model("squim/objective", _load_objective, _apply_objective, OBJECTIVE, "CC BY 4.0"), SINC)
"""STOI, wide-band PESQ and SI-SDR that the network expects of a signal, float32 `[3]`."""


def _predicted(
    name: str, output: int, title: str, unit: str, range: tuple[float | None, float | None], digits: int
) -> Metric:
    def predicted(decoded: Signal, *, measures: Feature = measures) -> float:
        """What the network expects of a signal of 0.25 s or more; its level does not count.

        Args:
            decoded: The signal at 16 kHz.
            measures: The network.

        Raises:
            NotScorable: The signal is too short, or the network gives no number.
            UnavailableError: torchaudio, or the weights, are missing.
        """
        value = float(decoded[measures][output])
        if not np.isfinite(value):
            raise NotScorable("the network gives no number", Status.UNDEFINED)
        return value

    better: Literal["higher"] = "higher"
    register = register_metric(
        name, unit=unit, better=better, range=range, rate=RATE, family="mos", title=f"SQUIM {title}", digits=digits,
        hears_polarity=True,
        note=f"{title} that TorchAudio-SQUIM (DNS 2020) predicts without the recording; not comparable with {title}.",
    )  # fmt: skip
    return register(predicted)


predicted_stoi = _predicted("squim.stoi", 0, "STOI", "", (0.0, 1.0), 3)
predicted_pesq = _predicted("squim.pesq", 1, "PESQ-wb", "MOS-LQO", (1.0, 5.0), 2)
predicted_si_sdr = _predicted("squim.si_sdr", 2, "SI-SDR", "dB", (None, None), 2)

waveform = Feature("squim/waveform", lambda audio: audio.samples, axes=1, resampler=SINC)
"""A signal, float32 `[n]`, through the resampler of torchaudio."""

OPINION = _model("squim/subjective", _load_subjective, _apply_subjective, SUBJECTIVE, "CC BY-NC 4.0")


@register_metric(
    "squim.mos",
    unit="MOS",
    better="higher",
    range=(None, None),
    rate=RATE,
    family="mos",
    title="SQUIM MOS",
    digits=2,
    same_utterance=False,
    hears_polarity=True,
    note="Opinion that TorchAudio-SQUIM (BVCC and DAPS) predicts beside a clean recording, which is the original here; "
    "another one gives another score.",
)
def predicted_opinion(
    reference: Signal, decoded: Signal, *, waveform: Feature = waveform, opinion: Model = OPINION
) -> float:
    """Mean opinion score from 1 to 5 beside a clean recording, which need not be of the same words.

    Args:
        reference: Any clean recording at 16 kHz; it is cut, or repeated, to the length of `decoded`.
        decoded: The signal at 16 kHz.
        waveform: What the network hears of them.
        opinion: The network.

    Raises:
        NotScorable: One of the two is too short.
        UnavailableError: torchaudio, or the weights, are missing.
    """
    (score,) = run_model(opinion, [(decoded[waveform], reference[waveform])], "cpu")
    if isinstance(score, NotScorable):
        raise score
    return float(score)
