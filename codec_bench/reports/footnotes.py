"""What a table says below itself: how to read it, what is missing, and what the numbers were made with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from codec_bench.metrics import ERROR_RATES
from codec_bench.reports.cells import TableColumn, TableRow
from codec_bench.reports.intervals import counted, described, warning
from codec_bench.reports.merging import run_names
from codec_bench.reports.ties import ALPHA, Contest
from codec_bench.runs.directory import Run
from codec_bench.verification import State

RESTRICTED = re.compile(r"\bNC\b|non-?commercial|research|community", re.IGNORECASE)
"""Licences of weights that not everybody may use for everything."""

COMPUTED_BY = ("numpy", "scipy", "soxr", "torch")
MEASURED_BY = (
    *COMPUTED_BY, "jiwer", "pesq", "pocketsphinx", "praat-parselmouth", "pystoi", "pyworld", "resemblyzer",
)  # fmt: skip
"""Distributions that decide values, for reconstructions that do not say which do; `COMPUTED_BY` for other kinds."""

TRACKER_OF_SCHEMA_1 = "world-dio-stonemask"
"""Tracker of pitch metrics without a variant; newer runs state it."""

SETTINGS = "kbps: kilobits that are sent for a second of sound; Hz: frames of tokens, or packets, in a second"
"""The columns that say how a system was set."""


def caption(runs: Sequence[Run]) -> str:
    """Data set, number of utterances and speakers, and whether the speech is synthetic."""
    data = runs[0].info["plan"]["dataset"]
    utterances, speakers = counted(data["utterances"], "utterance"), counted(data["speakers"], "speaker")
    if drawn := data.get("sample"):
        utterances = f"sample of {data['utterances']} of {counted(drawn['of'], 'utterance')}, seed {drawn['seed']}"
        speakers = f"{data['speakers']} of {counted(drawn['speakers_of'], 'speaker')}"
    speakers = f", {speakers}" if data["speakers"] else ""
    note = " SYNTHETIC SPEECH: not comparable with any published number." if data.get("synthetic") else ""
    kind = "" if runs[0].kind == "reconstruction" else f" ({runs[0].kind})"
    return f"{data['name']}{kind}: {utterances}{speakers}.{note}"


def interval_notes(runs: Sequence[Run]) -> tuple[str, ...]:
    """What the intervals are, and a warning where they are over few speakers."""
    texts = [described(run) for run in runs]
    if not any(texts):
        return ()
    found = _each(runs, texts)
    warnings = dict.fromkeys(filter(None, map(warning, runs)))
    return (f"{found[0].upper()}{found[1:]}.", *(f"Warning: {text}." for text in warnings))


def bold_note(runs: Sequence[Run], columns: Sequence[TableColumn], contest: Contest | None) -> str:
    """What is bold; empty where no column has a direction."""
    if not (directed := [column for column in columns if column.better]):
        return ""
    alone = "Bold: the best value of its group"
    if contest is None:
        return f"{alone}; others may not be worse by more than chance."
    untested: dict[str, list[str]] = {}
    for column in directed:
        if column.label in contest.untested:
            untested.setdefault(contest.untested[column.label], []).append(column.full_title)
    if sum(map(len, untested.values())) == len(directed):
        return f"{alone}; {', or '.join(untested)}."
    how = runs[0].info.get("intervals") or {}
    unit = "speakers" if (runs[0].info["plan"]["dataset"]["speakers"] or 0) > 1 else "utterances"
    unit = how["unit"] if "clusters" in how else unit  # an earlier version had utterances where speakers were few
    test = f"paired t over {unit}, Holm at {100 * ALPHA:g} % over the comparisons with the best"
    of_some = "".join(f" In {', '.join(names)} the best value alone: {why}." for why, names in untested.items())
    return f"{alone} and all that are not significantly worse ({test}).{of_some}"


def footnotes(runs: Sequence[Run], rows: Sequence[TableRow], apart: str) -> list[str]:
    """What a reader must know to use the numbers; intervals and what is bold have notes of their own."""
    units = "rounds" if runs[0].kind == "speed" else "utterances"
    notes = [apart] if apart else []
    if any(cell.coverage for row in rows for cell in row.cells.values()):
        notes.insert(
            0, f"A figure in round brackets is the number of {units} with a value where it is not all of them."
        )
    if any(r.bitrate_source == "stated" for r in rows):
        notes.append("† bitrate as stated by the files' authors; all others are computed or counted.")
    if any(r.is_failed for r in rows):
        notes.append(
            "‡ the codec fails a known answer on the machine that ran it (--unverified): do not rely on its rows."
        )
    for run, which in _which(runs):
        notes += _known_answers(run, which)
    notes += [note for run in runs for note in run.info["plan"]["dataset"].get("notes", [])]
    notes += [note for run in runs for note in run.info.get("notes", [])]
    notes += [note for run in runs for note in _conditions(run)]
    for run, which in _which(runs):
        missing = [
            f"{metric}: " + ", ".join(f"{n} × {status}" for status, n in counts.items() if status != "ok")
            for metric, counts in run.info["coverage"].get("statuses", {}).items()
            if set(counts) - {"ok"}
        ]
        if missing:
            notes.append(f"Not scored (over all systems{which}): " + "; ".join(missing) + ".")
        absent = [label for other in runs for label in other.metrics if label not in run.metrics]
        if absent:
            notes.append(f"Not asked for{which}: {', '.join(dict.fromkeys(absent))}.")
        if run.failures:
            notes.append(f"The run{which} counts as failed: " + "; ".join(run.failures) + ".")
    return list(dict.fromkeys(notes))


def _known_answers(run: Run, which: str) -> list[str]:
    """Which codecs and models gave what their authors published, on the machine of a run."""
    found: dict[str, dict[str, None]] = {}
    codecs = (((s.get("system") or label).partition("@")[0], s) for label, s in run.systems.items())
    for name, entry in [*codecs, *run.metrics.items()]:
        text = entry.get("verification", {}).get("text", "")
        # Of what users bring nothing is known, and where there are no weights there is nothing to know.
        is_told = entry.get("weights") or not text.startswith(State.NO_ANSWER.value)
        if text and is_told and text != State.NO_ANSWER.value:
            found.setdefault(text, {})[name] = None
    return (
        [f"Known answers{which}: " + "; ".join(f"{', '.join(n)}: {text}" for text, n in found.items()) + "."]
        if found
        else []
    )


def definitions(runs: Sequence[Run]) -> list[str]:
    """What each column is, and which files made the numbers of systems and metrics that have weights."""
    notes = [SETTINGS] if any(run.kind == "reconstruction" for run in runs) else []
    notes += [f"{m['label']}: {m['note']}" for run in runs for m in run.metrics.values() if m.get("note")]
    for run, which in _which(runs):
        found: dict[str, dict[str, str]] = {}
        for label, system in run.systems.items():
            found.setdefault((system.get("system") or label).partition("@")[0], {}).update(system.get("weights", {}))
        for label, metric in run.metrics.items():
            found.setdefault(label, {}).update(metric.get("weights", {}))
        for made, files in found.items():
            shown = ", ".join(f"{path.rsplit('/', 1)[-1]} {digest[:12]}" for path, digest in files.items())
            notes += [f"{made}{which}: weights {shown}"] if files else []
    return list(dict.fromkeys(notes))


def setup(runs: Sequence[Run]) -> str:
    """One line that says what the numbers were made with: data, recogniser, tracker, resampler, versions, licences."""
    data = runs[0].info["plan"]["dataset"]
    title = f" ({data['title']})" if data.get("title") and data["title"] != data["name"] else ""
    parts = [f"Data set: {data['name']}{title}"]
    parts += _named("ASR", (_recogniser(m) for run in runs for m in run.metrics.values()))
    parts += _named(
        "text normaliser", (m.get("uses", {}).get("normalise", "") for r in runs for m in r.metrics.values())
    )
    parts += _named("pitch tracker", (_tracker(m) for run in runs for m in run.metrics.values()))
    parts += _named("resampler", (run.info["provenance"]["resampler"] for run in runs))
    parts.append(_versions(runs))
    restricted = {
        f"{name} ({licence})": None
        for run in runs
        for name, licence in _licences(run)
        if licence and RESTRICTED.search(licence)
    }
    if restricted:
        parts.append(f"weights whose licence limits their use: {', '.join(restricted)}")
    return "; ".join(parts) + "."


def _named(what: str, values: Iterable[str]) -> list[str]:
    found = list(dict.fromkeys(v for v in values if v))
    return [f"{what}: {', '.join(found)}"] if found else []


def _recogniser(metric: dict[str, Any]) -> str:
    """`pocketsphinx`, `nemo:stt_en_fastconformer_transducer_large`; with the folder of its weights without a model."""
    if metric["name"] not in ERROR_RATES:
        return ""
    found = str(metric.get("uses", {}).get("transcribe") or metric["label"].partition("[")[2].rstrip("]"))
    found = found.partition(",")[0]
    folders = [path.split("/")[-2] for path in metric.get("weights", {}) if "/" in path]
    return f"{found} ({folders[0]})" if ":" not in found and folders else found


def _tracker(metric: dict[str, Any]) -> str:
    if "uses" in metric:
        return str(metric["uses"].get("track", "")).removeprefix("f0/")
    if metric.get("family") != "pitch" or metric["name"] == "vuv_f1_crepe":
        return ""
    return metric["label"].partition("[")[2].rstrip("]") or TRACKER_OF_SCHEMA_1


def _versions(runs: Sequence[Run]) -> str:
    """`codec-bench 0.1.0 (commit 9e29648fd868), Python 3.11.7, pesq 0.0.4`: the program and what decides values.

    Where runs differ, each version is followed by the runs that have it.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for run, name in zip(runs, run_names(runs), strict=True):
        made_by = run.info["provenance"]
        git = made_by.get("git")
        commit = f" (commit {git['commit'][:12]}{', changed' if git['dirty'] else ''})" if git else ""
        versions = {"codec-bench": made_by["codec_bench"] + commit}
        versions |= {"Python": made_by["python"]} if "python" in made_by else {}
        for what, version in (versions | dict(sorted(_packages(run).items()))).items():
            found.setdefault(what, {}).setdefault(version, []).append(name)
    return ", ".join(
        f"{what} {version}" + (f" in {' and '.join(names)}" if len(versions) > 1 else "")
        for what, versions in found.items()
        for version, names in versions.items()
    )


def _packages(run: Run) -> dict[str, str]:
    stated = [metric["packages"] for metric in run.metrics.values() if "packages" in metric]
    if stated:
        return {name: version for packages in stated for name, version in packages.items()}
    known = run.info["provenance"].get("packages", {})
    deciding = MEASURED_BY if run.kind == "reconstruction" else COMPUTED_BY
    return {name: version for name, version in known.items() if name in deciding}


def _licences(run: Run) -> list[tuple[str, str]]:
    systems = [
        ((s.get("system") or label).partition("@")[0], s.get("weights_licence") or s.get("licence") or "")
        for label, s in run.systems.items()
        if s.get("weights")
    ]
    return systems + [(label, m.get("licence") or "") for label, m in run.metrics.items()]


def _which(runs: Sequence[Run]) -> list[tuple[Run, str]]:
    """Runs with ` in <name>`, which is empty for one alone."""
    return [(run, f" in {name}" if len(runs) > 1 else "") for run, name in zip(runs, run_names(runs), strict=True)]


def _conditions(run: Run) -> list[str]:
    """What was done for the rows under a condition, and what they are compared with."""
    conditions = run.info["plan"].get("conditions", [])
    notes = [f"+{c['label']}: {c['note']}." for c in conditions]
    if any(s.get("reference") == "altered" for s in run.systems.values()):
        notes.append(
            "Rows with an altered recording are scored against the altered one; those of the ground truth are the "
            "altered recordings against the clean ones."
        )
    elif conditions:
        notes.append(
            "All rows are scored against the clean recordings; those of the ground truth under a condition are the "
            "altered recordings, before any codec."
        )
    return notes


def _each(runs: Sequence[Run], texts: Sequence[str]) -> str:
    """What holds for all runs once, otherwise what holds for each."""
    if len(set(texts)) == 1:
        return texts[0]
    names = run_names(runs)
    return "; ".join(f"{text} in {name}" for text, name in zip(texts, names, strict=True) if text)
