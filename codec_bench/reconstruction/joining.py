"""Which recordings and which reconstructions belong together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

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
    if reference is not None:
        return join(reference, decoded)
    files = audio_files(decoded)
    if prompts is None:
        return Matched(tuple(files), ())
    wanted = read_prompts(prompts)
    common = tuple(stem for stem in files if stem in wanted)
    if not common:
        raise UsageError(
            f"no file of {decoded} has the id of an utterance in {prompts}: e.g. {next(iter(files))!r} and "
            f"{next(iter(wanted))!r}"
        )
    without_file = [name for name in wanted if name not in files]
    warnings = [
        _left_out(decoded, [stem for stem in files if stem not in wanted]),
        _left_out(prompts, without_file, "utterances"),
    ]
    return Matched(common, tuple(w for w in warnings if w))


def join(reference: Path, decoded: Path) -> Matched:
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
    return Matched(common, tuple(w for w in warnings if w))


def _left_out(folder: Path, stems: list[str], what: str = "files") -> str:
    if not stems:
        return ""
    names = ", ".join(stems[:NAMED]) + (", ..." if len(stems) > NAMED else "")
    return f"{len(stems)} {what} of {folder} have no partner and are left out: {names}"
