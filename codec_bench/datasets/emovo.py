"""EMOVO (Costantini et al., 2014): Italian actors who speak 14 sentences in seven emotional states."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from codec_bench.datasets.corpus import Corpus, Count
from codec_bench.datasets.splits import recordings
from codec_bench.records import Utterance

EMOTIONS = {
    "dis": "disgust",
    "gio": "joy",
    "neu": "neutral",
    "pau": "fear",
    "rab": "anger",
    "sor": "surprise",
    "tri": "sadness",
}
FOLDS = {speaker: str(number) for number, speaker in enumerate(("f1", "f2", "f3", "m1", "m2", "m3"), 1)}


class Emovo(Corpus):
    """EMOVO: 588 recordings of seven classes by six actors; a fold is an actor, as in ARCH.

    ARCH draws a tenth of the training folds for development, which is left to the probe. All folds share the 14
    sentences (`sentence` among the labels). The makers' site is gone and no licence is known, so nothing is fetched.
    588 is 6 actors times 14 sentences times 7 states; no official copy could be counted.
    """

    name = "emovo"
    title = "EMOVO: 588 recordings, 7 emotional states, 6 actors, Italian"
    licence = "not stated"
    source = "the makers' site, http://voice.fub.it, is gone"
    inside = ("EMOVO",)
    marker = "f1"
    expected = Count(588, 6, certain=False)

    def _index(self, root: Path) -> Sequence[Utterance]:
        found = recordings(root, "[fm][123]/*.wav", rf"({'|'.join(EMOTIONS)})-([fm][123])-(\w+)")
        index = []
        for id_, (path, (emotion, speaker, sentence)) in found.items():
            labels = {"label": EMOTIONS[emotion], "fold": FOLDS[speaker], "sentence": sentence}
            index.append(Utterance(id_, path, speaker=speaker, language="it", labels=labels))
        return index
