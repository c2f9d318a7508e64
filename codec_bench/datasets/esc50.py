"""ESC-50 (Piczak, 2015): environmental sounds of five seconds."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from codec_bench.datasets.corpus import Corpus, Count
from codec_bench.datasets.splits import list_lines
from codec_bench.errors import UnavailableError
from codec_bench.hub import RemoteFile
from codec_bench.records import Utterance

NAME = re.compile(r"(?P<fold>[1-5])-(?P<clip>\d+)-(?P<take>[A-Z])-(?P<target>\d+)\.wav")


class Esc50(Corpus):
    """ESC-50: 2,000 sounds of 50 classes, 44.1 kHz, five published folds for cross-validation.

    Clips from one recording of Freesound (`source` among the labels) are in one fold. No list of the papers' random
    subsets is known (MagiCodec draws ten classes for a plot). The archive is what GitHub packs of the main branch; its
    MD5 is the one that other packages state for it, and may drift.
    """

    name = "esc-50"
    title = "ESC-50: 2,000 environmental sounds, 50 classes, 5 folds, 44.1 kHz"
    licence = "CC BY-NC 3.0"
    source = "https://github.com/karolpiczak/ESC-50"
    inside = ("ESC-50-master",)
    marker = "meta/esc50.csv"
    rough_size = 600_000_000
    archives = (
        RemoteFile(
            "datasets/ESC-50-master.zip",
            source="https://github.com/karolpiczak/ESC-50/archive/master.zip",
            md5="7771e4b9d86d0945acce719c7a59305a",
        ),
    )
    wanted = ("*/meta/esc50.csv", "*/audio/*.wav")
    expected = Count(2_000)

    def _index(self, root: Path) -> Sequence[Utterance]:
        table = root / "meta" / "esc50.csv"
        rows = csv.DictReader(list_lines(table))
        missing = {"filename", "fold", "target", "category"} - set(rows.fieldnames or ())
        if missing:
            raise UnavailableError(f"{table} has no column {', '.join(sorted(missing))}: unpack {self.name} again")
        index = []
        for row in rows:
            match = NAME.fullmatch(row["filename"])
            if match is None or (match["fold"], match["target"]) != (row["fold"], row["target"]):
                raise UnavailableError(f"{table} contradicts the name {row['filename']!r}: unpack {self.name} again")
            labels = {"label": row["category"], "fold": row["fold"], "source": match["clip"]}
            path = root / "audio" / row["filename"]
            index.append(Utterance(path.stem, path, labels=labels))
        return index
