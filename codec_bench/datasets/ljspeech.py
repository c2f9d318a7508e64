"""LJ Speech (Ito and Johnson, 2017): one speaker reading."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from codec_bench.datasets.corpus import Corpus, Count
from codec_bench.datasets.manifest import id_problem
from codec_bench.datasets.splits import list_lines
from codec_bench.errors import UnavailableError
from codec_bench.hub import RemoteFile
from codec_bench.records import Utterance


class LjSpeech(Corpus):
    """All of LJ Speech 1.1: 13,100 recordings by one speaker, 22.05 kHz.

    The transcript is the normalised one, with numbers and abbreviations written out.
    """

    name = "ljspeech"
    title = "LJ Speech 1.1: 13,100 recordings, one speaker, 22.05 kHz"
    licence = "public domain"
    source = "https://keithito.com/LJ-Speech-Dataset"
    inside = ("LJSpeech-1.1",)
    marker = "wavs"
    archives = (
        RemoteFile(
            "datasets/LJSpeech-1.1.tar.bz2",
            "be1a30453f28eb8dd26af4101ae40cbf2c50413b1bb21936cbcdc6fae3de8aa5",
            2_748_572_632,
            "https://data.keithito.com/data/speech/LJSpeech-1.1.tar.bz2",
        ),
    )
    wanted = ("*.wav", "*/metadata.csv")
    expected = Count(13_100, 1)

    def _index(self, root: Path) -> Sequence[Utterance]:
        table = root / "metadata.csv"
        return [_utterance(root, f"{table}, line {n}", line) for n, line in enumerate(list_lines(table), 1) if line]


def _utterance(root: Path, where: str, line: str) -> Utterance:
    """A line of the table: id, text, normalised text; quotes have no meaning."""
    fields = line.split("|")
    if len(fields) != 3:
        raise UnavailableError(f"{where}: {len(fields)} fields, not 3: unpack the corpus again")
    id_, _, text = fields
    problem = id_problem(id_)
    if problem:
        raise UnavailableError(f"{where}: {id_[:60]!r} cannot be an id: {problem}: unpack the corpus again")
    labels = {"chapter": id_.partition("-")[0]}
    return Utterance(id_, root / "wavs" / f"{id_}.wav", text.strip() or None, "lj", "en", labels=labels)
