"""A codec that broke fails the gate, by the commands of docs/ci.md; one that did not passes it."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.command import run_command

BROKEN = '''
import os
from collections import Counter
import numpy as np
from codec_bench.errors import CodecError
from codec_bench.testing.codecs import Noise

class Checkpoint(Noise):
    """White noise, and what CHECKPOINT says is wrong with it."""
    name = "checkpoint"
    cacheable = False

    def _change(self, samples):
        broken = os.environ.get("CHECKPOINT", "")
        chosen = int(np.sum(np.abs(samples)) * 1e6) % 6 == 0
        if broken == "silence":
            return np.zeros_like(samples)
        if broken == "ruined" or (broken == "worse and lost" and not chosen):
            return super()._change(super()._change(super()._change(samples)))
        if broken == "worse and lost":
            raise CodecError("lost")
        if broken == "ruins some" and chosen:
            return np.zeros_like(samples)
        return super()._change(samples)
'''


Tried = Callable[..., tuple[int, int, str]]


@pytest.fixture
def tried(tmp_path: Path) -> Tried:
    """Runs a good checkpoint and a broken one: exit codes of the second run and of `compare`, and what that says."""
    (tmp_path / "mine.py").write_text(BROKEN)

    def made(broken: str, codec: str = "mine:Checkpoint@15", metrics: str = "pesq_wb,stoi") -> tuple[int, int, str]:
        common = ("--codec", codec, "--dataset", "demo", "--metrics", metrics, "--no-report", "--out")
        first = run_command(tmp_path, "run", *common, "main", CHECKPOINT="good")
        assert first.returncode == 0, first.stderr
        ran = run_command(tmp_path, "run", *common, "new", CHECKPOINT=broken)
        compared = run_command(tmp_path, "compare", "main", "new")
        return ran.returncode, compared.returncode, compared.stdout

    return made


@pytest.mark.long
def test_an_equal_checkpoint_passes(tried: Tried):
    assert tried("still good")[:2] == (0, 0)


@pytest.mark.long
@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("silence", "coverage fell: 24 of the 24 utterances"),
        pytest.param("worse and lost", "coverage fell", marks=pytest.mark.slow),
        pytest.param("ruins some", "coverage fell", marks=pytest.mark.slow),
        ("ruined", "Regression: 2 of 2 limits broken"),
    ],
)
def test_a_broken_checkpoint_fails(tried: Tried, broken: str, said: str):
    ran, compared, text = tried(broken)
    assert compared == 1
    assert said in text
    assert ran == (1 if broken in ("silence", "worse and lost") else 0)


@pytest.mark.slow
def test_twenty_ruined_systems_fail(tried: Tried):
    """Of five speakers: all ways to swap them are 32, which no correction for 60 tests would survive."""
    codecs = ",".join(f"mine:Checkpoint@{snr}" for snr in range(10, 30))
    _, compared, text = tried("ruined", codecs, "stoi,estoi,si_sdr")
    assert compared == 1
    assert "Regression: 40 of 60 limits broken" in text  # ESTOI and SI-SDR of all; speakers differ too much in STOI


@pytest.fixture(scope="module")
def late(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Opus makes of 37 speakers, five utterances or fewer each, and the same one sample later."""
    folder = tmp_path_factory.mktemp("late")
    listed = shared / "data" / "manifests" / "speech_en.tsv"
    with listed.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    of_speaker = {s: [row for row in rows if row["speaker"] == s] for s in sorted({row["speaker"] for row in rows})}
    chosen = [row for speaker in [*of_speaker][:37] for row in of_speaker[speaker][:3]]
    assert len({row["speaker"] for row in chosen}) == 37
    paths = {row["id"]: (listed.parent / row["path"]).resolve() for row in chosen}
    lines = ["id\tpath\tspeaker", *(f"{row['id']}\t{paths[row['id']]}\t{row['speaker']}" for row in chosen)]
    (folder / "set.tsv").write_text("\n".join(lines) + "\n")
    options = ("--dataset", "set.tsv", "--no-report", "--metrics")
    done = run_command(folder, "run", "--codec", "opus@8000", *options, "si_sdr", "--keep-audio", "--out", "opus")
    assert done.returncode == 0, done.stderr
    for name, shift in (("now", 0), ("later", 1)):
        (folder / name).mkdir()
        for path in (folder / "opus" / "audio" / "opus@8000").glob("*.wav"):
            samples, rate = soundfile.read(path, dtype="float32")
            moved = np.concatenate([np.zeros(shift, np.float32), samples[: len(samples) - shift]])
            soundfile.write(folder / name / path.name, moved, rate, subtype="FLOAT")
        codec = f"files:{folder / name}"
        done = run_command(
            folder, "run", "--codec", codec, *options, "pesq_wb,stoi,gpe,vde,ffe,secs", "--out", f"runs/{name}"
        )
        assert done.returncode == 0, done.stderr
    return folder / "runs"


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [("now", "now"), ("now", "later"), ("later", "now")])
def test_what_nobody_hears_passes_with_37_speakers(late: Path, before: str, after: str):
    done = run_command(late, "compare", before, after)
    assert done.returncode == 0, done.stdout
