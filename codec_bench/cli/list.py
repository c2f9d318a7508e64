"""`codec-bench list`: what there is, and whether it can run here."""

from __future__ import annotations

import json
from enum import Enum
from itertools import groupby
from typing import Annotated, Any

import typer

from codec_bench.cli.options import Json
from codec_bench.grids import Grid

OWN_DATASETS = {
    "FILE.tsv": "any manifest with the columns id and path",
    "DIR": "any folder of audio files",
    "kaldi:DIR": "a Kaldi data folder: wav.scp, text, utt2spk, segments",
    "hf:ORG/NAME[@REVISION][:CONFIG][:SPLIT]": "a data set of Hugging Face, or a folder saved by its library",
    "lhotse:FILE|DIR": "Lhotse cuts, or a folder with recordings and supervisions",
}
"""How users name their own data; see `datasets/loading.py`."""


class Listed(str, Enum):
    """What can be listed."""

    CODECS = "codecs"
    METRICS = "metrics"
    DATASETS = "datasets"
    TASKS = "tasks"
    PAPERS = "papers"


def list_plugins(
    kind: Annotated[Listed, typer.Argument(help="codecs, metrics, datasets, tasks or papers")], as_json: Json = False
) -> None:
    """List codecs, metrics, data sets, tasks of probes or papers' tables, and whether they can run here."""
    machine = {
        Listed.CODECS: codec_facts,
        Listed.METRICS: metric_rows,
        Listed.DATASETS: dataset_rows,
        Listed.TASKS: task_rows,
        Listed.PAPERS: paper_facts,
    }
    people = machine | {Listed.CODECS: codec_rows, Listed.PAPERS: paper_rows}
    rows = (machine if as_json else people)[kind]()
    if as_json:
        typer.echo(json.dumps(rows, indent=1, allow_nan=False))
        return
    Grid.of(rows).print()


def codec_rows() -> list[dict[str, Any]]:
    """One row per codec; what people read. `codec_facts` has the same for programs."""
    return [
        {
            "codec": fact["codec"],
            "title": fact["title"],
            "group": fact["group"],
            "rate": " > ".join(f"{rate / 1000:g}" for rate in dict.fromkeys(fact["rates_hz"])) + " kHz",
            "codebooks": fact["codebooks"],
            "settings": " ".join(_setting_text(setting) for setting in fact["settings"]),
            "parameters": f"{fact['parameters'] / 1e6:.1f} M" if fact["parameters"] else "",
            "causal": _yes_no(fact["causal"]),
            "streaming": _yes_no(fact["streaming"]),
            "licence": fact["licence"] + (" (NON-COMMERCIAL)" if fact["non_commercial"] else ""),
            "download": _size_text(fact["download_bytes"]),
            "runs here": fact["runs_here"] or "yes",
        }
        for fact in codec_facts()
    ]


def codec_facts() -> list[dict[str, Any]]:
    """One entry per codec, for programs: rates in Hz, bitrates in kbit/s, sizes in bytes, None if unknown."""
    from codec_bench.adapters import CODECS

    facts = []
    for name in CODECS.names():
        if name.startswith("test-"):
            continue
        cls = CODECS.get(name)
        specs = {mode: cls.mode_spec(mode) for mode in cls.modes or (None,)}
        spec = next(iter(specs.values()))
        sizes = [weight.size for weight in cls.weights()]
        licences = dict.fromkeys(text for text in (spec.licence, spec.weights_licence) if text)
        facts.append(
            {
                "codec": name,
                "title": getattr(cls, "title", spec.title),
                "group": spec.group.value,
                "rates_hz": [spec.input_rate, spec.output_rate],
                "frame_rate_hz": spec.frame_rate,
                "codebooks": _books_text([book.size for book in spec.codebooks]),
                "settings": [
                    {"setting": setting, "codebooks": count, "kbps": None if bitrate is None else bitrate / 1000}
                    for mode, made in specs.items()
                    for setting, count, bitrate in _settings(cls, mode, made)
                ],
                "parameters": spec.parameters,
                "causal": spec.causal,
                "streaming": spec.streaming,
                "decodes": spec.decodes,
                "licence": " / weights: ".join(licences),
                "non_commercial": any(part in " ".join(licences).upper() for part in ("-NC", "NON-COMMERCIAL", "NSCL")),
                "download_bytes": None if None in sizes else sum(size for size in sizes if size),
                "source": spec.source,
                "runs_here": cls.unavailable(),
            }
        )
    return facts


def _settings(cls: Any, mode: str | None, spec: Any) -> list[tuple[str, int | None, float | None]]:
    """Standard settings of a codec at a mode: how each is written, its codebooks, and bit/s where they are fixed."""
    counts = list(cls.prefixes) or [None]
    prefix = "" if mode is None else f"@{mode}"
    return [
        (prefix or (f"@{count}" if count else ""), count or len(spec.codebooks) or None, spec.bitrate(count))
        for count in counts
        if count is None or count <= len(spec.codebooks)
    ]


def _setting_text(setting: dict[str, Any]) -> str:
    kbps = "" if setting["kbps"] is None else f"({setting['kbps']:.4g} kbps)"
    return " ".join(part for part in (setting["setting"], kbps) if part)


def _books_text(sizes: list[int]) -> str:
    """Codebooks as `count x size`, e.g. `1x8192+3x8100`.

    >>> _books_text([8192, 8100, 8100])
    '1x8192+2x8100'
    """
    return "+".join(f"{len(list(group))}x{size}" for size, group in groupby(sizes))


def _size_text(size: int | None) -> str:
    from codec_bench.hub import describe_size

    return "?" if size is None else describe_size(size) if size else "none"


def _yes_no(value: bool | None) -> str:
    return {True: "yes", False: "no", None: "?"}[value]


def metric_rows() -> list[dict[str, Any]]:
    """One row per metric."""
    from codec_bench.metrics import METRICS

    rows = []
    for name in METRICS.names():
        found = METRICS.get(name)
        low, high = found.range
        bounds = f"{'' if low is None else f'{low:g}'} .. {'' if high is None else f'{high:g}'}"
        any_of = "any recogniser" if "text" in found.inputs else "any rate"
        variants = [any_of] if callable(found.variants) else list(found.variants)
        rows.append(
            {
                "metric": name,
                "unit": found.unit,
                "better": found.better,
                "range": bounds,
                "rate": f"{found.rate / 1000:g} kHz" if found.rate else "its own",
                "licence": ", ".join(dict.fromkeys(f.model.licence for f, _ in found.models)),
                "runs here": found.unavailable() or "yes",
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
        made = DATASETS.get(name)()
        state = made.state()
        rows.append(
            {
                "dataset": name,
                "title": made.title,
                "download": made.size_text,
                "licence": made.licence,
                "state": f"{state.access.value}: {state.detail}" if state.detail else state.access.value,
                "leak": made.leak,
                "source": made.source,
            }
        )
    own = {"download": "none", "licence": "yours", "state": "here", "leak": "", "source": ""}
    for spelling, title in OWN_DATASETS.items():
        rows.append({"dataset": spelling, "title": title, **own})
    return rows


def task_rows() -> list[dict[str, Any]]:
    """One row per task of `probe`."""
    from codec_bench.probes.recipes import RECIPES

    needs = {"label": "label", "speaker": "speaker", "text": "transcript", "phones": "transcript"}
    columns = {"label": "accuracy, macro F1; mAP where labels have semicolons", "speaker": "accuracy, macro F1"}
    return [
        {
            "task": name,
            "title": recipe.title,
            "column": needs[recipe.target],
            "gives": columns.get(recipe.target, "PER" if recipe.target == "phones" else "WER, CER"),
            "heads": " ".join(sorted(recipe.heads, key=lambda head: head != recipe.head)),
            "without a split": ("speakers apart" if recipe.speaker_disjoint else "utterances apart")
            + (f", {recipe.folds} folds" if recipe.folds > 1 else ""),
            "version": recipe.version,
        }
        for name, recipe in RECIPES.items()
    ]


def paper_rows() -> list[dict[str, Any]]:
    """One row per published table; what people read. `paper_facts` has the same for programs."""
    return [
        {
            "table": fact["table"],
            "kind": fact["kind"],
            "data set": ", ".join(fact["datasets"]),
            "rows": fact["rows"],
            "run here": fact["rows_here"],
            "once fetched": fact["rows_fetchable"],
            "measured by": fact["command"],
            "caption": fact["caption"],
        }
        for fact in paper_facts()
    ]


def paper_facts() -> list[dict[str, Any]]:
    """One entry per published table, for programs; `rows_fetchable` run once their weights are fetched."""
    from codec_bench.reproduction import load_paper, paper_names
    from codec_bench.reproduction.availability import command_of, counts, datasets_of

    facts = []
    for name in paper_names():
        paper = load_paper(name)
        for table in paper.tables.values():
            found = counts(table)
            facts.append(
                {
                    "table": table.id,
                    "paper": paper.title,
                    "citation": paper.citation,
                    "source": paper.url,
                    "where": table.where,
                    "kind": table.kind,
                    "caption": table.caption,
                    "datasets": datasets_of(table),
                    "columns": [column.title for column in table.columns.values()],
                    "rows": found.rows,
                    "rows_here": found.here,
                    "rows_fetchable": found.fetched,
                    "command": command_of(table),
                }
            )
    return facts
