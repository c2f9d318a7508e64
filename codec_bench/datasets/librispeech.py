"""LibriSpeech (Panayotov et al., 2015) and the parts of it that codec papers test on."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from typing_extensions import override

from codec_bench.datasets.corpus import Corpus, Count
from codec_bench.datasets.splits import list_lines
from codec_bench.errors import UnavailableError, UsageError
from codec_bench.hub import RemoteFile
from codec_bench.records import Utterance

LENGTH_CENTRES = range(3, 26)
"""Seconds that the bins of `librispeech-length` are around."""

ASR_SPLITS = {"train": "train-clean-100", "dev": "dev-clean", "test": "test-clean"}
"""The subset that each split of `librispeech-asr` is."""

DURATIONS = "librispeech_test_clean_durations.tsv"
"""File below `lists/`."""


class LibriSpeech(Corpus):
    """One subset of LibriSpeech, 16 kHz.

    Transcripts are in capitals, without punctuation; the speaker is the first field of an id. All parts share the
    folder `LibriSpeech` and the archives.
    """

    licence = "CC BY 4.0"
    source = "https://www.openslr.org/12"
    marker = "*/*/*.trans.txt"
    wanted: ClassVar[tuple[str, ...]] = ("*.flac", "*.trans.txt")

    def _index(self, root: Path) -> Sequence[Utterance]:
        return _subset(root, self.inside[-1])


def _subset(folder: Path, split: str) -> list[Utterance]:
    """The utterances that the transcripts of a subset list, sorted by id."""
    found = [
        _utterance(folder, line, split)
        for path in folder.glob("*/*/*.trans.txt")
        for line in list_lines(path)
        if line.strip()
    ]
    return sorted(found, key=lambda utterance: utterance.id)


def _utterance(folder: Path, line: str, split: str) -> Utterance:
    """A line of a transcript: the id, a blank, the text."""
    id_, _, text = line.partition(" ")
    speaker, dash, rest = id_.partition("-")
    chapter = rest.partition("-")[0]
    if not (dash and speaker.isdecimal() and chapter.isdecimal() and "/" not in id_):
        raise UnavailableError(f"the transcripts in {folder} hold the id {id_[:60]!r}: unpack the corpus again")
    labels = {"split": split, "chapter": chapter}
    return Utterance(id_, folder / speaker / chapter / f"{id_}.flac", text.strip() or None, speaker, "en", None, labels)


def _archive(subset: str, sha256: str, size: int | None) -> RemoteFile:
    source = f"https://www.openslr.org/resources/12/{subset}.tar.gz"
    return RemoteFile(f"datasets/LibriSpeech-{subset}.tar.gz", sha256, size, source)


TRAIN_CLEAN_100 = _archive(
    "train-clean-100", "d4ddd1d5a6ab303066f14971d768ee43278a5f2a0aa43dc716b0e64ecbbbf6e2", 6_387_309_499
)
TRAIN_CLEAN_360 = _archive("train-clean-360", "146a56496217e96c14334a160df97fffedd6e0a04e66b9c5af0d40be3c792ecf", None)
DEV_CLEAN = _archive("dev-clean", "76f87d090650617fca0cac8f88b9416e0ebf80350acb97b343a85fa903728ab3", 337_926_286)
TEST_CLEAN = _archive("test-clean", "39fde525e59672dc6d1551919b1478f724438a95aa55f874b576be21967e6c23", 346_663_984)
TEST_OTHER = _archive("test-other", "d09c181bba5cf717b3dee7d4d592af11a3ee3a09e08ae025c5506f6ebe961c29", 328_757_843)


class LibriSpeechTestClean(LibriSpeech):
    """LibriSpeech test-clean: 2,620 utterances by 40 speakers."""

    name = "librispeech-test-clean"
    title = "LibriSpeech test-clean: 2,620 utterances, 40 speakers, 16 kHz"
    inside = ("LibriSpeech", "test-clean")
    archives = (TEST_CLEAN,)
    expected = Count(2_620, 40)


class LibriSpeechTestOther(LibriSpeech):
    """LibriSpeech test-other: 2,939 utterances by 33 speakers."""

    name = "librispeech-test-other"
    title = "LibriSpeech test-other: 2,939 utterances, 33 speakers, 16 kHz"
    inside = ("LibriSpeech", "test-other")
    archives = (TEST_OTHER,)
    expected = Count(2_939, 33)


class LibriSpeechTrainClean360(LibriSpeech):
    """LibriSpeech train-clean-360, on which Stable-Codec (Parker et al., 2024) counts how codebooks are used.

    Its makers' list has 104,014 utterances by 921 speakers; Stable-Codec speaks of 104,140.
    """

    name = "librispeech-train-clean-360"
    title = "LibriSpeech train-clean-360: 104,014 utterances, 921 speakers, 360 hours, 16 kHz"
    inside = ("LibriSpeech", "train-clean-360")
    archives = (TRAIN_CLEAN_360,)
    expected = Count(104_014, 921, certain=False)
    rough_size = 23_000_000_000


class LibriSpeechAsr(LibriSpeech):
    """The subsets that SUPERB (Yang et al., Interspeech 2021) trains and tests speech recognition on.

    train-clean-100 (28,539 utterances, 251 speakers), dev-clean (2,703, 40) and test-clean (2,620, 40), with the label
    `split` train, dev and test. No speaker is in two of them.
    """

    name = "librispeech-asr"
    title = "LibriSpeech for speech recognition: train-clean-100, dev-clean, test-clean, 33,862 utterances, 16 kHz"
    inside = ("LibriSpeech",)
    marker = "train-clean-100"
    wanted = tuple(f"*/{subset}/*{suffix}" for subset in ASR_SPLITS.values() for suffix in LibriSpeech.wanted)
    archives = (TRAIN_CLEAN_100, DEV_CLEAN, TEST_CLEAN)
    expected = Count(33_862, 331)

    def _index(self, root: Path) -> Sequence[Utterance]:
        return [found for split, subset in ASR_SPLITS.items() for found in _subset(root / subset, split)]


@lru_cache(maxsize=1)
def durations_of_test_clean() -> Mapping[str, float]:
    """Seconds of every recording of test-clean by id, in the order of the ids; no recording is looked at."""
    lines = (Path(__file__).parent / "lists" / DURATIONS).read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return MappingProxyType({id_: float(seconds) for id_, seconds in rows[1:]})


class LibriSpeechPhones(LibriSpeechAsr):
    """`librispeech-asr` whose test part is the recordings of 4 to 15 seconds, both included: 1,612 of test-clean.

    MagiCodec (Song et al., 2025) tests the recognition of phones on these; of which training set, it does not say.
    """

    name = "librispeech-phones"
    title = "LibriSpeech for MagiCodec's recognition of phones: test-clean of 4 to 15 s, 32,854 utterances, 16 kHz"
    expected = Count(32_854, 331)

    def _index(self, root: Path) -> Sequence[Utterance]:
        seconds = durations_of_test_clean()
        return [u for u in super()._index(root) if u.labels["split"] != "test" or 4 <= seconds.get(u.id, 0) <= 15]


class LibriSpeechByDuration(LibriSpeechTestClean):
    """Recordings of test-clean that are chosen by how long they are, as a list published apart states it."""

    @abstractmethod
    def _labels(self, seconds: float) -> dict[str, str] | None:
        """What to add to the labels of a recording of this duration; None if it does not belong to the set."""

    def _index(self, root: Path) -> Sequence[Utterance]:
        chosen = {
            id_: (s, labels) for id_, s in durations_of_test_clean().items() if (labels := self._labels(s)) is not None
        }
        found = {utterance.id: utterance for utterance in super()._index(root)}
        lacking = [id_ for id_ in chosen if id_ not in found]
        if lacking:
            names = ", ".join(lacking[:3]) + (", ..." if len(lacking) > 3 else "")
            raise UnavailableError(
                f"the transcripts in {root} lack {len(lacking)} of the {len(chosen)} recordings of {self.name}: "
                f"{names}: {self._remedy()}"
            )
        return [
            replace(found[id_], duration=seconds, labels={**found[id_].labels, **labels})
            for id_, (seconds, labels) in chosen.items()
        ]


class LibriSpeech5To10Seconds(LibriSpeechByDuration):
    """The recordings of test-clean that last 5 to 10 seconds, both included: 918 by 40 speakers.

    Stable-Codec (Parker et al., 2024) tests on 900 clips of 5 to 10 seconds and publishes no list; this is its rule.
    """

    name = "librispeech-5-10s"
    title = "LibriSpeech test-clean, 5 to 10 s: 918 utterances, 40 speakers, 16 kHz (Stable-Codec says 900, lists none)"
    expected = Count(918, 40)

    def _labels(self, seconds: float) -> dict[str, str] | None:
        return {} if 5 <= seconds <= 10 else None

    @override
    def notes(self) -> list[str]:
        rule = "all 918 recordings of test-clean of 5 to 10 s; Stable-Codec says 900 and publishes no list"
        return [f"{self.name}: {rule}", *super().notes()]


class LibriSpeechLength(LibriSpeechByDuration):
    """Recordings of test-clean in bins of their duration, as Stable-Codec (Parker et al., 2024) plots quality over it.

    A bin holds what lasts its centre plus or minus one second, both ends included. There is one around every full
    second from 3 to 25, so that most recordings are in two or three of them; the label `length_bins` lists the centres.

    Args:
        data_root: As for any corpus.
        setting: Only the bin around this length in seconds, e.g. `8`; by default every recording in any bin.

    Raises:
        UsageError: There is no such bin.
    """

    name = "librispeech-length"
    title = "LibriSpeech test-clean by duration: 2,561 utterances of 2 to 26 s, bins around 3 to 25 s, 16 kHz"
    expected = Count(2_561, 40)

    def __init__(self, data_root: str | os.PathLike[str] | None = None, setting: str | None = None) -> None:
        super().__init__(data_root)
        self.centres: Sequence[int] = LENGTH_CENTRES
        if setting is not None:
            if not (setting.isascii() and setting.isdecimal() and int(setting) in LENGTH_CENTRES):
                ends = f"{LENGTH_CENTRES[0]} to {LENGTH_CENTRES[-1]}"
                raise UsageError(
                    f"{self.name}@{setting}: a bin is named by its centre, a whole number of seconds, {ends}"
                )
            self.centres = (int(setting),)
            self.name = f"{self.name}@{int(setting)}"

    def _labels(self, seconds: float) -> dict[str, str] | None:
        bins = [str(centre) for centre in self.centres if abs(seconds - centre) <= 1]
        return {"length_bins": ",".join(bins)} if bins else None

    def _check_counts(self, index: Sequence[Utterance], root: Path) -> None:
        if self.centres is LENGTH_CENTRES:  # of one bin, the list is all that is known, and all of it is there
            super()._check_counts(index, root)
