"""Decoded audio and tokens as files, for people to listen to and look into."""

from __future__ import annotations

import io
import logging
from collections.abc import Container
from pathlib import Path

import numpy as np

from codec_bench.audio import write_wav
from codec_bench.coding.reconstruct import Reconstructor
from codec_bench.files import folded, write_atomically
from codec_bench.reconstruction.plan import Plan
from codec_bench.records import NotScorable
from codec_bench.runs.directory import slug

logger = logging.getLogger(__name__)


def keep_audio(out: Path, plan: Plan, reconstructor: Reconstructor) -> None:
    """Copies decoded audio and tokens into the run directory; what cannot be decoded has its status already.

    An utterance that was coded in pieces has a file of tokens for each; one that was coded with others has theirs too.
    """
    taken = {folded(item.utterance.id) for item in plan.items}
    for row in plan.rows:
        for item in plan.items:
            name = f"{item.utterance.id}.wav"
            try:
                if item.problem:
                    continue
                write_wav(out / "audio" / slug(row.label) / name, reconstructor.audio(row, item))
                codes = reconstructor.codes(row, item)
            except NotScorable as outcome:
                logger.debug("no audio of %s for %s: %s", row.label, item.utterance.id, outcome.reason)
                continue
            for number, code in enumerate(codes):
                buffer = io.BytesIO()
                np.savez(buffer, **code.to_arrays())  # type: ignore[arg-type]
                stem = item.utterance.id if len(codes) == 1 else _piece_name(item.utterance.id, number, taken)
                write_atomically(out / "tokens" / slug(row.label) / f"{stem}.npz", buffer.getvalue())


def _piece_name(utterance: str, number: int, taken: Container[str]) -> str:
    """`a-000`, or with underscores behind it where that is the id of another utterance."""
    name = f"{utterance}-{number:03d}"
    while folded(name) in taken:
        name += "_"
    return name
