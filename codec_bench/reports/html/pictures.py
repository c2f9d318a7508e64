"""The plots next to a report, as pictures inside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from codec_bench.files import check_inside, read_file
from codec_bench.reports.html.embedding import data_uri

KINDS = {".png": "image/png", ".svg": "image/svg+xml"}
EMBEDDED_PICTURES = 15_000_000
"""Bytes of pictures that a page holds at most; further ones are links."""


class EmbeddedPicture(NamedTuple):
    """A plot: its content as a `data:` address, empty if the page held enough already, and its file in the report."""

    title: str
    caption: str
    source: str
    file: str


def pictures(out: Path, plots: Sequence[Any] = (), limit: int = EMBEDDED_PICTURES) -> list[EmbeddedPicture]:
    """The pictures of `out/plots`.

    Args:
        out: The report's folder.
        plots: What `write_plots` returned: objects with `title`, `caption` and `paths`. Files that they do not name
            follow with their name as title.
        limit: Bytes of pictures that the page holds.
    """
    described = [(p.title, p.caption, _best([Path(path) for path in p.paths])) for p in plots]
    named = {Path(path).resolve() for p in plots for path in p.paths}
    others: dict[str, list[Path]] = {}
    for file in sorted((out / "plots").glob("*")):
        if file.suffix in KINDS and file.resolve() not in named:
            others.setdefault(file.stem, []).append(file)
    described += [(stem.replace("_", " ").capitalize(), "", _best(files)) for stem, files in others.items()]
    found, size = [], 0
    for title, caption, path in described:
        if path is None:
            continue
        check_inside(path, out)
        data = read_file(path)
        size += len(data)
        source = data_uri(data, KINDS[path.suffix]) if size <= limit else ""
        found.append(EmbeddedPicture(title, caption, source, f"plots/{path.name}"))
    return found


def _best(paths: Sequence[Path]) -> Path | None:
    """The smaller file of a picture: drawings are small as SVG, point clouds and spectrograms are as PNG."""
    return min((p for p in paths if p.suffix in KINDS and p.is_file()), key=lambda p: p.stat().st_size, default=None)
