"""VoxCeleb1 for identification, on trees as its makers and other tools lay them out."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from codec_bench.datasets.corpus import Count
from codec_bench.datasets.manifest import id_problem
from codec_bench.datasets.voxceleb import VoxCeleb1
from codec_bench.errors import UnavailableError
from codec_bench.hub import RemoteFile
from tests.datasets.material import lay_out

LINES = """\
3 id10001/1zcIwhmdeo4/00001.wav
1 id10001/7gWzIy6yIIk/00001.wav
2 id10001/7gWzIy6yIIk/00002.wav
1 id10270/-5r0dWxy17C8/00001.wav
3 id10270/x6uYqmx31kE/00001.wav
"""
NAMES = [line.split()[1] for line in LINES.splitlines()]


@pytest.fixture(autouse=True)
def _small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = hashlib.sha256(LINES.encode()).hexdigest()
    monkeypatch.setattr(VoxCeleb1, "lists", (RemoteFile("datasets/VoxCeleb1/iden_split.txt", digest, len(LINES)),))
    monkeypatch.setattr(VoxCeleb1, "expected", Count(5, 2))
    lists = tmp_path / "lists" / "datasets" / "VoxCeleb1"
    lists.mkdir(parents=True)
    (lists / "iden_split.txt").write_text(LINES)
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path / "lists"))


def parts(part: str) -> list[str]:
    """The parts are those of verification: speaker id10270 is of its test part."""
    return [f"{part.replace('dev', 'test') if name.startswith('id10270') else part}/{name}" for name in NAMES]


@pytest.mark.parametrize("part", ["dev/wav", "wav"])
def test_utterances(tmp_path: Path, part: str) -> None:
    lay_out(tmp_path / "VoxCeleb1", parts(part))
    for root in (tmp_path, tmp_path / "VoxCeleb1"):
        found = list(VoxCeleb1(root).utterances())
        assert [u.path.relative_to(tmp_path / "VoxCeleb1").as_posix().split("wav/")[1] for u in found] == NAMES
        assert [u.labels["split"] for u in found] == ["test", "train", "dev", "train", "test"]
        assert [u.labels["label"] for u in found] == [u.speaker for u in found] == ["id10001"] * 3 + ["id10270"] * 2
        assert found[3].id == "id10270--5r0dWxy17C8-00001"
        assert len({u.id for u in found}) == 5
        assert not any(id_problem(u.id) for u in found)


def test_a_list_of_another_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(tmp_path, parts("wav"))
    monkeypatch.setattr(VoxCeleb1, "lists", (RemoteFile("datasets/VoxCeleb1/veri_test.txt"),))
    (tmp_path / "veri_test.txt").write_text("1 id10270/x6uYqmx31kE/00001.wav id10001/1zcIwhmdeo4/00001.wav\n")
    with pytest.raises(UnavailableError, match="line 1 of"):
        VoxCeleb1(tmp_path).utterances()
