"""A system that has no value at all in a metric makes its run a failed one, unless the recordings have none either."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from codec_bench.runs.directory import load_run
from tests.command import Cli

pytestmark = pytest.mark.long

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def _plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(HERE))
    monkeypatch.setenv("PYTHONPATH", str(HERE))


@pytest.fixture
def run(cli: Cli, six: Path):
    def called(*codecs: str, metrics: str = "si_sdr,stoi", dataset: Path | str = six, more: tuple[str, ...] = ()):
        arguments = ("--codec", ",".join(codecs), "--dataset", dataset, "--metrics", metrics, "--out", "out", *more)
        done = cli("run", *arguments, "--jobs", "1", "--no-report")
        lines = [line for line in done.stderr.splitlines() if line.startswith("codec-bench: ")]
        return done, lines

    return called


def recordings(folder: Path, kind: str, seconds: float = 1.5) -> Path:
    """Three recordings of silence, or of noise."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    for name in "abc":
        samples = (0.1 if kind == "noise" else 0) * generator.standard_normal(round(16_000 * seconds))
        soundfile.write(folder / f"{name}.wav", samples, 16_000)
    return folder


def test_a_codec_that_decodes_to_silence_fails_its_run(run, tmp_path: Path):
    done, lines = run("quiet_plugins:Mute", "codec2@3200")
    (line,) = lines
    assert done.returncode == 1
    assert line.startswith("codec-bench: mute: no value in si_sdr, stoi: 6 × silent, first ")
    assert line.endswith("(the decoded signal is silent in the part that is compared)")
    made = load_run(tmp_path / "out")
    assert (made.info["status"], made.failures) == ("failed", [line.removeprefix("codec-bench: ")])
    assert f"The run counts as failed: {made.failures[0]}." in done.stdout.replace("\\", "")
    found = made.summary.set_index(["system", "metric"]).n
    assert found["mute", "stoi"] == 0
    assert found["codec2@3200", "stoi"] == 6


@pytest.mark.parametrize("more", [("--max-failed", "1"), ("--no-ground-truth",)])
def test_no_option_lets_silence_pass(run, more: tuple[str, ...]):
    done, lines = run("quiet_plugins:Mute", metrics="stoi", more=more)
    assert (done.returncode, len(lines)) == (1, 1)
    assert "no value in stoi: 6 × silent" in lines[0]


def test_silence_under_a_condition_alone_fails_too(run):
    done, lines = run("quiet_plugins:MuteWhenMuffled", more=("--condition", "band@2000,segment@0.5"))
    assert done.returncode == 1
    (line,) = lines
    assert "mute-when-muffled+band@2000: no value in si_sdr, stoi: 6 × silent" in line


def test_a_metric_that_finds_nothing_in_one_system_fails_it(run):
    done, lines = run("quiet_plugins:Constant", metrics="si_sdr,mel_distance")
    assert done.returncode == 1
    (line,) = lines
    assert "constant: no value in si_sdr: 6 × undefined, first " in line
    # Without the recordings as a row, another system shows that they can be scored.
    alone, lines = run("quiet_plugins:Constant", metrics="si_sdr", more=("--no-ground-truth", "--out", "alone"))
    assert (alone.returncode, lines) == (0, [])
    both, lines = run("quiet_plugins:Constant", "opus@6000", metrics="si_sdr", more=("--no-ground-truth", "--out", "b"))
    assert (both.returncode, len(lines)) == (1, 1)


@pytest.mark.parametrize(("kind", "seconds", "status"), [("silence", 1.5, "silent"), ("noise", 0.3, "too_short")])
@pytest.mark.parametrize("more", [(), ("--no-ground-truth",)])
def test_what_lies_in_the_recordings_is_no_failure(
    run, tmp_path: Path, kind: str, seconds: float, status: str, more: tuple[str, ...]
):
    folder = recordings(tmp_path / kind, kind, seconds)
    done, lines = run("quiet_plugins:Constant", "codec2@3200", metrics="stoi", dataset=folder, more=more)
    assert (done.returncode, lines) == (0, []), done.stderr
    assert set(load_run(tmp_path / "out").scores.status) == {status}


def test_transcripts_that_are_missing_are_no_failure(run, tmp_path: Path):
    done, lines = run("codec2@3200", metrics="wer,si_sdr", dataset=recordings(tmp_path / "noise", "noise"),
                      more=("--asr", "pocketsphinx", "--no-ground-truth"))  # fmt: skip
    assert (done.returncode, lines) == (0, []), done.stderr
    assert load_run(tmp_path / "out").info["coverage"]["statuses"]["wer[pocketsphinx]"] == {"no_text": 3}


@pytest.mark.parametrize("reference", [("--reference", "noise"), ()])
def test_score_fails_for_a_folder_of_silence(cli: Cli, tmp_path: Path, reference: tuple[str, ...]):
    recordings(tmp_path / "noise", "noise")
    recordings(tmp_path / "mine", "silence")
    metric = "si_sdr" if reference else "dnsmos"
    done = cli("score", "--decoded", "mine", *reference, "--metrics", metric, "--jobs", "1", "--no-report")
    assert done.returncode == 1
    assert f"codec-bench: mine: no value in {metric}: 3 × silent, first a (the decoded signal is silent" in done.stderr
