"""AISHELL-1 (Bu et al., 2017): read Mandarin speech with transcripts."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from codec_bench.datasets.corpus import Corpus, Count
from codec_bench.datasets.splits import list_lines, recordings
from codec_bench.errors import UnavailableError
from codec_bench.files import write_atomically, write_error
from codec_bench.hub import RemoteFile
from codec_bench.records import Utterance
from codec_bench.unpack import extract

TRANSCRIPT = "transcript/aishell_transcript_v0.8.txt"


class Aishell1(Corpus):
    """All of AISHELL-1: 141,925 recordings by 400 speakers, 16 kHz, in the published splits.

    Training has 340 speakers, development 40, test 20, and none is in two of them. 325 recordings, all outside of the
    test split, have no line in the transcript: their text is None. Transcripts lose the blanks between words, so that
    characters are compared.

    The archive holds one more archive per speaker: while it is unpacked, both lie on disk next to the recordings.
    From OpenSLR 33; the number of recordings is the one that Kaldi's recipe checks.
    """

    name = "aishell-1"
    title = "AISHELL-1: 141,925 recordings, 400 speakers, Mandarin, 16 kHz"
    licence = "Apache-2.0"
    source = "https://www.openslr.org/33"
    inside = ("data_aishell",)
    marker = "wav/train"
    archives = (
        RemoteFile(
            "datasets/data_aishell.tgz",
            size=15_582_913_665,
            source="https://www.openslr.org/resources/33/data_aishell.tgz",
            md5="2f494334227864a8a8fec932999db9d8",
        ),
    )
    expected = Count(141_925, 400)
    splits: ClassVar[tuple[str, ...]] = ("train", "dev", "test")

    def _index(self, root: Path) -> Sequence[Utterance]:
        lines = (line.partition(" ") for line in list_lines(root / TRANSCRIPT))
        texts = {id_: "".join(words.split()) for id_, _, words in lines}
        return [
            Utterance(id_, found.path, texts.get(id_), found.fields[0], "zh", labels={"split": split})
            for split in self.splits
            for id_, found in recordings(root / "wav" / split, "S*/*.wav", r"BAC009(S\d{4})W\d{4}").items()
        ]

    def _unpack(self, archive: Path, folder: Path) -> None:
        """Unpacks the archives of the speakers next to the corpus, then each of them into it."""
        corpus = folder / "data_aishell"
        with _emptied(folder / ".data_aishell") as outer:
            extract(archive, outer, self._wants, limit=self._limit())
            inner = sorted((outer / "data_aishell" / "wav").glob("*.tar.gz"))
            transcript = outer / "data_aishell" / TRANSCRIPT
            if not inner or not transcript.is_file():
                raise UnavailableError(f"{archive} is not what it should be: it has no archives of speakers or no text")
            for path in inner:
                extract(path, corpus / "wav", self._is_recording, limit=self._limit(), replace=self._replace)
                path.unlink()  # both copies of all speakers would be another 15 GB
            write_atomically(corpus / TRANSCRIPT, transcript.read_bytes())

    def _wants(self, name: str) -> bool:
        speaker = re.fullmatch(r"data_aishell/wav/S(\d{4})\.tar\.gz", name)
        return name == f"data_aishell/{TRANSCRIPT}" or (speaker is not None and self._has_speaker(int(speaker[1])))

    def _has_speaker(self, number: int) -> bool:
        """Whether a speaker's archive may hold recordings of the splits."""
        return number > 0

    def _is_recording(self, name: str) -> bool:
        return name.endswith(".wav") and name.startswith(tuple(f"{split}/" for split in self.splits))


@contextmanager
def _emptied(folder: Path) -> Iterator[Path]:
    """An empty folder that is removed in any case; what a killed process left in it goes first."""
    try:
        if folder.is_dir():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        yield folder
    except OSError as error:
        raise write_error(folder, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Aishell1Test(Aishell1):
    """The test split of AISHELL-1: 7,176 recordings by 20 speakers, all with a transcript.

    Only the test speakers' archives are unpacked; they are those from S0764 on.
    """

    name = "aishell-1-test"
    title = "AISHELL-1 test: 7,176 recordings, 20 speakers, Mandarin, 16 kHz"
    marker = "wav/test"
    expected = Count(7_176, 20)
    splits = ("test",)

    def _has_speaker(self, number: int) -> bool:
        return number >= 764
