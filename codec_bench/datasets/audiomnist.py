"""AudioMNIST (Becker et al., 2023): spoken digits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from codec_bench.datasets.corpus import Corpus, Count
from codec_bench.datasets.splits import recordings
from codec_bench.hub import RemoteFile
from codec_bench.records import Utterance

COMMIT = "8d77a2d8754105541742115cefec1e537040a6cf"
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
FOLD_SPEAKERS = (
    "12 47 59 15 27 41 04 11 21 31 44 50",
    "26 52 60 18 32 42 05 13 22 33 45 51",
    "28 56 07 19 35 01 06 16 23 34 46 53",
    "36 57 09 24 37 02 08 17 29 39 48 54",
    "43 58 14 25 38 03 10 20 30 40 49 55",
)
"""The speakers of each fold, as ARCH states them."""
FOLDS = {speaker: str(number) for number, fold in enumerate(FOLD_SPEAKERS, 1) for speaker in fold.split()}


class AudioMnist(Corpus):
    """AudioMNIST: 30,000 recordings of the ten digits by 60 speakers, 48 kHz, in the five folds of ARCH.

    A fold holds 12 speakers who are in no other. ARCH tests on each fold in turn and develops on the next one. The
    archive is GitHub's of the commit; no digest is published.
    """

    name = "audiomnist"
    title = "AudioMNIST: 30,000 recordings, 10 digits, 60 speakers, 5 folds, 48 kHz"
    licence = "MIT"
    source = "https://github.com/soerenab/AudioMNIST"
    inside = (f"AudioMNIST-{COMMIT}", "data")
    marker = "01"
    rough_size = 1_000_000_000
    archives = (
        RemoteFile(
            f"datasets/AudioMNIST-{COMMIT}.zip",
            source=f"https://github.com/soerenab/AudioMNIST/archive/{COMMIT}.zip",
        ),
    )
    expected = Count(30_000, 60)

    def _index(self, root: Path) -> Sequence[Utterance]:
        found = recordings(root, "[0-6][0-9]/*.wav", r"(\d)_(0[1-9]|[1-5]\d|60)_\d+")
        return [
            Utterance(id_, path, DIGITS[int(digit)], speaker, "en", labels={"label": digit, "fold": FOLDS[speaker]})
            for id_, (path, (digit, speaker)) in found.items()
        ]
