"""What a recogniser heard against the transcript, word by word, with the same alignment as WER."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

KINDS = {"substitute": 0, "delete": 1, "insert": 2}
"""Codes of the page for jiwer's chunks; equal ones are left out."""


@dataclass(frozen=True)
class WordDifference:
    """An aligned pair of texts.

    Attributes:
        reference: Words of the transcript, or its characters where spaces do not separate words; as are those `heard`.
        changes: `(kind, reference start, reference end, heard start, heard end)` of each run of errors, ends exclusive.
        errors: Substitutions, deletions and insertions together: the numerator of WER (of CER for characters).
    """

    reference: list[str]
    heard: list[str]
    changes: list[tuple[int, int, int, int, int]]
    errors: int


def differences(references: Sequence[str], heard: Sequence[str], *, characters: bool = False) -> list[WordDifference]:
    """Aligns normalised texts, as the metrics do.

    Args:
        references: Normalised transcripts.
        heard: Normalised hypotheses, as many.
        characters: Whether characters are compared, without spaces; otherwise words.

    Returns:
        One difference per pair, in order.

    >>> differences(["the old car"], ["old cart"])[0].changes
    [(1, 0, 1, 0, 0), (0, 2, 3, 1, 2)]
    """
    import jiwer

    if not references:
        return []
    if characters:
        wanted_joined, heard_joined = ([text.replace(" ", "") for text in texts] for texts in (references, heard))
        found: Any = jiwer.process_characters(wanted_joined, heard_joined)
    else:
        found = jiwer.process_words(list(references), list(heard))
    made = []
    for wanted, got, chunks in zip(found.references, found.hypotheses, found.alignments, strict=True):
        changes = [
            (KINDS[c.type], c.ref_start_idx, c.ref_end_idx, c.hyp_start_idx, c.hyp_end_idx)
            for c in chunks
            if c.type in KINDS
        ]
        errors = sum(max(r1 - r0, h1 - h0) for _, r0, r1, h0, h1 in changes)
        made.append(WordDifference(list(wanted), list(got), changes, errors))
    return made
