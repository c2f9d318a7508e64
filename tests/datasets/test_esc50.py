"""ESC-50, from a zip as GitHub packs it, and on real names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from codec_bench.datasets.corpus import Count
from codec_bench.datasets.esc50 import Esc50
from codec_bench.errors import UnavailableError
from codec_bench.hub import home
from tests.datasets.material import lay_out, manifest_rows, mirror, unpacked, zipped

HEADER = "filename,fold,target,category,esc10,src_file,take\n"
ROWS = HEADER + "5-9032-A-0.wav,5,0,dog,True,9032,A\n1-137-A-32.wav,1,32,keyboard_typing,False,137,A\n"
ESC10 = {
    0: "dog", 1: "rooster", 10: "rain", 11: "sea_waves", 12: "crackling_fire", 20: "crying_baby", 21: "sneezing",
    38: "clock_tick", 40: "helicopter", 41: "chainsaw",
}  # fmt: skip
"""Targets as the README of ESC-50 lists them."""


def test_from_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {"meta/esc50.csv": ROWS, "audio/5-9032-A-0.wav": "RIFF", "audio/1-137-A-32.wav": "RIFF"}
    files = {f"ESC-50-master/{name}": text for name, text in (wanted | {"meta/esc50-human.xlsx": ""}).items()}
    mirror(monkeypatch, Esc50, zipped(tmp_path / "datasets/ESC-50-master.zip", files))
    monkeypatch.setattr(Esc50, "expected", Count(2))
    data = Esc50()
    data.fetch()
    found = list(data.utterances())
    assert [u.id for u in found] == ["5-9032-A-0", "1-137-A-32"]
    assert found[0].labels == {"label": "dog", "fold": "5", "source": "9032"}
    assert (found[1].speaker, found[1].language, found[1].text) == (None, None, None)
    assert found[0].path == home() / "datasets/ESC-50-master/audio/5-9032-A-0.wav"
    assert unpacked(home() / "datasets/ESC-50-master") == set(wanted)


@pytest.mark.parametrize(
    "table", [ROWS.replace(",5,0", ",4,0"), ROWS.replace("category", "class"), ROWS.replace("-32.wav", "-33.wav")]
)
def test_a_table_that_contradicts_the_names(tmp_path: Path, table: str) -> None:
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "esc50.csv").write_text(table)
    with pytest.raises(UnavailableError, match=r"esc50\.csv"):
        Esc50(tmp_path).utterances()


def test_real_names(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table, expected = HEADER, {}
    for row in manifest_rows(shared, "events"):
        match = re.fullmatch(r"(((\d)-(\d+)-([A-Z]))) \(ESC-50 target (\d+)\)", row["source_id"])
        assert match is not None
        target = int(match[6])
        name = f"{match[1]}-{target}.wav"
        table += f"{name},{match[3]},{target},{ESC10[target]},True,{match[4]},{match[5]}\n"
        expected[name] = (row["label"], row["split"])
    lay_out(tmp_path, ["meta/esc50.csv", *(f"audio/{name}" for name in expected)])
    (tmp_path / "meta" / "esc50.csv").write_text(table)
    monkeypatch.setattr(Esc50, "expected", Count(200))
    found = list(Esc50(tmp_path).utterances())
    assert {u.path.name: (u.labels["label"], f"fold{u.labels['fold']}") for u in found} == expected
    folds: dict[str, set[str]] = {}
    for utterance in found:
        folds.setdefault(utterance.labels["source"], set()).add(utterance.labels["fold"])
    assert all(len(fold) == 1 for fold in folds.values())
