"""What a reader is told about intervals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codec_bench.cli.finish import tell
from codec_bench.reports.intervals import described, warning
from codec_bench.reports.table import build_table, build_tables
from codec_bench.runs.directory import Run
from codec_bench.runs.frames import describe_intervals

from .test_table import make_run, row


def run_with(how: dict[str, Any], speakers: int | None = 13) -> Run:
    return Run(Path("run"), {"intervals": how, "plan": {"dataset": {"speakers": speakers}}})


def over(speakers: list[str | None], **more: Any) -> Run:
    return run_with(describe_intervals(speakers) | more, len({s for s in speakers if s}))


@pytest.mark.parametrize(
    ("run", "text"),
    [
        (over(["a", "b", "c"] * 5), "95 % intervals: t over 3 speakers"),
        (
            over([*"aaaaaaaabc"]),
            "95 % intervals: t over 3 speakers, which tell as much as 1.5 of equal size",
        ),
        (over(["a"] * 4), "95 % intervals: t over 4 utterances, about this speaker only"),
        (over([None] * 4), "95 % intervals: t over 4 utterances, whose speakers are not known"),
        (
            over(["a", "b", None]),
            "95 % intervals: t over 2 speakers and 1 utterance whose speaker is not known",
        ),
        (over(["a"]), "no intervals: they take two utterances or more"),
        (over(["a", "b"], trainings=3), "95 % intervals: t over 2 speakers, with the noise of 3 trainings"),
        (over(["a", "b"], trainings=1), "95 % intervals: t over 2 speakers, of this training alone"),
        (
            over(["a", "b"], unit="speakers, for sid over utterances"),
            "95 % intervals: t over 2 speakers (for sid over utterances)",
        ),
        (
            run_with({"method": "first to third quartile of the rounds", "level": 0.5}),
            "50 % intervals: first to third quartile of the rounds",
        ),
        (
            run_with({"level": 0.95, "resamples": 2000, "unit": "speakers", "seed": 0}),
            "95 % intervals of an earlier version, too narrow where speakers are few: percentile bootstrap, 2000 draws "
            "of speakers, seed 0",
        ),
        (run_with({}), ""),
    ],
)
def test_intervals_are_described(run: Run, text: str):
    assert described(run) == text


def test_few_speakers_are_warned_of():
    assert warning(over([f"s{i}" for i in range(10)])) == ""
    assert warning(over([f"s{i}" for i in range(9)])).startswith("only 9 speakers: ")
    assert warning(over([None] * 5)) == ""
    assert warning(run_with({"level": 0.95, "resamples": 2000, "unit": "utterances", "seed": 0})) == ""


def test_runs_of_one_table_each_say_what_theirs_are(tmp_path: Path):
    runs = []
    for name in ("old", "new", "none"):
        (tmp_path / name).mkdir()
        runs.append(make_run(tmp_path / name, [row(name, "stoi", 3.0, 0.8)], {}))
    runs[0].info["intervals"] = {"level": 0.95, "resamples": 100, "unit": "speakers", "seed": 0}
    runs[2].info.pop("intervals")
    (table,) = build_tables(runs)
    assert table.footnotes[0].startswith("95 % intervals of an earlier version")
    assert table.footnotes[0].endswith(
        "seed 0 in old; 95 % intervals: t over 37 speakers, which tell as much as 30.2 of equal size in new."
    )


def test_a_table_warns_of_few_speakers(tmp_path: Path):
    run = make_run(tmp_path, [row("a", "stoi", 3.0, 0.8)], {}, speakers=5)
    run.info["intervals"] |= {"clusters": 5, "effective": 4.9}
    table = build_table(run)
    assert table.footnotes[1].startswith("Warning: only 5 speakers: ")
    assert not any("speakers" in note for note in table.notes(intervals=False) if "paired" not in note)


@pytest.mark.parametrize("as_json", [True, False])
def test_the_end_of_a_run_warns_once(tmp_path: Path, capsys: pytest.CaptureFixture[str], as_json: bool):
    run = make_run(tmp_path, [row(system, "stoi", 3.0, 0.8) for system in "ab"], {}, speakers=5)
    tell([run], as_json)
    assert "WARNING" not in capsys.readouterr().err  # 37 speakers
    run.info["intervals"] |= {"clusters": 5, "effective": 4.9}
    tell([run], as_json)
    assert capsys.readouterr().err.splitlines()[0] == f"WARNING: {warning(run)}"
