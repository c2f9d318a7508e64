"""Several conditions at once: `noise@10+loss@5:2`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from codec_bench.audio import Audio
from codec_bench.coding.conditions.channel import Channel
from codec_bench.coding.conditions.condition import Alteration, Altered, Condition, Piece, Read
from codec_bench.coding.conditions.framing import Concatenated
from codec_bench.coding.conditions.undone import Level, Undone
from codec_bench.errors import UsageError
from codec_bench.fingerprint import address
from codec_bench.stats import Floats

if TYPE_CHECKING:
    from codec_bench.coding.items import Item


@dataclass(frozen=True)
class InTurn(Alteration):
    """Alterations one after the other."""

    parts: tuple[Alteration, ...] = ()
    name = "in turn"
    takes = "alterations"
    low = high = 0.0

    @property
    def label(self) -> str:
        """`noise@10+band@4000`."""
        return "+".join(part.label for part in self.parts)

    @property
    def note(self) -> str:
        """What was done, in order."""
        return ", then ".join(part.note for part in self.parts)

    @property
    def kept_for(self) -> dict[str, str]:
        """That of any of them."""
        return {name: value for part in self.parts for name, value in part.kept_for.items()}

    def _parts(self) -> dict[str, Any]:
        return {"parts": [part.fingerprint for part in self.parts]}

    def bound(self, items: Sequence[Item]) -> InTurn:
        """Each of them for the utterances of a run."""
        made = [part.bound(items) for part in self.parts]
        return replace(self, parts=tuple(part for part in made if isinstance(part, Alteration)))

    def address(self, item: Item) -> str:
        """That of all of them, which may say more than what they are."""
        return address(in_turn=[part.address(item) for part in self.parts])

    def altered(self, recording: Audio, identity: str) -> Altered:
        """What the last of them makes; what each did besides is added up."""
        steps = []
        for part in self.parts:
            steps.append(part.altered(recording, identity))
            recording = steps[-1].audio
        return Altered(
            recording,
            sum(step.turned_down_db for step in steps),
            sum(step.clipped for step in steps),
            all(step.unchanged for step in steps),
        )

    def _changed(self, recording: Audio, identity: str) -> Floats | None:
        raise NotImplementedError("each part changes for itself")


@dataclass(frozen=True)
class Combined(Condition):
    """Alterations first, then what decides how much is coded at once, then what happens to the code.

    Attributes:
        before: What changes the recordings; None for nothing.
        framing: What decides the pieces; None for whole recordings.
        channels: What happens to their codes, in order.
    """

    before: Alteration | None = None
    framing: Condition | None = None
    channels: tuple[Channel, ...] = ()
    name = "combined"
    version = 2  # 1 drew anew for each shift and level
    takes = "conditions"
    low = high = 0.0

    @cached_property
    def _all(self) -> list[Condition]:
        return [part for part in (self.before, self.framing, *self.channels) if part is not None]

    @property
    def label(self) -> str:
        """`noise@10+loss@5:2`."""
        return "+".join(part.label for part in self._all)

    @property
    def note(self) -> str:
        """What was done, in order."""
        return ", then ".join(part.note for part in self._all)

    @property
    def alteration(self) -> Alteration | None:
        """What changes the recordings."""
        return self.before

    @property
    def kept_for(self) -> dict[str, str]:
        """That of any of them."""
        return {name: value for part in self._all for name, value in part.kept_for.items()}

    def unfit(self, codebooks: int, semantic: Sequence[int], streams: bool = True) -> str:
        """The first reason of any of them."""
        return next(filter(None, (part.unfit(codebooks, semantic, streams) for part in self._all)), "")

    def _parts(self) -> dict[str, Any]:
        return {"parts": [part.fingerprint for part in self._all]}

    def bound(self, items: Sequence[Item]) -> Combined:
        """Each of them for the utterances of a run."""
        before = None if self.before is None else self.before.bound(items)
        assert before is None or isinstance(before, Alteration), "binding changes no kind"
        return replace(self, before=before, framing=None if self.framing is None else self.framing.bound(items))

    def address(self, item: Item) -> str:
        """That of the one piece, or of what is put together."""
        if self.framing is not None:
            parts = [part.address(item) for part in (self.before, self.framing) if part is not None]
            return address(condition=self.fingerprint, of=parts, **self.kept_for)
        return Piece.place_of(self._heard(item, item.digest), self._steps(item.digest))

    def pieces(self, item: Item, read: Read) -> list[Piece]:
        """Those of the framing, whose codes take all steps; chance is that of the recording, however it was altered,
        shifted or turned up, or of the piece where there may be several.
        """
        found = [Piece(item.digest, lambda: read(item))] if self.framing is None else self.framing.pieces(item, read)
        drawn = [item.digest if isinstance(self.framing, Undone) else piece.address for piece in found]
        return [
            Piece(self._heard(item, piece.address), piece.audio, self._steps(seed))
            for piece, seed in zip(found, drawn, strict=True)
        ]

    def assembled(self, item: Item, decoded: Sequence[Audio]) -> Audio:
        """As the framing does it."""
        return decoded[0] if self.framing is None else self.framing.assembled(item, decoded)

    def share(self, item: Item) -> float:
        """As the framing has it."""
        return 1.0 if self.framing is None else self.framing.share(item)

    def _heard(self, item: Item, place: str) -> str:
        """The address of a piece of the altered recording, from that of the piece of the clean one."""
        if self.before is None:
            return place
        if isinstance(self.framing, Concatenated):  # the piece is that of several recordings
            return address(piece=place, altered=self.before.fingerprint, **self.before.kept_for)
        altered = self.before.address(item)
        return altered if place == item.digest else address(piece=place, altered=altered)

    def _steps(self, recording: str) -> tuple[Any, ...]:
        return tuple(channel.step(recording) for channel in self.channels)


def combined(parts: Sequence[Condition]) -> Condition:
    """One condition of several; the order in which kinds are written does not matter, that within a kind does.

    Raises:
        UsageError: They cannot be combined.
    """
    if len(parts) == 1:
        return parts[0]
    alterations = [part for part in parts if isinstance(part, Alteration)]
    channels = [part for part in parts if isinstance(part, Channel)]
    framings = [part for part in parts if part not in alterations and part not in channels]
    names = [part.name for part in parts]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"condition {name} is twice in {'+'.join(part.label for part in parts)}")
    if len(framings) > 1:
        raise UsageError(f"{framings[0].label} and {framings[1].label} both decide what is coded at once: take one")
    for name in ("repeat", "chunk"):
        if name in names and len(channels) > 1:
            raise UsageError(f"{name} decodes by itself: no other condition of the code can be combined with it")
    if "talkers" in names and "concat" in names:
        raise UsageError("talkers and concat cannot be combined: who else speaks belongs to one recording")
    if alterations and any(isinstance(part, Level) and part.value > 0 for part in framings):
        raise UsageError("a level above 0 dB, which is limited by the recording, cannot be combined with alterations")
    before = alterations[0] if len(alterations) == 1 else InTurn(0.0, tuple(alterations)) if alterations else None
    if before is not None and len(before.label.split("+")) == len(parts):
        return before
    return Combined(0.0, before, framings[0] if framings else None, tuple(channels))
