"""VoxCeleb1 (Nagrani et al., 2017): celebrities in interviews, for speaker identification."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from codec_bench.datasets.corpus import Count
from codec_bench.datasets.splits import ListedCorpus
from codec_bench.errors import UnavailableError
from codec_bench.hub import RemoteFile
from codec_bench.records import Utterance

SPLITS = {"1": "train", "2": "dev", "3": "test"}
PARTS = ("wav", "dev/wav", "test/wav")
"""Where a speaker's folder may be; the published parts are those of the verification task and have other meanings."""


class VoxCeleb1(ListedCorpus):
    """VoxCeleb1 with the split for identification: 153,516 recordings of 1,251 speakers, 16 kHz.

    Training has 138,361 recordings, development 6,904, test 8,251 (`iden_split.txt`, as SUPERB's SID uses it). The
    label is the speaker, so all speakers are in all splits: that is the task and no leak. Its makers took the test
    recordings of a speaker from one video that they set aside; that development and training share no video is not
    stated.

    Names and sexes are not read. Recordings are from YouTube, given out by its makers on request.
    """

    name = "voxceleb1"
    title = "VoxCeleb1 identification: 153,516 recordings, 1,251 speakers, 16 kHz"
    licence = "CC BY 4.0 (lists); the recordings are from YouTube"
    source = "https://mm.kaist.ac.kr/datasets/voxceleb"
    inside = ("VoxCeleb1",)
    marker = "*"
    form = (
        "ask for it with the form at https://mm.kaist.ac.kr/datasets/voxceleb, unpack the dev and test archives into "
        "VoxCeleb1/dev and VoxCeleb1/test"
    )
    lists = (
        RemoteFile(
            "datasets/VoxCeleb1/iden_split.txt",
            "3c1d792d4058861cd476a27cc942c824f7e9df812864115a7c2b12df97edfbbf",
            4_912_512,
            "https://www.robots.ox.ac.uk/~vgg/data/voxceleb/meta/iden_split.txt",
        ),
    )
    expected = Count(153_516, 1_251)

    def _is_root(self, folder: Path) -> bool:
        return any((folder / part).is_dir() for part in PARTS)

    def _index(self, root: Path) -> Sequence[Utterance]:
        parts = [root / part for part in PARTS if (root / part).is_dir()]
        homes: dict[str, Path] = {}
        index = []
        for number, line in enumerate(self._list(self.lists[0]), 1):
            code, _, name = line.strip().partition(" ")
            fields = name.removesuffix(".wav").split("/")
            if code not in SPLITS or len(fields) != 3:
                raise UnavailableError(f"line {number} of {self.lists[0].url} is not a recording of a split: {line!r}")
            speaker = fields[0]
            if speaker not in homes:
                homes[speaker] = next((part for part in parts if (part / speaker).is_dir()), parts[0])
            labels = {"label": speaker, "split": SPLITS[code], "video": fields[1]}
            index.append(Utterance("-".join(fields), homes[speaker] / name, speaker=speaker, labels=labels))
        return index
