"""Whatever a metric does to the process that scores costs the pair with which it does it; the others are right."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

import codec_bench
from codec_bench.runs.directory import Run
from tests.reconstruction.hostile_metrics import VICTIM

HERE = Path(__file__).parent

HARMLESS = ("prints", "forks", "leaves_a_child", "writes_late")

DEADLY = {
    "writes": "the process sent no message begins with b'garb'",
    "replies": r"the process sent an answer to message 1000000, not to \d+",
    "closes": "the process ended with status",
    "dies": "the process ended with status 0",
    "aborts": "the process was killed by SIGABRT",
}

HANGING = ("stops", "spins")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    rng = np.random.default_rng(0)
    for number in range(8):
        length = VICTIM if number == 1 else 8_000 + number
        soundfile.write(folder / f"{number}.wav", (0.1 * rng.standard_normal(length)).astype(np.float32), 16_000)
    return folder


@pytest.fixture
def plug_ins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(str(HERE))
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    monkeypatch.setenv("CODEC_BENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOSTILE_LOG", str(tmp_path / "log"))


def run_with(names: tuple[str, ...], recordings: Path, tmp_path: Path, timeout: float, **options: object) -> Run:
    metrics = ["si_sdr", "bad_plugins:level", *(f"hostile_metrics:{name}" for name in names)]
    return codec_bench.run(
        "bad_plugins:Plain", str(recordings), metrics=metrics, timeout=timeout, max_failed=1, report=False,
        out=tmp_path / "run", **options,
    )  # fmt: skip


def check(run: Run, recordings: Path, wrong: dict[str, str]) -> None:
    """All scores are right but those of some metrics with the victim."""
    scores = run.scores
    failed = scores[scores["status"] != "ok"]
    assert set(zip(failed["metric"], failed["utterance"], strict=True)) == {(name, "1") for name in wrong}
    for metric, reason, status in zip(failed["metric"], failed["reason"], failed["status"], strict=True):
        assert status == "crashed"
        assert re.match(wrong[metric], reason), reason
    lengths = {path.stem: len(soundfile.read(path)[0]) for path in recordings.glob("*.wav")}
    own = scores[(scores["status"] == "ok") & ~scores["metric"].isin(["si_sdr", "level"])]
    assert own["value"].tolist() == [lengths[utterance] / 1000 for utterance in own["utterance"]]
    level = scores[(scores["metric"] == "level") & (scores["system"] != "ground-truth")]
    for utterance, value in zip(level["utterance"], level["value"], strict=True):
        samples, _ = soundfile.read(recordings / f"{utterance}.wav", dtype="float32")
        wanted = np.abs(samples - (np.round(samples * 32_767) / 32_767).astype(np.float32)).mean()
        assert value == pytest.approx(wanted, rel=1e-6)


@pytest.mark.slow
@pytest.mark.usefixtures("plug_ins")
@pytest.mark.parametrize("jobs", [1, 2])
def test_what_a_metric_does_to_its_pipes_and_its_process_costs_its_own_score(
    recordings: Path, tmp_path: Path, jobs: int
):
    run = run_with((*HARMLESS, *DEADLY), recordings, tmp_path, 60, jobs=jobs)
    check(run, recordings, DEADLY)


@pytest.mark.slow
@pytest.mark.usefixtures("plug_ins")
def test_a_metric_that_takes_all_memory_costs_its_own_score(recordings: Path, tmp_path: Path):
    scores = run_with(("hoards",), recordings, tmp_path, 60, jobs=1, ground_truth=False).scores
    failed = scores[scores["status"] != "ok"]
    assert failed[["metric", "utterance", "status"]].to_numpy().tolist() == [["hoards", "1", "error"]]
    assert failed["reason"].iloc[0].startswith("MemoryError")


@pytest.mark.slow
@pytest.mark.usefixtures("plug_ins")
def test_a_metric_that_stops_its_process_or_keeps_its_lock_costs_its_own_score(recordings: Path, tmp_path: Path):
    run = run_with(HANGING, recordings, tmp_path, 10, jobs=1, ground_truth=False)
    check(run, recordings, dict.fromkeys(HANGING, "the process gave no reply within 10 s"))


@pytest.mark.slow
@pytest.mark.usefixtures("plug_ins")
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_metric_that_hangs_with_everything_is_given_up(recordings: Path, tmp_path: Path, jobs: int):
    run = run_with(("hangs",), recordings, tmp_path, 8, jobs=jobs, ground_truth=False)
    calls = (tmp_path / "log").read_text().splitlines()
    # Once with the others, and three utterances twice; what processes have begun meanwhile is not taken back.
    assert 7 <= len(calls) <= 8 * jobs
    scores = run.scores
    assert set(scores[scores["metric"] != "hangs"]["status"]) == {"ok"}
    hung = scores[scores["metric"] == "hangs"]
    assert set(hung["status"]) == {"crashed"}
    given_up = "hangs is given up for plain: it lost 3 utterances in a row; the last time the process gave"
    assert sum(reason.startswith(given_up) for reason in hung["reason"]) >= 8 - 3 * jobs
    assert run.info["status"] == "failed"


@pytest.mark.slow
@pytest.mark.usefixtures("plug_ins")
def test_a_metric_that_draws_its_values_gives_them_once(recordings: Path, tmp_path: Path):
    """A drawn value is kept as any other: repeated, the run has the same one, and no other metric hears of it."""
    first = run_with(("draws",), recordings, tmp_path / "first", timeout=60).scores
    again = run_with(("draws",), recordings, tmp_path / "again", timeout=60).scores
    columns = ["utterance", "metric", "status", "value"]
    assert first[columns].equals(again[columns])
    drawn = first[first["metric"] == "draws"]
    assert set(drawn["status"]) == {"ok"}
    assert drawn["value"].nunique() >= 8
    alone = run_with((), recordings, tmp_path / "alone", timeout=60).scores
    assert alone[columns].equals(first[first["metric"] != "draws"].reset_index(drop=True)[columns])
