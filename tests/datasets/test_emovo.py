"""EMOVO, on a tree of its names."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from codec_bench.datasets.emovo import Emovo
from tests.datasets.material import lay_out

SENTENCES = ("b1", "b2", "b3", "l1", "l2", "l3", "l4", "n1", "n2", "n3", "n4", "n5", "d1", "d2")
CODES = ("dis", "gio", "neu", "pau", "rab", "sor", "tri")


def test_a_fold_is_a_speaker(tmp_path: Path) -> None:
    speakers = ("f1", "f2", "f3", "m1", "m2", "m3")
    names = [f"EMOVO/{s}/{code}-{s}-{sentence}.wav" for s in speakers for code in CODES for sentence in SENTENCES]
    data = Emovo(lay_out(tmp_path, [*names, "EMOVO/documents/f1.pdf"]))
    found = list(data.utterances())
    assert len(found) == 588
    assert data.notes() == []
    assert {(u.labels["fold"], u.speaker) for u in found} == {
        ("1", "f1"), ("2", "f2"), ("3", "f3"), ("4", "m1"), ("5", "m2"), ("6", "m3"),
    }  # fmt: skip
    assert set(Counter(u.labels["label"] for u in found).values()) == {84}
    rage = next(u for u in found if u.id == "rab-m2-l4")
    assert (rage.labels["label"], rage.labels["sentence"], rage.language) == ("anger", "l4", "it")
