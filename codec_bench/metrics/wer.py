"""Word, character and phone error rates of a recogniser on the decoded speech, against the transcript.

All are pooled: errors of all utterances out of words of all utterances (Levenshtein alignment by jiwer).

A variant names the recogniser, and behind a plus sign the text normaliser unless it is `basic`:
`wer[nemo]`, `wer[whisper:large-v3+whisper-english]`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

from codec_bench.languages import UNSPACED, code_of, is_unspaced
from codec_bench.metrics import Metric, register_metric
from codec_bench.metrics.asr import Recogniser, backend, pocketsphinx
from codec_bench.metrics.signal import Signal
from codec_bench.metrics.text import NORMALISERS, Normaliser, basic, normaliser, phones
from codec_bench.records import NotScorable, Ratio, Status


def _variant(name: str) -> Mapping[str, Any]:
    """`wer[NAME]` is WER by the recogniser NAME, `wer[NAME+NORMALISER]` after another normaliser."""
    recogniser, chosen = _parts(name)
    return {"transcribe": backend(recogniser)} | ({"normalise": normaliser(chosen)} if chosen else {})


def _parts(variant: str) -> tuple[str, str]:
    """Recogniser and normaliser of a variant; a plus sign may belong to the path of a model, which has a slash."""
    recogniser, plus, chosen = variant.rpartition("+")
    is_normaliser = plus and (chosen in NORMALISERS.names() or "/" not in variant)
    return (recogniser, chosen) if is_normaliser else (variant, "")


def with_normaliser(made: Metric, name: str) -> Metric:
    """A metric that compares with a transcript, after another text normaliser.

    Args:
        made: A metric at the variant of its recogniser; other metrics, and those that name a normaliser, stay as they
            are.
        name: Name of the normaliser.

    Raises:
        UsageError: There is no such normaliser.

    >>> from codec_bench.metrics import metric
    >>> with_normaliser(metric("wer[pocketsphinx]"), "librispeech").label
    'wer[pocketsphinx+librispeech]'
    """
    wanted = normaliser(name)
    if made.variants is not _variant or _parts(made.variant)[1] or wanted is basic:
        return made
    return made.with_variant(f"{made.variant or pocketsphinx.label}+{name}")


def recogniser_of(made: Metric) -> Recogniser:
    """The recogniser of WER, CER or PER."""
    found: Recogniser = made.params.get("transcribe", pocketsphinx)
    return found


def normaliser_of(made: Metric) -> Normaliser:
    """The text normaliser of WER, CER or PER."""
    found: Normaliser = made.params.get("normalise", basic)
    return found


def _check(text: str, language: str | None, transcribe: Recogniser, *, by_words: bool = False) -> None:
    """Raises where errors would not be those of the codec.

    That is where the recogniser does not know the language, or writes in another script than the transcript, and for
    words where these are not separated by spaces.
    """
    knows = f"{transcribe.label} knows {' and '.join(transcribe.languages)} only"
    if not transcribe.knows(language):
        raise NotScorable(f"{knows}, not {language}", Status.UNDEFINED)
    misfit = is_unspaced(text) and transcribe.languages and UNSPACED.isdisjoint(map(code_of, transcribe.languages))
    if by_words and is_unspaced(text, language):
        what = language if code_of(language) in UNSPACED else "the transcript"
        other = f", and another recogniser: {knows}" if misfit else ""
        raise NotScorable(f"{what} is written without spaces between words: take cer{other}", Status.UNDEFINED)
    if misfit:
        raise NotScorable(f"{knows}, and the transcript is in another script", Status.UNDEFINED)


def _texts(text: str, decoded: Signal, transcribe: Recogniser, normalise: Normaliser) -> tuple[str, str]:
    """Transcript and hypothesis, normalised.

    Raises:
        NotScorable: Nothing is left of the transcript.
    """
    wanted = normalise(text)
    if not wanted:
        raise NotScorable("the transcript has no words", Status.NO_TEXT)
    return wanted, normalise(str(decoded[transcribe].item()))


_error_rate = partial(
    register_metric, unit="%", better="lower", range=(0, None), digits=2, accepts_silence=True, variants=_variant
)


@_error_rate(
    "wer",
    title="WER",
    version=2,
    packages=("jiwer",),
    note="word error rate of the named recogniser on the decoded speech, pooled over all words; text normaliser basic, "
    "unless the column names another",
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
        decoded: Reconstruction at 16 kHz; digital silence is an empty hypothesis, so everything is deleted.
        language: ISO 639 code, tag or English name, or None if unknown.
        transcribe: Recogniser.
        normalise: What is done to both texts first.

    Returns:
        Errors out of words; above 1 where there are more errors than words.

    Raises:
        NotScorable: The recogniser does not know the language, the words of the transcript are not separated by spaces
            (`languages.is_unspaced`; take CER), or nothing is left of it.

    >>> import numpy as np
    >>> from codec_bench.metrics import metric
    >>> metric("wer[pocketsphinx]")(None, np.zeros(16_000), 16_000, text="Nobody speaks.", language="en").value
    100.0
    """
    import jiwer

    _check(text, language, transcribe, by_words=True)
    wanted, heard = _texts(text, decoded, transcribe, normalise)
    return _pooled(jiwer.process_words(wanted, heard))


@_error_rate(
    "cer",
    title="CER",
    version=2,
    packages=("jiwer",),
    note="character error rate of the named recogniser on the decoded speech, pooled over all characters; single "
    "spaces count, except where they do not separate words, as in Chinese, Japanese or Thai; text normaliser basic, "
    "unless the column names another",
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

    Single spaces between words count as characters, except in texts whose words are not separated by spaces
    (`languages.is_unspaced`), where all are removed.

    Arguments as for `word_error_rate`.

    Raises:
        NotScorable: The recogniser does not know the language, or nothing is left of the transcript.
    """
    import jiwer

    _check(text, language, transcribe)
    wanted, heard = _texts(text, decoded, transcribe, normalise)
    if is_unspaced(text, language):
        wanted, heard = wanted.replace(" ", ""), heard.replace(" ", "")
    return _pooled(jiwer.process_characters(wanted, heard))


@_error_rate(
    "per",
    title="PER",
    version=2,
    packages=("jiwer", "pocketsphinx"),
    note="phone error rate, English only: words that the named recogniser hears and those of the transcript as phones "
    "by CMUdict, of words that it lacks by letter-to-sound rules; pooled over all phones; text normaliser basic, "
    "unless the column names another",
)
def phone_error_rate(
    text: str,
    decoded: Signal,
    language: str | None,
    *,
    transcribe: Recogniser = pocketsphinx,
    normalise: Normaliser = basic,
) -> Ratio:
    """Phone error rate: substitutions, deletions and insertions out of the phones of the transcript.

    A word that sounds like the right one costs nothing, and one that is nearly right costs less than in WER. Both sides
    go through one dictionary (`metrics/text.py`), so that nothing is lost where a recogniser makes no error.

    Arguments as for `word_error_rate`.

    Raises:
        NotScorable: The language is not English, the recogniser does not know it, or nothing is left of the transcript.
        UnavailableError: PocketSphinx lacks its dictionary.
    """
    import jiwer

    _check(text, language, transcribe)
    if code_of(language) not in ("", "en"):
        raise NotScorable(f"the dictionary of PER is of en only, not of {language}", Status.UNDEFINED)
    wanted, heard = (" ".join(phones(words)) for words in _texts(text, decoded, transcribe, normalise))
    if not wanted:
        raise NotScorable("the transcript has no phones", Status.NO_TEXT)
    return _pooled(jiwer.process_words(wanted, heard))


_difference = partial(_error_rate, same_utterance=True, tolerates_lag=True)
_NOTE = (
    "{} between what the named recogniser hears in the recording and in the decoded speech, so that no transcript is "
    "needed and its own errors are none; pooled over all {}; text normaliser basic, unless the column names another"
)


def _differential(name: str, rate: Metric, title: str, what: str, units: str, packages: tuple[str, ...]) -> Metric:
    """The metric that takes what is heard in the recording for the transcript of an error rate."""
    of_transcript = cast("Callable[..., Ratio]", rate.function)

    @_difference(name, title=title, packages=packages, note=_NOTE.format(what, units))
    def difference_rate(
        reference: Signal,
        decoded: Signal,
        language: str | None,
        *,
        transcribe: Recogniser = pocketsphinx,
        normalise: Normaliser = basic,
    ) -> Ratio:
        """Differential error rate: what is heard in the decoded speech against what is heard in the recording.

        The same wrong word in both is right, so that a copy scores 0. From below it is bounded by how easily the
        recogniser changes its mind, not by its error rate.

        Args:
            reference: Original at 16 kHz.
            decoded: Reconstruction; digital silence is an empty hypothesis.
            language: As for `word_error_rate`.
            transcribe: Recogniser.
            normalise: What is done to both texts first.

        Returns:
            Differences out of the words, characters or phones heard in the recording.

        Raises:
            NotScorable: Nothing is heard in the recording; otherwise as the error rate of a transcript.

        Source: Wang et al., "Bridging the gap between monaural speech enhancement and recognition with
        distortion-independent acoustic modeling", 2019 (arXiv:1911.07953), where it is called dWER; DASB.
        """
        text = _heard_in(reference, transcribe, normalise)
        return of_transcript(text, decoded, language, transcribe=transcribe, normalise=normalise)

    return difference_rate


word_difference_rate = _differential("dwer", word_error_rate, "dWER", "word error rate", "words", ("jiwer",))
character_difference_rate = _differential(
    "dcer", character_error_rate, "dCER", "character error rate", "characters", ("jiwer",)
)
phone_difference_rate = _differential(
    "dper", phone_error_rate, "dPER", "phone error rate, English only,", "phones", ("jiwer", "pocketsphinx")
)


def _heard_in(reference: Signal, transcribe: Recogniser, normalise: Normaliser) -> str:
    text = str(reference[transcribe].item())
    if not normalise(text):
        raise NotScorable(f"{transcribe.label} hears no words in the recording", Status.NO_TEXT)
    return text


def _pooled(found: Any) -> Ratio:
    """Errors out of what there was to recognise, from what jiwer found."""
    errors = found.substitutions + found.deletions + found.insertions
    return Ratio(errors, found.hits + found.substitutions + found.deletions)
