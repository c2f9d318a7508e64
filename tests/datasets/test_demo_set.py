"""The bundled data set."""

from __future__ import annotations

from collections import Counter

from codec_bench.audio import read_audio
from codec_bench.datasets.demo_set import Demo


def test_24_sentences_by_5_voices_all_there_and_as_the_table_says() -> None:
    assert Demo.synthetic
    assert "synthetic" in Demo.title
    utterances = list(Demo().utterances())
    assert sum(u.path.stat().st_size for u in utterances) < 3e6
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
