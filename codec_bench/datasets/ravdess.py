"""RAVDESS (Livingstone and Russo, 2018): actors who speak two sentences in eight emotions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from codec_bench.datasets.corpus import Corpus, Count
from codec_bench.datasets.splits import NamedRecording, draw_folds, draw_split, recordings
from codec_bench.hub import RemoteFile
from codec_bench.records import Utterance

EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
SENTENCES = ("Kids are talking by the door.", "Dogs are sitting by the door.")
ACTORS = [f"{number:02}" for number in range(1, 25)]
STEM = r"03-01-(0[1-8])-0[12]-(0[12])-0[12]-(0[1-9]|1\d|2[0-4])"
"""Audio, speech, then emotion, intensity, sentence, repetition, actor."""


class Ravdess(Corpus):
    """The speech of RAVDESS: 1,440 recordings of eight emotions by 24 actors, 48 kHz, at random.

    ARCH tests on a fifth of all and takes a fifth of the others for development, at random and without regard to
    actors: 921, 231 and 288. Its draw depends on the order in which the file system lists the files, so it cannot be
    repeated; here the same shares are drawn in the order of SHA-256 of `codec-bench/ravdess/ID`.
    """

    name = "ravdess"
    title = "RAVDESS speech: 1,440 recordings, 8 emotions, 24 actors, random split, 48 kHz"
    licence = "CC BY-NC-SA 4.0"
    source = "https://zenodo.org/records/1188976"
    leak = "the split is random, so that every actor and both sentences are in training and in test"
    inside = ("RAVDESS",)
    marker = "Actor_*"
    archives = (
        RemoteFile(
            "datasets/Audio_Speech_Actors_01-24.zip",
            size=208_468_073,
            source="https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip",
            md5="bc696df654c87fed845eb13823edef8a",
        ),
    )
    wanted = ("Actor_*.wav",)
    unpack_into = "RAVDESS"
    expected = Count(1_440, 24)

    def _index(self, root: Path) -> Sequence[Utterance]:
        found = recordings(root, "Actor_*/*.wav", STEM)
        places = self._places(found)
        index = []
        for id_, (path, (emotion, sentence, actor)) in found.items():
            labels = {"label": EMOTIONS[int(emotion) - 1], **places[id_]}
            index.append(Utterance(id_, path, SENTENCES[int(sentence) - 1], actor, "en", labels=labels))
        return index

    def _places(self, found: Mapping[str, NamedRecording]) -> dict[str, dict[str, str]]:
        """Labels by id that say where a recording belongs."""
        return {id_: {"split": split} for id_, split in draw_split(found, "codec-bench/ravdess").items()}


class RavdessDisjoint(Ravdess):
    """RAVDESS with six folds of four actors each, two women and two men, who are in no other fold.

    Women (even numbers) and men are each put in the order of SHA-256 of `codec-bench/ravdess/ACTOR` and dealt out to
    the folds in turn. All folds share the two sentences; there are no others.
    """

    name = "ravdess-disjoint"
    title = "RAVDESS speech: 1,440 recordings, 8 emotions, 6 folds of 4 actors, 48 kHz"
    leak = ""

    def _places(self, found: Mapping[str, NamedRecording]) -> dict[str, dict[str, str]]:
        folds = draw_folds((ACTORS[::2], ACTORS[1::2]), 6, "codec-bench/ravdess")
        return {id_: {"fold": folds[recording.fields[-1]]} for id_, recording in found.items()}
