"""From what a user names to a data set."""

from __future__ import annotations

import difflib
import inspect
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from codec_bench.datasets import DATASETS
from codec_bench.datasets.dataset import Dataset
from codec_bench.datasets.manifest import Folder, Manifest
from codec_bench.errors import UsageError
from codec_bench.records import Utterance


class First(Dataset):
    """The first utterances of another data set, under its name.

    Args:
        whole: The other data set.
        limit: How many, at least 1.
    """

    def __init__(self, whole: Dataset, limit: int) -> None:
        if limit < 1:
            raise UsageError(f"a limit is at least 1, not {limit}")
        self.whole = whole
        self.limit = limit
        self.name, self.title, self.licence = whole.name, whole.title, whole.licence
        self.source, self.synthetic = whole.source, whole.synthetic

    def utterances(self) -> Iterator[Utterance]:
        """Yields the first utterances; errors are those of the whole set."""
        return islice(self.whole.utterances(), self.limit)

    def fetch(self) -> None:
        """Fetches the whole set."""
        self.whole.fetch()


def load_dataset(
    name_or_path: str | os.PathLike[str],
    *,
    data_root: str | os.PathLike[str] | None = None,
    audio_root: str | os.PathLike[str] | None = None,
    limit: int | None = None,
) -> Dataset:
    """A data set by name, from a table, or from a folder.

    Args:
        name_or_path: A registered name, `package.module:Class`, a `FILE.tsv` (see `Manifest`), or a folder (see
            `Folder`). A registered name wins over a path of the same name; write `./demo` for the path.
        data_root: Where the corpus of a registered data set lies; data sets that need no such folder pass over it.
        audio_root: Folder that the paths in a `FILE.tsv` are relative to; for nothing else.
        limit: Only the first so many utterances.

    Raises:
        UsageError: There is no such data set, or an option does not fit it.

    >>> first = next(load_dataset("demo", limit=3).utterances())
    >>> first.id, first.speaker, first.language
    ('rms-01', 'flite-rms', 'en')
    """
    whole = _whole(name_or_path, data_root, audio_root)
    return whole if limit is None else First(whole, limit)


def _whole(
    name_or_path: str | os.PathLike[str],
    data_root: str | os.PathLike[str] | None,
    audio_root: str | os.PathLike[str] | None,
) -> Dataset:
    name = os.fspath(name_or_path)
    if not name:
        raise UsageError("--dataset is empty: give a name, a FILE.tsv or a folder")
    kind = "registered" if name in DATASETS.names() else _kind(Path(name))
    if kind == "file":
        if audio_root is not None and not Path(audio_root).is_dir():
            raise UsageError(f"--audio-root {audio_root} is no folder")
        return Manifest(name, audio_root)
    if kind == "absent" and (":" not in name or {os.sep, "/"} & set(name)):
        raise UsageError(_not_found(Path(name)))
    if audio_root is not None:
        raise UsageError(f"--audio-root is for a FILE.tsv, and {name} is none")
    return Folder(name) if kind == "folder" else _registered(name, data_root)


def _kind(path: Path) -> str:
    try:
        return "file" if path.is_file() else "folder" if path.is_dir() else "absent"
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error


def _registered(name: str, data_root: str | os.PathLike[str] | None) -> Dataset:
    cls = DATASETS.get(name)
    if not (isinstance(cls, type) and issubclass(cls, Dataset)):
        raise UsageError(f"{name} is no data set class")
    takes_root = "data_root" in inspect.signature(cls).parameters
    return cls(data_root=data_root) if takes_root else cls()  # type: ignore[call-arg]


def _not_found(path: Path) -> str:
    """A name may be meant as a registered one or as something in the folder it would be in."""
    known = {name: name for name in DATASETS.names()} if len(path.parts) == 1 else {}
    if path.parent.is_dir() and os.access(path.parent, os.R_OK):
        beside = [entry for entry in path.parent.iterdir() if entry.suffix == ".tsv" or entry.is_dir()]
        known = {entry.name: str(entry) for entry in beside} | known
    near = [known[match] for match in difflib.get_close_matches(path.name, known, n=2)]
    if near:
        hint = f"; did you mean {' or '.join(repr(match) for match in near)}?"
    else:
        hint = f"; data sets are: {', '.join(DATASETS.names())}, any FILE.tsv, any folder of audio"
    return f"there is no data set, file or folder {str(path)!r}{hint}"
