"""What all pictures have in common: one colour and marker per codec, fonts, axes, legends, files."""

from __future__ import annotations

import io
import logging
import math
import re
import textwrap
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from PIL import Image

from codec_bench.reports.cells import Cell, TableColumn, TableRow
from codec_bench.reports.sections import RANKED_COVERAGE
from codec_bench.stats import Estimate

logger = logging.getLogger(__name__)

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette, which colour-blind readers can tell apart, without its yellow, which is lost on white."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", ">", "p", "*", "<", "h")
"""As many as have no common divisor with the colours: 84 codecs differ in colour or marker, neighbours in both."""

LINES: tuple[Any, ...] = ("-", (0, (5, 2)), "-.", ":", (0, (6, 2, 1, 2, 1, 2)), (0, (1, 3)))
"""Where lines of one colour lie side by side: of a codec's settings, or of conditions; the first is solid."""

GREY = "#707070"
REFERENCE_LINES: tuple[Any, ...] = ("--", (0, (2, 2)), (0, (8, 3)), (0, (4, 1, 1, 1)))
"""Colour and lines of the recordings and of other rows that code nothing."""

SOFT = "#404040"
"""Colour of text that is not data."""

MISSING_GLYPH = re.compile(r"Glyph (\d+) .*missing from font")

FORMATS = ("png", "svg", "pdf")
DPI = 144

FALLBACK_FONTS = ("Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Zen Hei", "Microsoft YaHei",
                  "PingFang SC", "Arial Unicode MS")  # fmt: skip
"""For names and labels that are not in matplotlib's own font; those that the machine has are used."""

SETTINGS: dict[str, Any] = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#D8D8D8",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.4,
    "lines.markersize": 5.5,
    "text.parse_math": False,  # a system may be called `a$b$`
    "svg.hashsalt": "codec-bench",  # else its ids are drawn at random
    "svg.fonttype": "none",  # text stays text: it can be searched for and read aloud
    "pdf.fonttype": 42,
}

METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
"""Nothing that differs between two days or two machines."""


@dataclass(frozen=True)
class Look:
    """How a system is drawn in every picture.

    Attributes:
        colour: Colour of its codec.
        marker: Marker of its codec.
        line: Line style of its setting, if the settings of a codec are drawn as separate lines.
    """

    colour: str
    marker: str
    line: Any

    def with_line(self, **more: Any) -> dict[str, Any]:
        """What matplotlib calls the look, with further properties of a line."""
        return {"color": self.colour, "marker": self.marker, "linestyle": self.line} | more


def plain_look(number: int = 0) -> Look:
    """How anything but a codec is drawn: recordings, texts, labellings."""
    return Look(GREY, "|", REFERENCE_LINES[number % len(REFERENCE_LINES)])


def looks_of(rows: Iterable[TableRow]) -> dict[str, Look]:
    """Looks by label: each codec of a report has its colour and marker, in the order requested.

    Rows that differ in nothing but the condition have the same setting, and look the same.
    """
    looks: dict[str, Look] = {}
    codecs: dict[str, dict[str, int]] = {}
    references: dict[str, int] = {}
    for row in rows:
        known = references if row.is_reference else codecs.setdefault(row.codec, {})
        number = known.setdefault(row.setting, len(known))
        if row.is_reference:
            looks[row.label] = plain_look(number)
        else:
            i = list(codecs).index(row.codec)
            looks[row.label] = Look(COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)], LINES[number % len(LINES)])
    return looks


@contextmanager
def settings() -> Iterator[None]:
    """Draws with matplotlib's own settings and ours, whatever the user's configuration file says."""
    plain: dict[Any, Any] = {k: v for k, v in mpl.rcParamsDefault.items() if not k.startswith("backend")}
    known = {font.name for font in fontManager.ttflist}
    fonts = ["DejaVu Sans", *(name for name in FALLBACK_FONTS if name in known)]
    with mpl.rc_context(plain | SETTINGS | {"font.family": fonts}):
        yield


def render(figure: Figure, file_format: str) -> bytes:
    """A figure as a file: the same bytes for the same figure.

    Args:
        figure: What was drawn.
        file_format: One of `FORMATS`.
    """
    image = io.BytesIO()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        lay_out(figure)
        figure.set_layout_engine("none")  # it takes longer than drawing, and savefig would do it twice more
        figure.savefig(image, format=file_format, dpi=DPI, metadata=METADATA[file_format])
    for warning in caught:
        if found := MISSING_GLYPH.search(str(warning.message)):
            _warn_of_font(chr(int(found[1])))
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    has_images = any(axis.get_images() for axis in figure.axes)
    return _with_palette(image) if file_format == "png" and has_images else image.getvalue()


def _with_palette(image: io.BytesIO) -> bytes:
    """A PNG of at most 256 colours: noise, as in spectrograms, takes half the room."""
    smaller = io.BytesIO()
    with Image.open(image) as picture:
        picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(smaller, "png", dpi=(DPI, DPI))
    return smaller.getvalue()


def lay_out(figure: Figure) -> None:
    """Lays out the parts of a figure."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)


@lru_cache(maxsize=1)
def _warn_of_font(character: str) -> None:
    """Said once, not for each of its characters."""
    logger.warning("no font here has %r: pictures show a box (a font such as Noto Sans CJK has it)", character)


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of a size in inches whose parts keep clear of each other."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.07, h_pad=0.07, wspace=0.03, hspace=0.04)  # type: ignore[union-attr, call-arg]
    return figure


def grid(
    panels: int,
    *,
    width: float = 3.7,
    height: float = 2.9,
    across: int | None = None,
    extra: float = 0.9,
    **options: Any,
) -> tuple[Figure, list[Axes]]:
    """A figure with a grid of axes, filled row by row; the last row may be shorter.

    Args:
        panels: Number of axes.
        width: Width of each in inches.
        height: Height of each in inches.
        across: At most this many side by side; by default 3, but 2 for 4 axes.
        extra: Inches above and below for title and legend.
        **options: For `Figure.subplots`.
    """
    across = min(across or (2 if panels == 4 else 3), panels)
    down = math.ceil(panels / across)
    figure = new_figure(max(width * across, 5.6), height * down + extra)
    axes = list(figure.subplots(down, across, squeeze=False, **options).flat)
    for axis in axes[panels:]:
        axis.remove()
    return figure, axes[:panels]


def headline(figure: Figure, title: str, caption: str) -> None:
    """Writes above a figure what it shows and of which data; a picture is often shown without its text."""
    per_line = int(figure.get_figwidth() * 13)
    lines = [*textwrap.wrap(title, per_line), *textwrap.wrap(caption, per_line)]
    figure.suptitle("\n".join(lines), fontsize=10)


def legend_below(figure: Figure, handles: Sequence[Artist], largest: float = 0.0, one_row: bool = False) -> None:
    """A legend under all axes, where it covers no data; the figure grows by its height.

    Args:
        figure: Where it goes.
        handles: What is explained, by their labels.
        largest: Diameter in points of the largest handle, where it is higher than a line of text.
        one_row: Whether all is put side by side.
    """
    if not handles:
        return
    # matplotlib leaves out labels that begin with an underscore.
    labels = [re.sub("^_", " _", str(handle.get_label())) for handle in handles]
    width = 0.72 + 0.078 * max(map(len, labels))
    columns = len(labels) if one_row else max(1, min(len(labels), int((figure.get_figwidth() - 0.2) / width)))
    line = max(0.19, (largest + 4) / 72)
    figure.set_figheight(figure.get_figheight() + line * math.ceil(len(labels) / columns))
    size = SETTINGS["legend.fontsize"]
    spacing = {"labelspacing": (largest + 4) / size - 1, "borderpad": 0.5 * largest / size} if largest > size else {}
    figure.legend(
        handles, labels, loc="outside lower center", ncols=columns, frameon=False,
        handlelength=max(3.2, largest / size), **spacing,
    )  # fmt: skip


def log_bitrate_axis(axis: Axes, bitrates: Sequence[float], margin: float = 1.18) -> None:
    """Makes the horizontal axis logarithmic, with round figures in kbit/s as far as the data reach."""
    low, high = min(bitrates), max(bitrates)
    margin = margin if high > low else 2.0
    low, high = low / margin, high * margin
    axis.set_xscale("log")
    axis.set_xlim(low, high)
    ticks: list[float] = []
    for steps in ((1, 2, 5), (1, 1.5, 2, 3, 5, 7), tuple(i / 10 for i in range(10, 100, 5))):
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        ticks = [t for d in decades for s in steps if low <= (t := float(f"{s * 10.0**d:.6g}")) <= high]
        if len(ticks) >= 3:
            break
    axis.xaxis.set_major_locator(FixedLocator(ticks))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axis.set_xlabel("bitrate (kbit/s)")


def axis_label(column: TableColumn) -> str:
    """Name and unit of a metric: `PESQ-wb (MOS-LQO)`."""
    return f"{column.full_title} ({column.unit})" if column.unit else column.full_title


def direction(column: TableColumn) -> str:
    """Which way is better, in words; empty if neither is."""
    return {"higher": "↑ higher is better", "lower": "↓ lower is better"}.get(column.better, "")


def metric_axis(axis: Axes, column: TableColumn, lines: Literal["both", "y"] = "both") -> None:
    """Makes the vertical axis that of a metric, with a grid of lines."""
    axis.set_ylabel(axis_label(column))
    axis.set_title(direction(column), fontsize=9, loc="left", color=SOFT)
    axis.grid(visible=True, axis=lines)


def bound(axis: Axes) -> None:
    """Keeps a few intervals that are much longer than the others, as of two speakers, from pressing points together.

    They run out of the picture then, without an end. What `errorbar` drew along the vertical axis is looked at.
    """
    drawn = [container.lines for container in axis.containers if isinstance(container, ErrorbarContainer)]
    if not drawn:
        return
    values = np.concatenate([np.asarray(line.get_ydata(), float) for line, _, _ in drawn])
    ends = np.concatenate([[segment[:, 1] for segment in bars.get_segments()] for _, _, (bars,) in drawn])
    reaches = np.abs(ends - values[:, None])
    reach = max(np.ptp(values), 2 * np.median(reaches.max(axis=1)))
    low, high = max(ends.min(), values.min() - reach), min(ends.max(), values.max() + reach)
    if reaches.max() > reach > 0:
        margin = 0.05 * (high - low)
        axis.set_ylim(low - margin, high + margin)


def interval(cell: Cell | Estimate) -> tuple[float, float]:
    """How far the interval reaches below and above the value; those of older runs need not contain it."""
    if cell.value is None or cell.low is None or cell.high is None:
        return 0.0, 0.0
    return max(0.0, cell.value - cell.low), max(0.0, cell.high - cell.value)


def is_far(value: float, low: float, high: float) -> bool:
    """Whether an axis that shows a reference would press the systems from `low` to `high` together.

    >>> is_far(95.0, -30.0, 20.0), is_far(4.64, 1.3, 3.9)
    (True, False)
    """
    return high > low and not low - (high - low) <= value <= high + (high - low)


def is_partial(n: int, expected: int) -> bool:
    """Whether so few of the utterances have a value that the point is hollow, as tables do not mark it as best."""
    return n < RANKED_COVERAGE * expected
