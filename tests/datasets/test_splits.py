"""Draws without a generator, and lists that are published apart."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from codec_bench.datasets.corpus import Count
from codec_bench.datasets.dataset import Access
from codec_bench.datasets.splits import ListedCorpus, crossing_speakers, draw, draw_folds, draw_split, recordings
from codec_bench.errors import UnavailableError
from codec_bench.hub import RemoteFile, home
from codec_bench.records import Utterance
from tests.datasets.material import lay_out, serving

LIST = b"a\nb\n"


class Listed(ListedCorpus):
    name = "listed"
    inside = ("Listed",)
    marker = "*.wav"
    form = "write to its makers"
    lists = (RemoteFile("datasets/Listed/names.txt", hashlib.sha256(LIST).hexdigest(), 4),)
    expected = Count(2)

    def _index(self, root: Path) -> Sequence[Utterance]:
        return [Utterance(name, root / f"{name}.wav") for name in self._list(self.lists[0])]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CODEC_BENCH_OFFLINE", "1")
    return lay_out(tmp_path / "Listed", ["a.wav", "b.wav"])


def test_a_list_that_is_absent_is_asked_for(root: Path) -> None:
    data = Listed(root)
    assert data.state().access is Access.FETCH
    with pytest.raises(UnavailableError, match="codec-bench fetch dataset:listed"):
        data.utterances()
    with pytest.raises(UnavailableError, match="CODEC_BENCH_OFFLINE"):
        data.fetch()


def test_a_list_is_downloaded_even_with_a_data_root(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = tmp_path / "web" / "datasets" / "Listed" / "names.txt"
    published.parent.mkdir(parents=True)
    published.write_bytes(LIST)
    monkeypatch.delenv("CODEC_BENCH_OFFLINE")
    with serving(tmp_path / "web") as address:
        monkeypatch.setenv("CODEC_BENCH_MIRROR", address)
        Listed(root).fetch()
    assert (home() / "datasets/Listed/names.txt").read_bytes() == LIST
    assert [u.id for u in Listed(root).utterances()] == ["a", "b"]


@pytest.mark.parametrize("place", ["home", "root", "beside"])
def test_where_a_list_may_be(root: Path, place: str) -> None:
    folder = {"home": home() / "datasets" / "Listed", "root": root, "beside": root.parent}[place]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "names.txt").write_bytes(LIST)
    data = Listed(root)
    data.fetch()
    assert [u.id for u in data.utterances()] == ["a", "b"]
    assert data.state().access is Access.HERE


def test_another_list_of_that_name_is_not_taken(root: Path) -> None:
    (root / "names.txt").write_text("a\na\n")
    with pytest.raises(UnavailableError, match=r"needs .* which is missing"):
        Listed(root).utterances()


def test_without_recordings_the_form_is_named_and_nothing_is_fetched() -> None:
    with pytest.raises(UnavailableError, match="write to its makers"):
        Listed().fetch()
    assert Listed().state().access is Access.FORM
    assert Listed().download_size == 4


def test_recordings_are_sorted_and_of_one_form(tmp_path: Path) -> None:
    lay_out(tmp_path, ("b/2_x.wav", "a/10_y.wav", "a/1_z.wav", "a/notes.wav", "a/._1_z.wav", "a/1_z.txt"))
    found = recordings(tmp_path, "*/*.wav", r"(\d+)_(\w)")
    expected = [("10_y", ("10", "y")), ("1_z", ("1", "z")), ("2_x", ("2", "x"))]
    assert [(stem, item.fields) for stem, item in found.items()] == expected


def test_recordings_of_one_name_are_refused(tmp_path: Path) -> None:
    lay_out(tmp_path, ["a/1.wav", "b/1.wav"])
    with pytest.raises(UnavailableError, match="holds 1 twice"):
        recordings(tmp_path, "*/*.wav", r"\d")


def test_a_draw_is_that_of_sha256() -> None:
    names = [f"n{number}" for number in range(50)]
    assert draw(names, "s") == sorted(names, key=lambda name: hashlib.sha256(f"s/{name}".encode()).digest())
    assert draw(names, "s") == draw(reversed(names), "s") != draw(names, "t")


@pytest.mark.parametrize("count", [1440, 100, 7, 0])
def test_shares_are_those_of_scikit_learn(count: int) -> None:
    selection = pytest.importorskip("sklearn.model_selection")
    shares = Counter(draw_split([str(n) for n in range(count)], "s").values())
    if count:
        rest, test = selection.train_test_split(range(count), test_size=0.2)
        train, dev = selection.train_test_split(rest, test_size=0.2)
        assert (shares["train"], shares["dev"], shares["test"]) == (len(train), len(dev), len(test))
    assert shares.total() == count


def test_folds_are_balanced_in_each_group() -> None:
    men, women = [f"m{n}" for n in range(6)], [f"w{n}" for n in range(6)]
    folds = draw_folds((men, women), 3, "s")
    assert Counter((name[0], fold) for name, fold in folds.items()) == {(sex, f): 2 for sex in "mw" for f in "123"}


def test_crossing_speakers() -> None:
    def heard(speaker: str | None, split: str) -> Utterance:
        return Utterance(f"{speaker}-{split}", Path("x.wav"), speaker=speaker, labels={"split": split})

    apart = [heard("a", "train"), heard("b", "test"), heard(None, "train"), heard(None, "test"), heard("b", "dev")]
    assert crossing_speakers(apart) == ""
    assert crossing_speakers([*apart, heard("b", "train"), heard("c", "test")]).startswith("1 of the 2 speakers")
