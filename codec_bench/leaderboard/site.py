"""Writes the site: an index, a page per codec, what can be listened to, and all results as one table."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from codec_bench.csv_files import csv_of
from codec_bench.errors import UsageError
from codec_bench.files import write_atomically
from codec_bench.leaderboard.board import Board, codec_of_claim, page_of, set_of
from codec_bench.publishing.checking import Problem, check_folder
from codec_bench.publishing.claims import Standing, claims_of_papers
from codec_bench.publishing.packing import GROUND_TRUTH
from codec_bench.publishing.result import Claim, PublishedMetric, Result
from codec_bench.reports.cells import Cell
from codec_bench.reports.html.frame import Frame
from codec_bench.reproduction.judging import Agreement

TITLE = "Speech codecs, measured"

OWN = ("index.html", "codecs", "audio", "plotly.js", "results.csv")
"""What a site consists of, so that an old one can be replaced and nothing else is."""

AUTHORS_OWN = "Its code is its author's own, and nobody else has it by this name: they can say how to get it."

SCRIPTS = ("core", "theme", "scatter", "leaderboard")
"""Scripts in the order in which a page runs them; all but the last are those of the page of a run."""


def write_site(
    folder: Path, out: Path, *, title: str = TITLE, bands: Sequence[float] = (), claims: bool = True
) -> list[Problem]:
    """Writes a leaderboard of a results folder, which can be opened from a disk or any host.

    Args:
        folder: Results, as `codec-bench publish` writes them; files with faults are left out.
        out: Folder of the site; an older site in it is replaced.
        title: Its heading.
        bands: Edges of the bitrate groups in kbit/s, falling.
        claims: Whether the papers' values that codec-bench knows are shown, besides those in the folder.

    Returns:
        What is wrong in the folder, warnings included.

    Raises:
        UsageError: There is no such folder, or `out` is a folder of something else.
    """
    entries, problems = check_folder(folder)
    wrong = {problem.place for problem in problems if not problem.is_warning}
    good = [entry for entry in entries if entry.path not in wrong]
    held = [claim for entry in good for claim in entry.claims]
    known = {(claim.table, claim.row) for claim in held}
    if claims:
        held += [claim for claim in claims_of_papers() if (claim.table, claim.row) not in known]
    board = Board(folder, good, held, bands)
    _clear(out)
    frame = Frame(SCRIPTS, package="codec_bench.leaderboard")
    codecs = _codecs(board)
    content = {
        "files": len(good),
        "home": "index.html",
        "title": title,
        "standings": [s for s in board.standings if s.measured is not None],
        "page_of": page_of,
        "codecs": [(name, page_of(name), len(found), len(claimed)) for name, (found, claimed) in codecs.items()],
        **_counts(board.standings),
    }
    index = frame.page("index.html.j2", content, board.data(), may_load=True)
    _copy_audio(board, out)
    for name, (found, claimed) in codecs.items():
        content = {
            "files": len(good),
            "home": "../index.html",
            "title": name,
            **_codec_page(board, name, found, claimed),
        }
        page = frame.page("codec.html.j2", content, {"tables": [], "sets": [], "rows": []}, may_load=False)
        write_atomically(out / page_of(name), page)
    from plotly.offline import get_plotlyjs

    write_atomically(out / "plotly.js", str(get_plotlyjs()).encode())
    write_atomically(out / "results.csv", _table(board))
    write_atomically(out / "index.html", index)
    return problems


def _clear(out: Path) -> None:
    """Makes room for a site; a folder that holds something else is left alone."""
    if out.is_dir():
        strange = sorted(path.name for path in out.iterdir() if path.name not in OWN and not path.name.startswith("."))
        if strange and not (out / "index.html").is_file():
            raise UsageError(f"{out} holds other things ({strange[0]}): name a folder for the site alone")
        for name in ("codecs", "audio"):
            shutil.rmtree(out / name, ignore_errors=True)


def _counts(found: Sequence[Standing]) -> dict[str, int]:
    verdicts = [s.verdict for s in found]
    return {
        "claimed": len(found),
        "within": verdicts.count(Agreement.WITHIN.value),
        "outside": verdicts.count(Agreement.OUTSIDE.value),
        "unjudged": verdicts.count(Agreement.UNJUDGED.value),
        "unmeasured": verdicts.count(Agreement.NOT_RUN.value),
    }


Found = tuple[list[tuple[PurePosixPath, Result]], list[Claim]]


def _codecs(board: Board) -> dict[str, Found]:
    """Results and claims by codec, in alphabetical order."""
    made: dict[str, Found] = {}
    for place, result in board.results:
        made.setdefault(result.system.codec, ([], []))[0].append((place, result))
    for claim in board.claims:
        made.setdefault(codec_of_claim(claim), ([], []))[1].append(claim)
    return dict(sorted(made.items(), key=lambda pair: pair[0].casefold()))


def _codec_page(
    board: Board, name: str, found: Sequence[tuple[PurePosixPath, Result]], claims: Sequence[Claim]
) -> dict[str, Any]:
    newest = max((result for _, result in found), key=lambda r: r.date, default=None)
    rows = {(claim.table, claim.row) for claim in claims}
    system = newest.system if newest else None
    return {
        "system": system,
        "interval": _interval,
        "facts": _facts(newest) if newest else [],
        "tables": _tables(board, found),
        "listening": _listening(board, found),
        "standings": [s for s in board.standings if (s.claim.table, s.claim.row) in rows],
        "commands": _commands(name, found, claims),
        "why": AUTHORS_OWN if system and system.is_plug_in else next((c.why for c in claims if c.why), ""),
        "weights": sorted((k, v or "not known") for k, v in system.weights.items()) if system else [],
    }


def _facts(result: Result) -> list[tuple[str, str]]:
    system = result.system
    facts = {
        "Title": system.title,
        "Group": system.group,
        "Input and output": f"{system.input_rate:,} and {system.output_rate:,} Hz" if system.input_rate else "",
        "Frames per second": "" if system.frame_rate_hz is None else f"{system.frame_rate_hz:g}",
        "Parameters": "" if system.parameters is None else f"{system.parameters / 1e6:.1f} M",
        "Causal": {True: "yes", False: "no", None: ""}[system.causal],
        "Streaming": {True: "yes", False: "no", None: ""}[system.streaming],
        "Licence": " / weights: ".join(filter(None, (system.licence, system.weights_licence))),
        "Source": system.source,
        "Known answers": system.known_answers.text if system.known_answers else "",
        "Code": "the author's own: nobody else has it by this name" if system.is_plug_in else "",
    }
    return [(name, value) for name, value in facts.items() if value]


def _interval(metric: PublishedMetric) -> str:
    """`±0.052`, or `[1.20, 3.54]` where the value is not in the middle, as tables of runs have it."""
    cell = Cell(metric.value, metric.low, metric.high, metric.n, metric.expected, metric.digits)
    return replace(cell, shows_ends=cell.is_lopsided).interval


def _tables(board: Board, found: Sequence[tuple[PurePosixPath, Result]]) -> list[tuple[str, Any, Any]]:
    """By set: columns, and of every version its cells in their order, the newest first."""
    tables = []
    for name in dict.fromkeys(set_of(result) for _, result in found):
        mine = [(place, result) for place, result in found if set_of(result) == name]
        columns: dict[str, PublishedMetric] = {}
        for _, result in mine:
            columns |= {m.label: columns.get(m.label, m) for m in result.metrics if m.value is not None}
        by_label = sorted(mine, key=lambda pair: pair[1].date, reverse=True)
        by_label.sort(key=lambda pair: pair[1].label)
        rows = [
            (r, [next((m for m in r.metrics if m.label == label), None) for label in columns], place in board.latest)
            for place, r in by_label
        ]
        tables.append((f"{name}: {mine[0][1].dataset.title}", list(columns.values()), rows))
    return tables


def _audio_of(place: PurePosixPath, name: str) -> PurePosixPath:
    """Where a site has a file of a result; names are those of the results folder."""
    return PurePosixPath("audio") / place.parent / name


def _listening(board: Board, found: Sequence[tuple[PurePosixPath, Result]]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Utterances with the recording and what each setting made of it."""
    heard: dict[str, list[tuple[str, str]]] = {}
    data = {result.dataset.manifest_sha256 for _, result in found}
    references = [
        (place, r) for place, r in board.results if r.label == GROUND_TRUTH and r.dataset.manifest_sha256 in data
    ]
    for place, result in [*references, *(pair for pair in found if pair[0] in board.latest)]:
        for sample in result.samples:
            track = (result.label, f"../{_url(_audio_of(place, sample.decoded))}")
            if track not in heard.setdefault(sample.utterance, []):
                heard[sample.utterance].append(track)
    return [(utterance, tracks) for utterance, tracks in heard.items() if len(tracks) > 1 or not references]


def _url(path: PurePosixPath) -> str:
    from urllib.parse import quote

    return quote(path.as_posix())


def _copy_audio(board: Board, out: Path) -> None:
    for place, result in board.results:
        if place in board.latest:
            for file in result.audio:
                target = out / _audio_of(place, file.name)
                write_atomically(target, (board.folder / place.parent / file.name).read_bytes())


def _commands(name: str, found: Sequence[tuple[PurePosixPath, Result]], claims: Sequence[Claim]) -> list[str]:
    """What measures a codec anew; nothing where its code or its files are somebody's own."""
    runs = [r for _, r in found if r.kind == "reconstruction" and not r.system.is_plug_in]
    if any(r.system.codec.startswith("files") or r.system.group == "reference" for r in runs):
        return []
    labels: dict[str, list[str]] = {}
    for result in runs:
        labels.setdefault(result.dataset.name, []).append(result.system.label)
    lines = [
        shlex.join(["codec-bench", "run", "--codec", ",".join(dict.fromkeys(systems)), "--dataset", dataset])
        for dataset, systems in labels.items()
    ]
    if not lines and (known := next((c.system for c in claims if c.system and c.dataset), None)) is not None:
        dataset = next(c.dataset for c in claims if c.system == known and c.dataset)
        lines = [shlex.join(["codec-bench", "run", "--codec", known, "--dataset", dataset])]
    return lines


def _table(board: Board) -> bytes:
    """All results as CSV, a row per system, set and metric."""
    head = ("codec", "system", "digest", "kind", "dataset", "manifest_sha256", "condition", "kbps", "kbps_source",
            "metric", "version", "value", "ci_low", "ci_high", "n", "n_expected", "unit", "date")  # fmt: skip
    rows: Iterable[Sequence[Any]] = (
        (
            r.system.codec, r.system.label, r.system.digest, r.kind, r.dataset.name, r.dataset.manifest_sha256,
            r.condition.label if r.condition else "", r.bitrate.kbps, r.bitrate.source, m.label, m.version, m.value,
            m.low, m.high, m.n, m.expected, m.unit, r.date,
        )
        for _, r in board.results
        for m in r.metrics
    )  # fmt: skip
    return csv_of([head, *rows])
