"""A metric whose model one process computes for all signals, and that says how it was called."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from codec_bench.audio import Audio
from codec_bench.metrics import register_metric
from codec_bench.metrics.model import Model, ModelOutput, model_feature
from codec_bench.metrics.signal import Feature, Signal
from codec_bench.records import NotScorable, Status


def load(device: str) -> float:
    """A scale; the log says which process loaded it."""
    with Path(os.environ["HEAVY_LOG"]).open("a") as log:
        log.write(f"load {os.getpid()}\n")
    return 2.0


def apply(scale: float, audios: Sequence[Audio]) -> list[ModelOutput]:
    """Twice the RMS; none for what is longer than four seconds."""
    with Path(os.environ["HEAVY_LOG"]).open("a") as log:
        log.write(f"batch {len(audios)}\n")
    found: list[ModelOutput] = []
    for audio in audios:
        if audio.seconds > 4:
            found.append(NotScorable("too long for the model", Status.UNDEFINED))
        else:
            found.append(np.array(scale * np.sqrt(np.mean(audio.samples.astype(np.float64) ** 2))))
    return found


MODEL = Model("heavy", load, apply, is_heavy=True)
feature = model_feature(MODEL)


@register_metric("loudness", better="lower", rate=16_000, title="Loudness", note="twice the RMS")
def loudness(decoded: Signal, *, level: Feature = feature) -> float:
    """Twice the RMS."""
    return float(decoded[level])


def apply_to_beginnings(scale: float, audios: Sequence[Audio]) -> list[ModelOutput]:
    """Scaled RMS of the first quarter of a second."""
    return [
        np.array(scale * np.sqrt(np.mean(audio.samples[: audio.rate // 4].astype(np.float64) ** 2))) for audio in audios
    ]


BEGINNINGS = Model("beginnings", load, apply_to_beginnings, is_heavy=True)
of_beginning = model_feature(BEGINNINGS)


@register_metric("beginning", better="lower", rate=16_000, title="Beginning", note="how the first RMS changed")
def beginning(reference: Signal, decoded: Signal, *, level: Feature = of_beginning) -> float:
    """By how much the RMS of the first quarter of a second changed."""
    return float(abs(reference[level] - decoded[level]))
