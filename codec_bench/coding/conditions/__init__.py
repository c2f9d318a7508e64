"""Conditions: what a codec is given besides clean recordings, and what its code goes through before it is decoded.

A condition turns a recording into the pieces that are coded, and says how the decoded pieces become the decoded audio
of the utterance. An `Alteration` changes what the codec hears; `Segmented` and `Concatenated` leave the signal alone
and change how much of it is coded at once; a `Channel` changes the code. `Combined` is several of them.

What is drawn by chance depends on the recording's digest, the kind of condition and the seed of the run, and on nothing
else: not on the order, the number of processes, or the value of the condition. So rows of one kind differ in the value
alone: `noise@20` and `noise@0` have the same noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codec_bench.coding.conditions.channel import Channel, Loss, read_trace
from codec_bench.coding.conditions.combined import combined
from codec_bench.coding.conditions.condition import Alteration, Altered, Clean, Condition, Drawn, Piece, Sounds
from codec_bench.coding.conditions.framing import GRID, Concatenated, Segmented
from codec_bench.coding.conditions.level import Band, Gain
from codec_bench.coding.conditions.noise import AdditiveNoise, Music
from codec_bench.coding.conditions.rooms import Reverb, need_pyroomacoustics
from codec_bench.errors import CodecBenchError, UsageError
from codec_bench.faults import contained, explained
from codec_bench.identity import source_of
from codec_bench.registry import Registry

if TYPE_CHECKING:
    from codec_bench.coding.items import Item

__all__ = [
    "CONDITIONS", "Alteration", "Altered", "Band", "Clean", "Concatenated", "Condition", "Gain", "Noise", "Piece",
    "Reverb", "Segmented", "bound", "parse_conditions",
]  # fmt: skip

CONDITIONS: Registry[type[Condition]] = Registry(
    "condition",
    {
        "noise": "codec_bench.coding.conditions.noise:AdditiveNoise",
        "reverb": "codec_bench.coding.conditions.rooms:Reverb",
        "gain": "codec_bench.coding.conditions.level:Gain",
        "band": "codec_bench.coding.conditions.level:Band",
        "segment": "codec_bench.coding.conditions.framing:Segmented",
        "concat": "codec_bench.coding.conditions.framing:Concatenated",
        "shift": "codec_bench.coding.conditions.undone:Shift",
        "level": "codec_bench.coding.conditions.undone:Level",
        "talkers": "codec_bench.coding.conditions.talkers:Talkers",
        "music": "codec_bench.coding.conditions.noise:Music",
        "repeat": "codec_bench.coding.conditions.channel:Repeat",
        "loss": "codec_bench.coding.conditions.channel:Loss",
        "chunk": "codec_bench.coding.conditions.channel:Chunk",
        "flip": "codec_bench.coding.conditions.channel:Flip",
        "token-noise": "codec_bench.coding.conditions.channel:TokenNoise",
        "keep": "codec_bench.coding.conditions.channel:Keep",
    },
    group="codec_bench.conditions",
)


def parse_conditions(
    names: Iterable[str],
    seed: int = 0,
    noise_dir: Path | None = None,
    room_dir: Path | None = None,
    *,
    music_dir: Path | None = None,
    loss_trace: Path | None = None,
) -> tuple[Condition, ...]:
    """The conditions of names as `noise@10`, `reverb`, `loss@10:2`, `noise@10+loss@5`, `package.module:Class@value`.

    They come in order, each once. What they draw is seeded with `seed`; folders may hold noise, music and room impulse
    responses for them, and a file the packets that are lost.

    Raises:
        UsageError: An unknown condition, a value that it cannot have, conditions that cannot be combined, or a folder
            or file that nothing uses or that holds nothing of use.

    >>> [c.label for c in parse_conditions(["noise@10", "segment@1.0", "noise@10.0", "loss@10:2+gain@-6"])]
    ['noise@10', 'segment@1', 'gain@-6+loss@10:2']
    """
    asked = [[_asked(part) for part in name.split("+")] for name in names]
    flat = [part for parts in asked for part in parts]
    if room_dir is not None and any(a.cls is Reverb and a.value is not None for a in flat):
        raise UsageError("with --room-dir, the reverberation time is that of the files: write reverb, without a value")
    if loss_trace is not None and any(a.cls is Loss and a.value is not None for a in flat):
        raise UsageError(
            "with --loss-trace, the packets that are lost are those of the file: write loss, without a value"
        )
    folders = (
        (AdditiveNoise, "--noise-dir", noise_dir), (Reverb, "--room-dir", room_dir), (Music, "--music-dir", music_dir)
    )  # fmt: skip
    given: dict[type[Condition], Any] = {}
    for kind, option, folder in (*folders, (Loss, "--loss-trace", loss_trace)):
        if folder is None:
            continue
        if not any(a.cls is kind for a in flat):
            raise UsageError(f"{option} was given, but none of the conditions is {kind.name}")
        given[kind] = read_trace(folder) if kind is Loss else Sounds.of(folder)
    if music_dir is None and any(a.cls is Music for a in flat):
        raise UsageError("music needs a folder of it: --music-dir DIR")
    found: dict[str, Condition] = {}
    for parts in asked:
        made = combined([_made(a, seed, given.get(a.cls)) for a in parts])
        if type(found.setdefault(made.label, made)) is not type(made):
            one, two = (f"{c.__module__}:{c.__qualname__}" for c in (type(found[made.label]), type(made)))
            raise UsageError(f"{one} and {two} are two conditions of the name {made.name!r}: give one another `name`")
        if any(a.cls is Reverb for a in parts) and Reverb not in given:
            need_pyroomacoustics()
    return tuple(found.values())


@dataclass(frozen=True)
class _Asked:
    """A kind of condition, the value that is asked for (None for the default), and what is written behind it."""

    cls: type[Condition]
    value: float | None
    details: str = ""


def bound(condition: Condition, items: Sequence[Item]) -> Condition:
    """A condition for the utterances of a run, which can be described.

    Raises:
        UsageError: It is a plug-in, and cannot.
    """

    def described() -> Condition:
        made = condition.bound(items)
        made.describe()
        if not isinstance(made.note, str):
            raise TypeError(f"its note is {made.note!r:.100}, not a text")
        return made

    return _usable(type(condition), described)


def _made(asked: _Asked, seed: int, given: Any) -> Condition:
    cls = asked.cls
    value = cls.default if asked.value is None else asked.value
    assert value is not None, "_asked lets no value be missing that has no default"
    arguments: tuple[Any, ...] = (value,)
    if issubclass(cls, Channel):
        arguments = (value, asked.details, seed, *([] if given is None else [given]))
    elif issubclass(cls, Drawn):
        arguments = (value, seed, given)

    def made() -> Condition:
        condition = cls(*arguments)
        if not isinstance(condition.label, str):
            raise TypeError(f"its label is {condition.label!r:.100}, not a text")
        return condition

    return _usable(cls, made)


def _usable(cls: type[Condition], function: Callable[[], Condition]) -> Condition:
    """What a function makes; whatever a plug-in raises is one line, for it would be the same for every utterance."""
    try:
        return contained(function)
    except CodecBenchError:
        raise
    except Exception as error:
        if source_of(cls) is None:
            raise
        reason = explained(error, cls)
        raise UsageError(f"condition {cls.__module__}:{cls.__qualname__} cannot be used: {reason}") from error


def _asked(name: str) -> _Asked:
    """What a name asks for."""
    base, at, text = name.partition("@")
    cls = CONDITIONS.get(base)
    if not (isinstance(cls, type) and issubclass(cls, Condition)):
        raise UsageError(f"{base} is not a condition class")
    if not at and cls.default is not None:
        return _Asked(cls, None)
    details = ""
    if issubclass(cls, Channel):
        text, _, details = text.partition(":")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    on_grid = cls is not Segmented or math.isclose(value * GRID, round(value * GRID), abs_tol=1e-6)
    is_whole = not cls.takes.startswith("a whole number") or value.is_integer()
    if not cls.low <= value <= cls.high or not on_grid or not is_whole:
        given = repr(text) if text else "nothing"
        raise UsageError(f"condition {base} takes {cls.takes} from {cls.low:g} to {cls.high:g}, not {given}")
    return _Asked(cls, value + 0.0, details)  # no negative zero
