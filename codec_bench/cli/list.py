"""`codec-bench list`: what there is, and whether it can run here."""

from __future__ import annotations

import json
from enum import Enum
from typing import Annotated, Any

import typer

from codec_bench.cli.options import Json
from codec_bench.grids import Grid
from codec_bench.terminal import say

YES_NO = {True: "yes", False: "no", None: "?"}


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
    from codec_bench.catalogue import codec_facts, dataset_rows, metric_rows, paper_facts, task_rows

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
        say(json.dumps(rows, indent=1, allow_nan=False))
        return
    Grid.of(rows).print()
    if kind is Listed.PAPERS:
        Grid.of(system_rows()).print()


def codec_rows() -> list[dict[str, Any]]:
    """One row per codec; what people read. `codec_facts` has the same for programs."""
    from codec_bench.catalogue import codec_facts

    return [
        {
            "codec": fact["codec"],
            "title": fact["title"] + ("" if fact["polarity"] == 1 else ", turns the waveform upside down"),
            "group": fact["group"],
            "rate": " > ".join(f"{rate / 1000:g}" for rate in dict.fromkeys(fact["rates_hz"])) + " kHz",
            "codebooks": fact["codebooks"],
            "settings": " ".join(_setting_text(setting) for setting in fact["settings"]),
            "parameters": f"{fact['parameters'] / 1e6:.1f} M" if fact["parameters"] else "",
            "causal": YES_NO[fact["causal"]],
            "streaming": YES_NO[fact["streaming"]],
            "licence": fact["licence"] + (" (NON-COMMERCIAL)" if fact["non_commercial"] else ""),
            "download": _size_text(fact["download_bytes"]),
            "known answers": fact["known_answers"],
            "runs here": fact["runs_here"] or "yes",
        }
        for fact in codec_facts()
    ]


def _setting_text(setting: dict[str, Any]) -> str:
    kbps = "" if setting["kbps"] is None else f"({setting['kbps']:.4g} kbps)"
    return " ".join(part for part in (setting["setting"], kbps) if part)


def _size_text(size: int | None) -> str:
    from codec_bench.hub import describe_size

    return "?" if size is None else describe_size(size) if size else "none"


def paper_rows() -> list[dict[str, Any]]:
    """One row per published table; what people read. `paper_facts` has the same for programs."""
    from codec_bench.catalogue import paper_facts

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
        if not fact["left_out"]
    ]


def system_rows() -> list[dict[str, Any]]:
    """The rows of the tables that do not run here now: what each takes. Rows of a table that say the same are one, and
    tables and figures that are not held come last.
    """
    from codec_bench.catalogue import paper_facts

    found: dict[tuple[str, str, str], list[str]] = {}
    facts = paper_facts()
    for fact in facts:
        for row in fact["systems"]:
            if row["reason"]:
                found.setdefault((fact["table"], row["state"], row["reason"]), []).append(row["row"])
    return [
        {"table": table, "rows": "; ".join(rows), "runs": state, "why": reason}
        for (table, state, reason), rows in found.items()
    ] + [
        {"table": fact["table"], "rows": "all", "runs": "not held", "why": fact["left_out"]}
        for fact in facts
        if fact["left_out"]
    ]
