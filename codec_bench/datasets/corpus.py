"""Published corpora: found on this machine or fetched, unpacked, and checked against what they must hold."""

from __future__ import annotations

import json
import logging
import os
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import ExitStack
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, NamedTuple
from urllib.parse import urlsplit

from typing_extensions import override

from codec_bench.datasets.dataset import Access, Listed, ListedDataset, State
from codec_bench.errors import UnavailableError
from codec_bench.files import read_json, write_atomically
from codec_bench.hub import RemoteFile, fetch_all, forget, home, is_published, local_digest, locked, mirrors
from codec_bench.records import Utterance
from codec_bench.unpack import extract, member_names

logger = logging.getLogger(__name__)

DEMO = "try --dataset demo, which needs no download"


class Count(NamedTuple):
    """How many there must be.

    Attributes:
        utterances: Recordings.
        speakers: Different speakers, or None if unknown.
        certain: Whether the makers, or a file of theirs, state the figures; others are compared, and a difference is
            a note and no error.
    """

    utterances: int
    speakers: int | None = None
    certain: bool = True


class Corpus(ListedDataset):
    """A published corpus, or a fixed part of one, in the layout of its makers.

    A subclass says where the corpus lies (`inside`, `marker`), what it is made of (`archives`, or `form`), and how an
    index of its utterances is read (`_index`). Finding, fetching, unpacking and counting are the same for all.

    Class attributes:
        inside: Folders from where archives are unpacked down to the part, e.g. `("LibriTTS", "test-clean")`. Below
            `datasets/` of a mirror all of them are needed; a `data_root` may be any of them.
        marker: What the innermost folder holds, by which it is recognised: a name or a glob pattern, e.g. `wavs`.
        archives: What is downloaded; empty for a corpus that cannot be.
        wanted: What is unpacked of the files below `inside`: patterns of their names in the archive, in which `*` is
            anything, also several folders.
        unpack_into: Folder below `datasets/` for archives that have no top folder of their own.
        form: Where to ask for it, and what to do then, for a corpus that requires it.
        expected: What the part must hold.
        may_lack: Whether recordings may be missing, because they vanish from where they are published; each one then
            is a status of its utterance.

    Args:
        data_root: The extracted corpus: any of the folders `inside`, or the one above. None looks below `datasets/` of
            every mirror.
    """

    inside: ClassVar[tuple[str, ...]]
    marker: ClassVar[str]
    archives: ClassVar[tuple[RemoteFile, ...]] = ()
    wanted: ClassVar[tuple[str, ...]] = ("*",)
    unpack_into: ClassVar[str] = ""
    form: ClassVar[str] = ""
    expected: ClassVar[Count]
    may_lack: ClassVar[bool] = False

    def __init__(self, data_root: str | os.PathLike[str] | None = None) -> None:
        self.data_root = None if data_root is None else Path(data_root)
        self._notes: list[str] = []
        self._replace = False
        self.takes_part = False
        """Whether recordings may be missing of a folder that the user named: the first ones are asked for alone."""

    @abstractmethod
    def _index(self, root: Path) -> Sequence[Utterance]:
        """All utterances in a fixed order, from lists and names alone: no recording is opened.

        Args:
            root: The innermost folder of `inside`.

        Raises:
            UnavailableError: A list is missing or is not what it should be.
        """

    def _complete(self, utterance: Utterance) -> Utterance:
        """Adds what costs a look into a file per utterance, e.g. its transcript; called for those that are used."""
        return utterance

    @override
    def listed(self) -> list[Listed]:
        problems = []
        for root in self._roots():
            self._notes = []
            self._note_unpublished(root)
            try:
                return [Listed.of(utterance, self._complete) for utterance in self._checked(root)]
            except UnavailableError as error:  # a lab's folder may hold a part, and the user's own all of it
                problems.append(error)
        if problems:
            raise problems[0]
        where = "is not on this machine" if self.data_root is None else f"is not in {self.data_root}"
        raise UnavailableError(f"{self.name} {where}: {self._remedy()}")

    def _checked(self, root: Path) -> Sequence[Utterance]:
        index = self._index(root)
        if self.takes_part:
            there = [utterance for utterance in index if utterance.path.is_file()]
            if len(there) < self.expected.utterances:
                self._note(f"{root} holds {len(there)} recordings of {self.expected.utterances}")
            return there
        if not self.may_lack:
            self._check_files(index)
        self._check_counts(index, root)
        return index

    @override
    def fetch(self) -> None:
        """Downloads and unpacks what is needed and missing.

        Archives are removed afterwards; those of a mirror stay.

        Raises:
            UnavailableError: It cannot be obtained, or fails verification.
        """
        if self.data_root is not None or self._is_complete():
            return
        if not self.archives:
            raise UnavailableError(f"{self.name} cannot be fetched: {self._remedy()}")
        with ExitStack() as locks:
            for remote in sorted(self.archives, key=lambda remote: remote.path):  # in one order, or two would wait
                record = self._record(remote)
                locks.enter_context(locked(record.with_name(f".{record.stem}.lock")))
            if not self._is_complete():  # else another process was faster
                self._fetch_archives()
        try:
            self.utterances()  # says what the archives lack
        except UnavailableError:
            for remote in self.archives:  # others may be right
                forget(remote)
            raise

    def _fetch_archives(self) -> None:
        for remote, path in self._archive_files():
            is_ours = path.is_relative_to(home())
            self._replace = self._is_of_another(remote, path)
            self._note_archive(remote, path, unpacked=False)
            try:
                self._unpack(path, home() / "datasets" / self.unpack_into)
            except UnavailableError:
                if is_ours and remote.sha256 is None and remote.md5 is None:
                    path.unlink()  # it may be the wrong one, so the next call downloads it again
                    forget(remote)
                raise
            self._note_archive(remote, path, unpacked=True)
            if is_ours:
                path.unlink()

    def _archive_files(self) -> list[tuple[RemoteFile, Path]]:
        """The archives: those in folders first, the others downloaded."""
        local = {remote: self._packed_in_mirror(remote) for remote in self.archives}
        absent = [remote for remote, path in local.items() if path is None]
        try:
            fetched = dict(zip(absent, fetch_all(absent, f"dataset:{self.name}"), strict=True)) if absent else {}
        except UnavailableError as error:
            raise UnavailableError(f"{self.name} cannot be fetched ({error}): {self._remedy()}") from error
        return [(remote, path or fetched[remote]) for remote, path in local.items()]

    def _packed_in_mirror(self, remote: RemoteFile) -> Path | None:
        """An archive that a lab keeps in a folder, under the hub's name or its makers'.

        A lab may have repacked it, or only a part of it: what is in it is then taken as it is and counted, and every
        table over it says that it is not the published archive.
        """
        names = (remote.path, f"datasets/{PurePosixPath(urlsplit(remote.url).path).name}")
        for path in (folder / name for folder in mirrors() if folder != home() for name in names):
            if not path.is_file():
                continue
            if is_published(remote, path):
                return path
            try:
                is_of_use = any(self._wants(member) for member in member_names(path, 1000))
            except UnavailableError as error:
                logger.warning("%s: skipped: %s", self.name, error)
                continue
            what = f"{path} is not the archive that is published at {remote.url}"
            logger.warning("%s: %s; it is %s", self.name, what, "taken" if is_of_use else "skipped")
            if is_of_use:
                return path
        return None

    def _unpack(self, archive: Path, folder: Path) -> None:
        extract(archive, folder, self._wants, limit=self._limit(), replace=self._replace)

    def _wants(self, name: str) -> bool:
        """Whether the part needs a file of an archive, by its name there."""
        is_below = bool(self.unpack_into) or name.startswith("/".join(self.inside) + "/")
        return is_below and any(fnmatchcase(name, pattern) for pattern in self.wanted)

    def _limit(self) -> int:
        """Bytes that the files of an archive may have together: no corpus packs to a tenth of its size."""
        return 10 * sum(remote.size or 10**11 for remote in self.archives)

    @override
    def state(self) -> State:
        roots = self._roots()
        if roots:
            return State(Access.HERE, str(roots[0]))
        if self.archives:
            return State(Access.FETCH, self.size_text)
        return State(Access.FORM if self.form else Access.NOWHERE, self._remedy())

    @override
    def notes(self) -> list[str]:
        leak = [f"{self.name}: {self.leak}"] if self.leak else []
        return leak + self._notes

    def _note(self, note: str) -> None:
        """Adds a note, unless it is empty."""
        if note:
            self._notes.append(f"{self.name}: {note}")

    def _roots(self) -> list[Path]:
        """The folders that may be the innermost one, best first."""
        if self.data_root is None:
            candidates = [mirror.joinpath("datasets", *self.inside) for mirror in mirrors()]
        else:
            candidates = [self.data_root.joinpath(*self.inside[n:]) for n in range(len(self.inside) + 1)]
        return [folder for folder in candidates if self._is_root(folder)]

    def _is_root(self, folder: Path) -> bool:
        return folder.is_dir() and any(True for _ in folder.glob(self.marker))

    def _is_complete(self) -> bool:
        try:
            self.utterances()
        except UnavailableError:
            return False
        return True

    def _check_files(self, index: Sequence[Utterance]) -> None:
        missing = [utterance for utterance in index if not utterance.path.is_file()]
        if missing:
            names = ", ".join(utterance.id for utterance in missing[:3]) + (", ..." if len(missing) > 3 else "")
            raise UnavailableError(
                f"{len(missing)} of the {len(index)} recordings of {self.name} are missing: {names}; the first was "
                f"looked for at {missing[0].path}: {self._remedy()}"
            )

    def _check_counts(self, index: Sequence[Utterance], root: Path) -> None:
        expected, known = self.expected, {u.speaker for u in index if u.speaker}
        found = f"{len(index)} recordings" + (f" by {len(known)} speakers" if expected.speakers is not None else "")
        wanted = f"{expected.utterances}" + (f" by {expected.speakers}" if expected.speakers is not None else "")
        if len(index) == expected.utterances and expected.speakers in (None, len(known)):
            return
        if expected.certain or not index:
            raise UnavailableError(f"{root} holds {found} for {self.name}, not {wanted}: {self._remedy()}")
        self._note(f"{root} holds {found}; {wanted} are generally stated")

    def _note_archive(self, remote: RemoteFile, path: Path, *, unpacked: bool) -> None:
        """Keeps which archive was unpacked, so that later runs can still say that it is not the published one."""
        record = {
            "source": remote.url,
            "sha256": local_digest(path),
            "published": is_published(remote, path),
            "mixed": not unpacked and self._replace,
        }
        write_atomically(self._record(remote), json.dumps(record).encode())

    def _record(self, remote: RemoteFile) -> Path:
        return home() / "datasets" / ".archives" / f"{Path(remote.path).name}.json"

    def _recorded(self, remote: RemoteFile) -> dict[str, Any] | None:
        """What `_note_archive` kept; None if nothing was unpacked, empty if it cannot be read."""
        try:
            record = read_json(self._record(remote))
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            return {}
        if not isinstance(record, dict) or not {"sha256", "published", "mixed"} <= record.keys():
            return {}
        return record if isinstance(record["sha256"], str) else {}

    def _is_of_another(self, remote: RemoteFile, path: Path) -> bool:
        """Whether files that were unpacked before may be from another archive: they would make a mixture of both."""
        record = self._recorded(remote)
        return record is not None and (not record or record["mixed"] or record["sha256"] != local_digest(path))

    def _note_unpublished(self, root: Path) -> None:
        """Says from which other archives the files were unpacked that are below our own folder."""
        for remote in self.archives if root.is_relative_to(home() / "datasets") else ():
            record = self._recorded(remote)
            if record is None:  # extracted by hand
                continue
            if not record:
                self._note(f"which archive it was unpacked from is not known: {self._record(remote)}")
            elif not record["published"]:
                self._note(f"unpacked from another archive than {remote.url} (sha256 {record['sha256'][:12]}...)")

    @property
    @override
    def download_size(self) -> int | None:
        sizes = [remote.size for remote in self.archives]
        return None if None in sizes or not sizes else sum(size for size in sizes if size)

    def _remedy(self) -> str:
        """What to do where the corpus is not there."""
        how = f"{self.form or f'nobody publishes it as a whole ({self.source})'};"
        if self.archives:
            how = f"extract {' and '.join(remote.url for remote in self.archives)} ({self.size_text}) and"
        return f"{how} give the folder {self.inside[0]} with --data-root, or {DEMO}"
