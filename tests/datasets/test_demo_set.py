"""The bundled data set."""

from __future__ import annotations

from collections import Counter

from codec_bench.audio import read_audio
from codec_bench.datasets.demo_set import Demo


def test_what_it_says_of_itself() -> None:
    demo = Demo()
    assert demo.name == Demo.name == "demo"
    assert demo.synthetic
    assert "synthetic" in demo.title
    assert demo.licence
    assert demo.source


def test_24_sentences_by_5_voices_all_there_and_as_the_table_says() -> None:
    utterances = list(Demo().utterances())
    assert len(utterances) == 24
    assert len(Counter(u.speaker for u in utterances)) == 5
    assert len({u.text for u in utterances}) == 24
    for utterance in utterances:
        audio = read_audio(utterance.path)
        audio.check()
        assert audio.rate == 16_000
        assert utterance.language == "en"
        assert utterance.duration is not None
        assert abs(audio.seconds - utterance.duration) < 0.001
        assert not audio.is_silent


def test_under_3_megabytes() -> None:
    assert sum(u.path.stat().st_size for u in Demo().utterances()) < 3e6
