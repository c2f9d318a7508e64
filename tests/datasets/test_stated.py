"""What the makers of each corpus state of it, and how it is obtained."""

from __future__ import annotations

import pytest

from codec_bench.datasets import DATASETS
from codec_bench.datasets.corpus import Corpus
from codec_bench.datasets.dataset import Access
from codec_bench.errors import UnavailableError

STATED = {
    "libritts-test-b": (500, 37),
    "libritts-test-clean": (4_837, None),
    "libritts-test-other": (5_120, None),
    "librispeech-test-clean": (2_620, 40),
    "librispeech-test-other": (2_939, 33),
    "librispeech-asr": (28_539 + 2_703 + 2_620, 251 + 40 + 40),
    "librispeech-phones": (28_539 + 2_703 + 1_612, 251 + 40 + 40),
    "librispeech-train-clean-360": (104_014, 921),
    "librispeech-5-10s": (918, 40),
    "librispeech-length": (2_561, 40),
    "ljspeech": (13_100, 1),
    "vctk": (44_455, 110),
    "aishell-1": (141_925, 400),
    "aishell-1-test": (7_176, 20),
    "audiomnist": (30_000, 60),
    "audioset": (22_160 + 20_371, None),
    "emovo": (588, 6),
    "esc-50": (2_000, None),
    "esd": (17_500, 10),
    "esd-disjoint": (17_500, 10),
    "iemocap": (1_085 + 1_023 + 1_151 + 1_031 + 1_241, 10),
    "ravdess": (1_440, 24),
    "ravdess-disjoint": (1_440, 24),
    "slurp": (50_628 + 8_690 + 13_078, None),
    "vocalsound": (15_570 + 1_860 + 3_594, None),
    "voxceleb1": (138_361 + 6_904 + 8_251, 1_251),
}
"""Recordings and speakers."""

NOT_FETCHED = {
    "esd": (Access.FORM, "sign the form"),
    "iemocap": (Access.FORM, r"form at https://sail\.usc\.edu/iemocap/"),
    "voxceleb1": (Access.FORM, r"form at https://mm\.kaist\.ac\.kr"),
    "emovo": (Access.NOWHERE, "--data-root"),
    "audioset": (Access.NOWHERE, "nobody publishes it as a whole"),
}


def corpus(name: str) -> Corpus:
    made = DATASETS.get(name)()
    assert isinstance(made, Corpus)
    return made


@pytest.mark.parametrize("name", STATED)
def test_the_counts_are_those_of_the_makers(name: str) -> None:
    made = corpus(name)
    assert (made.expected.utterances, made.expected.speakers) == STATED[name]
    assert f"{STATED[name][0]:,}" in made.title or f"{STATED[name][0]} " in made.title
    assert made.licence
    assert made.name == name


@pytest.mark.parametrize("name", NOT_FETCHED)
def test_what_cannot_be_fetched_says_where_to_ask(name: str) -> None:
    access, message = NOT_FETCHED[name]
    assert corpus(name).state().access is access
    with pytest.raises(UnavailableError, match=message):
        corpus(name).fetch()
