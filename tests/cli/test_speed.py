"""`codec-bench speed` from the command line to the run directory, on real codecs."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

import codec_bench
from codec_bench.cli import app
from codec_bench.errors import UsageError
from tests.command import Cli


@pytest.mark.long
def test_the_command_prints_a_table_and_leaves_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    arguments = ["speed", "--codec", "codec2@1200,opus@6000", "--seconds", "1", "--repeats", "2"]
    app([*arguments, "--out", str(tmp_path / "run")], standalone_mode=False)
    printed = capsys.readouterr().out
    assert "### Real-time factor" in printed and "RTF[1s] ↓" in printed
    assert "rounds that count: 2" in printed
    run = codec_bench.load_run(tmp_path / "run")
    assert (run.kind, run.info["status"]) == ("speed", "finished")
    for name in ("summary.csv", "summary.json", "scores.parquet", "rounds.csv", "utterances.csv", "table.md"):
        assert (run.path / name).is_file(), name
    assert "Real-time factor" in (run.path / "report.html").read_text(encoding="utf-8")
    summary = run.summary.set_index(["system", "metric"])
    for system, delay, kbps in (("codec2@1200", 60, 1.2), ("opus@6000", 26.5, 6)):
        times = [summary.value[system, f"{name}[1s]"] for name in ("rtf", "rtf_encode", "rtf_decode")]
        assert 0 < max(times[1:]) < times[0] < 1  # both are far faster than real time, on any machine
        assert summary.value[system, "algorithmic_delay_ms"] == pytest.approx(delay)
        assert delay < summary.value[system, "latency_ms"] < delay + 500
        assert summary.bitrate_kbps[system, "rtf[1s]"] == pytest.approx(kbps, rel=0.1)
        assert pd.isna(summary.value[system, "gmacs"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--codec", "codec2@1200", "--seconds", "five"], "option seconds should be a valid number.*not 'five'"),
        (["--codec", "codec2@1200", "--codebooks", "2.5"], "option codebooks should be a valid integer.*not '2.5'"),
        ([], "option codec is missing, e.g. --codec codec2@1200"),
        (["--codec", "opus@6000", "--audio", "nowhere.wav"], "does not exist"),
    ],
)
def test_wrong_options_are_one_line(arguments: list[str], message: str, tmp_path: Path):
    with pytest.raises(UsageError, match=message):
        app(["speed", *arguments, "--out", str(tmp_path)], standalone_mode=False)


@pytest.mark.as_user
@pytest.mark.slow
def test_a_neural_codec_with_a_streaming_decoder(cli: Cli, longcat_mirror: Path, tmp_path: Path, shared: Path):
    speech = max((shared / "data/audio/speech_en").rglob("*.flac"), key=lambda path: path.stat().st_size)
    arguments = ["speed", "--codec", "longcat-24k@2,longcat@4", "--seconds", "1", "--repeats", "1", "--no-report"]
    # Weights of our own making give no published answer.
    environment = {"CODEC_BENCH_MIRROR": str(longcat_mirror), "CODEC_BENCH_NO_VERIFY": "1"}
    done = cli(*arguments, "--audio", speech, "--out", "run", **environment)
    assert done.returncode == 0, done.stderr
    run = codec_bench.load_run(tmp_path / "run")
    value = run.summary.set_index(["system", "metric"]).value
    reason = run.scores.set_index(["system", "metric"]).reason
    for system in ("longcat-24k@2", "longcat@4"):
        assert value[system, "gmacs"] == pytest.approx(value[system, "gmacs_encode"] + value[system, "gmacs_decode"])
        assert value[system, "gmacs_encode"] > 0 and value[system, "gmacs_decode"] > 0
        assert value[system, "parameters_m"] < run.systems[system]["parameters"] / 1e6  # tiny weights, counted
        assert "whole recordings" in reason[system, "latency_ms"]
        assert any(
            re.fullmatch(rf"{system}: .* M parameters were counted, and .* are stated", w) for w in run.info["warnings"]
        )
    # The first samples of a stream need a frame of 60 ms and the three that the decoder looks ahead.
    assert 240 < value["longcat-24k@2", "decoder_latency_ms"] < 1000
    assert value["longcat-24k@2", "algorithmic_delay_ms"] == pytest.approx(240)
    assert "whole recordings" in reason["longcat@4", "algorithmic_delay_ms"]
    assert "decodes whole recordings" in reason["longcat@4", "decoder_latency_ms"]
