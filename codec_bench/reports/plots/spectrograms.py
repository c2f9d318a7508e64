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

from codec_bench.audio import Audio, read_audio
from codec_bench.records import NotScorable
from codec_bench.reports.cells import TableColumn
from codec_bench.reports.plots import style
from codec_bench.reports.plots.material import Picture, PlotData, PlottedRow, stem

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
        caption = (
            f"The utterance with the worst {name} of the worst setting of each codec, the worst first: the recording "
            f"on the left, what was decoded on the right. Short-time spectra ({WINDOW_SECONDS * 1000:g} ms Hann "
            f"window, {HOP_SECONDS * 1000:g} ms steps) in dB relative to the loudest point of the recording; one "
            "colour scale, one time axis per pair. A signal has nothing above half its own sampling rate."
        )
        codecs = len({e.row.family for e in material.clean})
        if len(pairs) < codecs:
            caption += f" {len(pairs)} of {codecs} codecs."
        what = f"Worst utterances by {name}"
        yield material.picture(stem("spectrograms", column.label), what, caption, _figure(pairs, column))


def worst_pairs(material: PlotData, column: TableColumn) -> list[WorstUtterance]:
    """The worst utterance of each clean row whose audio is there, the worst first; each codec once at most."""
    sign = 1.0 if column.better == "higher" else -1.0
    found = []
    for entry in material.clean:
        if not entry.run.file("audio").is_dir():
            continue
        scores = entry.scores(column)
        ranked = sorted((sign * value, str(u)) for u, value in zip(scores.utterance, scores.value, strict=True))
        worst = next((pair for pair in ranked if _files(entry, pair[1])), None)
        if worst is not None:
            found.append((*worst, entry))
    pairs: list[WorstUtterance] = []
    for value, utterance, entry in sorted(found, key=lambda f: f[0]):
        if len(pairs) == MOST or entry.row.family in {p.entry.row.family for p in pairs}:
            continue
        try:
            reference, decoded = (read_audio(path) for path in _files(entry, utterance))
        except NotScorable:
            continue  # a damaged file of a run directory; its score was made from another one
        pairs.append(WorstUtterance(entry, utterance, sign * value, reference, decoded))
    return pairs


def _files(entry: PlottedRow, utterance: str) -> list[Path]:
    """The recording that a decoded file was scored against, and that file; empty where `--keep-audio` left none."""
    systems = entry.run.systems.items()
    clean = [n for n, s in systems if s.get("system", n) == "ground-truth" and not s.get("condition")]
    files = [entry.run.kept("audio", label, utterance) for label in (*clean[:1], entry.row.system)]
    return files if clean and all(file.is_file() for file in files) else []


def spectrogram(audio: Audio) -> tuple[NDArray[np.float64], float]:
    """Magnitudes in dB, so that a full-scale sine has 0 dB at any sampling rate.

    Returns:
        dB `[frequencies, frames]`, not below -160, and the highest frequency in Hz.
    """
    from scipy.signal import ShortTimeFFT  # half a second to import, for runs that kept audio alone
    from scipy.signal.windows import hann

    window = hann(round(WINDOW_SECONDS * audio.rate), sym=False)
    transform = ShortTimeFFT(window, hop=round(HOP_SECONDS * audio.rate), fs=audio.rate, scale_to=None)
    samples = audio.samples.astype(np.float64)
    samples = np.pad(samples, (0, max(0, len(window) - len(samples))))
    magnitude = np.abs(transform.stft(samples)) * 2 / window.sum()
    return 20 * np.log10(np.maximum(magnitude, 1e-8)), audio.rate / 2


def _figure(pairs: Sequence[WorstUtterance], column: TableColumn) -> Figure:
    figure, axes = style.grid(2 * len(pairs), width=4.4, height=2.0, across=2, extra=0.7)
    images = []
    for row, pair in enumerate(pairs):
        left, right = axes[2 * row : 2 * row + 2]
        reference, top = spectrogram(pair.reference)
        decoded, decoded_top = spectrogram(pair.decoded)
        loudest = float(reference.max())
        seconds = max(len(a.samples) / a.rate for a in (pair.reference, pair.decoded))
        highest = max(top, decoded_top)
        _panel(left, reference - loudest, pair.reference, seconds, highest)
        images.append(_panel(right, decoded - loudest, pair.decoded, seconds, highest))
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
    bar = figure.colorbar(images[-1], ax=axes, fraction=0.025, pad=0.01)
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
