"""The life of a run: how it begins and goes on, and what it says however it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from codec_bench.errors import DiskFullError, UsageError
from codec_bench.records import Score, Status
from codec_bench.runs.columns import ColumnSpec
from codec_bench.runs.directory import Run, load_run, read_info
from codec_bench.runs.frames import Coverage, Heading, ScoreRow, bitrate_of, score_frame, summary_frame
from codec_bench.runs.writer import Request, RunWriter, rewriting, same, writing
from codec_bench.stats import Estimate
from codec_bench.stopping import Terminated

SYSTEM = {"label": "a", "group": "acoustic", "nominal_bitrate": 1200.0, "frame_rate_hz": 50.0}


def request(**changes: Any) -> Request:
    dataset = {"name": "demo", "manifest_sha256": "f0", "utterances": 1, "speakers": 1}
    metrics = [ColumnSpec("x", "X", "Main").describe()]
    plan = {"dataset": dataset, "systems": [SYSTEM], "metrics": metrics, "seed": 0} | changes.pop("plan", {})
    options = {"kind": "tokens", "config": {}, "manifest": b"id\nu1\n", "name": ("tokens", "a", "demo")} | changes
    return Request(plan=plan, difference=same(plan), **options)


def finish(writer: RunWriter, *failures: str) -> Run:
    covered = Coverage(0.05, failures=list(failures))
    covered.count("x", Status.OK)
    score = ScoreRow.of("a", "u1", None, "x", Score.of(0.5))
    row = Heading.of(SYSTEM).row("x", "", Estimate(0.5, None, None, 1, 1, 1))
    writer.results(score_frame([score]), summary_frame([row]))
    return writer.finish(intervals={}, coverage=covered, devices={"a": "cpu"}, session={"done": 1}, more="facts")


def last_session(path: Path) -> dict[str, Any]:
    info = read_info(path)
    assert info is not None
    assert info["status"] == ("stopped" if "stopped" in info["sessions"][-1] else "running")
    return dict(info["sessions"][-1])


def test_a_run_says_that_it_runs_and_then_what_came_out(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    with writing(request(warnings=["mind the gap"]), tmp_path / "run") as writer:
        info = read_info(tmp_path / "run")
        assert info is not None
        assert (info["status"], info["warnings"]) == ("running", ["mind the gap"])
        assert (tmp_path / "run/utterances.csv").read_bytes() == b"id\nu1\n"
        writer.warn(["and the platform"])
        finish(writer)
    run = load_run(tmp_path / "run")
    assert caplog.messages == ["mind the gap", "and the platform"] == run.info["warnings"]
    assert (run.info["status"], run.failures, run.info["more"]) == ("finished", [], "facts")
    assert run.info["coverage"] == {"statuses": {"x": {"ok": 1}}, "max_failed": 0.05, "failures": []}
    assert run.info["provenance"]["threads_per_worker"] == 1
    assert list(run.info["sessions"][0]) == ["started", "ended", "done"]
    assert run.summary.bitrate_kbps.tolist() == [1.2]
    assert run.scores.value.tolist() == [0.5]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (KeyboardInterrupt(), "interrupted"),
        (DiskFullError("no space left"), "no space left"),
        (ZeroDivisionError("division\nby zero"), "ZeroDivisionError: division by zero"),
        (SystemExit(3), "SystemExit: 3"),
        (MemoryError(), "MemoryError"),
        (Terminated(signal.SIGTERM), "terminated by SIGTERM"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_way_out_leaves_its_reason_and_a_run_that_goes_on(error: BaseException, reason: str, tmp_path: Path):
    with pytest.raises(type(error)), writing(request(), tmp_path):
        raise error
    session = last_session(tmp_path)
    assert (list(session), session["stopped"]) == (["started", "ended", "stopped"], reason)
    with pytest.raises(UsageError, match="is not finished") as told:
        load_run(tmp_path)
    assert f"({reason})" in str(told.value)
    with writing(request(), tmp_path) as writer:
        finish(writer)
    sessions = load_run(tmp_path).info["sessions"]
    assert [s.get("stopped") for s in sessions] == [reason, None]


def test_failures_of_systems_make_a_failed_run_that_can_be_loaded(tmp_path: Path):
    with writing(request(), tmp_path) as writer:
        finish(writer, "a: 1 of 1 utterances failed")
    run = load_run(tmp_path)
    assert (run.info["status"], run.failures) == ("failed", ["a: 1 of 1 utterances failed"])


def test_a_kind_that_forgets_to_finish_is_not_taken_for_finished(tmp_path: Path):
    with pytest.raises(AssertionError, match="says what came out"), writing(request(), tmp_path):
        pass
    assert last_session(tmp_path)["stopped"].startswith("AssertionError")


def test_a_run_whose_disk_is_full_ends_with_its_own_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise DiskFullError("no space for run.json")

    with pytest.raises(ZeroDivisionError), writing(request(), tmp_path):
        monkeypatch.setattr("codec_bench.runs.writer.write_atomically", full)
        raise ZeroDivisionError
    assert list(last_session(tmp_path)) == ["started"]


SCRIPT = """
import sys, time
from pathlib import Path
from codec_bench.runs.writer import Request, writing
dataset = {"name": "demo", "manifest_sha256": "f0", "utterances": 1, "speakers": 1}
plan = {"dataset": dataset, "systems": [], "metrics": []}
with writing(Request("speed", {}, plan, b"", lambda run: "", ("speed",)), Path(sys.argv[1])):
    print("running", flush=True)
    time.sleep(60)
"""


def started(path: Path, **options: Any) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(path)], stdout=subprocess.PIPE, text=True, **options)
    assert process.stdout is not None
    assert process.stdout.readline() == "running\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_run_that_says_so(number: signal.Signals, tmp_path: Path):
    process = started(tmp_path)
    process.send_signal(number)
    assert process.wait(30) == 128 + number
    assert last_session(tmp_path)["stopped"] == f"terminated by {number.name}"


def test_what_somebody_else_does_with_signals_stays(tmp_path: Path):
    process = started(tmp_path, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))  # as nohup does
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 128 + signal.SIGTERM
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with writing(request(), tmp_path / "own") as writer:
            assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            with pytest.raises(ZeroDivisionError), writing(request(), tmp_path / "inner"):
                assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
                raise ZeroDivisionError
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
            finish(writer)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_run_outside_the_main_thread_needs_no_signals(tmp_path: Path):
    def run() -> None:
        with writing(request(), tmp_path) as writer:
            finish(writer)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    assert load_run(tmp_path).info["status"] == "finished"


def test_a_pause_and_a_closed_pipe_do_no_harm(tmp_path: Path):
    process = started(tmp_path)
    for number in (signal.SIGPIPE, signal.SIGSTOP, signal.SIGCONT):
        process.send_signal(number)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 128 + signal.SIGTERM
    assert last_session(tmp_path)["stopped"] == "terminated by SIGTERM"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGQUIT])
def test_a_directory_is_written_by_one_process_at_a_time(number: signal.Signals, tmp_path: Path):
    process = started(tmp_path)
    before = (tmp_path / "run.json").read_bytes()
    with pytest.raises(UsageError, match=rf"process {process.pid} is writing the run in .*choose another --out"):
        writing(request(kind="speed"), tmp_path).__enter__()
    assert (tmp_path / "run.json").read_bytes() == before
    process.send_signal(number)
    process.wait(30)
    assert list(last_session(tmp_path)) == ["started"]  # nobody could say more
    anything = Request("speed", {}, request().plan, b"", lambda _: "", ())
    with writing(anything, tmp_path) as writer:  # the lock of a dead process is none
        finish(writer)
    assert len(load_run(tmp_path).info["sessions"]) == 2


def test_another_run_is_refused_and_left_as_it_is(tmp_path: Path):
    with writing(request(), tmp_path) as writer:
        finish(writer)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name != ".lock"}
    for other, message in (
        (request(kind="probe"), "holds a tokens run: choose another --out"),
        (request(plan={"seed": 1}), "holds a run of another plan: it differs in seed; choose another --out"),
        (request(plan={"seed": 1, "label": "x"}), "it differs in seed, label;"),
    ):
        with pytest.raises(UsageError, match=message), writing(other, tmp_path):
            pass
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name != ".lock"} == before


def test_what_people_read_may_differ_and_what_is_computed_may_not():
    dataset = {"name": "demo", "manifest_sha256": "f0", "utterances": 2, "title": "Demo"}
    metric = {"label": "mi", "fingerprint": "f1", "note": "mutual information"}
    plan = {"dataset": dataset, "systems": [SYSTEM | {"fingerprint": "f2"}], "metrics": [metric], "seed": 0}
    compare = same(plan, {"lm_steps": 300, "seconds": (1.0, 2.0)})

    def differs(config: dict[str, Any], **changes: Any) -> str:
        options = {"lm_steps": 300, "seconds": [1.0, 2.0], "out": "elsewhere"}
        return compare(Run(Path(), {"plan": plan | changes, "config": options | config}))

    assert differs({}) == ""
    assert differs({}, dataset=dataset | {"title": "Older"}, metrics=[metric | {"note": "older words"}]) == ""
    assert differs({"lm_steps": 200, "seconds": [1.0]}) == "it differs in lm_steps, seconds"
    assert differs({}, dataset=dataset | {"utterances": 1}) == "it differs in dataset"
    assert differs({}, metrics=[metric | {"fingerprint": "f3"}], systems=[]) == "it differs in systems, metrics"
    assert differs({}, tasks=[{"task": "sid", "fingerprint": "f4"}]) == "it differs in tasks"
    anything = same(options={"repeats": 3})
    assert anything(Run(Path(), {"plan": {}, "config": {"repeats": 3}})) == ""
    assert anything(Run(Path(), {"plan": {}, "config": {"repeats": 2}})) == "it differs in repeats"


def test_the_default_folder_is_that_of_the_same_plan_or_a_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    first = request().default_folder()
    assert request(name=("tokens", "a@1", "a@2", "demo")).default_folder() == first
    assert first.parent == Path("runs")
    assert first.name.endswith("-tokens-a-demo")
    with pytest.raises(KeyboardInterrupt), writing(request(), first):
        raise KeyboardInterrupt
    assert request().default_folder() == first
    assert request(plan={"seed": 1}).default_folder().name == f"{first.name}-2"
    assert request(kind="speed").default_folder().name == f"{first.name}-2"
    assert request(replaces=True).default_folder().name == f"{first.name}-2"


def test_a_finished_run_is_changed_whole_or_not_at_all(tmp_path: Path):
    with writing(request(), tmp_path) as writer:
        run = finish(writer)
    with pytest.raises(ZeroDivisionError), rewriting(run) as changed:
        changed.info["imports"] = [{"column": "half"}]
        raise ZeroDivisionError
    assert "imports" not in load_run(tmp_path).info
    with rewriting(run) as changed:
        changed.info["imports"] = [{"column": "whole"}]
    assert load_run(tmp_path).info == {**run.info, "imports": [{"column": "whole"}]}
    process = started(tmp_path / "busy")
    with pytest.raises(UsageError, match=f"process {process.pid} is writing"), rewriting(Run(tmp_path / "busy", {})):
        pass
    process.kill()
    process.wait(30)


@pytest.mark.parametrize(
    ("stated", "nominal", "counted", "kbps", "source"),
    [
        (850.0, 900.0, None, 0.85, "stated"),
        (None, 1200, None, 1.2, "computed"),
        (None, None, (6000 * 3.3, 3.3), 6.0, "counted"),  # not 5.999999999999999
        (None, None, (0.0, 0.0), None, ""),
    ],
)
def test_a_bitrate_is_stated_computed_or_counted(stated: Any, nominal: Any, counted: Any, kbps: Any, source: str):
    def count() -> tuple[float, float]:
        assert counted, "nothing has to be counted"
        return counted

    found = bitrate_of({"stated_bitrate": stated, "nominal_bitrate": nominal}, count)
    assert (found.kbps, found.source) == (kbps, source)


@pytest.mark.parametrize(
    ("failed", "has_values", "is_failure"),
    [(0, True, False), (1, True, False), (2, True, True), (1, False, True), (0, False, False)],
)
def test_a_system_fails_where_too_much_of_it_failed(failed: int, has_values: bool, is_failure: bool):
    covered = Coverage(0.05)
    covered.judge("a", {f"u{i}": "crashed: it hung" for i in range(failed)}, 20, has_values=has_values)
    text = f"a: {failed} of 20 utterances failed, first u0 (crashed: it hung)"
    assert covered.failures == ([text] if is_failure else [])


def test_a_silent_recording_is_no_failure_of_the_system_and_a_crash_is():
    covered = Coverage(0.4)
    covered.add("a", [("u1", "x", Status.OK, ""), ("u2", "x", Status.SILENT, "nothing above half a step")], 2)
    assert covered.failures == []
    crashes = [
        ("u1", "x", Status.CRASHED, "it hung"),
        ("u1", "y", Status.ERROR, "after that"),
        ("u2", "x", Status.OK, ""),
    ]
    covered.add("b", crashes, 2)
    assert covered.describe() == {
        "statuses": {"x": {"ok": 2, "silent": 1, "crashed": 1}, "y": {"error": 1}},
        "max_failed": 0.4,
        "failures": ["b: 1 of 2 utterances failed, first u1 (crashed: it hung)"],
    }


def test_one_reason_of_all_failures_is_told_once():
    covered = Coverage()
    lost = [(f"u{i}", column, Status.ENCODE_FAILED, "no weights") for i in range(2) for column in "xy"]
    covered.add("a", lost, 2, lambda utterance, column: True)
    assert covered.failures == ["a: 2 of 2 utterances failed, first u0 (encode_failed: no weights)"]
    covered.add("b", [*lost[:3], ("u1", "y", Status.SILENT, "all zero")], 2, lambda utterance, column: True)
    assert covered.failures[1:] == [
        "b: 2 of 2 utterances failed, first u0 (encode_failed: no weights)",
        "b: no value in y: 1 × encode_failed, 1 × silent, first u1 (all zero)",
    ]


@pytest.mark.parametrize(
    ("statuses", "owes", "failures"),
    [
        (["ok", "silent"], True, []),
        (["silent", "silent"], False, []),
        (["silent", "no_text"], True, ["a: no value in x, y: 1 × silent, 1 × no_text, first u0 (why)"]),
        (["no_text", "error"], False, ["a: no value in x, y: 1 × no_text, 1 × error, first u1 (why)"]),
    ],
)
def test_a_column_without_a_value_is_a_failure_where_the_system_owes_one(
    statuses: list[str], owes: bool, failures: list[str]
):
    covered = Coverage(0.5)
    scores = [
        (f"u{i}", column, Status(status), "" if status == "ok" else "why")
        for i, status in enumerate(statuses)
        for column in "xy"
    ]
    scores += [(f"u{i}", "z", Status.OK, "") for i in range(2)]
    covered.add("a", scores, 2, lambda utterance, column: owes and column in "xy")
    assert covered.failures == failures


def test_a_system_that_failed_is_not_told_of_again_for_each_column():
    covered = Coverage(0.05)
    covered.add("a", [("u0", column, Status.CRASHED, "it hung") for column in "xy"], 1)
    assert covered.failures == ["a: 1 of 1 utterances failed, first u0 (crashed: it hung)"]


def test_rows_without_values_have_columns_of_numbers():
    nothing = Heading.of({**SYSTEM, "nominal_bitrate": None, "frame_rate_hz": None})
    summary = summary_frame([nothing.row("x", "", Estimate(None, None, None, 0, 1, 0))])
    scores = score_frame([ScoreRow.of("a", "u1", None, "x", Score.failed(Status.SILENT, "nothing"))])
    for frame, names in (
        (summary, ("bitrate_kbps", "frame_rate_hz", "value", "ci_low", "ci_high")),
        (scores, ("value", "numerator", "denominator", "seconds")),
    ):
        assert {str(frame[name].dtype) for name in names} == {"float64"}
        assert frame[list(names)].isna().all(axis=None)
