"""From names to data sets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codec_bench.datasets import DATASETS
from codec_bench.datasets.dataset import Access, Dataset, State
from codec_bench.datasets.demo_set import Demo
from codec_bench.datasets.hugging_face import HuggingFace
from codec_bench.datasets.kaldi import KaldiDir
from codec_bench.datasets.lhotse_cuts import LhotseCuts
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


class Graded(Endless):
    """A data set with a setting, which knows all about itself only when it is read."""

    name, title, source, leak = "graded", "Graded", "https://example.org", "all of it"

    def __init__(self, setting: str | None = None) -> None:
        self.setting = setting

    def utterances(self) -> Iterator[Utterance]:
        self.licence = "CC0"
        return super().utterances()

    def fetch(self) -> None:
        self.is_fetched = True

    @property
    def download_size(self) -> int | None:
        return 7

    def state(self) -> State:
        return State(Access.FORM, "ask")

    def notes(self) -> list[str]:
        return ["read me"]


@pytest.fixture
def graded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DATASETS, "_loaded", dict(DATASETS._loaded))
    DATASETS.add("graded", Graded)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "voices").mkdir()
    for name in "cab":
        (tmp_path / "voices" / f"{name}.wav").touch()
    (tmp_path / "voices.tsv").write_text("id\tpath\n3\tvoices/c.wav\n1\tvoices/a.wav\n")
    return tmp_path


def ids(dataset: Dataset) -> list[str]:
    return [u.id for u in dataset.utterances()]


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


def test_a_limited_set_says_what_the_whole_one_says(graded: None) -> None:
    part = load_dataset("graded", limit=1)
    assert (part.leak, part.download_size, part.state()) == ("all of it", 7, State(Access.FORM, "ask"))
    assert part.notes() == ["read me"]
    part.fetch()
    assert part.whole.is_fetched
    assert part.licence == ""
    part.utterances()
    assert part.licence == "CC0"


@pytest.mark.parametrize(("name", "setting"), [("graded", None), ("graded@8", "8"), (f"{__name__}:Graded@a.b", "a.b")])
def test_a_setting_goes_to_the_set(graded: None, name: str, setting: str | None) -> None:
    found = load_dataset(name, data_root="passed over")
    assert isinstance(found, Graded)
    assert found.setting == setting


def test_a_path_may_hold_an_at(folder: Path, graded: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "voices").rename(folder / "graded@8")
    assert ids(load_dataset("graded@8")) == ["a", "b", "c"]


@pytest.mark.parametrize(("name", "options", "says"), [
    ("demo", {"limit": 0}, "at least 1"),
    ("demo", {"limit": -1}, "at least 1"),
    *((name, {"audio_root": "voices"}, "--audio-root is for a FILE") for name in ("demo", "voices", "hf:org/name")),
])  # fmt: skip
def test_options_that_do_not_fit(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, options: dict[str, Any], says: str
) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(UsageError, match=says):
        load_dataset(name, **options)


def test_a_limited_set_is_checked_as_a_whole(folder: Path) -> None:
    (folder / "voices.tsv").write_text("id\tpath\n3\tvoices/c.wav\n1\tvoices/a.wav\n1\tvoices/b.wav\n")
    with pytest.raises(UsageError, match="line 4"):
        load_dataset(folder / "voices.tsv", limit=1).utterances()


def test_formats_of_others(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "data").mkdir()
    (folder / "data" / "wav.scp").write_text("x voices/a.wav\n")
    (folder / "cuts.jsonl").touch()
    for name in ("kaldi:data", "data"):
        found = load_dataset(name)
        assert isinstance(found, KaldiDir)
        assert ids(found) == ["x"]
    assert isinstance(load_dataset("kaldi:data", audio_root=folder), KaldiDir)
    assert isinstance(load_dataset("lhotse:cuts.jsonl"), LhotseCuts)
    assert isinstance(load_dataset("hf:org/name"), HuggingFace)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("kaldi:", "is not complete: write kaldi:DIR"),
        ("hf:", "is not complete: write hf:ORG/NAME"),
        ("kaldi:voices", "is not a folder with wav.scp"),
        ("kaldi:voices.tsv", "is not a folder with wav.scp"),
        ("kaldi:none", "there is no folder 'none'"),
        ("lhotse:none", "there is no file or folder 'none'"),
        ("kladi:data/test", "did you mean 'kaldi:data/test'"),
        ("lhotze:cuts", "did you mean 'lhotse:cuts'?"),
        ("huggingface:org/name", "did you mean 'hf:org/name'"),
    ],
)
def test_formats_of_others_that_are_not_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, says: str
) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(UsageError) as caught:
        load_dataset(name)
    assert says in str(caught.value)


@pytest.mark.parametrize("name", ["voices.tsv", "kaldi:data", "lhotse:voices.tsv"])
def test_an_audio_root_that_is_not_there(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(UsageError, match="--audio-root none is not a folder"):
        load_dataset(name, audio_root="none")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("libritts-testb", "did you mean 'libritts-test-b' or"),
        ("dmeo", "did you mean 'demo'?"),
        ("zzzzzz", "data sets are: demo, libritts-test-b, "),
        ("voicse.tsv", "did you mean 'voices.tsv'"),
        ("./voice", "did you mean 'voices'"),
        ("nowhere/at/all.tsv", "there is no data set, file or folder 'nowhere/at/all.tsv'"),
        ("no_such_module:Thing", "cannot be imported"),
        ("pathlib:Path", "is not a data set class"),
        ("pathlib:Nothing", "has no dataset named 'Nothing'"),
        ("", "--dataset"),
        ("n" * 5000, "cannot be read"),
        ("demo@8", "the data set demo has no settings: write demo"),
        ("graded@", "graded@ is not complete"),
        ("graden@8", "there is no data set"),
    ],
)
def test_unknown(folder: Path, graded: None, monkeypatch: pytest.MonkeyPatch, name: str, says: str) -> None:
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
