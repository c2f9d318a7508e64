"""What a codec needs of the machine, and why it cannot run where that is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, final

from codec_bench.adapters.settings import HasSettings
from codec_bench.extras import cannot_import
from codec_bench.hub import RemoteFile, describe_size, missing


class HasRequirements(HasSettings):
    """The packages and files that a codec needs.

    Class attributes:
        modules: What has to be importable; looked for without importing it.
        extra: The extra of codec-bench that installs them.
    """

    modules: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str] = ""

    @classmethod
    def unsupported(cls) -> str | None:
        """Why the codec cannot run here whatever is downloaded (a missing extra or encoder), with the command that
        helps; None if it can. Cheap: loads no model.
        """
        return cannot_import(cls.modules, cls.extra)

    @classmethod
    def weights(cls) -> tuple[RemoteFile, ...]:
        """The files that the codec needs for all of its modes."""
        specs = [cls.mode_spec(mode) for mode in cls.modes or (None,)]
        return tuple(dict.fromkeys(weight for spec in specs for weight in spec.weights))

    def needed_weights(self) -> tuple[RemoteFile, ...]:
        """The files that this object needs: those of its mode, unless a checkpoint replaces some."""
        return self.spec.weights

    @final
    @classmethod
    def unavailable(cls) -> str | None:
        """Why the codec cannot run here now, with the command that helps; None if it can."""
        return cls.unsupported() or cls.lacking(missing(cls.weights()))

    @classmethod
    def lacking(cls, absent: Sequence[RemoteFile]) -> str | None:
        """Why the codec cannot run without some of its files, with the command that helps; None if there are none."""
        if not absent:
            return None
        sizes = [w.size for w in absent]
        total = "" if None in sizes else f", {describe_size(sum(s for s in sizes if s))}"
        one = len(absent) == 1
        what = (
            f"{absent[0].path} is missing{total}"
            if one
            else f"{len(absent)} of its files are missing ({absent[0].path}, ...{total})"
        )
        it = "it" if one else "them"
        return (
            f"{what}: codec-bench fetch codec:{cls.name} downloads {it}, or name a folder that has {it} in "
            "CODEC_BENCH_MIRROR"
        )
