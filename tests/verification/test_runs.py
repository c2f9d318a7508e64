"""Verification by itself: before a run, after a download, and what runs say of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codec_bench.hub import home
from codec_bench.verification import Outcome, Result, State, Target, ensure, state_of, target_of, verify
from codec_bench.verification import kept as kept_module
from codec_bench.verification.kept import keep, record_of
from tests.command import Cli, check_refused
from tests.small_runs import DEMO

RUN = ("run", "--dataset", DEMO / "manifest.tsv", "--limit", 1, "--metrics", "si_sdr", "--jobs", 1)
LYRA = (*RUN, "--codec", "lyra@16")


@pytest.fixture
def offline(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(shared))
    monkeypatch.setenv("CODEC_BENCH_OFFLINE", "1")
    monkeypatch.delenv("CODEC_BENCH_NO_VERIFY")


def result(outcome: Outcome) -> Result:
    return Result("codec:lyra", outcome, "tokens of a test", "1", "2", "0", "a test", "that this is a test")


@pytest.fixture
def lyra(offline: None) -> Target:
    (target,) = target_of("codec:lyra")
    return target


@pytest.mark.slow
def test_all_that_is_here_gives_what_was_published(offline: None, cli: Cli) -> None:
    done = cli("verify", "all-here", "--json")
    assert done.returncode == 0, done.stdout
    results = json.loads(done.stdout)
    passed = {r["target"] for r in results if r["outcome"] == "pass"}
    assert len(passed) >= 10
    assert {"codec:lyra", "metric:nisqa", "metric:secs", "metric:wer[whisper:tiny.en]"} <= passed
    assert not [r for r in results if r["outcome"] in ("fail", "differs")]


@pytest.mark.slow
def test_a_codec_is_verified_before_its_first_run_alone(offline: None, cli: Cli, tmp_path: Path) -> None:
    first = cli(*LYRA, "--out", "first", "--no-report")
    assert first.returncode == 0, first.stderr
    (file,) = (tmp_path / "home/verified").iterdir()
    assert json.loads(file.read_text())["state"] == "verified"
    written = file.stat().st_mtime_ns
    second = cli(*LYRA, "--out", "second", "--no-report")
    assert file.stat().st_mtime_ns == written
    for done, out in ((first, "first"), (second, "second")):
        assert "Known answers: lyra: verified against 6 known answers" in done.stdout
        assert "lyra: verified against" in (tmp_path / out / "table.md").read_text()


@pytest.mark.long
def test_a_codec_that_failed_is_refused_or_marked(lyra: Target, cli: Cli, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("CODEC_BENCH_HOME", str(tmp_path / "home"))
    keep(lyra, (result(Outcome.FAILED),), "cpu")
    assert state_of(lyra)[0] is State.FAILED
    for more in ((), ("--no-verify",)):
        done = cli(*LYRA, *more)
        check_refused(done, "fail  codec:lyra: tokens of a test; expected 1; found 2; tolerance 0; this may mean: that")
        assert "--unverified" in done.stderr
    done = cli(*LYRA, "--unverified", "--out", "out", "--no-report")
    assert done.returncode == 0, done.stderr
    assert "WARNING: fail  codec:lyra: tokens of a test" in done.stderr
    assert "3.20‡" in done.stdout
    assert "‡ the codec fails a known answer" in done.stdout
    listed = json.loads(cli("list", "codecs", "--json").stdout)
    assert {entry["known_answers"] for entry in listed if entry["codec"] == "lyra"} == {"failed"}
    rows = json.loads(cli("doctor", "--json").stdout)
    assert next(row["state"] for row in rows if row["what"] == "codec lyra") == "problem"


def test_what_nobody_published_is_not_verified_and_costs_nothing(offline: None) -> None:
    (target,) = target_of("codec:mulaw")
    ensure([target])
    assert state_of(target)[0] is State.NO_ANSWER
    assert "libsndfile" in state_of(target)[1]
    assert not (home() / "verified").exists()


def test_an_input_that_was_not_had_is_asked_for_again_a_day_later(lyra: Target, monkeypatch) -> None:
    record = keep(lyra, (result(Outcome.NOT_HAD),), "cpu")
    assert (record.state, record.is_final) == (State.NOT_YET, True)
    monkeypatch.setattr(kept_module, "AGAIN", -kept_module.AGAIN)
    assert not record.is_final
    assert keep(lyra, (result(Outcome.PASSED), result(Outcome.NOT_HAD)), "cpu").state is State.VERIFIED
    assert "1 known answer (1 more could not be compared)" in state_of(lyra)[1]


@pytest.mark.parametrize(
    "damage", [{"checks": [{"outcome": "maybe"}]}, {"checks": []}, {"when": "2026-11-30T04:00:00"}, {"when": "today"}]
)
def test_a_damaged_record_is_none(lyra: Target, damage: dict[str, object]) -> None:
    keep(lyra, (result(Outcome.NOT_HAD),), "cpu")
    (path,) = (home() / "verified").iterdir()
    path.write_text(json.dumps(json.loads(path.read_text()) | damage))
    assert record_of(lyra) is None
    assert state_of(lyra) == (State.NOT_YET, "not verified yet")


@pytest.mark.parametrize(("value", "count"), [("1", 0), ("0", 1), ("", 1)])
def test_a_variable_turns_it_off(lyra: Target, monkeypatch: pytest.MonkeyPatch, value: str, count: int) -> None:
    asked: list[Target] = []
    monkeypatch.setattr("codec_bench.verification.verifying.verify", lambda new, *_, **__: asked.extend(new) or [])
    monkeypatch.setenv("CODEC_BENCH_NO_VERIFY", value)
    ensure([lyra])
    assert len(asked) == count


def test_other_answers_are_verified_anew(lyra: Target) -> None:
    assert lyra.answers is not None
    fewer = replace(lyra, answers=lyra.answers.model_copy(update={"checks": lyra.answers.checks[:1]}))
    assert fewer.key != lyra.key


def test_other_weights_have_no_answers(offline: None, tmp_path: Path) -> None:
    from codec_bench.adapters import CODECS
    from codec_bench.verification import target_of_codec

    codec = CODECS.get("mimi")()
    (tmp_path / "mine.safetensors").touch()
    codec.use_checkpoint(tmp_path / "mine.safetensors")
    assert state_of(target_of_codec(codec))[1] == "no answer known: its weights are not the published ones"


@pytest.mark.long
def test_a_process_that_ends_is_a_failure(lyra: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codec_bench.verification.verifying.WORKER", "os:_exit")
    ((_, record),) = verify([lyra])
    assert record is not None
    assert record.state is State.FAILED
    assert record_of(lyra) is None, "it may end otherwise next time"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("codec:lyro",), "did you mean 'lyra'"),
        (("lyra",), "cannot be verified: write codec:NAME"),
        (("codec:lyra", "--device", "tpu"), "a device is auto"),
    ],
)
def test_what_cannot_be_verified_is_one_line(cli: Cli, arguments: tuple[str, ...], message: str) -> None:
    check_refused(cli("verify", *arguments), message)


def test_rows_of_tables_are_named_where_nothing_else_is_known(cli: Cli) -> None:
    done = cli("verify", "codec:snac-24khz")
    assert done.returncode == 0
    assert done.stdout.startswith("no published answer  codec:snac-24khz")
    assert "codec-bench reproduce longcat:table6 --row 'SNAC (24kHz)' measures it" in done.stdout


@pytest.mark.slow
def test_weights_that_give_something_else_end_a_run(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """EnCodec with random weights, and a recording in the place of the published one."""
    pytest.importorskip("transformers")
    from tests.adapters.small_models import build

    build("encodec-24khz", tmp_path)
    recording = tmp_path / "datasets/LibriSpeech/dev-clean/1272/128104/1272-128104-0000.flac"
    recording.parent.mkdir(parents=True)
    soundfile.write(recording, np.random.default_rng(0).normal(0, 0.1, 93_680).clip(-1, 1), 16_000)
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path))
    monkeypatch.setenv("CODEC_BENCH_OFFLINE", "1")
    monkeypatch.delenv("CODEC_BENCH_NO_VERIFY")
    done = cli(*RUN, "--codec", "encodec-24khz@8", "--out", "out")
    assert done.returncode == 2
    assert "codec-bench: fail  codec:encodec-24khz: tokens of codebook 0, the first 10 of LibriSpeech" in done.stderr
    assert "expected [62, 835, 835" in done.stderr
    assert "a wrong rate, a wrong index of the bandwidth" in done.stderr
    assert not (tmp_path / "out").exists()
    done = cli(*RUN, "--codec", "encodec-24khz@8", "--out", "out", "--unverified", "--no-report")
    assert done.returncode == 0
    assert "6.00‡" in done.stdout
    assert "encodec-24khz: FAILED a known answer: tokens of codebook 0" in done.stdout
