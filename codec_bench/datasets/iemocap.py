"""IEMOCAP (Busso et al., 2008): acted dialogues, for emotion recognition."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from codec_bench.datasets.corpus import Corpus, Count
from codec_bench.datasets.splits import list_lines
from codec_bench.records import Utterance

TURN = re.compile(
    r"\[[\d.]+ - [\d.]+\]\t(?P<id>(?P<dialogue>Ses0[1-5][FM]_\w+)_(?P<sex>[FM])\w+)\t(?P<emotion>\w+)\t.*"
)
CLASSES = {"neu": "neutral", "hap": "happy", "exc": "happy", "ang": "angry", "sad": "sad"}
"""What SUPERB keeps of the makers' classes; excitement counts as happiness."""


class Iemocap(Corpus):
    """IEMOCAP as SUPERB's ER takes it: 5,531 utterances of four classes by 10 speakers, 16 kHz.

    A fold is a session, so that the two speakers of a fold are in no other; the folds hold 1085, 1023, 1151, 1031 and
    1241 utterances. SUPERB draws a fifth of the training folds for development, which is left to the probe. The speaker
    is the session with the sex at the end of an utterance's name: the one at its beginning is of the actor who wore the
    markers. Transcripts are not read.
    """

    name = "iemocap"
    title = "IEMOCAP, four emotions: 5,531 utterances, 10 speakers, 5 sessions, 16 kHz"
    licence = "research only, by form"
    source = "https://sail.usc.edu/iemocap/"
    inside = ("IEMOCAP_full_release",)
    marker = "Session1/dialog/EmoEvaluation"
    form = "ask for it with the form at https://sail.usc.edu/iemocap/"
    expected = Count(5_531, 10)

    def _index(self, root: Path) -> Sequence[Utterance]:
        index = []
        for session in range(1, 6):
            folder = root / f"Session{session}"
            for dialogue in sorted((folder / "dialog" / "EmoEvaluation").glob(f"Ses0{session}*.txt")):
                turns = (TURN.fullmatch(line.rstrip()) for line in list_lines(dialogue))
                index += [_utterance(folder, turn, session) for turn in turns if turn and turn["emotion"] in CLASSES]
        return sorted(index, key=lambda utterance: utterance.id)


def _utterance(folder: Path, turn: re.Match[str], session: int) -> Utterance:
    path = folder / "sentences" / "wav" / turn["dialogue"] / f"{turn['id']}.wav"
    labels = {"label": CLASSES[turn["emotion"]], "fold": str(session)}
    return Utterance(turn["id"], path, speaker=f"Ses0{session}{turn['sex']}", language="en", labels=labels)
