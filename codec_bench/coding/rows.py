"""The rows of a table: a system under a condition, and the weights that it needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codec_bench.adapters.codec import Codec
from codec_bench.adapters.prepared import Prepared
from codec_bench.adapters.replaceable import TakesCheckpoint
from codec_bench.adapters.spec import CodecSpec, Group
from codec_bench.adapters.systems import System
from codec_bench.coding.conditions import Clean, Condition
from codec_bench.errors import CodecBenchError, UsageError
from codec_bench.faults import Out, contained, explained
from codec_bench.fingerprint import address
from codec_bench.hub import commits_of
from codec_bench.verification import describe, target_of_codec


@dataclass(frozen=True)
class Row:
    """A row of the table: a system under a condition.

    Attributes:
        system: The codec at one setting, or audio that exists already.
        condition: What is done to the recordings.
        altered_reference: Whether the decoded audio is scored against the altered recording, not the clean one.
    """

    system: System
    condition: Condition = field(default_factory=Clean)
    altered_reference: bool = False

    @property
    def label(self) -> str:
        """`opus@6000`, `opus@6000+noise@10`."""
        return f"{self.system.label}+{self.condition.label}" if self.condition.label else self.system.label

    @property
    def compares_other(self) -> bool:
        """Whether the codec was given something else than the recording that its output is compared with."""
        return self.condition.alteration is not None and not self.altered_reference

    @property
    def source(self) -> Codec | Prepared:
        """The codec or the prepared audio."""
        return self.system.source

    @property
    def spec(self) -> CodecSpec:
        """What the codec is."""
        return self.system.spec

    @property
    def codebooks(self) -> int | None:
        """How many codebooks are decoded."""
        return self.system.codebooks

    @property
    def fingerprint(self) -> str:
        """Content address of everything that decides the scores, given the recordings and the metrics."""
        if isinstance(self.condition, Clean):
            return self.system.fingerprint
        reference = "altered" if self.altered_reference else "clean"
        return address(system=self.system.fingerprint, condition=self.condition.fingerprint, reference=reference)

    @property
    def note(self) -> str:
        """What was done and what it is compared with; empty for a clean row."""
        if self.condition.alteration is None:
            return self.condition.note
        return f"{self.condition.note}; against the {'altered' if self.altered_reference else 'clean'} recording"


def codecs_of(systems: Sequence[System]) -> list[Codec]:
    """The codecs of systems, each once: prefixes share one."""
    return list({id(s.source): s.source for s in systems if isinstance(s.source, Codec)}.values())


def use_checkpoint(codecs: Sequence[Codec], path: Path) -> None:
    """Replaces the weights of the one kind of codec that takes a checkpoint.

    Raises:
        UsageError: None of the codecs does, or a plug-in raises while it takes it.
    """
    takers = [c for c in codecs if isinstance(c, TakesCheckpoint) and not c.live]
    if not takers:
        names = ", ".join(dict.fromkeys(c.name for c in codecs)) or "files"
        raise UsageError(f"--checkpoint was given, but {names} takes none")
    for codec in takers:
        asked(codec, f"cannot take --checkpoint {path}", codec.use_checkpoint, path)


def asked(codec: Codec, failing: str, function: Callable[..., Out], *arguments: object) -> Out:
    """What a codec answers before the run begins.

    Raises:
        UsageError: A plug-in raised: its name, what it is `failing` to do, and what it raised.
    """
    try:
        return contained(function, *arguments)
    except CodecBenchError:
        raise
    except Exception as error:
        if codec.plug_in is None:
            raise
        raise UsageError(f"{codec.name} {failing}: {explained(error)}") from error


def describe_system(system: Row) -> dict[str, Any]:
    """A row of the table as `run.json` keeps it, for runs of every kind."""
    spec = system.spec
    used = len(spec.codebooks[: system.codebooks])  # none for a bitstream
    timed = 0 if spec.variable_rate else used  # codebooks whose tokens per second are known beforehand
    return {
        "label": system.label,
        "system": system.system.label,
        "condition": system.condition.label or None,
        "reference": "altered" if system.altered_reference else "clean",
        "note": system.note,
        "title": spec.title,
        "group": spec.group.value,
        "fingerprint": system.fingerprint,
        "codebooks": system.codebooks,
        "codebooks_used": used or None,
        "books": [
            {"size": book.size, "tokens_per_second": float(spec.token_rate(i)), "bits": float(book.bits)}
            for i, book in enumerate(spec.codebooks[:timed])
        ],
        "semantic_codebooks": [i for i in spec.semantic_codebooks if i < used],
        "frame_rate_hz": spec.frame_rate,
        "tokens_per_second": float(sum(spec.token_rate(i) for i in range(timed))) if timed else None,
        "nominal_bitrate": spec.bitrate(system.codebooks),
        "precision": getattr(system.source, "precision", "") or None,
        "stated_bitrate": getattr(system.source, "stated_bitrate", None),
        "input_rate": spec.input_rate,
        "output_rate": spec.output_rate,
        "delay_samples": spec.delay,
        "polarity": spec.polarity,
        "parameters": spec.parameters,
        "causal": spec.causal,
        "streaming": spec.streaming,
        "licence": spec.licence,
        "weights_licence": spec.weights_licence,
        "source": spec.source,
        "weights": system.source.weight_digests() if isinstance(system.source, Codec) else {},
        "commits": _commits_of(system.source),
        **_describe_plug_in(system.source),
        **({"verification": describe(target_of_codec(system.source))} if isinstance(system.source, Codec) else {}),
    }


def _commits_of(source: Codec | Prepared) -> dict[str, str]:
    return commits_of(source.needed_weights()) if isinstance(source, Codec) and not source.live else {}


def _describe_plug_in(source: Codec | Prepared) -> dict[str, Any]:
    """Whose code a row is; nothing for what ships with codec-bench."""
    made = source.plug_in if isinstance(source, Codec) else None
    if made is None:
        return {}
    return {"identity": made.describe() | {"parameters": made.parameters, "is_lasting": not made.invocation}}


def describe_reference(label: str, title: str, fingerprint: str, note: str = "") -> dict[str, Any]:
    """A row to compare codecs with that is neither a codec nor audio, as `run.json` keeps it; see `describe_system`."""
    return {
        "label": label,
        "system": label,
        "reference": "clean",
        "note": note,
        "title": title,
        "group": Group.REFERENCE.value,
        "fingerprint": fingerprint,
        "weights": {},
    } | dict.fromkeys(("condition", "codebooks", "frame_rate_hz", "nominal_bitrate", "stated_bitrate"))
