"""Two talkers at once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from codec_bench.audio import Audio, resample
from codec_bench.coding.conditions.condition import Drawn
from codec_bench.coding.signals import load_recording
from codec_bench.errors import UsageError
from codec_bench.fingerprint import address
from codec_bench.records import NotScorable, Status
from codec_bench.stats import Floats

if TYPE_CHECKING:
    from codec_bench.coding.items import Item


@dataclass(frozen=True)
class Talkers(Drawn):
    """`talkers@SIR_DB`: another speaker of the run talks at the same time.

    One of the utterances of other speakers is drawn, resampled, and repeated if it is shorter; the ratio of mean powers
    holds exactly. Who speaks is drawn for each recording among the utterances of the run.
    """

    name = "talkers"
    takes = "a signal-to-interference ratio in dB"
    low = -40.0
    high = 100.0
    packages = ("numpy", "soxr")
    others: Mapping[str, Item] = field(default_factory=dict, compare=False, repr=False)

    @property
    def note(self) -> str:
        """What was done."""
        return f"another speaker at the same time, {self.value:g} dB below over the whole recording"

    def bound(self, items: Sequence[Item]) -> Talkers:
        """Draws who else speaks.

        Raises:
            UsageError: Fewer than two speakers are known.
        """
        usable = sorted((i for i in items if i.digest and i.utterance.speaker), key=lambda i: i.digest)
        if len({item.utterance.speaker for item in usable}) < 2:
            raise UsageError("talkers needs utterances of two speakers or more, and their names")
        drawn = {}
        for item in usable:
            others = [other for other in usable if other.utterance.speaker != item.utterance.speaker]
            drawn[item.digest] = others[int(self._random(item.digest).integers(len(others)))]
        return replace(self, others=drawn)

    def address(self, item: Item) -> str:
        """With the recording of the other speaker.

        Raises:
            NotScorable: The speaker is not known.
        """
        return address(altered=super().address(item), other=self._other(item.digest).digest)

    def _other(self, identity: str) -> Item:
        if identity not in self.others:
            raise NotScorable("its speaker is not known, so nobody can be told to be another one", Status.UNDEFINED)
        return self.others[identity]

    def _changed(self, recording: Audio, identity: str) -> Floats:
        other = resample(load_recording(self._other(identity)), recording.rate).samples.astype(np.float64)
        speech = recording.samples.astype(np.float64)
        other = np.resize(other, len(speech))
        power = float(np.mean(np.square(other)))
        if not power > 0:
            raise NotScorable("the other speaker is silent", Status.SILENT)
        wanted = float(np.mean(np.square(speech))) / 10 ** (self.value / 10)
        return np.asarray(speech + other * math.sqrt(wanted / power))
