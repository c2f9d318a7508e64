"""ESD (Zhou et al., 2021): English speakers who read the same sentences in five emotions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from codec_bench.datasets.corpus import Corpus, Count
from codec_bench.datasets.splits import NamedRecording, draw_folds, recordings
from codec_bench.errors import UnavailableError
from codec_bench.records import Utterance

EMOTIONS = ("Neutral", "Angry", "Happy", "Sad", "Surprise")
SPLITS = {"train": "train", "evaluation": "dev", "test": "test"}
MEN = ("0011", "0012", "0013", "0014", "0020")
WOMEN = ("0015", "0016", "0017", "0018", "0019")
SENTENCES = 350


class Esd(Corpus):
    """The English part of ESD: 17,500 recordings of five emotions by 10 speakers, 16 kHz, in the official split.

    Of the 350 sentences that each speaker reads in each emotion, the first 20 are for development, the next 30 for test
    and 300 for training: 15,000, 1,000 and 1,500 recordings. The split is read from the folders `train`, `evaluation`
    and `test`; copies without these folders get it from the number of the sentence. MagiCodec states 3,000 and 300
    recordings and disjoint speakers, which is not this split; how it comes about is not known. Transcripts are not
    read.
    """

    name = "esd"
    title = "ESD, English: 17,500 recordings, 5 emotions, 10 speakers, official split, 16 kHz"
    licence = "research only, by form"
    source = "https://github.com/HLTSingapore/Emotional-Speech-Data"
    leak = "all speakers are in training and in test; the sentences differ"
    inside = ("Emotion Speech Dataset",)
    marker = "0011"
    form = "sign the form at https://github.com/HLTSingapore/Emotional-Speech-Data"
    expected = Count(17_500, 10, certain=False)

    def _index(self, root: Path) -> Sequence[Utterance]:
        found = recordings(root, "00[12][0-9]/*/**/*.wav", r"(001[1-9]|0020)_(\d{6})")
        return [
            Utterance(id_, item.path, speaker=item.fields[0], language="en", labels=self._labels(root, item))
            for id_, item in found.items()
        ]

    def _labels(self, root: Path, item: NamedRecording) -> dict[str, str]:
        _, emotion, *folders = item.path.relative_to(root).parts[:-1]
        if emotion not in EMOTIONS or len(folders) > 1 or not set(folders) <= set(SPLITS):
            raise UnavailableError(f"{item.path} is in no folder of {self.name}: unpack it again")
        speaker, number = item.fields
        return {"label": emotion.lower(), **self._place(speaker, int(number), folders)}

    def _place(self, speaker: str, number: int, folders: Sequence[str]) -> dict[str, str]:
        """The label that says where a recording belongs."""
        sentence = (number - 1) % SENTENCES
        by_number = "evaluation" if sentence < 20 else "test" if sentence < 50 else "train"
        return {"split": SPLITS[folders[0] if folders else by_number]}


class EsdDisjoint(Esd):
    """ESD with five folds of two speakers each, a woman and a man, who are in no other fold.

    Women and men are each put in the order of SHA-256 of `codec-bench/esd/SPEAKER` and dealt out to the folds in turn.
    All folds share the sentences.
    """

    name = "esd-disjoint"
    title = "ESD, English: 17,500 recordings, 5 emotions, 5 folds of 2 speakers, 16 kHz"
    leak = ""

    def _place(self, speaker: str, number: int, folders: Sequence[str]) -> dict[str, str]:
        return {"fold": draw_folds((MEN, WOMEN), 5, "codec-bench/esd")[speaker]}
