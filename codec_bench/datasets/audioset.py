"""AudioSet (Gemmeke et al., 2017): ten seconds of a video each, with all the sounds that are in them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from codec_bench.datasets.corpus import Count
from codec_bench.datasets.splits import ListedCorpus
from codec_bench.errors import UnavailableError
from codec_bench.hub import RemoteFile
from codec_bench.records import Utterance

ADDRESS = "https://storage.googleapis.com/us_audioset/youtube_corpus/v1/csv"
SPLITS = ("train", "test")
SUFFIXES = (".flac", ".wav")
ID_LENGTH = 11


class AudioSet(ListedCorpus):
    """The balanced training segments and the evaluation segments of AudioSet: 22,160 and 20,371, of 527 classes.

    A segment has several classes: `label` is their identifiers, joined with semicolons. There is no published
    development split. The segments are lists of videos; the audio is not published, and more and more videos vanish, so
    each missing recording is a status of its utterance, and figures over different copies are not comparable. Codec
    papers state neither subset nor protocol for their AudioSet figures.

    Recordings are `<YTID>.wav`, `<YTID>.flac` or `<YTID>_<anything>` with one of these suffixes, at any depth below
    `--data-root`.
    """

    name = "audioset"
    title = "AudioSet, balanced training and evaluation: 42,531 segments of ten seconds, 527 classes"
    licence = "CC BY 4.0 (lists); the recordings are from YouTube"
    source = "https://research.google.com/audioset/download.html"
    inside = ("AudioSet",)
    marker = "*"
    lists = tuple(
        RemoteFile(f"datasets/AudioSet/{name}.csv", source=f"{ADDRESS}/{name}.csv")
        for name in ("balanced_train_segments", "eval_segments")
    )
    expected = Count(42_531)
    may_lack = True

    def _is_root(self, folder: Path) -> bool:
        return folder.is_dir() and any(path.suffix in SUFFIXES for path in folder.rglob("*"))

    def _index(self, root: Path) -> Sequence[Utterance]:
        present = _by_video(root)
        index = [
            Utterance(video, present.get(video, root / f"{video}.wav"), labels={"label": label, "split": split})
            for split, remote in zip(SPLITS, self.lists, strict=True)
            for video, label in self._segments(remote)
        ]
        missing = sum(utterance.id not in present for utterance in index)
        if missing == len(index):
            raise UnavailableError(f"{root} holds none of the {len(index)} segments of {self.name}: {self._remedy()}")
        if missing:
            self._note(f"{missing} of the {len(index)} segments are not in {root}")
        return index

    def _segments(self, remote: RemoteFile) -> list[tuple[str, str]]:
        """Video and labels, in the order of a list."""
        lines = [line for line in self._list(remote) if line and not line.startswith("#")]
        rows = list(csv.reader(lines, skipinitialspace=True))
        wrong = next((row for row in rows if len(row) != 4 or len(row[0]) != ID_LENGTH), None)
        if wrong is not None:
            raise UnavailableError(f"{remote.url} has a row that is not a segment: {', '.join(wrong)}")
        return [(video, labels.replace(",", ";")) for video, _, _, labels in rows]


def _by_video(root: Path) -> dict[str, Path]:
    """The recordings by identifier of the video, which may hold `_` itself."""
    paths = sorted(path for path in root.rglob("*") if path.suffix in SUFFIXES)
    return {path.stem[:ID_LENGTH]: path for path in paths if path.stem[ID_LENGTH : ID_LENGTH + 1] in ("", "_")}
