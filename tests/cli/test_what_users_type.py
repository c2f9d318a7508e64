"""What a user types, and what comes of it: commands of a fresh folder, one line where something is wrong."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import unicodedata
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

import codec_bench
from codec_bench.audio import Audio, read_audio, write_wav
from codec_bench.datasets.loading import load_dataset
from codec_bench.errors import UsageError
from codec_bench.metrics import metric
from codec_bench.metrics.asr import FETCHED, backend, default_backend
from codec_bench.reconstruction.config import RunConfig
from codec_bench.reconstruction.joining import match
from codec_bench.runs import progress
from codec_bench.runs.progress import Pace, RunProgress
from tests.command import Cli, check_refused, user


def _noise(seed: int, seconds: float = 1.0) -> Audio:
    return Audio(np.random.default_rng(seed).normal(0, 0.1, round(16_000 * seconds)).astype(np.float32), 16_000)


@pytest.mark.as_user
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run",), "option codec is missing, e.g. --codec codec2@1200,opus@6000"),
        (("run", "--config", "suite.yaml"), "suite.yaml: unknown option 'metrcis'; did you mean 'metrics'?"),
        (("run", "--config", "files.yaml"), "unknown option 'bitrat'; did you mean 'bitrate'?"),
        (
            ("score", "--reference", "a", "--decoded", "b", "--bitrate", "6000"),
            "6000 kbit/s is more than uncompressed audio has: did you mean 6?",
        ),
        (("list", "codecz"), "did you mean 'codecs'?"),
    ],
)
def test_what_is_wrong_is_one_line_that_says_what_to_type(
    cli: Cli, tmp_path: Path, arguments: tuple[str, ...], message: str
):
    (tmp_path / "suite.yaml").write_text("codec: [opus@6000]\nmetrcis: [stoi]\n")
    (tmp_path / "files.yaml").write_text("codec:\n  - {files: a, bitrat: 6}\n")
    check_refused(cli(*arguments), message)


@pytest.mark.as_user
def test_a_folder_of_other_files_is_no_place_for_a_run(cli: Cli, tmp_path: Path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("x")
    options = ("--dataset", "demo", "--limit", "1", "--metrics", "si_sdr", "--no-report", "--out", "thesis")
    done = cli("run", "--codec", "ground-truth", *options)
    assert done.returncode == 2
    assert "thesis is no run, and holds other files (chapter.tex): choose another --out" in done.stderr
    assert [path.name for path in (tmp_path / "thesis").iterdir() if path.name[0] != "."] == ["chapter.tex"]


def test_a_comma_in_a_path_is_written_with_a_backslash_or_in_quotes(tmp_path: Path):
    made = RunConfig(codec=r'opus@6000,files:a\,b,files:"c,d"', dataset=["demo"])
    assert made.codec == ["opus@6000", "files:a,b", "files:c,d"]
    made.save(tmp_path / "suite.yaml")
    assert RunConfig.load(tmp_path / "suite.yaml") == made
    assert r"files:a\,b" in made.words()


@pytest.mark.as_user
def test_folders_join_by_path_where_stems_repeat_and_by_name_in_any_unicode_form(cli: Cli, tmp_path: Path):
    reference, decoded = tmp_path / "re,f", tmp_path / "de,c"
    for folder in (reference / "clean", reference / "noisy", decoded / "clean", decoded / "noisy"):
        folder.mkdir(parents=True)
    for seed, name in enumerate(("clean/1", "noisy/1")):
        samples = _noise(seed).samples
        nist = reference / f"{name}.WAV"  # TIMIT calls NIST SPHERE so
        soundfile.write(nist, samples, 16_000, format="NIST", subtype="PCM_16")
        soundfile.write(decoded / f"{name}.oga", samples, 16_000, format="OGG", subtype="VORBIS")
    name = "Grüße"
    write_wav(reference / "clean" / f"{unicodedata.normalize('NFC', name)}.wav", _noise(3))
    write_wav(decoded / "clean" / f"{unicodedata.normalize('NFD', name)}.wav", _noise(3))
    options = (
        "--metrics",
        "si_sdr",
        "--no-report",
        "--no-ground-truth",
        "--jobs",
        "1",
        "--name",
        "mine",
        "--out",
        "out",
    )
    done = cli("score", "--reference", reference, "--decoded", decoded, *options)
    assert done.returncode == 0, done.stderr
    scores = pd.read_parquet(tmp_path / "out" / "scores.parquet").set_index("utterance").value
    assert sorted(scores.index) == sorted(["clean__1", "noisy__1", f"clean__{unicodedata.normalize('NFC', name)}"])
    assert scores.min() > 3  # each with its own; noise compared with other noise is below -20 dB
    assert "left out" not in done.stderr


@pytest.mark.as_user
def test_one_recording_is_a_data_set(tmp_path: Path):
    write_wav(tmp_path / "a.wav", _noise(0))
    (tmp_path / "a.txt").write_text("some words")
    (only,) = load_dataset(tmp_path / "a.wav").utterances()
    assert (only.id, only.text, load_dataset(tmp_path / "a.wav").name) == ("a", "some words", "a")
    soundfile.write(tmp_path / "b.sph", _noise(0).samples, 8_000, format="NIST", subtype="ULAW")
    (only,) = load_dataset(str(tmp_path / "b.sph")).utterances()
    assert read_audio(only.path).rate == 8_000
    with pytest.raises(UsageError, match="there is no data set, file or folder"):
        load_dataset(tmp_path / "c.wav")


def test_the_same_samples_are_the_same_file(tmp_path: Path):
    write_wav(tmp_path / "a.wav", _noise(0))
    data = (tmp_path / "a.wav").read_bytes()
    assert b"PEAK" not in data and int.from_bytes(data[4:8], "little") + 8 == len(data)
    assert np.array_equal(soundfile.read(tmp_path / "a.wav", dtype="float32")[0], _noise(0).samples)


@pytest.mark.as_user
def test_a_column_is_called_by_the_model_and_not_by_where_it_lies(tmp_path: Path):
    labels = []
    for place in ("here", "there"):
        folder = tmp_path / place / "my-whisper"
        folder.mkdir(parents=True)
        for file in ("model.bin", "config.json", "tokenizer.json"):
            (folder / file).write_bytes(b"content of the model")
        made = metric(f"wer[whisper:{folder}@en+whisper-english]")
        assert metric(made.spelling).fingerprint == made.fingerprint
        labels.append((made.label, made.fingerprint))
    assert labels[0] == labels[1]
    assert labels[0][0] == "wer[whisper:my-whisper-a8729eea@en+whisper-english]"


@pytest.mark.as_user
@pytest.mark.slow
def test_two_machines_compare_runs_with_a_model_that_lies_elsewhere(cli: Cli, shared: Path, tmp_path: Path):
    pytest.importorskip("faster_whisper")
    for place in ("here", "there"):
        model = tmp_path / place / "my-whisper"
        model.mkdir(parents=True)
        for file in (shared / "hf" / "Systran" / "faster-whisper-tiny.en").iterdir():
            (model / file.name).symlink_to(file)
        options = ("--dataset", "demo", "--sample", "1", "--metrics", "wer", "--asr", f"whisper:{model}", "--jobs", "1")
        words = ("run", "--codec", "codec2@3200", *options, "--no-report", "--out", f"runs/{place}")
        done = cli(*words, CODEC_BENCH_HOME=str(tmp_path / place / "home"))
        assert done.returncode == 0, done.stderr
        assert re.search(r"WER\[whisper:my-whisper-[0-9a-f]{8}\]", done.stdout) and str(tmp_path) not in done.stdout
    done = cli("compare", "runs/here", "runs/there")
    assert done.returncode == 3, done.stderr  # one utterance decides nothing
    assert re.search(r"^ WER\[whisper:my-whisper-[0-9a-f]{8}\] % +cannot decide", done.stdout, re.MULTILINE)


@pytest.mark.as_user
@pytest.mark.long
def test_one_file_beside_decoded_files_in_a_folder_with_a_comma(cli: Cli, tmp_path: Path):
    (tmp_path / "de,c").mkdir()
    for path in ("a.wav", "de,c/a.wav"):
        write_wav(tmp_path / path, _noise(0))
    options = ("--dataset", "a.wav", "--metrics", "si_sdr", "--no-report", "--jobs", "1")
    for number, codec in enumerate((r"files:de\,c,opus@6000", 'opus@6000,files:"de,c"')):
        done = cli("run", "--codec", codec, *options, "--out", f"runs/{number}")
        assert done.returncode == 0, done.stderr
        scores = pd.read_csv(tmp_path / "runs" / str(number) / "summary.csv").set_index("system").value
        assert set(scores.index) == {"ground-truth", "files:de,c", "opus@6000"}
        assert scores["files:de,c"] > 80 > scores["opus@6000"]


SLOW = """
import time
from codec_bench.testing.codecs import Identity


class Slow(Identity):
    name = "slow"

    def _encode(self, samples):
        time.sleep(6)
        return super()._encode(samples)
"""


@pytest.mark.as_user
@pytest.mark.slow  # half a minute has to pass before the first line
def test_a_run_in_a_log_has_a_line_each_half_minute_that_knows_what_is_stored(tmp_path: Path):
    (tmp_path / "slow.py").write_text(SLOW)
    options = ("--codec", "slow:Slow", "--dataset", "demo", "--metrics", "si_sdr", "--no-report", "--jobs", "1")
    first = user(tmp_path, "run", *options, "--limit", "3", "--out", "three")
    assert first.returncode == 0, first.stderr
    done = user(tmp_path, "run", *options, "--limit", "10", "--out", "ten")
    assert done.returncode == 0, done.stderr
    found = re.search(r"^0:00:30 decoding slow: (\d+) of 20, \S+ pairs/\S+ (\d):(\d\d):(\d\d) left$", done.stderr, re.M)
    assert found is not None, done.stderr
    count, hours, minutes, seconds = map(int, found.groups())
    assert 3 < count < 20  # seven take 42 s, and three were there
    assert 5 < 3600 * hours + 60 * minutes + seconds < 300


@pytest.mark.as_user
@pytest.mark.slow
def test_kept_audio_of_two_machines_is_byte_equal(cli: Cli, tmp_path: Path):
    options = ("--dataset", "demo", "--sample", "1", "--metrics", "si_sdr", "--no-report", "--keep-audio")
    kept = []
    for place in ("here", "there"):
        done = cli(
            "run", "--codec", "codec2@1200", *options, "--out", place, CODEC_BENCH_HOME=str(tmp_path / f"h{place}")
        )
        assert done.returncode == 0, done.stderr
        kept.append({p.relative_to(tmp_path / place): p.read_bytes() for p in (tmp_path / place).rglob("*.wav")})
    assert kept[0] == kept[1] and len(kept[0]) == 2


@pytest.mark.as_user
def test_whisper_is_taken_where_its_weights_are(shared: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("faster_whisper")
    monkeypatch.delenv("CODEC_BENCH_ASR")
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(shared))
    name, notice = default_backend()
    assert name in ("nemo", "whisper:tiny.en")
    assert name == "nemo" or "best recogniser that is here" in notice


@pytest.mark.as_user
def test_whisper_is_taken_where_a_server_has_its_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("faster_whisper")
    monkeypatch.delenv("CODEC_BENCH_ASR")
    made = backend(FETCHED).model
    assert made is not None
    place = tmp_path / made.weights[0].path
    place.parent.mkdir(parents=True)
    place.write_bytes(b"weights")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("CODEC_BENCH_MIRROR", f"http://127.0.0.1:{server.server_port}")
        name, notice = default_backend()
        monkeypatch.setenv("CODEC_BENCH_OFFLINE", "1")
        offline, _ = default_backend()
        server.shutdown()
    assert (name, offline) == (FETCHED, "pocketsphinx")
    assert "which is fetched once" in notice
    monkeypatch.setenv("CODEC_BENCH_ASR", "whisper:tiny.en")
    assert default_backend() == ("whisper:tiny.en", "")


def test_the_rate_is_that_of_what_is_computed_now():
    pace = Pace(10_000, now=0.0)
    pace.advance(9_000, 1.0, stored=True)
    assert pace.left(1.0) is None and pace.done == 9_000
    for second in range(2, 102, 2):
        pace.advance(1, float(second))
    assert pace.rate(100.0) == pytest.approx(0.5)
    assert pace.left(100.0) == pytest.approx(950 / 0.5)


def test_progress_begins_at_what_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CODEC_BENCH_HOME", str(tmp_path / "home"))
    done: dict[str, int] = {}
    stage = RunProgress.stage

    def noted(bar: RunProgress, text: str) -> None:
        done.setdefault(text, bar._pace.done)
        stage(bar, text)

    monkeypatch.setattr(RunProgress, "stage", noted)
    options: dict[str, Any] = {"limit": 2, "metrics": ["stoi"], "ground_truth": False, "report": False, "jobs": 1}
    codec_bench.run("codec2@1200", "demo", out=tmp_path / "first", **options)
    assert done.pop("decoding codec2@1200") == 0
    found = codec_bench.run(["codec2@3200", "codec2@1200"], "demo", out=tmp_path / "second", **options)
    assert done["decoding codec2@3200"] == 2  # those of the row that is come to last
    (session,) = found.info["sessions"]
    assert (session["scores_computed"], session["scores_from_cache"]) == (2, 2)


def test_a_log_shows_that_something_goes_on(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.05)
    with RunProgress(4) as bar:
        bar.stage("decoding opus@6000")
        bar.advance()
        bar._ended.wait(0.3)
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("0:00:00 decoding opus@6000: 1 of 4, ") and "left" in line


def test_a_model_shows_how_many_signals_it_is_through(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.05)
    with RunProgress(4) as bar:
        bar.stage("applying whisper")
        bar.part(0, 7, "signals")
        bar.part(3, 7, "signals")
        bar._ended.wait(0.3)
        heard = capsys.readouterr().err.splitlines()[-1]
        bar.stage("scoring")
        bar.advance(2)
        bar._ended.wait(0.3)
    assert re.fullmatch(r"0:00:00 applying whisper: 3 of 7 signals, \S+ signals/s, 0:00:0\d left", heard)
    assert "scoring: 2 of 4, " in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.as_user
@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_a_number_of_codebooks_that_a_codec_lacks_is_told_before_any_plan(cli: Cli, more: tuple[str, ...]):
    done = cli("run", "--codec", "longcat", "--codebooks", "99", *more)
    assert done.returncode == 2
    assert not done.stdout
    (line,) = done.stderr.splitlines()
    assert "99" in line and "to download" not in line


def test_a_name_that_two_files_have_is_told(tmp_path: Path):
    for place in ("decoded/a.wav", "decoded/1089/a.wav", "reference/a.wav", "same/a.wav", "same/1089/a.wav"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        write_wav(tmp_path / place, _noise(1))
    with pytest.raises(
        UsageError,
        match=r"^a could be 1089/a.wav or a.wav of .*decoded: name one of .* 1089__a or __a$",
    ):
        match(tmp_path / "decoded", tmp_path / "reference", None)
    found = match(tmp_path / "decoded", tmp_path / "same", None)
    assert (found.common, found.warnings) == (("1089__a", "__a"), ())


@pytest.mark.as_user
def test_a_dry_run_names_everything_and_starts_nothing(cli: Cli, tmp_path: Path):
    done = cli("run", "--codec", "longcat,opus@6000", "--dry-run", CODEC_BENCH_OFFLINE="1")
    assert (done.returncode, done.stderr) == (0, "")
    first, *lines = done.stdout.splitlines()
    assert first.startswith("here: codec:opus, metric:wer[pocketsphinx]")
    assert next(line for line in lines if line.startswith("codec:longcat")).endswith("to download, 2.84 GB, MIT")
    assert sum(line.startswith("    hf/meituan-longcat/") and "https://" in line for line in lines) == 3
    assert re.search(r"dataset:libritts-test-b +to download, 1.23 GB, CC BY 4.0", done.stdout)
    assert "codec-bench env create nemo" in done.stdout  # a better recogniser than the one that is here
    assert "GB are free" in done.stdout and "about 7 min" in done.stdout
    assert "codec-bench fetch codec:longcat dataset:libritts-test-b --list" in done.stdout
    assert not (tmp_path / "runs").exists()
    for command in (
        "probe --task sid --codec longcat", "tokens --codec longcat", "speed --codec longcat",
        "reproduce longcat:table6", "fetch codec:longcat", "verify codec:longcat", "check longcat",
    ):  # fmt: skip
        done = cli(*command.split(), "--dry-run", CODEC_BENCH_OFFLINE="1")
        assert done.returncode == 0, done.stderr
        assert "codec:longcat" in done.stdout and "ahead of it: codec-bench fetch codec:" in done.stdout
        assert not (tmp_path / "runs").exists()
    done = cli("env", "create", "focalcodec", "l3ac", "--dry-run")
    assert (done.returncode, done.stdout) == (0, "focalcodec: to be made\nl3ac: to be made\n")
    assert not (tmp_path / "home" / "envs").exists()
    facts = json.loads(cli("run", "--codec", "longcat", "--dry-run", "--json", CODEC_BENCH_OFFLINE="1").stdout)
    assert {fact["what"]: fact["state"] for fact in facts}["codec:longcat"] == "to download"


@pytest.mark.as_user
def test_files_are_listed_for_another_machine_and_taken_from_what_it_brings(cli: Cli, shared: Path, tmp_path: Path):
    listed = cli("fetch", "codec:lyra", "--list")
    paths = [line.split("\t")[0] for line in listed.stdout.splitlines()]
    assert len(paths) > 2 and all(line.count("\t") == 3 and "https://" in line for line in listed.stdout.splitlines())
    unstated = cli("fetch", "codec:longcat", "--list").stdout.splitlines()
    assert [line.split("\t")[1] for line in unstated] == ["~2189000000", "~2000", "~649836168"]
    (tmp_path / "stick").mkdir()
    for path in paths[:-1]:
        (tmp_path / "stick" / Path(path).name).write_bytes((shared / path).read_bytes())
    options = ("codec:lyra", "--no-verify", "--from", "stick")
    done = cli("fetch", *options, CODEC_BENCH_OFFLINE="1")
    assert done.returncode == 2 and f"lacks 1 of {len(paths)} files: {paths[-1]}" in done.stderr
    last = tmp_path / "stick" / Path(paths[-1]).name
    last.write_bytes(b"damaged")
    assert "another file" in cli("fetch", *options, CODEC_BENCH_OFFLINE="1").stderr
    last.write_bytes((shared / paths[-1]).read_bytes())
    done = cli("fetch", *options, CODEC_BENCH_OFFLINE="1")
    assert done.returncode == 0, done.stderr
    assert all((tmp_path / "home" / path).is_file() for path in paths)


@pytest.mark.as_user
def test_folders_of_librispeech_bring_speakers_and_texts(tmp_path: Path):
    for speaker, chapter in (("61", "70968"), ("121", "121726")):
        folder = tmp_path / "test-clean" / speaker / chapter
        folder.mkdir(parents=True)
        (folder / f"{speaker}-{chapter}-0000.flac").touch()
        (folder / f"{speaker}-{chapter}.trans.txt").write_text(f"{speaker}-{chapter}-0000 SAID BY {speaker}\n")
    found = {u.speaker: u.text for u in load_dataset(tmp_path / "test-clean").utterances()}
    assert found == {"61": "SAID BY 61", "121": "SAID BY 121"}


@pytest.mark.as_user
def test_part_of_a_corpus_is_measured_as_far_as_a_limit_goes(cli: Cli, tmp_path: Path):
    for number, speaker in enumerate(("1089", "121", "237")):
        folder = tmp_path / "LibriTTS" / "test-clean" / speaker / "1"
        folder.mkdir(parents=True)
        write_wav(folder / f"{speaker}_1_000000_000000.wav", _noise(number))
        (folder / f"{speaker}_1_000000_000000.normalized.txt").write_text("Said.")
    options = ("--metrics", "si_sdr", "--no-report", "--jobs", "1")
    words = ("--dataset", "libritts-test-clean", "--data-root", "LibriTTS", "--limit", "2")
    done = cli("run", "--codec", "opus@6000", *words, *options, "--out", "part")
    assert done.returncode == 0 and "holds 3 recordings of 4837" in done.stdout, done.stderr
    done = cli("run", "--codec", "opus@6000", "--dataset", "LibriTTS/test-clean", *options, "--out", "folder")
    assert done.returncode == 0, done.stderr
    assert pd.read_csv(tmp_path / "part" / "utterances.csv").speaker.tolist() == [1089, 121]
    assert pd.read_csv(tmp_path / "folder" / "utterances.csv").speaker.tolist() == [1089, 121, 237]


@pytest.mark.as_user
def test_help_has_groups_examples_a_short_flag_and_completion(cli: Cli):
    shown = cli("-h").stdout
    assert shown.index("Measure:") < shown.index("  run ") < shown.index("Look at results:") < shown.index("  compare ")
    assert "Example: codec-bench run --codec" in shown and "--install-completion" in shown
    assert "Example: codec-bench probe --codec codec2@1200,opus@6000 --task sid,digits" in cli("probe", "-h").stdout
    words = {"_CODEC_BENCH_COMPLETE": "complete_bash", "COMP_WORDS": "codec-bench rep", "COMP_CWORD": "1"}
    program = Path(sys.executable).with_name("codec-bench")
    completed = subprocess.run([program], env=os.environ | words, capture_output=True, text=True, check=True).stdout
    assert sorted(completed.split()) == ["report", "reproduce"]


@pytest.mark.as_user
@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["run", "codec2@3200"], "(codec2@3200). Example: codec-bench run --codec codec2@1200,opus@6000"),
        (["compare", "runs/first"], "Missing argument 'candidate'. See: "),
        (["baseline", "runs/first"], "No such command 'runs/first'. See: "),
        (["rnu"], "No such command 'rnu'. Did you mean 'run'?\n"),
    ],
)
def test_what_is_missing_or_too_much_comes_with_what_to_type(cli: Cli, typed: list[str], told: str):
    done = cli(*typed)
    assert (done.returncode, told in done.stderr) == (2, True), done.stderr


@pytest.mark.as_user
def test_a_group_without_a_command_shows_its_help_alone(cli: Cli):
    for group in ("baseline", "env", "export"):
        done = cli(group)
        assert done.stderr.lstrip().startswith("Usage: ") and "install-completion" not in done.stderr, done.stderr


@pytest.mark.as_user
def test_the_name_of_a_file_in_the_folder_is_no_slip_of_another_codec(cli: Cli, tmp_path: Path):
    (tmp_path / "mulaw4.py").write_text("class _Base: ...\nclass MuLaw4(_Base): ...\nraise SystemExit('run')\n")
    for name in ("mulaw4", "mulaw4.py"):
        told = cli("check", name).stderr
        assert "mulaw4.py lies here: say what of it, as in mulaw4:MuLaw4" in told
