"""Words and phones of the transcripts, as streams to compare with those of the codecs."""

from __future__ import annotations

from collections.abc import Iterable

from codec_bench.errors import UnavailableError
from codec_bench.metrics.text import basic, phones
from codec_bench.metrics.wer import UNSPACED
from codec_bench.records import Utterance

WORDS, PHONES = "words", "phones"


def words_of(utterance: Utterance) -> list[str]:
    """Words after the normaliser `basic`; none without a transcript, and none of a language that writes no spaces."""
    if utterance.text is None or _language(utterance) in UNSPACED:
        return []
    return basic(utterance.text).split()


def phones_of(utterance: Utterance) -> list[str]:
    """Phones of the words by the dictionary of the metric `per`; none where the language is another than English.

    Raises:
        UnavailableError: PocketSphinx lacks its dictionary.
    """
    if _language(utterance) not in ("", "en"):
        return []
    return phones(" ".join(words_of(utterance)))


def phones_problem() -> str | None:
    """Why there are no phones here, or None."""
    try:
        phones("a")
    except UnavailableError as error:
        return str(error)
    return None


def count(utterances: Iterable[Utterance]) -> int:
    """Utterances with a transcript."""
    return sum(1 for u in utterances if u.text)


def _language(utterance: Utterance) -> str:
    return (utterance.language or "").lower().replace("_", "-").split("-")[0]
