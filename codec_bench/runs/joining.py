"""Which recordings and which reconstructions belong together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from codec_bench.audio import audio_files
from codec_bench.errors import UsageError

NAMED = 3
"""How many files without a partner a warning names."""


@dataclass(frozen=True)
class Joined:
    """Two folders, joined by file stem.

    Attributes:
        common: Stems that both have, sorted.
        warnings: One line for each side that has files without a partner.
    """

    common: tuple[str, ...]
    warnings: tuple[str, ...]


def join(reference: Path, decoded: Path) -> Joined:
    """Joins two folders by file stem.

    Raises:
        UsageError: A folder is missing or has no audio, or not one stem is in both.
    """
    left, right = audio_files(reference), audio_files(decoded)
    common = tuple(stem for stem in left if stem in right)
    if not common:
        raise UsageError(
            f"no file of {decoded} has the stem of a file of {reference}: e.g. {next(iter(right))!r} and "
            f"{next(iter(left))!r}; name reconstructions by the id of their recording"
        )
    warnings = [
        _left_out(folder, [stem for stem in stems if stem not in other])
        for folder, stems, other in ((reference, left, right), (decoded, right, left))
    ]
    return Joined(common, tuple(w for w in warnings if w))


def _left_out(folder: Path, stems: list[str]) -> str:
    if not stems:
        return ""
    names = ", ".join(stems[:NAMED]) + (", ..." if len(stems) > NAMED else "")
    return f"{len(stems)} files of {folder} have no partner and are left out: {names}"
