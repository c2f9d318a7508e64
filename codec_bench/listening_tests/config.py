"""Options of `codec-bench export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from codec_bench.listening_tests.key import TestKind
from codec_bench.options import Names, Option, Options, Panel

LONGEST = 12.0
"""Seconds; webMUSHRA stops at a longer reference."""

LONGEST_PAIR = 30.0
"""Seconds; pages of one file have no limit of webMUSHRA's, and the Recommendation wants some sentences."""

SHORTEST = 0.4
"""Seconds: one block of BS.1770; shorter audio has no loudness."""

ANCHORS = {"3.5k": 3500.0, "7k": 7000.0}
"""Hz up to which each low-pass anchor is as the recording."""

MID_ANCHOR = "7k"
"""The one that BS.1534-3 calls so."""


def anchor_label(name: str) -> str:
    """What an anchor is called beside the systems of a test.

    >>> anchor_label(MID_ANCHOR)
    'anchor-7k'
    """
    return f"anchor-{name}"


def _anchors(names: list[str]) -> list[str]:
    """Names of anchors, the lowest first; `none` is none."""
    for name in names:
        if name not in ANCHORS and names != ["none"]:
            raise ValueError(f"unknown anchor {name!r}; known: {', '.join(ANCHORS)}")
    return [name for name in ANCHORS if name in names]


def _bits(bits: int) -> int:
    if bits not in (16, 24):
        raise ValueError(f"a sample has 16 or 24 bits, not {bits}")
    return bits


class ListeningTest(Options):
    """What is made of a run that kept its audio; `anchors`, `pairs`, `repeats`, `rhymes` belong to one kind each.

    Class attributes:
        one_system: Whether a page of MUSHRA has one system alone.
        one_file: Whether a page plays one file, about which it asks one question.
    """

    kind: ClassVar[TestKind]

    run: Annotated[
        Path, Option("A run made with --keep-audio.", Panel.SYSTEMS, "RUN", example="runs/new", is_argument=True)
    ]
    out: Annotated[Path, Option("New folder for the test and its key.", Panel.OUTPUT, "DIR", example="test")]
    systems: Annotated[
        Names,
        Option("LABEL[,LABEL...] as the table shows them; all clean rows by default.", Panel.SYSTEMS, "LABEL[,LABEL]"),
    ] = []
    items: Annotated[int, Field(ge=1), Option("Utterances to rate, drawn evenly over speakers.", Panel.DATA)] = 8
    training: Annotated[
        int, Field(ge=0), Option("Additional utterances for practice, which do not count.", Panel.DATA)
    ] = 0
    min_seconds: Annotated[float, Field(ge=SHORTEST), Option("Shortest utterance.", Panel.DATA)] = 1.0
    max_seconds: Annotated[
        float, Field(le=LONGEST), Option("Longest utterance; webMUSHRA allows 12 s.", Panel.DATA)
    ] = LONGEST
    seed: Annotated[int, Field(ge=0), Option("Seed of utterances, names and order.", Panel.METHOD)] = 0
    bits: Annotated[int, AfterValidator(_bits), Option("Bits per sample of the WAV files: 16 or 24.", Panel.OUTPUT)] = (
        16
    )
    title: Annotated[str, Option("Title that listeners see; do not name the systems.", Panel.OUTPUT, "TEXT")] = (
        "Listening test"
    )
    one_system: ClassVar[bool] = False
    one_file: ClassVar[bool] = False
    anchors: list[str] = []
    pairs: Literal["recording", "systems"] = "recording"
    repeats: int = 1
    rhymes: Path | None = None


class MushraTest(ListeningTest):
    """A test after ITU-R BS.1534-3: hidden reference, anchors, all systems of an utterance on one page."""

    kind = "mushra"

    anchors: Annotated[
        Names,
        AfterValidator(_anchors),
        Option("Low-pass anchors: 3.5k, 7k, 3.5k,7k or none.", Panel.METHOD, "NAME[,NAME]"),
    ] = ["3.5k"]


class Mushra1sTest(MushraTest):
    """MUSHRA 1S (arXiv 2509.19219): each page has one system, beside the reference and the same anchors.

    Other systems can be added later, with pages of their own, without asking again about those of before.
    """

    one_system = True


class AbxTest(ListeningTest):
    """X is given as the reference, and listeners say which of A and B is the same.

    Of pairs with the recording X is the recording, so that the share of right answers says how well people tell a codec
    from the original. Of pairs of systems, X is each of both equally often.
    """

    kind = "abx"

    pairs: Annotated[
        Literal["recording", "systems"],
        Option("Each system against the recording, or against each other system.", Panel.METHOD),
    ] = "recording"
    repeats: Annotated[
        int, Field(ge=1), Option("How often a listener hears each pair of each utterance.", Panel.METHOD)
    ] = 1


class DcrTest(ListeningTest):
    """Degradation category rating (ITU-T P.800, Annex D): the recording, silence of 0.5 s, the system; five grades.

    Each utterance also has a null pair, the recording twice: what it gets below 5 is the listeners', not a codec's.
    """

    kind = "dcr"
    one_file = True

    max_seconds: Annotated[float, Field(le=LONGEST_PAIR), Option("Longest utterance.", Panel.DATA)] = LONGEST


class DrtTest(ListeningTest):
    """Diagnostic rhyme test (ITU-T P.807, ANSI/ASA S3.2): a word is heard, and two that rhyme are shown.

    The recordings of the run are of single words, which their transcripts are. They are asked about, too.
    """

    kind = "drt"
    one_file = True

    rhymes: Annotated[
        Path,
        Option(
            "Pairs of words, a line each: word, tab, word, and perhaps a tab and the feature that they differ in.",
            Panel.DATA, "FILE", example="pairs.tsv",
        ),
    ]  # fmt: skip
    items: Annotated[
        int, Field(ge=0), Option("Recordings to hear, drawn evenly over speakers; 0 for all.", Panel.DATA)
    ] = 0
    min_seconds: Annotated[float, Field(ge=SHORTEST), Option("Shortest recording.", Panel.DATA)] = SHORTEST
