"""LibriTTS (Zen et al., 2019) and the parts of it that codec papers test on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from codec_bench.datasets.corpus import Corpus, Count
from codec_bench.datasets.manifest import text_beside
from codec_bench.datasets.splits import recordings
from codec_bench.errors import UsageError
from codec_bench.hub import RemoteFile
from codec_bench.records import Utterance

ID_LIST = "libritts_test_b.txt"
"""File with the ids of test set B below `lists/`, one per line, `#` for comments."""


class LibriTts(Corpus):
    """One subset of LibriTTS, 24 kHz.

    The transcript is the normalised text of the corpus, the speaker the first field of an id.
    """

    licence = "CC BY 4.0"
    source = "https://www.openslr.org/60"
    marker = "*/*/*.wav"
    wanted = ("*.wav", "*.normalized.txt")

    def _index(self, root: Path) -> Sequence[Utterance]:
        found = recordings(root, self.marker, r"\d+_\d+_\d+_\d+")
        return [self._utterance(id_, recording.path) for id_, recording in found.items()]

    def _utterance(self, id_: str, path: Path) -> Utterance:
        speaker, chapter, *_ = id_.split("_")
        return Utterance(id_, path, None, speaker, "en", labels={"split": self.inside[-1], "chapter": chapter})

    def _complete(self, utterance: Utterance) -> Utterance:
        return replace(utterance, text=text_beside(utterance.path))


def _archive(subset: str, sha256: str, size: int) -> RemoteFile:
    source = f"https://www.openslr.org/resources/60/{subset}.tar.gz"
    return RemoteFile(f"datasets/LibriTTS-{subset}.tar.gz", sha256, size, source)


class LibriTtsTestClean(LibriTts):
    """LibriTTS test-clean: 4,837 utterances.

    The count is that of WavTokenizer (Ji et al., ICLR 2025) and of TensorFlow Datasets.
    """

    name = "libritts-test-clean"
    title = "LibriTTS test-clean: 4,837 utterances, 24 kHz"
    inside = ("LibriTTS", "test-clean")
    archives = (
        _archive("test-clean", "234ea5b25859102a87024a4b9b86641f5b5aaaf1197335c95090cde04fe9a4f5", 1_230_670_113),
    )
    expected = Count(4_837)


class LibriTtsTestOther(LibriTts):
    """LibriTTS test-other: 5,120 utterances, as TensorFlow Datasets counts them."""

    name = "libritts-test-other"
    title = "LibriTTS test-other: 5,120 utterances, 24 kHz"
    inside = ("LibriTTS", "test-other")
    archives = (
        _archive("test-other", "33a5342094f3bba7ccc2e0500b9e72d558f72eb99328ac8debe1d9080402f10d", 964_502_297),
    )
    expected = Count(5_120)


class LibriTtsTestB(LibriTtsTestClean):
    """Test set B of UniCATS (Du et al., AAAI 2024): 500 utterances by 37 speakers of LibriTTS test-clean.

    The list is the first column of the official `testsetB_utt2prompt`; the second one is for zero-shot synthesis. Only
    the files of the list are unpacked.
    """

    name = "libritts-test-b"
    title = "LibriTTS test set B of UniCATS: 500 utterances, 37 speakers of test-clean, 24 kHz"
    source = "https://www.openslr.org/60, list: https://cpdu.github.io/unicats/resources/testsetB_utt2prompt"
    expected = Count(500, 37)

    def ids(self) -> list[str]:
        """The ids in the order of the list.

        Raises:
            UsageError: The list does not hold what it must.
        """
        lines = (Path(__file__).parent / "lists" / ID_LIST).read_text(encoding="utf-8").splitlines()
        ids = [line for line in lines if line and not line.startswith("#")]
        found = Count(len(set(ids)), len({id_.partition("_")[0] for id_ in ids}))
        if found != self.expected or len(ids) != found.utterances:
            raise UsageError(f"the list {ID_LIST} is damaged: it holds {found}, not {self.expected}")
        return ids

    def _index(self, root: Path) -> Sequence[Utterance]:
        return [self._utterance(id_, root.joinpath(*id_.split("_")[:2], f"{id_}.wav")) for id_ in self.ids()]

    @cached_property
    def _listed(self) -> frozenset[str]:
        return frozenset(self.ids())

    def _wants(self, name: str) -> bool:
        stem = name.rpartition("/")[2].removesuffix(".wav").removesuffix(".normalized.txt")
        return super()._wants(name) and stem in self._listed
