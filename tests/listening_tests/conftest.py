"""A real run with kept audio, and results as webMUSHRA writes them."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import codec_bench
from codec_bench.listening_tests.key import Key
from codec_bench.runs.directory import Run, load_run

SYSTEMS = ["codec2@3200", "opus@6000", "opus@16000"]
MUSHRA_HEADER = [
    "session_test_id", "listener", "session_uuid", "trial_id", "rating_stimulus", "rating_score", "rating_time",
    "rating_comment",
]  # fmt: skip
"""As `service/write.php` wrote it for a test of ours in a real browser; so are the rows."""
ABX_HEADER = [
    "session_test_id", "listener", "trial_id", "choice_reference", "choice_non_reference", "choice_answer",
    "choice_time", "choice_comment",
]  # fmt: skip


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `finished` was computed in: who repeats its command there computes nothing."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def finished(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that no test changes."""
    folder = tmp_path_factory.mktemp("run") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CODEC_BENCH_HOME", str(home))
        codec_bench.run(
            ",".join(SYSTEMS), "demo", metrics=["si_sdr"], keep_audio=True, jobs=1, report=False, out=folder
        )
    return folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Run:
    """A copy that a test may change."""
    return load_run(shutil.copytree(finished, tmp_path / "run"))


def write_csv(path: Path, header: list[str], rows: list[list[object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    return path


Score = Callable[[str, str, str], float]
"""Of a listener, an utterance and a system."""


def mushra_csv(path: Path, key: Key, listeners: list[str], score: Score) -> Path:
    """Listeners' sessions, each with all pages in another order."""
    rows: list[list[object]] = []
    for number, who in enumerate(listeners):
        turn = number % len(key.trials)
        for trial in [*key.trials[turn:], *key.trials[:turn]]:
            for stimulus in [*trial.stimuli, trial.reference]:
                name = "reference" if stimulus is trial.reference else stimulus.name
                value = score(who, trial.utterance, stimulus.system)
                rows.append([key.test_id, who, f"uuid-{who}", trial.id, name, f"{value:g}", 4321, ""])
    return write_csv(path, MUSHRA_HEADER, rows)


def abx_csv(path: Path, key: Key, listeners: list[str], answer: Callable[[str, str, str], str]) -> Path:
    rows: list[list[object]] = []
    for who in listeners:
        for trial in key.trials:
            other = trial.stimuli[0]
            given = answer(who, trial.utterance, other.system)
            rows.append([key.test_id, who, trial.id, "reference", other.name, given, 219, ""])
    return write_csv(path, ABX_HEADER, rows)
