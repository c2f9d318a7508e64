"""What went wrong: spectrograms of the worst utterances next to those of their recordings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann

from codec_bench.audio import Audio, read_audio
from codec_bench.records import NotScorable
from codec_bench.reports.cells import TableColumn
from codec_bench.reports.plots import style
from codec_bench.reports.plots.material import Picture, PlotData, PlottedRow, stem
from codec_bench.runs.directory import Run, slug

MOST = 4
"""Pairs in one picture."""

WINDOW_SECONDS, HOP_SECONDS = 0.025, 0.01
RANGE_DB = 80.0
"""Below the loudest point of the recording."""

SHADES = 40
"""Steps of 2 dB: finer ones are invisible, and files are half as large."""


@dataclass(frozen=True)
class WorstUtterance:
    """A system's worst utterance in one metric, with both signals."""

    entry: PlottedRow
    utterance: str
    value: float
    reference: Audio
    decoded: Audio


def draw(material: PlotData) -> Iterator[Picture]:
    """One picture per main metric; nothing for runs that kept no audio, or no audio of the recordings."""
    for column in material.main:
        if not column.better or not (pairs := worst_pairs(material, column)):
            continue
        name = style.axis_label(column)
        title = f"Worst utterances by {name}"
        figure = _figure(pairs, column)
        style.headline(figure, title, material.table.caption)
        caption = (
            f"The utterance with the worst {name} of the worst setting of each codec, the worst first: the recording "
            f"on the left, what was decoded on the right. Short-time spectra ({WINDOW_SECONDS * 1000:g} ms Hann "
            f"window, {HOP_SECONDS * 1000:g} ms steps) in dB relative to the loudest point of the recording; one "
            "colour scale, one time axis per pair. A signal has nothing above half its own sampling rate."
        )
        codecs = len({e.family for e in material.clean})
        if len(pairs) < codecs:
            caption += f" {len(pairs)} of {codecs} codecs."
        yield Picture(stem("spectrograms", column.label), title, caption, figure)


def worst_pairs(material: PlotData, column: TableColumn, most: int = MOST) -> list[WorstUtterance]:
    """The worst utterance of each clean row whose audio is there, the worst first; each codec once at most.

    Args:
        material: A table and its runs.
        column: A metric with a direction.
        most: Pairs.
    """
    sign = 1.0 if column.better == "higher" else -1.0
    found: list[tuple[float, str, PlottedRow]] = []
    for entry in material.clean:
        scores = entry.scores(column)
        here = [
            (sign * value, str(u))
            for u, value in zip(scores.utterance, scores.value, strict=True)
            if _files(entry, str(u)) is not None
        ]
        if here:
            value, utterance = min(here)
            found.append((sign * value, utterance, entry))
    pairs: list[WorstUtterance] = []
    for value, utterance, entry in sorted(found, key=lambda f: sign * f[0]):
        if len(pairs) == most or entry.family in {p.entry.family for p in pairs}:
            continue
        files = _files(entry, utterance)
        assert files is not None
        try:
            reference, decoded = (read_audio(path) for path in files)
        except NotScorable:
            continue  # a damaged file of a run directory; its score was made from another one
        pairs.append(WorstUtterance(entry, utterance, value, reference, decoded))
    return pairs


def _files(entry: PlottedRow, utterance: str) -> tuple[Path, Path] | None:
    """The recording that a decoded file was scored against, and that file, as `--keep-audio` left them."""
    recordings = [label for label, s in entry.run.systems.items() if s.get("system", label) == "ground-truth"]
    clean = [label for label in recordings if not entry.run.systems[label].get("condition")]
    if not clean:
        return None
    files = tuple(_audio(entry.run, label, utterance) for label in (clean[0], entry.row.system))
    return (files[0], files[1]) if all(f.is_file() for f in files) else None


def _audio(run: Run, system: str, utterance: str) -> Path:
    return run.path / "audio" / slug(system) / f"{utterance}.wav"


def spectrogram(audio: Audio) -> tuple[NDArray[np.float64], float]:
    """Magnitudes in dB, so that a full-scale sine has 0 dB at any sampling rate.

    Returns:
        dB `[frequencies, frames]`, not below -160, and the highest frequency in Hz.
    """
    window = hann(round(WINDOW_SECONDS * audio.rate), sym=False)
    transform = ShortTimeFFT(window, hop=round(HOP_SECONDS * audio.rate), fs=audio.rate, scale_to=None)
    samples = audio.samples.astype(np.float64)
    samples = np.pad(samples, (0, max(0, len(window) - len(samples))))
    magnitude = np.abs(transform.stft(samples)) * 2 / window.sum()
    return 20 * np.log10(np.maximum(magnitude, 1e-8)), audio.rate / 2


def _figure(pairs: Sequence[WorstUtterance], column: TableColumn) -> Figure:
    figure, axes = style.grid(2 * len(pairs), width=4.4, height=2.0, across=2, extra=0.7)
    image = None
    for row, pair in enumerate(pairs):
        left, right = axes[2 * row : 2 * row + 2]
        reference, top = spectrogram(pair.reference)
        decoded, decoded_top = spectrogram(pair.decoded)
        loudest = float(reference.max())
        seconds = max(len(a.samples) / a.rate for a in (pair.reference, pair.decoded))
        highest = max(top, decoded_top)
        _panel(left, reference - loudest, pair.reference, seconds, highest)
        image = _panel(right, decoded - loudest, pair.decoded, seconds, highest)
        left.set_title(f"recording · {pair.utterance}", fontsize=9)
        value = f"{style.axis_label(column)} {pair.value:.{column.digits}f}"
        cell = pair.entry.cell(column)
        mean = "" if cell is None else f" (all: {cell.number})"
        right.set_title(f"{pair.entry.label} · {value}{mean}", fontsize=9)
        left.set_ylabel("frequency (kHz)")
        right.set_yticklabels([])
        if row == len(pairs) - 1:
            left.set_xlabel("time (s)")
            right.set_xlabel("time (s)")
    if image is not None:
        bar = figure.colorbar(image, ax=axes, fraction=0.025, pad=0.01)
        bar.set_label("level (dB re loudest point of the recording)")
    return figure


def _panel(axis: Axes, level: NDArray[np.float64], audio: Audio, seconds: float, highest: float) -> AxesImage:
    end = len(audio.samples) / audio.rate
    image = axis.imshow(
        level, origin="lower", aspect="auto", cmap=colormaps["magma"].resampled(SHADES), vmin=-RANGE_DB, vmax=0.0,
        extent=(0.0, end, 0.0, audio.rate / 2000), interpolation="nearest",
    )  # fmt: skip
    axis.set_facecolor("#E4E4E4")  # no signal there
    axis.set_xlim(0.0, seconds)
    axis.set_ylim(0.0, highest / 1000)
    axis.spines[["top", "right"]].set_visible(True)
    return image
