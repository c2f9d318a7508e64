"""From what a user names to a data set."""

from __future__ import annotations

import difflib
import inspect
import os
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from typing_extensions import override

from codec_bench.audio import AUDIO_SUFFIXES
from codec_bench.datasets import DATASETS
from codec_bench.datasets.dataset import Dataset, State
from codec_bench.datasets.hugging_face import HuggingFace
from codec_bench.datasets.kaldi import RECORDINGS, KaldiDir
from codec_bench.datasets.lhotse_cuts import LhotseCuts
from codec_bench.datasets.manifest import Folder, Manifest
from codec_bench.errors import CodecBenchError, UsageError
from codec_bench.faults import contained, explained
from codec_bench.identity import source_of
from codec_bench.records import Utterance

PREFIXES = {"kaldi": "kaldi:DIR", "hf": "hf:ORG/NAME", "lhotse": "lhotse:FILE"}
"""What names of data in the formats of others begin with; these win over a `package.module:Class`."""

WITH_AUDIO_ROOT: dict[str, Callable[..., Dataset]] = {"file": Manifest, "kaldi": KaldiDir, "lhotse": LhotseCuts}

_MEANT = {prefix: prefix for prefix in PREFIXES} | {"huggingface": "hf", "hugging_face": "hf", "datasets": "hf"}


class First(Dataset):
    """The first utterances of another data set, under its name; all else that it says is what the whole set says.

    Args:
        whole: The other data set.
        limit: How many, at least 1.
    """

    def __init__(self, whole: Dataset, limit: int) -> None:
        if limit < 1:
            raise UsageError(f"a limit is at least 1, not {limit}")
        self.whole = whole
        self.limit = limit
        self._describe()

    def _describe(self) -> None:
        whole = self.whole
        self.name, self.title, self.licence, self.source = whole.name, whole.title, whole.licence, whole.source
        self.synthetic, self.leak, self.rough_size = whole.synthetic, whole.leak, whole.rough_size

    @override
    def utterances(self) -> Iterator[Utterance]:
        utterances = self.whole.utterances()
        self._describe()  # some sets know their licence only now
        return islice(utterances, self.limit)

    @override
    def fetch(self) -> None:
        self.whole.fetch()

    @property
    @override
    def download_size(self) -> int | None:
        # Parts of archives cannot be fetched.
        return self.whole.download_size

    @override
    def state(self) -> State:
        return self.whole.state()

    @override
    def notes(self) -> list[str]:
        return self.whole.notes()


def load_dataset(
    name_or_path: str | os.PathLike[str],
    *,
    data_root: str | os.PathLike[str] | None = None,
    audio_root: str | os.PathLike[str] | None = None,
    limit: int | None = None,
) -> Dataset:
    """A data set by name, or the user's own data: a table, a folder, one audio file.

    Args:
        name_or_path: A registered name, with a setting after `@` where the set has some; `package.module:Class`; a
            `FILE.tsv` (see `Manifest`); a folder (see `Folder`, or `KaldiDir` where it holds `wav.scp`); `kaldi:DIR`;
            `hf:ORG/NAME[@REVISION][:CONFIG][:SPLIT]` (see `HuggingFace`); `lhotse:FILE` or `lhotse:DIR` (see
            `LhotseCuts`). A registered name wins over a path of the same name; write `./demo` for the path.
        data_root: Where the corpus of a registered data set lies; data sets that need no such folder pass over it.
        audio_root: Folder that the paths in a `FILE.tsv`, a `wav.scp` or Lhotse's manifests are relative to; for
            nothing else.
        limit: Use only the first `limit` utterances.

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
    prefix, _, rest = name.partition(":")
    plain, _, setting = name.rpartition("@")
    is_registered = name in DATASETS.names()
    is_prefixed = prefix in PREFIXES and not is_registered
    if is_prefixed and not rest:
        raise UsageError(f"--dataset {prefix}: is not complete: write {PREFIXES[prefix]}")
    path = rest if is_prefixed else name
    kind = "registered" if is_registered else prefix if is_prefixed else _kind(Path(name))
    if kind == "absent" and plain not in DATASETS.names() and (":" not in name or {os.sep, "/"} & set(name)):
        raise UsageError(_not_found(Path(name)))
    if audio_root is not None and kind not in WITH_AUDIO_ROOT:
        raise UsageError(f"--audio-root is for a FILE.tsv, Kaldi and Lhotse, and {name} is none of these")
    if audio_root is not None and not Path(audio_root).is_dir():
        raise UsageError(f"--audio-root {audio_root} is not a folder")
    if is_prefixed:
        _check_prefixed(prefix, path)
    if kind in WITH_AUDIO_ROOT:
        return WITH_AUDIO_ROOT[kind](path, audio_root)
    if kind in ("folder", "hf"):
        return Folder(path) if kind == "folder" else HuggingFace(path)
    return _registered(plain, data_root, setting) if kind == "absent" and plain else _registered(name, data_root)


def _check_prefixed(prefix: str, path: str) -> None:
    kind = "" if prefix == "hf" else _kind(Path(path))
    if kind == "absent":
        raise UsageError(f"{prefix}:{path}: there is no {'folder' if prefix == 'kaldi' else 'file or folder'} {path!r}")
    if prefix == "kaldi" and kind != "kaldi":
        raise UsageError(f"kaldi:{path}: {path} is not a folder with {RECORDINGS}")


def _kind(path: Path) -> str:
    """`file`, `folder` (one audio file, too), `absent`, or `kaldi` for a folder that is a Kaldi data directory."""
    try:
        if path.is_dir():
            return "kaldi" if (path / RECORDINGS).is_file() else "folder"
        if path.is_file():
            return "folder" if path.suffix.lower() in AUDIO_SUFFIXES else "file"
        return "absent"
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error


def _registered(name: str, data_root: str | os.PathLike[str] | None, setting: str | None = None) -> Dataset:
    try:
        cls = DATASETS.get(name)
    except UsageError as error:
        meant = _meant(name)
        if meant is None:
            raise
        raise UsageError(f"{error}; did you mean {meant!r}?") from error
    if not (isinstance(cls, type) and issubclass(cls, Dataset)):
        raise UsageError(f"{name} is not a data set class")
    try:
        return contained(_made, cls, name, data_root, setting)
    except CodecBenchError:
        raise
    except Exception as error:
        if source_of(cls) is None:
            raise
        raise UsageError(f"data set {name} cannot be made: {explained(error, cls)}") from error


def _made(cls: type[Dataset], name: str, data_root: str | os.PathLike[str] | None, setting: str | None) -> Dataset:
    parameters = inspect.signature(cls).parameters
    options: dict[str, Any] = {"data_root": data_root} if "data_root" in parameters else {}
    if setting is not None:
        if "setting" not in parameters:
            raise UsageError(f"the data set {name} has no settings: write {name}, not {name}@{setting}")
        if not setting:
            raise UsageError(f"{name}@ is not complete: write {name}@SETTING, or {name}")
        options["setting"] = setting
    made = cls(**options)
    called = getattr(made, "name", None)
    if not (isinstance(called, str) and called):
        raise TypeError(f"it gives no `name`, as in name = 'my-set', but {called!r:.60}")
    return made


def _meant(name: str) -> str | None:
    """The name with the prefix that its own one is near to."""
    prefix, colon, rest = name.partition(":")
    near = difflib.get_close_matches(prefix.lower(), _MEANT, n=1) if colon else []
    return f"{_MEANT[near[0]]}:{rest}" if near else None


def _not_found(path: Path) -> str:
    """A name may be meant as a registered one or as something in the folder it would be in."""
    known = {name: name for name in DATASETS.names()} if len(path.parts) == 1 else {}
    if path.parent.is_dir() and os.access(path.parent, os.R_OK):
        beside = [entry for entry in path.parent.iterdir() if entry.suffix == ".tsv" or entry.is_dir()]
        known = {entry.name: str(entry) for entry in beside} | known
    near = [known[match] for match in difflib.get_close_matches(path.name, known, n=2)]
    meant = _meant(str(path))
    near = [meant, *near] if meant else near
    if near:
        hint = f"; did you mean {' or '.join(repr(match) for match in near)}?"
    else:
        hint = (
            f"; data sets are: {', '.join([*DATASETS.names(), *PREFIXES.values()])}, any FILE.tsv, any folder of audio"
        )
    return f"there is no data set, file or folder {str(path)!r}{hint}"
