"""Word, character and phone error rates: counts by hand, pooling, silence, languages, normalisers, real speech."""

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
from codec_bench.metrics import Metric, metric, wer
from codec_bench.metrics.asr import Recogniser, pocketsphinx
from codec_bench.metrics.signal import Recording
from codec_bench.metrics.text import Normaliser, basic, librispeech
from codec_bench.metrics.wer import normaliser_of, recogniser_of, with_normaliser
from codec_bench.records import Score, Status

SOUND = Recording(Audio(np.full(16_000, 0.1, np.float32), 16_000))


def hears(name: str, words: str, *languages: str) -> Metric:
    """The metric with a recogniser that always hears the same."""
    fixed = Recogniser(f"test/{words}", lambda _: np.array(words), label="test", languages=languages)
    return replace(wer.phone_error_rate if name == "per" else metric(name), params={"transcribe": fixed})


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


@pytest.mark.long
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
    score = metric(name)(None, np.zeros(16_000), 16_000, text="Nobody speaks.", language="en")
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


@pytest.mark.parametrize(
    ("language", "text", "heard"),
    [
        *(
            (language, "今天天气很好", "今天天气很糟")
            for language in ("cmn", "yue", "Chinese", "zh-TW", "jpn", "en", "und", None)
        ),
        ("tha", "วันนี้อากาศดี", "วันนี้ อากาศดี"),
        (None, "ថ្ងៃនេះអាកាសធាតុល្អ", "ថ្ងៃនេះអាកាសធាតុ"),
        ("lo", "ມື້ນີ້ອາກາດດີ", "ມື້ນີ້"),
        ("mya", "ဒီနေ့ ရာသီဥတု", "ဒီနေ့"),
        ("bo", "དེ་རིང་གནམ་གཤིས", "དེ་རིང་"),
    ],
)
def test_words_without_spaces_are_scored_by_character_alone(language: str | None, text: str, heard: str) -> None:
    refused = hears("wer", heard).score(None, SOUND, text, language)
    assert refused.status is Status.UNDEFINED and refused.reason.endswith("without spaces between words: take cer")
    wanted, got = (list(basic(one).replace(" ", "")) for one in (text, heard))
    assert parts(hears("cer", heard).score(None, SOUND, text, language)) == (distance(wanted, got), len(wanted))


def test_languages_and_texts_with_spaces_keep_wer() -> None:
    for language, text in (("ko", "오늘 날씨가 좋다"), ("Vietnamese", "Hôm nay trời đẹp"), ("en", "I love 北京")):
        assert parts(hears("wer", text).score(None, SOUND, text, language)) == (0, len(text.split()))


def test_a_language_is_one_however_it_is_written() -> None:
    for language in ("en", "eng", "English", "en_GB", "English (UK)"):
        for name in ("wer", "cer", "per"):
            assert hears(name, "hello", "en").score(None, SOUND, "Hello", language).value == 0
            assert hears(name, "hello", "English").score(None, SOUND, "Hello", language).value == 0
    assert hears("wer", "x", "en").score(None, SOUND, "Hallo", "German").reason == "test knows en only, not German"


def test_a_recogniser_of_another_script_gives_no_number_without_a_language() -> None:
    for name in ("cer", "per"):
        score = hears(name, "wholly wrong", "en").score(None, SOUND, "今天天气很好", None)
        assert score.reason == "test knows en only, and the transcript is in another script"
    score = hears("wer", "wholly wrong", "en").score(None, SOUND, "今天天气很好", None)
    assert score.reason.endswith("take cer, and another recogniser: test knows en only")
    assert parts(hears("cer", "今天", "ja", "en").score(None, SOUND, "今天", None)) == (0, 2)


def test_joined_words(shared: Path) -> None:
    text, heard = (shared / "cases" / "inputs" / "joined_words.txt").read_text(encoding="utf-8").splitlines()
    assert parts(hears("wer", heard).score(None, SOUND, text, "en")) == (0, 16)


def test_labels_and_definitions() -> None:
    wer = metric("wer[pocketsphinx]")
    assert wer.label == "wer[pocketsphinx]"
    assert wer.fingerprint == metric("wer").fingerprint  # the default is pocketsphinx
    assert wer.fingerprint != hears("wer", "x").fingerprint
    newer = replace(
        wer, params={**wer.params, "normalise": Normaliser("basic", basic.function, version=basic.version + 1)}
    )
    assert newer.fingerprint != wer.fingerprint
    with pytest.raises(UsageError, match="did you mean 'pocketsphinx'"):
        metric("wer[pocketsphinks]")


@pytest.mark.parametrize(
    ("text", "heard", "expected"),
    [
        ("The cats sat.", "the cats sat", (0, 9)),  # DH AH, K AE T S, S AE T
        ("The cats sat.", "the cat sad", (2, 9)),
        ("their knight", "there night", (0, 6)),  # sound alike
        ("the cat", "", (5, 5)),
        ("cat", "a cat cat", (4, 3)),
        ("Zorblax", "zorblax", (0, 8)),  # not in the dictionary
        ("Zorblax 2", "zorblax two", (0, 10)),
    ],
)
def test_phones_by_hand(text: str, heard: str, expected: tuple[float, float]) -> None:
    assert parts(hears("per", heard).score(None, SOUND, text, "en")) == expected


def test_phone_error_rate_is_of_english_with_phones() -> None:
    score = hears("per", "bonjour").score(None, SOUND, "Bonjour", "fr")
    assert score.status is Status.UNDEFINED and "en only, not of fr" in score.reason
    assert hears("per", "x").score(None, SOUND, "中", None).status is Status.NO_TEXT
    assert hears("per", "x").score(None, SOUND, "", None).status is Status.NO_TEXT
    per = wer.phone_error_rate
    assert per(None, np.zeros(16_000), 16_000, text="Nobody speaks.", language="en").value == 100
    assert (per.unit, per.with_variant("pocketsphinx").label) == ("%", "per[pocketsphinx]")


def test_phone_error_rate_of_real_speech_is_below_its_word_error_rate(shared: Path) -> None:
    folder = shared / "golden" / "metrics"
    text = json.loads((folder / "golden.json").read_text())["texts"]["flite"]
    decoded = Recording(read_audio(folder / "flite_ref_16k.wav"))
    rates = [wer.phone_error_rate.score(None, decoded, text, "en"), metric("wer").score(None, decoded, text, "en")]
    assert rates[0].value is not None and rates[1].value is not None
    assert 0 < rates[0].value < 0.8 * rates[1].value


def test_a_normaliser_is_named_behind_a_plus_sign() -> None:
    made = metric("wer[pocketsphinx+librispeech]")
    assert (made.label, made.spelling) == ("wer[pocketsphinx+librispeech]",) * 2  # so that it reaches other processes
    assert normaliser_of(made) is librispeech and recogniser_of(made) is pocketsphinx
    assert made.fingerprint != metric("wer[pocketsphinx]").fingerprint
    assert metric("wer[pocketsphinx+basic]").fingerprint == metric("wer").fingerprint
    with pytest.raises(UsageError, match="unknown text normaliser 'librispeach'; did you mean 'librispeech'"):
        metric("wer[pocketsphinx+librispeach]")


def test_with_normaliser() -> None:
    for name in ("wer", "cer[pocketsphinx]"):
        made = with_normaliser(metric(name), "librispeech")
        assert made.label == f"{name.partition('[')[0]}[pocketsphinx+librispeech]"
        assert with_normaliser(made, "chinese") is made  # it was named with the metric
        assert normaliser_of(made) is librispeech
    assert with_normaliser(metric("stoi"), "librispeech") is metric("stoi")
    assert with_normaliser(metric("wer"), "basic") is metric("wer")
    assert normaliser_of(metric("wer")) is basic and recogniser_of(metric("wer")) is pocketsphinx
    with pytest.raises(UsageError, match="unknown text normaliser"):
        with_normaliser(metric("wer"), "baisc")


def test_the_normaliser_decides_the_count() -> None:
    text, heard = "The grey dog isn't 25", "the gray dog is not twenty five"
    counts = {}
    for name in ("basic", "librispeech", "whisper-english"):
        made = with_normaliser(metric("wer[pocketsphinx]"), name)
        fixed = hears("wer", heard).params["transcribe"]
        counts[name] = parts(replace(made, params={**made.params, "transcribe": fixed}).score(None, SOUND, text, "en"))
    assert counts == {"basic": (5, 5), "librispeech": (5, 4), "whisper-english": (0, 6)}


def test_importing_is_cheap() -> None:
    code = "import sys, codec_bench.metrics.wer; sys.exit(bool({'pocketsphinx', 'jiwer', 'torch'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True)


# --- differences between what is heard in the recording and in the decoded speech ------------------------------------


def hears_both(name: str, recorded: str, decoded: str, *languages: str) -> Score:
    """The metric with a recogniser that hears one text in a loud signal, and another one in a quiet one."""
    fixed = Recogniser(
        "test/both", lambda audio: np.array(recorded if audio.peak > 0.05 else decoded), label="t", languages=languages
    )
    quiet = Recording(Audio(np.full(16_000, 0.01, np.float32), 16_000))
    return replace(metric(name), params={"transcribe": fixed}).score(SOUND, quiet, None, "en")


def test_differences_by_hand() -> None:
    assert parts(hears_both("dwer", "The cat sat.", "the bat sat")) == (1, 3)
    assert parts(hears_both("dcer", "The cat sat.", "the bat sat")) == (1, 11)
    assert parts(hears_both("dper", "the cat", "the bat")) == (1, 5)
    assert parts(hears_both("dwer", "never said", "never said")) == (0, 2)
    assert hears_both("dwer", "", "something").status is Status.NO_TEXT
    assert hears_both("dwer", "word", "word", "zh").status is Status.UNDEFINED
    for name in ("dwer", "dcer", "dper"):
        assert metric(name).needs_recording
        assert not metric(name).minds_lag
        assert "text" not in metric(name).inputs


@pytest.mark.long
def test_a_copy_differs_in_nothing_whatever_the_recogniser_hears() -> None:
    speech = Recording(
        read_audio(next(iter(sorted((Path(wer.__file__).parents[1] / "datasets/demo/audio").glob("*")))))
    )
    assert parts(metric("dwer[pocketsphinx]").score(speech, speech))[0] == 0
