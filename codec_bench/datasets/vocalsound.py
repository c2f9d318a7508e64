"""VocalSound (Gong et al., 2022): people who laugh, sigh, cough, clear their throats, sneeze and sniff."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from codec_bench.datasets.corpus import Corpus, Count
from codec_bench.datasets.splits import crossing_speakers, list_lines, recordings
from codec_bench.errors import UnavailableError
from codec_bench.hub import RemoteFile
from codec_bench.records import Utterance

CLASSES = ("cough", "laughter", "sigh", "sneeze", "sniff", "throatclearing")
SPLITS = {"train": "tr", "dev": "val", "test": "te"}


class VocalSound(Corpus):
    """VocalSound at 16 kHz: 21,024 recordings of six classes by 3,365 people, in the published splits.

    Training has 15,570 recordings, development 1,860, test 3,594 (`datafiles/{tr,val,te}.json`). Some people recorded
    twice; whether the splits share people is not stated by the makers, so it is counted and noted with each run. The
    archive has 1.7 GB and no published digest.
    """

    name = "vocalsound"
    title = "VocalSound: 21,024 recordings, 6 vocal sounds, 3,365 people, 16 kHz"
    licence = "CC BY-SA 4.0"
    source = "https://github.com/YuanGongND/vocalsound"
    inside = ("VocalSound",)
    marker = "audio_16k"
    rough_size = 1_700_000_000
    archives = (
        RemoteFile(
            "datasets/vs_release_16k.zip",
            source="https://www.dropbox.com/s/c5ace70qh1vbyzb/vs_release_16k.zip?dl=1",
        ),
    )
    wanted = ("audio_16k/*", "datafiles/tr.json", "datafiles/val.json", "datafiles/te.json")
    unpack_into = "VocalSound"
    expected = Count(21_024)

    def _index(self, root: Path) -> Sequence[Utterance]:
        found = recordings(root / "audio_16k", "*.wav", rf"([fm]\d+)_\d+_({'|'.join(CLASSES)})")
        index = []
        for split, name in SPLITS.items():
            for id_ in _ids(root / "datafiles" / f"{name}.json"):
                if id_ not in found:
                    raise UnavailableError(f"{root} lacks {id_}.wav of {name}.json: {self._remedy()}")
                path, (speaker, label) = found[id_]
                index.append(Utterance(id_, path, speaker=speaker, labels={"label": label, "split": split}))
        self._note(crossing_speakers(index))
        return index


def _ids(path: Path) -> list[str]:
    """Ids of a list, which states the recordings with folders of the makers' machine."""
    try:
        return [Path(entry["wav"]).stem for entry in json.loads("\n".join(list_lines(path)))["data"]]
    except (ValueError, KeyError, TypeError) as error:
        raise UnavailableError(f"{path} is not a list of recordings: {error!r}") from error
