"""Conditions: what a codec is given besides clean recordings, one after the other: noise, rooms, levels, pieces.

A condition turns a recording into the pieces that are coded, and says how the decoded pieces become the decoded audio
of the utterance. An `Alteration` changes what the codec hears; `Segmented` and `Concatenated` leave the signal alone
and change how much of it is coded at once.

What is drawn by chance depends on the recording's digest, the kind of condition and the seed of the run, and on nothing
else: not on the order, the number of processes, or the value of the condition. So rows of one kind differ in the value
alone: `noise@20` and `noise@0` have the same noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codec_bench.coding.conditions.condition import Alteration, Altered, Clean, Condition, Drawn, Piece, Sounds
from codec_bench.coding.conditions.framing import GRID, Concatenated, Segmented
from codec_bench.coding.conditions.level import Band, Gain
from codec_bench.coding.conditions.noise import AdditiveNoise
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
    },
    group="codec_bench.conditions",
)


def parse_conditions(
    names: Iterable[str], seed: int = 0, noise_dir: Path | None = None, room_dir: Path | None = None
) -> tuple[Condition, ...]:
    """The conditions of names as `noise@10`, `reverb` and `package.module:Class@value`, in order, each once.

    What they draw is seeded with `seed`; folders may hold noise and room impulse responses for them.

    Raises:
        UsageError: An unknown condition, a value that it cannot have, or a folder that nothing uses or that has no
            audio.

    >>> [c.label for c in parse_conditions(["noise@10", "segment@1.0", "noise@10.0"])]
    ['noise@10', 'segment@1']
    """
    asked = [_value_of(name) for name in names]
    if room_dir is not None and any(cls is Reverb and value is not None for cls, value in asked):
        raise UsageError("with --room-dir, the reverberation time is that of the files: write reverb, without a value")
    folders = ((AdditiveNoise, "--noise-dir", noise_dir), (Reverb, "--room-dir", room_dir))
    sounds: dict[type[Condition], Sounds] = {}
    for kind, option, folder in folders:
        if folder is None:
            continue
        if not any(cls is kind for cls, _ in asked):
            raise UsageError(f"{option} was given, but none of the conditions is {kind.name}")
        sounds[kind] = Sounds.of(folder)
    found: dict[str, Condition] = {}
    for cls, value in asked:
        given = cls.default if value is None else value
        assert given is not None, "_value_of lets no value be missing that has no default"
        made = _made(cls, (given, seed, sounds.get(cls)) if issubclass(cls, Drawn) else (given,))
        if type(found.setdefault(made.label, made)) is not cls:
            one, two = (f"{c.__module__}:{c.__qualname__}" for c in (type(found[made.label]), cls))
            raise UsageError(f"{one} and {two} are two conditions of the name {made.name!r}: give one another `name`")
    if any(isinstance(made, Reverb) and made.sounds is None for made in found.values()):
        need_pyroomacoustics()
    return tuple(found.values())


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


def _made(cls: type[Condition], arguments: tuple[Any, ...]) -> Condition:
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


def _value_of(name: str) -> tuple[type[Condition], float | None]:
    """The kind and the value that a name asks for; None for the default."""
    base, at, text = name.partition("@")
    cls = CONDITIONS.get(base)
    if not (isinstance(cls, type) and issubclass(cls, Condition)):
        raise UsageError(f"{base} is not a condition class")
    if not at and cls.default is not None:
        return cls, None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    on_grid = cls is not Segmented or math.isclose(value * GRID, round(value * GRID), abs_tol=1e-6)
    if not cls.low <= value <= cls.high or not on_grid:
        given = repr(text) if text else "nothing"
        raise UsageError(f"condition {base} takes {cls.takes} from {cls.low:g} to {cls.high:g}, not {given}")
    return cls, value + 0.0  # no negative zero
