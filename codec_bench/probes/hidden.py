"""Hidden layers of a codec's encoder as input of probes: all that are wanted in one pass over the recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from codec_bench.adapters.codec import Codec
from codec_bench.cache import ArrayCache
from codec_bench.coding.addresses import kept_for
from codec_bench.coding.dispatch import Dispatcher
from codec_bench.coding.items import Item
from codec_bench.coding.part import part_label
from codec_bench.coding.rows import Row, asked, describe_system
from codec_bench.errors import UsageError
from codec_bench.fingerprint import address
from codec_bench.probes.frames import Frames, FrameSource, altered_by
from codec_bench.records import NotScorable


@dataclass
class _Pass:
    """What the layers of one codec share: whichever is asked first has all of them made, one utterance at a time."""

    row: Row
    coding: Dispatcher
    rate: float
    sources: list[HiddenFrames] = field(default_factory=list)
    failed: dict[str, NotScorable] = field(default_factory=dict)

    def states(self, item: Item, sources: Sequence[HiddenFrames]) -> list[Frames]:
        """The frames of some layers."""
        found = self.coding.hidden(self.row, item, [source.layer for source in sources])
        return [Frames(found[source.layer], self.rate) for source in sources]

    def keep(self, item: Item, cache: ArrayCache) -> None:
        """Puts the frames of all layers that the cache lacks into it."""
        if item.identity in self.failed:
            raise self.failed[item.identity]
        lacking = [source for source in self.sources if source.address(item) not in cache]
        try:
            found = self.states(item, lacking)
        except NotScorable as outcome:
            self.failed[item.identity] = outcome
            raise
        for source, frames in zip(lacking, found, strict=True):
            cache.put(source.address(item), frames.to_arrays())


class HiddenFrames(FrameSource):
    """The output of a layer of the encoder, by its number from 1 on."""

    def __init__(self, shared: _Pass, layer: int) -> None:
        row = shared.row
        fingerprint = address(hidden=row.source.fingerprint, layer=layer, **altered_by(row), **kept_for(row.source))
        super().__init__(part_label(row, f"hidden {layer}"), fingerprint)
        self.layer = layer
        self._shared = shared

    def frames(self, item: Item) -> Frames:
        """The hidden states, `[frames, dimension]`."""
        return self._shared.states(item, [self])[0]

    def keep(self, item: Item, cache: ArrayCache) -> None:
        """Makes the frames of all layers of the encoder that are wanted, and puts them into the cache."""
        self._shared.keep(item, cache)

    def describe(self) -> dict[str, Any]:
        """The row as `run.json` keeps it: nothing is sent, so there is no bitrate."""
        described = describe_system(self._shared.row)
        unsent = ("codebooks", "codebooks_used", "tokens_per_second", "nominal_bitrate", "stated_bitrate")
        return described | {
            "label": self.label,
            "note": f"continuous output of layer {self.layer} of the encoder",
            "fingerprint": self.fingerprint,
            **dict.fromkeys(unsent),
        }


def hidden_sources(row: Row, layers: Sequence[int], coding: Dispatcher) -> list[HiddenFrames]:
    """The rows of the hidden layers of a codec, of the last one where none is named.

    Raises:
        UsageError: The codec has no such layer.
    """
    codec = row.source
    assert isinstance(codec, Codec), "the caller has looked"
    chosen = asked(codec, "does not say how many hidden layers it has", codec.chosen_layers, layers)
    rate = codec.spec.frame_rate
    if rate is None:
        raise UsageError(f"{codec.name} has hidden layers and no frame rate: its spec gives neither codebooks nor hop")
    shared = _Pass(row, coding, rate)
    shared.sources += [HiddenFrames(shared, layer) for layer in chosen]
    return shared.sources
