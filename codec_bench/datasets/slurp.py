"""SLURP (Bastianelli et al., 2020): people who speak to a home assistant, for intent classification."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from codec_bench.datasets.corpus import Count
from codec_bench.datasets.splits import ListedCorpus, crossing_speakers
from codec_bench.errors import UnavailableError
from codec_bench.hub import RemoteFile
from codec_bench.records import Utterance

COMMIT = "8eb16545762be97ace75334109d73824217311f1"
SPLITS = ("train", "dev", "test")


def _annotation(name: str, sha256: str | None = None, size: int | None = None) -> RemoteFile:
    address = f"https://raw.githubusercontent.com/pswietojanski/slurp/{COMMIT}/dataset/slurp/{name}"
    return RemoteFile(f"datasets/SLURP/{name}", sha256, size, address)


class Slurp(ListedCorpus):
    """The real recordings of SLURP: 72,396, 16 kHz, in the published splits; the label is the intent, as in ARCH.

    Training has 50,628 recordings, development 8,690, test 13,078; the split is by sentence, and most sentences were
    recorded several times, by a headset and from afar. `intent` is the field of that name; it has more values (77 in
    test) than the pairs of `scenario` and `action` (59), which are labels, too. ARCH crops recordings to 10 s; here
    they are whole. Speakers are those of `metadata.json`; how many of them are in training and in test is counted and
    noted with each run.

    The annotations are those of the last commit; the digests of two of the four are known.
    """

    name = "slurp"
    title = "SLURP, real recordings: 72,396 commands to a home assistant, English, 16 kHz"
    licence = "CC BY-NC 4.0 (annotations: CC BY 4.0)"
    source = "https://zenodo.org/records/4274930"
    inside = ("slurp_real",)
    marker = "*.flac"
    archives = (
        RemoteFile(
            "datasets/slurp_real.tar.gz",
            "7f8fdd5e58960d22d2d0557612a407dd57bfa6188776f2d4fd47926a68b18dd5",
            3_918_185_662,
            "https://zenodo.org/records/4274930/files/slurp_real.tar.gz",
            md5="9efc0f058ced47bf5131c7cb2cade513",
        ),
    )
    lists = (
        _annotation("train.jsonl"),
        _annotation("devel.jsonl", "00d346b183ecc2d160853cd3dc20e8ccd207d9e1809cf6e2c05182076bd0ecc9", 2_221_203),
        _annotation("test.jsonl", "fe3449af69b42fda7163345482556066c35a80f7e552a6d67e212a0e2f0783cc", 3_267_569),
        _annotation("metadata.json"),
    )
    expected = Count(72_396)

    def _index(self, root: Path) -> Sequence[Utterance]:
        *annotations, metadata = self.lists
        try:
            speakers = _speakers(json.loads("\n".join(self._list(metadata))))
            index = [
                utterance
                for split, remote in zip(SPLITS, annotations, strict=True)
                for line in self._list(remote)
                for utterance in _utterances(root, json.loads(line), split, speakers)
            ]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnavailableError(
                f"the annotations of {self.name} are not those of {COMMIT[:12]}: {error!r}"
            ) from error
        self._note(crossing_speakers(index))
        return index


def _speakers(metadata: dict[str, Any]) -> dict[str, str]:
    """Speaker by recording, e.g. `FE-488`: sex, native or not, number."""
    return {name: recording["usrid"] for entry in metadata.values() for name, recording in entry["recordings"].items()}


def _utterances(root: Path, entry: dict[str, Any], split: str, speakers: dict[str, str]) -> list[Utterance]:
    """All recordings of a sentence."""
    labels = {"label": entry["intent"], "split": split, "scenario": entry["scenario"], "action": entry["action"]}
    names = [recording["file"] for recording in entry["recordings"]]
    return [
        Utterance(Path(name).stem, root / Path(name).name, entry["sentence"], speakers.get(name), "en", labels=labels)
        for name in names
    ]
