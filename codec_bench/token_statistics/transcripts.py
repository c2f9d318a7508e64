"""Words and phones of the transcripts, as streams to compare with those of the codecs."""

from __future__ import annotations

from collections.abc import Iterable

from codec_bench.errors import UnavailableError
from codec_bench.languages import code_of, is_unspaced
from codec_bench.metrics.text import basic, phones
from codec_bench.records import Utterance

WORDS, PHONES = "words", "phones"


def words_of(utterance: Utterance) -> list[str]:
    """Words after the normaliser `basic`; none without a transcript, and none where no spaces separate them."""
    if utterance.text is None or is_unspaced(utterance.text, utterance.language):
        return []
    return basic(utterance.text).split()


def phones_of(utterance: Utterance) -> list[str]:
    """Phones of the words by the dictionary of the metric `per`; none where the language is another than English.

    Raises:
        UnavailableError: PocketSphinx lacks its dictionary.
    """
    if code_of(utterance.language) not in ("", "en"):
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
