"""Word and character error rates: counts by hand, pooling, silence, languages, and real speech."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codec_bench.audio import Audio, read_audio
from codec_bench.errors import UsageError
from codec_bench.metrics import Metric, metric
from codec_bench.metrics.asr import Recogniser
from codec_bench.metrics.signal import Recording
from codec_bench.metrics.text import Normaliser, basic
from codec_bench.records import Score, Status

SOUND = Recording(Audio(np.full(16_000, 0.1, np.float32), 16_000))


def hears(name: str, words: str, *languages: str) -> Metric:
    """The metric with a recogniser that always hears the same."""
    fixed = Recogniser(f"test/{words}", lambda _: np.array(words), label="test", languages=languages)
    return replace(metric(name), params={"transcribe": fixed})


def distance(first: list[str], second: list[str]) -> int:
    """Levenshtein distance, written apart from jiwer."""
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        last, row = row, [i]
        for j, b in enumerate(second, 1):
            row.append(min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b)))
    return row[-1]


def parts(score: Score) -> tuple[float, float]:
    assert score.status is Status.OK, score.reason
    return score.numerator, score.denominator


@pytest.mark.parametrize(
    ("text", "heard", "words", "characters"),
    [
        ("The cat sat.", "the cat sat", (0, 3), (0, 11)),
        ("The cat sat.", "the bat sat", (1, 3), (1, 11)),
        ("The cat sat.", "", (3, 3), (11, 11)),
        ("The cat", "the cat sat on it", (3, 2), (10, 7)),
        ("It's a one-armed man", "its a one armed man", (1, 5), (1, 20)),
        ("Is it magnificent?'", "is it magnificent", (0, 3), (0, 17)),
    ],
)
def test_counts_by_hand(text: str, heard: str, words: tuple[float, float], characters: tuple[float, float]) -> None:
    assert parts(hears("wer", heard).score(None, SOUND, text)) == words
    assert parts(hears("cer", heard).score(None, SOUND, text)) == characters


@pytest.mark.parametrize("voice", ["espeak", "flite"])
def test_golden_speech(shared: Path, voice: str) -> None:
    folder = shared / "golden" / "metrics"
    golden = json.loads((folder / "golden.json").read_text())
    text, heard = golden["texts"][voice], golden["pocketsphinx_hypotheses"][f"{voice}_ref_16k"]
    decoded = Recording(read_audio(folder / f"{voice}_ref_16k.wav"))
    plain = text.lower().replace(",", "").replace(".", "")
    score = metric("wer[pocketsphinx]").score(None, decoded, text, "en")
    assert parts(score) == (distance(plain.split(), heard.split()), len(plain.split()))
    score = metric("cer[pocketsphinx]").score(None, decoded, text, "en")
    assert parts(score) == (distance(list(plain), list(heard)), len(plain))


def test_pooled_is_not_the_mean_of_utterances() -> None:
    short = hears("wer", "yes").score(None, SOUND, "no")
    long = hears("wer", "one two three four").score(None, SOUND, "one two three four")
    pooled = 100 * (short.numerator + long.numerator) / (short.denominator + long.denominator)
    assert pooled == 20
    assert short.value is not None and long.value is not None
    assert (short.value + long.value) / 2 == 50


@pytest.mark.slow
@pytest.mark.parametrize(("system", "expected"), [("GT", 0.348), ("LLM-Codec", 0.575)])
def test_real_speech_and_a_real_codec(shared: Path, system: str, expected: float) -> None:
    folder = shared / "data" / "testB_pairs"
    with (folder / "transcripts.tsv").open(encoding="utf-8") as file:
        texts = dict(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    names = sorted(f.stem for f in (folder / "LLM-Codec").glob("*.flac"))[:20]
    wer = metric("wer[pocketsphinx]")
    counts = np.array(
        [parts(wer.score(None, Recording(read_audio(folder / system / f"{n}.flac")), texts[n], "en")) for n in names]
    )
    errors, words = counts.sum(axis=0)
    assert words > 300
    assert errors / words == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("name", ["wer[pocketsphinx]", "cer[pocketsphinx]"])
def test_silence_deletes_everything(name: str) -> None:
    score = metric(name)(None, np.zeros(16_000), text="Nobody speaks.", language="en")
    assert score.value == 100 and score.status is Status.OK


@pytest.mark.parametrize("name", ["wer", "cer"])
@pytest.mark.parametrize("text", [None, "", "  ", "?! --", "'"])
def test_no_text(name: str, text: str | None) -> None:
    score = hears(name, "words").score(None, SOUND, text)
    assert (score.status, score.value) == (Status.NO_TEXT, None)


@pytest.mark.parametrize("name", ["wer", "cer"])
def test_a_recogniser_of_another_language_gives_no_number(name: str) -> None:
    score = metric(name).score(None, SOUND, "广州市房地产中介协会分析", "zh")
    assert (score.status, score.reason) == (Status.UNDEFINED, "pocketsphinx knows en only, not zh")
    assert hears(name, "bonjour", "fr").score(None, SOUND, "Bonjour", "fr-CA").value == 0
    assert hears(name, "hello", "en").score(None, SOUND, "Hello", None).value == 0


def test_chinese_is_scored_by_character_without_spaces() -> None:
    cer = hears("cer", "广州 是 房地产")
    assert parts(cer.score(None, SOUND, "广州市房地产。", "zh")) == (1, 6)
    assert parts(cer.score(None, SOUND, "a b", "en"))[1] == 3
    score = hears("wer", "广州 是 房地产").score(None, SOUND, "广州市房地产。", "zh-CN")
    assert score.status is Status.UNDEFINED and "take cer" in score.reason


def test_labels_and_definitions() -> None:
    wer = metric("wer[pocketsphinx]")
    assert wer.label == "wer[pocketsphinx]"
    assert wer.fingerprint == metric("wer").fingerprint  # the default is pocketsphinx
    assert wer.fingerprint != hears("wer", "x").fingerprint
    newer = replace(wer, params={**wer.params, "normalise": Normaliser("basic", basic.function, version=2)})
    assert newer.fingerprint != wer.fingerprint
    with pytest.raises(UsageError, match="did you mean 'pocketsphinx'"):
        metric("wer[pocketsphinks]")


def test_importing_is_cheap() -> None:
    code = "import sys, codec_bench.metrics.wer; sys.exit(bool({'pocketsphinx', 'jiwer', 'torch'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True)
