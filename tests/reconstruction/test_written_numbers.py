"""Runs on real speech whose transcripts are not written as the recogniser writes, from the table to the warning."""

from __future__ import annotations

from pathlib import Path

import pytest

import codec_bench
from tests.small_runs import DEMO

pytestmark = pytest.mark.long


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = [
        ("id", "path", "transcript", "language"),
        ("rms-02", "rms-02.flac", "The judge made a decision after 3 hours of discussion.", "eng"),
        ("kal16-03", "kal16-03.flac", "Our teacher asked us to read the 1st 2 pages.", "English"),
        ("slt-01", "slt-01.flac", "今天天气很好", ""),
    ]
    path = tmp_path / "set.tsv"
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    return path


def run(table: Path, out: Path, normaliser: str) -> codec_bench.Run:
    return codec_bench.run(
        codec=["opus@16000"], dataset=str(table), audio_root=DEMO / "audio", metrics=["wer", "cer"], asr="pocketsphinx",
        normaliser=normaliser, out=out, jobs=1, report=False, max_failed=1.0,
    )  # fmt: skip


@pytest.mark.slow
def test_a_warning_names_the_normaliser_that_writes_numbers_alike(table: Path, tmp_path: Path) -> None:
    found = run(table, tmp_path / "basic", "basic")
    (warning,) = [line for line in found.info["warnings"] if "writes numbers" in line]
    assert warning.startswith("pocketsphinx writes numbers in another way than the transcripts in 2 of 2 utterances")
    assert "--normaliser whisper-english" in warning and "'3' was heard as 'three'" in warning

    scores = found.scores.set_index(["system", "metric", "utterance"])
    reasons = scores.loc["opus@16000"].xs("slt-01", level="utterance").reason
    assert reasons["cer[pocketsphinx]"] == "pocketsphinx knows en only, and the transcript is in another script"
    assert "without spaces between words: take cer" in reasons["wer[pocketsphinx]"]
    same = run(table, tmp_path / "whisper", "whisper-english")
    assert not [line for line in same.info["warnings"] if "writes numbers" in line]
    errors = [
        r.scores.query("status == 'ok' and system == 'opus@16000' and metric.str.startswith('wer')").numerator.sum()
        for r in (found, same)
    ]
    assert errors[1] <= errors[0] - 3
