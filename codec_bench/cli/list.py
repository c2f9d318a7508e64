"""`codec-bench list`: what there is, and whether it can run here."""

from __future__ import annotations

import json
from enum import Enum
from typing import Annotated, Any

import typer

from codec_bench.cli.options import Json


class Kind(str, Enum):
    """What can be listed."""

    CODECS = "codecs"
    METRICS = "metrics"
    DATASETS = "datasets"


def list_plugins(
    kind: Annotated[Kind, typer.Argument(help="codecs, metrics or datasets")], as_json: Json = False
) -> None:
    """List codecs, metrics or data sets, and whether they can run here."""
    rows = {Kind.CODECS: codec_rows, Kind.METRICS: metric_rows, Kind.DATASETS: dataset_rows}[kind]()
    if as_json:
        typer.echo(json.dumps(rows, indent=1, allow_nan=False))
        return
    print_rows(rows)


def codec_rows() -> list[dict[str, Any]]:
    """One row per codec."""
    from codec_bench.adapters import CODECS

    rows = []
    for name in CODECS.names():
        if name.startswith("test-"):
            continue
        cls = CODECS.get(name)
        spec = cls.mode_spec(cls.modes[0] if cls.modes else None)
        counts = list(cls.prefixes) or ([len(spec.codebooks)] if spec.codebooks else [])
        kbps = {f"@{n}": (spec.bitrate(n) or 0) / 1000 for n in counts}
        settings = [f"@{mode}" for mode in cls.modes] or [f"@{n} ({kbps[f'@{n}']:g} kbps)" for n in counts]
        rows.append(
            {
                "codec": name,
                "title": getattr(cls, "title", spec.title),
                "group": spec.group.value,
                "rate": f"{spec.input_rate / 1000:g} kHz",
                "settings": " ".join(settings),
                "licence": spec.licence,
                "runs here": cls.unavailable() or "yes",
            }
        )
    return rows


def metric_rows() -> list[dict[str, Any]]:
    """One row per metric."""
    from codec_bench.metrics import METRICS

    rows = []
    for name in METRICS.names():
        found = METRICS.get(name)
        low, high = found.range
        bounds = f"{'' if low is None else f'{low:g}'} .. {'' if high is None else f'{high:g}'}"
        variants = ["any recogniser"] if callable(found.variants) else list(found.variants)
        rows.append(
            {
                "metric": name,
                "unit": found.unit,
                "better": found.better,
                "range": bounds,
                "rate": f"{found.rate / 1000:g} kHz",
                "variants": " ".join(variants),
                "definition": found.note,
            }
        )
    return rows


def dataset_rows() -> list[dict[str, Any]]:
    """One row per data set."""
    from codec_bench.datasets import DATASETS

    rows: list[dict[str, Any]] = []
    for name in DATASETS.names():
        cls = DATASETS.get(name)
        rows.append({"dataset": name, "title": cls.title, "licence": cls.licence, "source": cls.source})
    own = {"licence": "yours", "source": ""}
    rows.append({"dataset": "FILE.tsv", "title": "any manifest with the columns id and path", **own})
    rows.append({"dataset": "DIR", "title": "any folder of audio files", **own})
    return rows


def print_rows(rows: list[dict[str, Any]]) -> None:
    """Prints rows as a table that wraps on a terminal and is tab-separated elsewhere."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    headings = list(rows[0])
    if not console.is_terminal:
        typer.echo("\t".join(headings))
        for row in rows:
            typer.echo("\t".join(str(row[h]) for h in headings))
        return
    grid = Table(pad_edge=False)
    for heading in headings:
        grid.add_column(heading, overflow="fold")
    for row in rows:
        grid.add_row(*(Text(str(row[h])) for h in headings))
    console.print(grid)
