"""Word and character error rates of a recogniser on the decoded speech, against the transcript.

Both are pooled: errors of all utterances out of words of all utterances (Levenshtein alignment by jiwer).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codec_bench.metrics import register_metric
from codec_bench.metrics.asr import Recogniser, backend, pocketsphinx
from codec_bench.metrics.signal import Signal
from codec_bench.metrics.text import Normaliser, basic
from codec_bench.records import NotScorable, Ratio, Status

UNSPACED = ("zh", "ja")
"""Languages that are written without spaces between words."""


def _variant(name: str) -> Mapping[str, Any]:
    """`wer[NAME]` is WER by the recogniser NAME."""
    return {"transcribe": backend(name)}


def _is_unspaced(language: str | None) -> bool:
    return language is not None and language.lower().replace("_", "-").split("-")[0] in UNSPACED


def _check(language: str | None, transcribe: Recogniser) -> None:
    """Raises where a recogniser does not know a language: what it hears would count as errors of the codec."""
    if not transcribe.knows(language):
        known = " and ".join(transcribe.languages)
        raise NotScorable(f"{transcribe.label} knows {known} only, not {language}", Status.UNDEFINED)


def _texts(text: str, decoded: Signal, transcribe: Recogniser, normalise: Normaliser) -> tuple[str, str]:
    """Transcript and hypothesis, normalised.

    Raises:
        NotScorable: Nothing is left of the transcript.
    """
    wanted = normalise(text)
    if not wanted:
        raise NotScorable("the transcript has no words", Status.NO_TEXT)
    return wanted, normalise(str(decoded[transcribe].item()))


@register_metric(
    "wer",
    unit="%",
    better="lower",
    range=(0, None),
    title="WER",
    digits=2,
    packages=("jiwer",),
    accepts_silence=True,
    variants=_variant,
    note="word error rate of the named recogniser on the decoded speech, pooled over all words; text normaliser basic",
)
def word_error_rate(
    text: str,
    decoded: Signal,
    language: str | None,
    *,
    transcribe: Recogniser = pocketsphinx,
    normalise: Normaliser = basic,
) -> Ratio:
    """Word error rate: substitutions, deletions and insertions out of the words of the transcript.

    Args:
        text: Transcript.
        decoded: Reconstruction at 16 kHz; digital silence is an empty hypothesis, so every word is deleted.
        language: ISO 639-1 code, or None where it is not known.
        transcribe: Recogniser.
        normalise: What is done to both texts first.

    Returns:
        Errors out of words; above 1 where there are more errors than words.

    Raises:
        NotScorable: The recogniser does not know the language, the language has no spaces between words (take CER), or
            nothing is left of the transcript.

    >>> import numpy as np
    >>> from codec_bench.metrics import metric
    >>> metric("wer[pocketsphinx]")(None, np.zeros(16_000), text="Nobody speaks.", language="en").value
    100.0
    """
    import jiwer

    _check(language, transcribe)
    if _is_unspaced(language):
        raise NotScorable(f"{language} is written without spaces between words: take cer", Status.UNDEFINED)
    wanted, heard = _texts(text, decoded, transcribe, normalise)
    return _pooled(jiwer.process_words(wanted, heard))


@register_metric(
    "cer",
    unit="%",
    better="lower",
    range=(0, None),
    title="CER",
    digits=2,
    packages=("jiwer",),
    accepts_silence=True,
    variants=_variant,
    note="character error rate of the named recogniser on the decoded speech, pooled over all characters; single "
    "spaces count, except in Chinese and Japanese; text normaliser basic",
)
def character_error_rate(
    text: str,
    decoded: Signal,
    language: str | None,
    *,
    transcribe: Recogniser = pocketsphinx,
    normalise: Normaliser = basic,
) -> Ratio:
    """Character error rate: substitutions, deletions and insertions out of the characters of the transcript.

    Single spaces between words count as characters, except in Chinese and Japanese, where all spaces are removed.

    Args:
        text: Transcript.
        decoded: Reconstruction at 16 kHz; digital silence is an empty hypothesis, so every character is deleted.
        language: ISO 639-1 code, or None where it is not known.
        transcribe: Recogniser.
        normalise: What is done to both texts first.

    Returns:
        Errors out of characters; above 1 where there are more errors than characters.

    Raises:
        NotScorable: The recogniser does not know the language, or nothing is left of the transcript.
    """
    import jiwer

    _check(language, transcribe)
    wanted, heard = _texts(text, decoded, transcribe, normalise)
    if _is_unspaced(language):
        wanted, heard = wanted.replace(" ", ""), heard.replace(" ", "")
    return _pooled(jiwer.process_characters(wanted, heard))


def _pooled(found: Any) -> Ratio:
    """Errors out of what there was to recognise, from what jiwer found."""
    errors = found.substitutions + found.deletions + found.insertions
    return Ratio(errors, found.hits + found.substitutions + found.deletions)
