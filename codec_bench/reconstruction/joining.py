"""Which recordings and which reconstructions belong together."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from codec_bench.adapters.prepared import ambiguity, with_path_ids
from codec_bench.audio import audio_files
from codec_bench.datasets.generated import read_prompts
from codec_bench.errors import UsageError

NAMED = 3
"""How many files without a partner a warning names."""


@dataclass(frozen=True)
class Matched:
    """What is scored, and what has no partner.

    Attributes:
        common: Ids that both sides have, sorted.
        warnings: One line for each side that has files without a partner.
    """

    common: tuple[str, ...]
    warnings: tuple[str, ...]


def match(decoded: Path, reference: Path | None, prompts: Path | None) -> Matched:
    """What of a folder can be scored: what has a recording, or a prompt, or everything if neither is given.

    Raises:
        UsageError: Both are given, a folder has no audio, or nothing has a partner.
    """
    if reference is not None and prompts is not None:
        raise UsageError("--reference is for reconstructions and --prompts for generated speech: give one of them")
    wanted: Mapping[str, object]
    if reference is not None:
        wanted, where = audio_files(reference), f"the stem of a file of {reference}"
        hint = "; name reconstructions by the id of their recording"
    elif prompts is not None:
        wanted, where, hint = read_prompts(prompts), f"the id of an utterance in {prompts}", ""
    else:
        return Matched(tuple(audio_files(decoded)), ())
    files = audio_files(decoded)
    index = with_path_ids(files, decoded)
    common = tuple(name for name in wanted if unicodedata.normalize("NFC", name) in index)
    others = (unicodedata.normalize("NFC", name) for name in wanted if name not in common)
    unclear = [reason for name in others if (reason := ambiguity(name, index, decoded))]
    if not common:
        raise UsageError(
            unclear[0]
            if unclear
            else f"no file of {decoded} has {where}: e.g. {next(iter(files))!r} and {next(iter(wanted))!r}{hint}"
        )
    taken = {index[unicodedata.normalize("NFC", name)] for name in common}
    warnings = [
        _left_out(decoded, [name for name, path in files.items() if path not in taken]),
        _left_out(
            reference or prompts,
            [name for name in wanted if name not in common],
            "files" if reference else "utterances",
        ),
    ]
    return Matched(common, tuple(w for w in (*unclear[:NAMED], *warnings) if w))


def _left_out(folder: Path | None, stems: list[str], what: str = "files") -> str:
    if not stems:
        return ""
    names = ", ".join(stems[:NAMED]) + (", ..." if len(stems) > NAMED else "")
    return f"{len(stems)} {what} of {folder} have no partner and are left out: {names}"
