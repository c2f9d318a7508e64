"""A warning where error rates count how numbers are written: in words in transcripts, in digits by a recogniser."""

from __future__ import annotations

from pathlib import Path

from codec_bench.csv_files import read_frame
from codec_bench.languages import code_of
from codec_bench.metrics.number_words import differently_written
from codec_bench.metrics.text import whisper_english
from codec_bench.metrics.wer import normaliser_of, recogniser_of
from codec_bench.reconstruction.plan import Plan


def written_numbers(out: Path, plan: Plan) -> list[str]:
    """A warning for each recogniser that writes numbers in another way than the transcripts do.

    Only English texts are looked at, and those whose language is not stated. A column with the normaliser
    `whisper-english` does not count such differences.
    """
    columns = [m for m in plan.metrics if "text" in m.inputs and normaliser_of(m) is not whisper_english]
    english = {i.utterance.id for i in plan.items if code_of(i.utterance.language) in ("", "en")}
    found: dict[str, dict[str, tuple[str, str]]] = {recogniser_of(made).label: {} for made in columns}
    heard: dict[str, set[str]] = {label: set() for label in found}
    if not found:
        return []
    kept = read_frame(out / "hypotheses.csv", dtype=str, keep_default_na=False)
    columns_read = (kept[column] for column in ("recogniser", "utterance", "text", "heard"))
    for label, name, text, as_heard in zip(*columns_read, strict=True):
        if label not in found or name not in english:
            continue
        heard[label].add(name)
        if name not in found[label] and (pair := differently_written(text, as_heard)):
            found[label][name] = pair
    return [_warning(label, of_label, len(heard[label])) for label, of_label in found.items() if of_label]


def _warning(label: str, found: dict[str, tuple[str, str]], heard: int) -> str:
    name, (wanted, got) = next(iter(found.items()))
    return (
        f"{label} writes numbers in another way than the transcripts in {len(found)} of {heard} utterances "
        f"({name}: {wanted!r} was heard as {got!r}), which counts as errors: --normaliser whisper-english writes both "
        "alike"
    )
