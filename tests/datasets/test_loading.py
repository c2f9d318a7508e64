"""From names to data sets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from codec_bench.datasets import DATASETS
from codec_bench.datasets.dataset import Dataset
from codec_bench.datasets.demo_set import Demo
from codec_bench.datasets.libritts import LibriTtsTestB
from codec_bench.datasets.loading import load_dataset
from codec_bench.datasets.manifest import Folder, Manifest
from codec_bench.errors import UnavailableError, UsageError
from codec_bench.records import Utterance


class Endless(Dataset):
    """A data set of a third party that says nothing of roots."""

    name = "endless"

    def utterances(self) -> Iterator[Utterance]:
        number = 0
        while True:
            yield Utterance(f"u{number}", Path(f"{number}.wav"))
            number += 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "voices").mkdir()
    for name in "cab":
        (tmp_path / "voices" / f"{name}.wav").touch()
    (tmp_path / "voices.tsv").write_text("id\tpath\n3\tvoices/c.wav\n1\tvoices/a.wav\n")
    return tmp_path


def ids(dataset: Dataset) -> list[str]:
    return [u.id for u in dataset.utterances()]


def test_by_name() -> None:
    assert isinstance(load_dataset("demo"), Demo)
    assert isinstance(load_dataset("libritts-test-b"), LibriTtsTestB)


@pytest.mark.parametrize("kind", [str, Path])
def test_by_path(folder: Path, kind: type) -> None:
    table, voices = load_dataset(kind(folder / "voices.tsv")), load_dataset(kind(folder / "voices"))
    assert isinstance(table, Manifest)
    assert isinstance(voices, Folder)
    assert (table.name, ids(table)) == ("voices", ["3", "1"])
    assert (voices.name, ids(voices)) == ("voices", ["a", "b", "c"])


def test_a_registered_name_wins(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "voices").rename(folder / "demo")
    monkeypatch.chdir(folder)
    assert isinstance(load_dataset("demo"), Demo)
    assert ids(load_dataset("./demo")) == ["a", "b", "c"]


def test_by_module_and_class() -> None:
    assert ids(load_dataset(f"{__name__}:Endless", limit=2)) == ["u0", "u1"]


def test_of_a_third_party(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DATASETS, "_loaded", dict(DATASETS._loaded))
    DATASETS.add("endless", Endless)
    assert ids(load_dataset("endless", data_root="anywhere", limit=1)) == ["u0"]


def test_roots_are_handed_on(folder: Path) -> None:
    with pytest.raises(UnavailableError, match=str(folder)):
        load_dataset("libritts-test-b", data_root=folder).utterances()
    (folder / "lists").mkdir()
    table = (folder / "voices.tsv").rename(folder / "lists" / "voices.tsv")
    assert ids(load_dataset(table, audio_root=folder)) == ["3", "1"]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_limit_takes_the_first_and_keeps_what_the_set_says(limit: int) -> None:
    whole, part = load_dataset("demo"), load_dataset("demo", limit=limit)
    assert ids(part) == ids(whole)[:limit]
    assert (part.name, part.title, part.licence, part.source, part.synthetic) == (
        whole.name, whole.title, whole.licence, whole.source, True,
    )  # fmt: skip


@pytest.mark.parametrize("limit", [0, -1])
def test_no_limit_below_1(limit: int) -> None:
    with pytest.raises(UsageError, match="at least 1"):
        load_dataset("demo", limit=limit)


def test_a_limited_set_is_checked_as_a_whole(folder: Path) -> None:
    (folder / "voices.tsv").write_text("id\tpath\n3\tvoices/c.wav\n1\tvoices/a.wav\n1\tvoices/b.wav\n")
    with pytest.raises(UsageError, match="line 4"):
        load_dataset(folder / "voices.tsv", limit=1).utterances()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("libritts-testb", "did you mean 'libritts-test-b'?"),
        ("dmeo", "did you mean 'demo'?"),
        ("zzzzzz", "data sets are: demo, libritts-test-b, "),
        ("voicse.tsv", "did you mean 'voices.tsv'"),
        ("./voice", "did you mean 'voices'"),
        ("nowhere/at/all.tsv", "there is no data set, file or folder 'nowhere/at/all.tsv'"),
        ("no_such_module:Thing", "cannot be imported"),
        ("pathlib:Path", "is no data set class"),
        ("pathlib:Nothing", "has no dataset named 'Nothing'"),
        ("", "--dataset"),
        ("n" * 5000, "cannot be read"),
    ],
)
def test_unknown(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, says: str) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(UsageError) as caught:
        load_dataset(name)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_path_in_another_folder(folder: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load_dataset(folder / "voice.tsv")
    assert f"did you mean {str(folder / 'voices.tsv')!r}" in str(caught.value)


@pytest.mark.parametrize("name", ["demo", "voices"])
def test_audio_root_is_for_tables(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(UsageError, match="--audio-root is for a FILE"):
        load_dataset(name, audio_root=folder)


def test_an_audio_root_that_is_not_there(folder: Path) -> None:
    with pytest.raises(UsageError, match="is no folder"):
        load_dataset(folder / "voices.tsv", audio_root=folder / "none")


def test_a_file_that_is_no_table() -> None:
    recording = next(Demo().utterances()).path
    with pytest.raises(UsageError, match="no UTF-8 text"):
        load_dataset(recording).utterances()
