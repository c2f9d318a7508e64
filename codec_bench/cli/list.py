"""`codec-bench list`: what there is, and whether it can run here."""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Annotated, Any

import typer

from codec_bench.cli.options import Json
from codec_bench.errors import UsageError
from codec_bench.grids import Grid
from codec_bench.registry import unknown
from codec_bench.terminal import say

YES_NO = {True: "yes", False: "no", None: "?"}


class Listed(str, Enum):
    """What can be listed."""

    CODECS = "codecs"
    METRICS = "metrics"
    DATASETS = "datasets"
    TASKS = "tasks"
    PAPERS = "papers"


def kind_of(word: str | Listed) -> Listed:
    """What a word asks for: also `codec`, `data sets`, `dataset`.

    >>> kind_of("codec").value, kind_of("data-sets").value
    ('codecs', 'datasets')
    """
    plain = str(getattr(word, "value", word)).lower().replace("-", "").replace("_", "").replace(" ", "")
    for kind in Listed:
        if plain in (kind.value, kind.value.removesuffix("s")):
            return kind
    raise typer.BadParameter(unknown("kind of thing", str(word), [kind.value for kind in Listed]))


Wide = Annotated[bool, typer.Option("--wide", help="All columns, also on a terminal.")]
Here = Annotated[bool, typer.Option("--here", help="Only what runs, or lies, on this machine.")]

BRIEF = {
    Listed.CODECS: ("codec", "kbps", "state", "title"),
    Listed.METRICS: ("metric", "unit", "runs here", "definition"),
    Listed.DATASETS: ("dataset", "download", "state", "title"),
    Listed.TASKS: ("task", "gives", "title"),
    Listed.PAPERS: ("table", "run here", "rows", "caption"),
}
"""What a terminal shows of each, on one line; the last column is the one that is cut."""


def list_plugins(
    kind: Annotated[Listed, typer.Argument(help="codecs, metrics, datasets, tasks or papers", parser=kind_of)],
    names: Annotated[list[str] | None, typer.Argument(help="Only these, with all that is known of them.")] = None,
    wide: Wide = False,
    here: Here = False,
    as_json: Json = False,
) -> None:
    """List codecs, metrics, data sets, tasks of probes or papers' tables, and whether they can run here.

    Example: codec-bench list codecs longcat mimi
    """
    from codec_bench.catalogue import codec_facts, dataset_rows, metric_rows, paper_facts, task_rows

    machine = {
        Listed.CODECS: codec_facts,
        Listed.METRICS: metric_rows,
        Listed.DATASETS: dataset_rows,
        Listed.TASKS: task_rows,
        Listed.PAPERS: paper_facts,
    }
    people = machine | {Listed.CODECS: codec_rows, Listed.PAPERS: paper_rows}
    rows = _named((machine if as_json else people)[kind](), BRIEF[kind][0], names or ())
    rows = [row for row in rows if not here or _is_here(kind, row)]
    if as_json:
        say(json.dumps(rows, indent=1, allow_nan=False))
    elif names:
        say("\n\n".join("\n".join(f"{key}: {value}" for key, value in row.items() if value != "") for row in rows))
    elif wide or not sys.stdout.isatty():
        Grid.of(rows).print()
        if kind is Listed.PAPERS:
            Grid.of(system_rows()).print()
    else:
        width = shutil.get_terminal_size().columns
        for part in _parts(kind, rows):
            say(Grid.of([_brief(kind, row) for row in part]).lines(width))
        more = "" if here else "--here for what is here, "
        say(f"{_counted(kind, rows)}; --wide for all columns, {more}`codec-bench list {kind.value} NAME` for one")


def _named(rows: list[dict[str, Any]], key: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of these names, or all without any.

    Raises:
        UsageError: There is no such row.
    """
    known = {row[key]: row for row in rows}
    for name in names:
        if name not in known:
            raise UsageError(unknown(key, name, [*known]))
    return [known[name] for name in names] if names else rows


def _is_here(kind: Listed, row: dict[str, Any]) -> bool:
    """Whether something can be used on this machine as it is."""
    if kind is Listed.PAPERS:
        return bool(row.get("run here", row.get("rows_here")))
    return row.get("runs here", row.get("runs_here")) in ("yes", None) and row.get("state", "here").startswith("here")


def _parts(kind: Listed, rows: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Rows in the parts that a terminal shows: codecs by what they take to run, data sets of one's own apart."""
    if kind is Listed.CODECS:
        from codec_bench.adapters.standing import State

        parts = [[row for row in rows if row["state"] == state.value] for state in State]
    elif kind is Listed.DATASETS:
        parts = [[row for row in rows if row["licence"] != "yours"], [row for row in rows if row["licence"] == "yours"]]
    else:
        parts = [rows]
    return [part for part in parts if part]


def _brief(kind: Listed, row: dict[str, Any]) -> dict[str, Any]:
    """What stands on the line of a row."""
    if kind is Listed.DATASETS and row["licence"] == "yours":
        return {key: row[key] for key in ("dataset", "title")}
    found = {key: row[key] for key in BRIEF[kind]}
    if kind is Listed.CODECS:
        found["kbps"] += " kbps" if row["kbps"][0].isdigit() else ""
        found["state"] += f", {row['download']}" if row["state"] == "after fetch" and row["download"] != "?" else ""
    if kind is Listed.METRICS:
        found["runs here"] = "here" if row["runs here"] == "yes" else "not here"
    if kind is Listed.DATASETS:
        found["state"] = row["state"].partition(":")[0]
    if kind is Listed.PAPERS:
        found |= {"run here": f"{row['run here']} of", "rows": f"{row['rows']} rows here"}
    return found


def _counted(kind: Listed, rows: Sequence[dict[str, Any]]) -> str:
    """`82 codecs: 14 here, 46 after fetch, 22 after an environment`."""
    if kind is Listed.CODECS:
        return count_codecs(row["state"].partition(",")[0] for row in rows)
    if kind is Listed.METRICS:
        return f"{len(rows)} metrics: {sum(row['runs here'] == 'yes' for row in rows)} run here"
    if kind is Listed.DATASETS:
        return f"{len(rows)} data sets: {sum(row['state'].startswith('here') for row in rows)} are here"
    return f"{len(rows)} {'published tables' if kind is Listed.PAPERS else kind.value}"


def count_codecs(states: Iterable[str]) -> str:
    """`82 codecs: 14 run here, 46 after a download (...), ...`, of the states that `catalogue.codec_facts` gives."""
    from codec_bench.adapters.standing import State

    counts = Counter(states)
    ways = {
        State.HERE: "{} run here",
        State.FETCH: "{} after a download (`codec-bench fetch codec:NAME`)",
        State.ENVIRONMENT: "{} after `codec-bench env create NAME`",
        State.INSTALL: "{} after an installation",
        State.FILES: "{} only at their authors'",
    }
    found = ", ".join(text.format(counts[state.value]) for state, text in ways.items() if counts[state.value])
    return f"{counts.total()} codecs: {found}"


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
            "kbps": rates_text(fact),
            "state": fact["state"],
            "runs here": fact["runs_here"] or "yes",
        }
        for fact in codec_facts()
    ]


def _setting_text(setting: dict[str, Any]) -> str:
    kbps = "" if setting["kbps"] is None else f"({setting['kbps']:.4g} kbps)"
    return " ".join(part for part in (setting["setting"], kbps) if part)


def rates_text(fact: dict[str, Any]) -> str:
    """`0.43-0.87` of the bitrates of a codec in kbit/s; `counted` where its payload says, `none` where it sends none.

    >>> rates_text({"group": "semantic", "settings": [{"kbps": 0.4333}, {"kbps": 0.8667}]})
    '0.43-0.87'
    >>> rates_text({"group": "classic", "settings": [{"kbps": None}]})
    'counted'
    """
    from codec_bench.adapters.spec import Group

    known = [setting["kbps"] for setting in fact["settings"] if setting["kbps"] is not None]
    if not known:
        return "none" if fact["group"] in (Group.CONTINUOUS.value, Group.REFERENCE.value) else "counted"
    return "-".join(dict.fromkeys(f"{rate:.2f}".rstrip("0").rstrip(".") for rate in (min(known), max(known))))


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
