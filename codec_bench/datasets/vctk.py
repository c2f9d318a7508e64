"""VCTK (Yamagishi, Veaux and MacDonald, 2019): English sentences read by speakers of many accents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from codec_bench.datasets.corpus import Corpus, Count
from codec_bench.datasets.manifest import text_beside
from codec_bench.datasets.splits import recordings
from codec_bench.hub import RemoteFile
from codec_bench.records import Utterance

RECORDINGS = "wav48_silence_trimmed"


class Vctk(Corpus):
    """All of VCTK 0.92 as the first microphone recorded it: 44,455 recordings by 110 speakers, 48 kHz.

    The first microphone (DPA 4035) has all speakers; of the second, p280 and p315 are missing. The transcripts of p315
    are lost, so that the text of these recordings is None. Codec papers share no subset of it. The archive has no top
    folder, so it is unpacked into `VCTK-Corpus-0.92`; what the second microphone recorded is left in it.

    The count is that of TensorFlow Datasets.
    """

    name = "vctk"
    title = "VCTK 0.92, microphone 1: 44,455 recordings, 110 speakers, 48 kHz"
    licence = "CC BY 4.0"
    source = "https://doi.org/10.7488/ds/2645"
    inside = ("VCTK-Corpus-0.92",)
    marker = RECORDINGS
    unpack_into = "VCTK-Corpus-0.92"
    archives = (
        RemoteFile(
            "datasets/VCTK-Corpus-0.92.zip",
            "f96258be9fdc2cbff6559541aae7ea4f59df3fcaf5cf963aae5ca647357e359c",
            11_747_302_977,
            "https://datashare.ed.ac.uk/bitstream/handle/10283/3443/VCTK-Corpus-0.92.zip",
            md5="8a6ba2946b36fcbef0212cad601f4bfa",
        ),
    )
    wanted = (f"{RECORDINGS}/*_mic1.flac", "txt/*.txt")
    expected = Count(44_455, 110)

    def _index(self, root: Path) -> Sequence[Utterance]:
        found = recordings(root / RECORDINGS, "*/*_mic1.flac", r"([ps]\d+)_(\d+)_mic1")
        return [
            Utterance(f"{speaker}_{number}", path, None, speaker, "en") for path, (speaker, number) in found.values()
        ]

    def _complete(self, utterance: Utterance) -> Utterance:
        texts = utterance.path.parents[2] / "txt" / utterance.path.parent.name
        return replace(utterance, text=text_beside(texts / f"{utterance.id}.flac"))
