"""Secrets, the host name and the home folder stay out of run.json, reports and tracebacks; runs go on all the same."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from codec_bench.discretion import HIDDEN, discreet, discreet_info, discreet_text, is_secret
from codec_bench.records import Score, Status
from codec_bench.reports.html.audio import keeping_command
from codec_bench.runs.columns import ColumnSpec
from codec_bench.runs.directory import load_run
from codec_bench.runs.failures import Failures
from codec_bench.runs.frames import Bitrate, Coverage, Heading, ScoreRow, score_frame, summary_frame
from codec_bench.runs.writer import Request, same, writing
from codec_bench.stats import Estimate

TOKEN = "hf_" + "a1B2" * 8
NO_VALUE = Estimate(None, None, None, 0, 1, 0)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    (tmp_path / "me").mkdir()
    return tmp_path / "me"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("https://user:pw@host.org/x", f"https://{HIDDEN}@host.org/x"),
        ("https://ghost@host.org:8080/x", f"https://{HIDDEN}@host.org:8080/x"),
        ("redis://:pw@host", f"redis://{HIDDEN}@host"),
        ("https://h/x?access_token=abc&n=1", f"https://h/x?access_token={HIDDEN}&n=1"),
        ("https://h/x?X-Amz-Signature=abc", f"https://h/x?X-Amz-Signature={HIDDEN}"),
        ("--api-key=abc", f"--api-key={HIDDEN}"),
        ("HF_TOKEN=abc codec-bench run", f"HF_TOKEN={HIDDEN} codec-bench run"),
        ("Authorization: Bearer abcdefghijklmnop", f"Authorization: Bearer {HIDDEN}"),
        (f"got {TOKEN}.", f"got {HIDDEN}."),
        ("ghp_" + "x" * 36, HIDDEN),
        ("AKIA" + "A1" * 8, HIDDEN),
    ],
)
def test_secrets_are_left_out(text: str, left: str):
    assert discreet_text(text) == left
    assert discreet_text(left) == left


@pytest.mark.parametrize(
    "text",
    ["opus@6000", "longcat@3+noise@10", "files:recon/mimi", "https://host.org/a@b", "tokens=5", "tokens_per_second",
     "wer[pocketsphinx]", "user@host.org", "token", "a" * 64, "~/x"],
)  # fmt: skip
def test_names_of_the_field_stay(text: str):
    assert discreet_text(text) == text


def test_values_of_secret_variables_and_options_are_left_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MY_SERVICE_PASSWORD", "correct horse battery")
    monkeypatch.setenv("SHORT_TOKEN", "opus")
    assert discreet("it said 'correct horse battery' to opus") == f"it said '{HIDDEN}' to opus"
    assert discreet(["codec-bench", "--hub-token", "xyz", "--jobs", "2"])[1:] == ["--hub-token", HIDDEN, "--jobs", "2"]
    assert discreet({"variables": {"HF_TOKEN": "xyz", "LANG": "C"}, "n": 1, "tokens": 2.5, "none": None}) == {
        "variables": {"HF_TOKEN": HIDDEN, "LANG": "C"}, "n": 1, "tokens": 2.5, "none": None,
    }  # fmt: skip
    assert not is_secret("key")


def test_the_home_folder_is_a_tilde_unless_paths_are_kept(home: Path):
    for text, left in [
        (f"{home}/data/x.wav is missing", "~/data/x.wav is missing"),
        (f"file://{home}/x", "file://~/x"),
        (str(home), "~"),
        (f"{home}2/x", f"{home}2/x"),
        (f"/backup{home}/x", f"/backup{home}/x"),
    ]:
        assert discreet_text(text) == left
        assert discreet_text(text, keep_paths=True) == text


def test_a_home_that_is_the_root_stays(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", "/")
    assert discreet_text("/data/x") == "/data/x"


def request(home: Path, **config: Any) -> Request:
    dataset = {"name": "mine", "manifest_sha256": "f0", "utterances": 1, "speakers": 0,
               "source": "https://me:pw@example.org/set.zip"}  # fmt: skip
    system = {"label": "a", "group": "acoustic", "nominal_bitrate": None, "frame_rate_hz": None,
              "identity": {"files": {f"{home}/w.pt": "d1"}, "variables": {"A_TOKEN": "xyz"}}}  # fmt: skip
    plan = {"dataset": dataset, "systems": [system], "metrics": [ColumnSpec("x", "X", "Main").describe()],
            "folder": f"{home}/data"}  # fmt: skip
    options = {"data_root": f"{home}/data", "keep_paths": False} | config
    return Request("tokens", options, plan, b"id\nu1\n", same(plan, {"data_root": options["data_root"]}), ("a",))


@pytest.mark.parametrize("keep_paths", [False, True])
def test_a_run_keeps_none_of_it_and_goes_on(
    keep_paths: bool, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("sys.argv", ["codec-bench", "run", "--data-root", f"{home}/data", "--token", TOKEN])
    out = home / "out"
    for _ in range(2):  # the second one finds what the first one wrote
        with writing(request(home, keep_paths=keep_paths), out) as writer:
            writer.warn([f"{home}/data is slow, see https://a:b@example.org"])
            failed = Score.failed(Status.MISSING, f"{home}/data/u1.wav does not exist ({TOKEN})")
            scores = score_frame([ScoreRow.of("a", "u1", None, "x", failed)])
            writer.results(scores, summary_frame([Heading("a", "acoustic", Bitrate(), None).row("x", "", NO_VALUE)]))
            covered = Coverage(failures=[f"a: {failed.reason}"])
            made = writer.finish(intervals={}, coverage=covered, devices={})
    run = load_run(out)
    assert dict(made.info) == dict(run.info)
    assert len(run.info["sessions"]) == 2
    Failures(out, keep_paths=keep_paths).note("a", ["u1"], f"File {home}/plug.py, {TOKEN}")
    kept = [path.read_text(encoding="utf-8") for path in out.rglob("*") if path.suffix in (".json", ".csv", ".txt")]
    kept += [str(run.scores.to_dict()), (out / ".lock").read_text(), keeping_command(run)]
    for text in kept:
        assert TOKEN not in text
        assert "a:b@" not in text
        assert "me:pw@" not in text
        assert keep_paths or str(home) not in text
    assert any(str(home) in text for text in kept) is keep_paths
    assert "host" not in run.info["provenance"]
    assert run.info["provenance"]["left_out"][:1] == ["host name"]
    assert socket.gethostname() not in (out / ".lock").read_text()
    assert keeping_command(run).startswith("codec-bench run --data-root ")


def test_a_run_that_was_written_before_goes_on(home: Path):
    asked = request(home)
    info = {"kind": "tokens", "plan": dict(asked.plan), "config": dict(asked.config)}
    assert asked.refusal(home / "out", info) == ""
    assert asked.refusal(home / "out", discreet_info(json.loads(json.dumps(info)))) == ""
    other = request(home, data_root=f"{home}/other")
    assert "data_root" in other.refusal(home / "out", info)
