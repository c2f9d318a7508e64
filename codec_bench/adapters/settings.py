"""What stands behind the `@` of a codec: its modes, and how many of its codebooks are used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

from typing_extensions import Self

from codec_bench.adapters.spec import CodecSpec
from codec_bench.errors import UsageError
from codec_bench.registry import unknown


class HasSettings:
    """What a codec is at each of its settings, and which settings there are.

    Class attributes:
        name: Registered name; the system's label begins with it.
        spec: What the codec is, where it has no modes; of an object, what it is at its mode.
        specs: What it is at each mode, where it has modes.
        modes: Standard settings that change what is sent (`1200`, `6000`); empty if the only setting is the number
            of codebooks.
        prefixes: Standard numbers of codebooks.
        any_prefix: Whether every number of codebooks from 1 to all can be decoded, or only `prefixes` and all.
    """

    name: ClassVar[str]
    spec: CodecSpec
    specs: ClassVar[Mapping[str, CodecSpec]] = {}
    modes: ClassVar[tuple[str, ...]] = ()
    prefixes: ClassVar[tuple[int, ...]] = ()
    any_prefix: ClassVar[bool] = True

    def __init__(self, mode: str | None = None, codebooks: int | None = None) -> None:
        self.mode = mode
        self.spec = self.mode_spec(mode)
        self.codebooks = codebooks
        if codebooks is not None and (reason := self.cannot_decode(codebooks)):
            raise UsageError(reason)

    @classmethod
    def mode_spec(cls, mode: str | None) -> CodecSpec:
        """What the codec is at a mode: its `spec`, or that of `specs`, unless an adapter takes more modes than these.

        Raises:
            UsageError: There is no such mode; `no_such_mode` makes the message.
        """
        if mode is None and not cls.modes:
            if not hasattr(cls, "spec"):
                raise UsageError(f"the codec class {cls.__qualname__} has neither a `spec` nor `modes` with `specs`")
            return cls.spec
        if mode is None or mode not in cls.specs:
            raise cls.no_such_mode(mode)
        return cls.specs[mode]

    @classmethod
    def no_such_mode(cls, mode: str | None) -> UsageError:
        """The error for a mode that `mode_spec` does not know."""
        if mode is None and cls.modes:
            return UsageError(f"{cls.name} needs a setting, e.g. {cls.name}@{cls.modes[0]}")
        if not cls.modes:
            takes = f"it takes a number of codebooks, e.g. @{cls.prefixes[0]}" if cls.prefixes else "it has no settings"
            return UsageError(f"{cls.name} has no setting {mode!r}; {takes}")
        return UsageError(unknown(f"setting of {cls.name}", str(mode), list(cls.modes)))

    @classmethod
    def checkpoints(cls, specs: Mapping[str, CodecSpec]) -> dict[str, type[Self]]:
        """Codecs by name that differ in their spec alone, as the checkpoints of one architecture do."""
        return {
            name: type(name, (cls,), {"name": name, "spec": spec, "__module__": cls.__module__})
            for name, spec in specs.items()
        }

    def cannot_decode(self, codebooks: int) -> str | None:
        """Why this number of codebooks cannot be decoded; None if it can."""
        count = len(self.spec.codebooks)
        if self.any_prefix or not count:
            return self.cannot_encode(codebooks, "decodes")
        counts = sorted({*self.prefixes, count})
        if codebooks in counts:
            return None
        *others, last = map(str, counts)
        choice = " or ".join(filter(None, [", ".join(others), last]))
        return f"{self.name} decodes {choice} codebooks, not {codebooks}"

    @final
    def cannot_encode(self, codebooks: int, verb: str = "sends") -> str | None:
        """Why there are no tokens of this many codebooks, first ones first; None if there are."""
        count = len(self.spec.codebooks)
        if not count:
            return f"{self.name} has no codebooks to choose from, not {codebooks}"
        if 1 <= codebooks <= count:
            return None
        return f"{self.name} {verb} {f'1 to {count}' if count > 1 else 1} codebooks, not {codebooks}"
