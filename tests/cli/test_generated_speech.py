"""`codec-bench score` without recordings: generated speech against its text and the prompts of its voices."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import codec_bench
from codec_bench.audio import read_audio
from codec_bench.datasets.generated import load_prompts, read_prompts
from codec_bench.errors import UsageError
from tests.command import check_refused, run_command

pytestmark = pytest.mark.long

DEMO = Path(codec_bench.__file__).parent / "datasets" / "demo"
SPEECH = ("rms-01", "slt-01")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`tts` holds what was generated, `voices` the prompts, `utt2prompt` which belongs to which; texts beside them."""
    tmp_path = tmp_path_factory.mktemp("generated")
    texts = pd.read_csv(DEMO / "manifest.tsv", sep="\t").set_index("id").transcript
    for name in ("tts", "voices"):
        (tmp_path / name).mkdir()
    for stem in SPEECH:
        shutil.copy(DEMO / "audio" / f"{stem}.flac", tmp_path / "tts")
    for stem in ("rms-03", "slt-03"):
        shutil.copy(DEMO / "audio" / f"{stem}.flac", tmp_path / "voices")
    (tmp_path / "utt2prompt").write_text("".join(f"{s} {s[:3]}-03\n" for s in SPEECH))
    (tmp_path / "texts.tsv").write_text("id\ttext\n" + "".join(f"{s}\t{texts[s]}\n" for s in SPEECH))
    return tmp_path


def score(folder: Path, out: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What is scored once is in the cache of the folder."""
    return run_command(folder, "score", "--decoded", "tts", "--out", out, "--no-report", "--jobs", "1", *arguments)


WITH_PROMPTS = ("--prompts", "utt2prompt", "--prompt-root", "voices")


@pytest.mark.slow
def test_words_and_voices_of_generated_speech(folder: Path, tmp_path: Path):
    done = score(folder, tmp_path, "--text", "texts.tsv", *WITH_PROMPTS, "--asr", "pocketsphinx")
    assert done.returncode == 0, done.stderr
    assert "left out: utmos" in done.stderr
    assert "similarities are to each utterance's prompt" in done.stdout
    run = codec_bench.load_run(tmp_path)
    words_and_voices = {"wer[pocketsphinx]", "cer[pocketsphinx]", "per[pocketsphinx]", "secs", "dnsmos", "distillmos"}
    assert set(run.metrics) == words_and_voices
    assert set(run.systems) == {"tts"}
    assert (run.scores.status == "ok").all()
    words = run.scores[run.scores.metric == "wer[pocketsphinx]"]
    texts = pd.read_csv(folder / "texts.tsv", sep="\t").text
    assert words.denominator.sum() == sum(len(text.split()) for text in texts)
    assert set(run.scores.speaker) == {"rms-03", "slt-03"}

    resemblyzer = pytest.importorskip("resemblyzer")
    encoder = resemblyzer.VoiceEncoder("cpu", verbose=False)

    def embedding(path: Path) -> np.ndarray:
        audio = read_audio(path)
        return encoder.embed_utterance(resemblyzer.preprocess_wav(audio.samples, source_sr=audio.rate))

    secs = run.scores[run.scores.metric == "secs"].set_index("utterance").value
    for stem in SPEECH:
        ours, prompt = (embedding(folder / f) for f in (f"tts/{stem}.flac", f"voices/{stem[:3]}-03.flac"))
        assert secs[stem] == pytest.approx(float(ours @ prompt), abs=0.01)  # it resamples with librosa, we with soxr


def test_the_length_of_a_prompt_does_not_matter_and_no_recording_is_invented(folder: Path, tmp_path: Path):
    lengths = [read_audio(folder / f).seconds for f in ("tts/slt-01.flac", "voices/slt-03.flac")]
    assert abs(lengths[0] - lengths[1]) > 0.3
    done = score(folder, tmp_path, "--metrics", "all", *WITH_PROMPTS)
    assert done.returncode == 0, done.stderr
    run = codec_bench.load_run(tmp_path)
    assert not {"stoi", "pesq_wb", "gpe", "mcd", "si_sdr", "visqol"} & set(run.metrics)
    assert (run.scores[run.scores.metric == "secs"].status == "ok").all()
    assert run.info["lengths"] == {}


def test_without_prompts_there_is_no_similarity(folder: Path, tmp_path: Path):
    done = score(folder, tmp_path, "--text", "texts.tsv", "--asr", "pocketsphinx")
    assert done.returncode == 0, done.stderr
    assert "there are no prompts" in done.stdout
    assert "secs" not in codec_bench.load_run(tmp_path).metrics


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--metrics", "pesq_wb"), "pesq_wb compares with a recording of the same utterance"),
        (("--metrics", "secs"), "secs compares generated speech with prompts: name them with --prompts"),
        (
            ("--reference", "tts", *WITH_PROMPTS),
            "--reference is for reconstructions and --prompts for generated speech",
        ),
        (("--prompts", "utt2prompt", "--prompt-root", "tts"), "has the prompt 'rms-03'"),
        (("--prompts", "none"), "none does not exist"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    folder: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
):
    check_refused(score(folder, tmp_path, *arguments), message)


def test_what_has_no_partner_is_named_and_left_out(folder: Path, tmp_path: Path):
    (folder / "less").write_text("slt-01 slt-03\ngone rms-03")
    done = score(folder, tmp_path, "--metrics", "secs", "--strict", "--prompts", "less", "--prompt-root", "voices")
    assert done.returncode == 1
    assert "1 files of tts have no partner and are left out: rms-01" in done.stderr
    assert "1 utterances of less have no partner and are left out: gone" in done.stderr
    assert codec_bench.load_run(tmp_path).info["plan"]["dataset"]["utterances"] == 1


def test_the_official_list_of_test_set_b(shared: Path):
    prompts = read_prompts(shared / "lists" / "testsetB_utt2prompt")
    assert (len(prompts), len(set(prompts.values()))) == (500, 37)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\n", "line 1: an utterance and its prompt"),
        ("a x\na y\n", "line 2: 'a' already appeared"),
        ("\n", "is empty"),
    ],
)
def test_wrong_lists_name_the_line(tmp_path: Path, text: str, message: str):
    (tmp_path / "list").write_text(text)
    with pytest.raises(UsageError, match=message):
        read_prompts(tmp_path / "list")


def test_a_prompt_may_be_a_path(folder: Path):
    (folder / "paths").write_text("u1 voices/rms-03.flac\nu2 slt-03\n")
    assert load_prompts(folder / "paths") == {
        "u1": folder / "voices" / "rms-03.flac",
        "u2": folder / "voices" / "slt-03.flac",
    }
