"""AudioSet: published lists, and whatever audio there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from codec_bench.datasets.audioset import AudioSet
from codec_bench.datasets.corpus import Count
from codec_bench.errors import UnavailableError
from tests.datasets.material import lay_out

HEADER = "# Segments csv created Sun Mar  5 10:54:31 2017\n# num_ytids=3, num_segs=3\n"
HEADER += "# YTID, start_seconds, end_seconds, positive_labels\n"
BALANCED = HEADER + '--PJHxphWEs, 30.000, 40.000, "/m/09x0r,/t/dd00088"\n--ZhevVpy1s, 50.000, 60.000, "/m/012xff"\n'
EVALUATION = HEADER + '-0RWZT_miFs, 420.000, 430.000, "/m/03v3yw,/m/0k4j"\n'


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    lists = tmp_path / "mirror" / "datasets" / "AudioSet"
    lists.mkdir(parents=True)
    (lists / "balanced_train_segments.csv").write_text(BALANCED)
    (lists / "eval_segments.csv").write_text(EVALUATION)
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("CODEC_BENCH_OFFLINE", "1")
    monkeypatch.setattr(AudioSet, "expected", Count(3))
    names = ("train/--PJHxphWEs.flac", "eval/-0RWZT_miFs_420.000.wav", "eval/--ZhevVpy1sX.wav")
    return lay_out(tmp_path / "audio", names)


def test_utterances(root: Path) -> None:
    data = AudioSet(root)
    data.fetch()
    found = list(data.utterances())
    assert [u.id for u in found] == ["--PJHxphWEs", "--ZhevVpy1s", "-0RWZT_miFs"]
    assert [u.labels["split"] for u in found] == ["train", "train", "test"]
    assert [u.labels["label"] for u in found] == ["/m/09x0r;/t/dd00088", "/m/012xff", "/m/03v3yw;/m/0k4j"]
    assert [u.path.is_file() for u in found] == [True, False, True]
    assert found[2].path == root / "eval/-0RWZT_miFs_420.000.wav"
    assert {(u.speaker, u.language, u.text) for u in found} == {(None, None, None)}
    assert data.notes() == [f"audioset: 1 of the 3 segments are not in {root}"]


def test_nothing_of_it_there(root: Path) -> None:
    with pytest.raises(UnavailableError, match="none of the 3 segments"):
        AudioSet(lay_out(root / "other", ["speech.wav"])).utterances()


def test_a_list_of_another_form(root: Path, tmp_path: Path) -> None:
    (tmp_path / "mirror/datasets/AudioSet/eval_segments.csv").write_text("not,a,segment\n")
    with pytest.raises(UnavailableError, match="not, a, segment"):
        AudioSet(root).utterances()
