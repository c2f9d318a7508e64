"""LibriTTS (Zen et al., 2019) and the parts of it that codec papers test on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, NamedTuple

from codec_bench.datasets.dataset import Dataset
from codec_bench.datasets.manifest import text_beside
from codec_bench.errors import UnavailableError, UsageError
from codec_bench.hub import RemoteFile, describe_size, fetch_all, home, mirrors
from codec_bench.records import Utterance
from codec_bench.unpack import extract


class Count(NamedTuple):
    """How many there must be."""

    utterances: int
    speakers: int


class LibriTts(Dataset):
    """A fixed list of utterances of one subset of LibriTTS, 24 kHz.

    The transcript is the normalised text of the corpus, the speaker the first field of an id.

    Class attributes:
        subset: Which subset they are from, e.g. `test-clean`.
        sha256: Of the archive that holds the subset.
        size: Bytes of it.
        id_list: File with the ids below `lists/`, one per line, `#` for comments.
        expected: What the list must hold.

    Args:
        data_root: An extracted LibriTTS: the folder of the subset, the one above it (`LibriTTS`), or the one that holds
            `LibriTTS`. None looks for `datasets/LibriTTS` in every mirror.
    """

    licence = "CC BY 4.0"
    subset: ClassVar[str]
    sha256: ClassVar[str]
    size: ClassVar[int]
    id_list: ClassVar[str]
    expected: ClassVar[Count]

    def __init__(self, data_root: str | os.PathLike[str] | None = None) -> None:
        self.data_root = None if data_root is None else Path(data_root)

    def ids(self) -> list[str]:
        """The ids in the order of the list.

        Raises:
            UsageError: The list does not hold what it must.
        """
        lines = (Path(__file__).parent / "lists" / self.id_list).read_text(encoding="utf-8").splitlines()
        ids = [line for line in lines if line and not line.startswith("#")]
        found = Count(len(set(ids)), len({_speaker(id_) for id_ in ids}))
        if found != self.expected or len(ids) != found.utterances:
            raise UsageError(f"the list {self.id_list} is damaged: it holds {found}, not {self.expected}")
        return ids

    def utterances(self) -> Iterator[Utterance]:
        """Yields the utterances in the order of the list.

        Raises:
            UnavailableError: The corpus is not there, or not all of it.
        """
        ids = self.ids()
        folder = self._folder(sorted({_speaker(id_) for id_ in ids}))
        paths = {id_: folder.joinpath(*id_.split("_")[:2], f"{id_}.wav") for id_ in ids}
        missing = [path for path in paths.values() if not path.is_file()]
        if missing:
            raise UnavailableError(
                f"{len(missing)} of the {len(ids)} recordings of {self.name} are missing, the first is {missing[0]}; "
                f"extract {self.archive} again"
            )
        return (self._utterance(id_, path) for id_, path in paths.items())

    def fetch(self) -> None:
        """Downloads the archive of the subset and unpacks the files of the list, unless they are there already.

        The archive is removed afterwards; a mirror's stays.

        Raises:
            UnavailableError: It cannot be had, or is another one.
        """
        if self.data_root is not None or self._is_complete():
            return
        try:
            archive = fetch_all([self.remote], f"dataset:{self.name}")[0]
        except UnavailableError as error:
            raise UnavailableError(f"{self.name} cannot be fetched ({error}): {self._remedy()}") from error
        names = [name for id_ in self.ids() for name in self._names(id_)]
        found = extract(archive, home() / "datasets", names, limit=4 * self.size)
        if found < len(names):
            raise UnavailableError(f"{archive} has {found} of the {len(names)} files of {self.name}")
        if archive.is_relative_to(home()):
            archive.unlink()

    @property
    def remote(self) -> RemoteFile:
        """The archive, as the hub fetches it."""
        return RemoteFile(f"datasets/LibriTTS-{self.subset}.tar.gz", self.sha256, self.size, self.archive)

    def _names(self, id_: str) -> list[str]:
        """The files of an utterance, as the archive names them."""
        speaker, chapter = id_.split("_")[:2]
        stem = f"LibriTTS/{self.subset}/{speaker}/{chapter}/{id_}"
        return [f"{stem}.wav", f"{stem}.normalized.txt"]

    def _is_complete(self) -> bool:
        try:
            self.utterances()
        except UnavailableError:
            return False
        return True

    @property
    def archive(self) -> str:
        """Where the subset is published."""
        return f"https://www.openslr.org/resources/60/{self.subset}.tar.gz"

    def _utterance(self, id_: str, path: Path) -> Utterance:
        labels = {"split": self.subset, "chapter": id_.split("_")[1]}
        return Utterance(id_, path, text_beside(path), _speaker(id_), "en", labels=labels)

    def _folder(self, speakers: list[str]) -> Path:
        """The folder that holds one folder per speaker."""
        roots = [folder / "datasets" for folder in mirrors()] if self.data_root is None else [self.data_root]
        for root in roots:
            for folder in (root / "LibriTTS" / self.subset, root / self.subset, root):
                if any((folder / speaker).is_dir() for speaker in speakers):
                    return folder
        where = "is not on this machine" if self.data_root is None else f"is not in {self.data_root}"
        raise UnavailableError(f"{self.name} {where}: {self._remedy()}")

    def _remedy(self) -> str:
        return (
            f"extract {self.archive} ({describe_size(self.size)}) and give the folder LibriTTS that comes out with "
            "--data-root, or try --dataset demo, which needs no download"
        )


def _speaker(id_: str) -> str:
    return id_.partition("_")[0]


class LibriTtsTestB(LibriTts):
    """Test set B of UniCATS (Du et al., AAAI 2024): 500 utterances by 37 speakers of LibriTTS test-clean.

    The list is the first column of the official `testsetB_utt2prompt`; the second one is for zero-shot synthesis.
    """

    name = "libritts-test-b"
    title = "LibriTTS test set B of UniCATS: 500 utterances, 37 speakers of test-clean, 24 kHz"
    source = "https://www.openslr.org/60, list: https://cpdu.github.io/unicats/resources/testsetB_utt2prompt"
    subset = "test-clean"
    sha256 = "234ea5b25859102a87024a4b9b86641f5b5aaaf1197335c95090cde04fe9a4f5"
    size = 1_230_670_113
    id_list = "libritts_test_b.txt"
    expected = Count(utterances=500, speakers=37)
