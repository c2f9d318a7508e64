"""Pictures of runs, for papers and reports: one file per kind of picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from codec_bench.errors import UsageError
from codec_bench.files import write_atomically
from codec_bench.reports.plots import (
    bars,
    bitrate,
    bubbles,
    codebooks,
    confusion,
    distributions,
    embedding,
    lengths,
    radar,
    ranking,
    severity,
    spectrograms,
    style,
    zipf,
)
from codec_bench.reports.plots.material import Drawer, Picture, PlotData, gather
from codec_bench.runs.directory import Run, slug

KINDS: Mapping[str, Drawer] = {
    "bitrate": bitrate.draw,
    "bars": bars.draw,
    "bubbles": bubbles.draw,
    "severity": severity.draw,
    "ranking": ranking.draw,
    "radar": radar.draw,
    "distributions": distributions.draw,
    "lengths": lengths.draw,
    "codebooks": codebooks.draw,
    "zipf": zipf.draw,
    "embedding": embedding.draw,
    "confusion": confusion.draw,
    "spectrograms": spectrograms.draw,
}
"""The kinds of pictures, in the order in which reports show them."""


@dataclass(frozen=True)
class Plot:
    """A picture that was written, with one file per format in the order of the formats; else as `Picture`."""

    name: str
    title: str
    caption: str
    paths: tuple[Path, ...]


def write_plots(
    runs: Sequence[Run],
    folder: Path,
    formats: Sequence[str] = ("png",),
    kinds: Sequence[str] | None = None,
    bands: Sequence[float] | None = None,
) -> list[Plot]:
    """Draws what the data of runs allow; a kind of picture whose data are not there is left out.

    The same run gives the same bytes. A codec has one colour and one marker in all pictures of a call.

    Args:
        runs: Finished runs. Those over the same utterances share their pictures.
        folder: Where the files go.
        formats: `png`, `svg`, `pdf`.
        kinds: Some of `KINDS`; all by default.
        bands: Edges of the bitrate groups in kbit/s, falling; those of the first run by default.

    Returns:
        What was written, the main metrics against bitrate first.

    Raises:
        UsageError: A format or a kind is not known, or a data file of a run cannot be read.
    """
    for name in formats:
        if name not in style.FORMATS:
            raise UsageError(f"pictures are written as {', '.join(style.FORMATS)}, not as {name!r}")
    plots = []
    for picture in pictures(runs, kinds, bands):
        paths = tuple(folder / f"{picture.name}.{f}" for f in formats)
        with style.settings():
            for path, file_format in zip(paths, formats, strict=True):
                write_atomically(path, style.render(picture.figure, file_format))
        plots.append(Plot(picture.name, picture.title, picture.caption, paths))
    return plots


def pictures(
    runs: Sequence[Run], kinds: Sequence[str] | None = None, bands: Sequence[float] | None = None
) -> Iterator[Picture]:
    """The pictures of runs, one after the other, as matplotlib figures with unique names; as for `write_plots`.

    Raises:
        UsageError: A kind is not known, or a data file of a run cannot be read.
    """
    if unknown := [k for k in kinds or () if k not in KINDS]:
        raise UsageError(f"there is no kind of picture {unknown[0]!r}; there are {', '.join(KINDS)}")
    taken: set[str] = set()  # without upper case, which some file systems do not tell apart
    for material in gather(runs, bands):
        for kind, draw in KINDS.items():
            if kinds is not None and kind not in kinds:
                continue
            drawer = draw(material)
            while True:
                with style.settings():  # not around the yield: the caller keeps its own settings
                    picture = next(drawer, None)
                if picture is None:
                    break
                name = _free(picture.name, material, taken)
                taken.add(name.casefold())
                yield Picture(name, picture.title, picture.caption, picture.figure)


def _free(name: str, material: PlotData, taken: set[str]) -> str:
    """A name that no other picture of the report has: the data set is added, then a number."""
    if name.casefold() not in taken:
        return name
    longer = f"{name}-{slug(material.table.dataset)}"
    return next(n for i in range(1, 1000) if (n := longer if i == 1 else f"{longer}-{i}").casefold() not in taken)


__all__ = ["KINDS", "Picture", "Plot", "pictures", "write_plots"]
