"""Archives from the network, unpacked as if their makers were hostile."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple, cast

from codec_bench.errors import UnavailableError, UsageError
from codec_bench.files import atomically
from codec_bench.hub import Progress, ProgressBars

MEMBER_LIMIT = 10_000_000
"""Members that an archive may have, several times as many as the largest speech corpora."""

HEADER_LIMIT = 1 << 24
"""Bytes that are read at once: a header of a tar archive may state any length, and is read as a whole."""

EMPTY_LIMIT = 20_000
"""Members in a row that hold nothing: folders, links, empty files."""

LIST_LIMIT = 1 << 25
"""Bytes of the list of members of a zip archive, which is read as a whole; for half a million members at most."""

RATIO_LIMIT, RATIO_FROM = 100, 1 << 26
"""How many times its size an archive may unpack to, once it is over so many bytes. Speech packs to a third at best."""

NAME_LIMIT, PATH_LIMIT = 255, 1024
"""Bytes of a name and of a path: a file system takes 255 and, with the folder that it is put into, 4,096."""

LARGE = 50_000_000
"""Bytes of an archive from which on a bar shows how far it is unpacked."""

RARE = (ValueError, OverflowError, NotImplementedError)
"""What fields of headers and rare ways to pack come to."""

_CHUNK = 1 << 20
_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")


def extract(
    archive: Path,
    folder: Path,
    wanted: Collection[str] | Callable[[str], bool],
    limit: int,
    *,
    replace: bool = False,
) -> int:
    """Unpacks the wanted regular files of an archive; everything else is skipped.

    Nothing is written outside of `folder`: what is wanted but has a name that leads out of it, or is a link or a
    device, is refused. Each file appears whole or not at all, and one that is there already is left, unless it is to be
    replaced.

    Args:
        archive: zip, or tar, packed with gzip, bzip2, xz or not at all; recognised by its first bytes.
        folder: Where the names in the archive begin.
        wanted: Names in the archive, or whether a name is wanted; not called for folders. Unpacking ends with the
            last of the names, and with the archive for a function.
        limit: Bytes that all wanted files may have together, counted as they are unpacked.
        replace: Whether files that are there are from another archive, and go.

    Returns:
        How many files were wanted and are there now.

    Raises:
        UnavailableError: The archive is damaged or encrypted, or holds something that it must not.
        UsageError: The archive cannot be read, or the folder cannot be written.
        DiskFullError: No room left.
    """
    names = None if callable(wanted) else frozenset(wanted)
    is_wanted = wanted if callable(wanted) else frozenset(wanted).__contains__
    if names and (unsafe := sorted(name for name in names if not _is_inside(name))):
        raise ValueError(f"{unsafe[0]!r} is not a name inside an archive")
    found: set[str] = set()
    done = 0

    def counted(member: _Member, report: Progress) -> Iterator[bytes]:
        nonlocal done
        for chunk in _chunks(archive, member):
            done += len(chunk)
            if done > limit:
                raise _bad(archive, f"it unpacks to over {limit} bytes")
            yield chunk
            report(file.tell(), None)

    with _opened(archive) as file, _bar(archive) as report:
        for member in _members(archive, file):
            report(file.tell(), None)
            if member.name in found or not is_wanted(member.name):
                continue
            if problem := _name_problem(member.name):
                raise _bad(archive, f"the name {member.name!r:.80} in it {problem}")
            if not member.is_regular:
                raise _bad(archive, f"{member.name} is not a regular file")
            target = folder / member.name
            if target.is_file() and not replace:
                done += target.stat().st_size
            else:
                _write(target, counted(member, report))
            found.add(member.name)
            if names is not None and len(found) == len(names):
                break
    return len(found)


def member_names(archive: Path, at_most: int) -> list[str]:
    """Names of the first regular files of an archive, in its order; few take only the beginning of a tar archive.

    Raises:
        UnavailableError: The archive is damaged before that.
        UsageError: It cannot be read.
    """
    names: list[str] = []
    with _opened(archive) as file:
        for member in _members(archive, file):
            if len(names) >= at_most:
                break
            if member.is_regular:
                names.append(member.name)
    return names


class _Member(NamedTuple):
    """What an archive holds besides folders; regular ones are no links, devices or pipes."""

    name: str
    is_regular: bool
    size: int
    open: Callable[[], IO[bytes]]


def _members(archive: Path, file: IO[bytes]) -> Iterator[_Member]:
    with _readable(archive):
        start = file.read(8)
        file.seek(0)
        members = _zip_members(archive, file) if start.startswith(_ZIP_STARTS) else _tar_members(file, start)
        empty = 0
        for count, member in enumerate(members, start=1):
            if count > MEMBER_LIMIT:
                raise _bad(archive, f"it has over {MEMBER_LIMIT} members")
            empty = 0 if member is not None and member.size else empty + 1
            if empty > EMPTY_LIMIT:
                raise _bad(archive, f"over {EMPTY_LIMIT} members in a row hold nothing")
            if member is not None:
                yield member._replace(name=PurePosixPath(member.name).as_posix())


def _zip_members(archive: Path, file: IO[bytes]) -> Iterator[_Member | None]:
    with zipfile.ZipFile(cast("IO[bytes]", _BoundedList(file))) as unpacked:
        file.seek(0)  # for the bar: it has read the list at the end
        for info in sorted(unpacked.infolist(), key=lambda i: i.header_offset):
            if info.filename.endswith("/"):  # `is_dir` needs a name
                yield None
                continue

            def opened(info: zipfile.ZipInfo = info) -> IO[bytes]:
                if info.flag_bits & 1:
                    raise UnavailableError(f"{archive} is encrypted: unpack it with the password of its makers")
                return unpacked.open(info)

            kind = stat.S_IFMT(info.external_attr >> 16)  # 0 where the maker's system knows no kinds
            yield _Member(_zip_name(info), kind in (0, stat.S_IFREG), info.file_size, opened)


def _zip_name(info: zipfile.ZipInfo) -> str:
    """The name as it was packed: many programs write UTF-8 without saying so, which is then read as code page 437."""
    if not info.flag_bits & 0x800:
        with suppress(UnicodeError):
            return info.filename.encode("cp437").decode()
    return info.filename


def _tar_members(file: IO[bytes], start: bytes) -> Iterator[_Member | None]:
    with tarfile.open(fileobj=_Bounded(_unpacked(file, start), file), mode="r:") as tar:
        while (info := tar.next()) is not None:
            if info.size < 0:
                raise tarfile.ReadError(f"a member of {info.size} bytes")
            tar.members.clear()  # type: ignore[attr-defined]  # millions of them would fill the memory

            def opened(info: tarfile.TarInfo = info) -> IO[bytes]:
                return cast("IO[bytes]", tar.extractfile(info))  # None for folders and such only

            yield None if info.isdir() else _Member(info.name, info.isreg(), info.size, opened)


def _unpacked(file: IO[bytes], start: bytes) -> IO[bytes]:
    for magic, opened in ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\x00", lzma.open)):
        if start.startswith(magic):
            return cast("IO[bytes]", opened(file))
    return file


class _Bounded(io.RawIOBase):
    """An unpacked file that refuses reads of over `HEADER_LIMIT` bytes at once, and to grow out of next to nothing."""

    def __init__(self, file: IO[bytes], packed: IO[bytes]) -> None:
        self._file = file
        self._packed = packed

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= HEADER_LIMIT:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET:
            raise tarfile.ReadError("a place that is not counted from the beginning")
        place = self._file.tell()
        while place < offset:  # what is skipped is unpacked, too
            reached = self._file.seek(min(offset, place + RATIO_FROM))
            if reached > max(RATIO_FROM, RATIO_LIMIT * self._packed.tell()):
                raise tarfile.ReadError(f"it unpacks to over {RATIO_LIMIT} times its size")
            if reached == place:
                break
            place = reached
        return self._file.seek(offset)

    def tell(self) -> int:
        return self._file.tell()


class _BoundedList(io.RawIOBase):
    """A zip archive that refuses to read a list of over `LIST_LIMIT` bytes, each a hundredfold in memory."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if size > LIST_LIMIT:
            raise zipfile.BadZipFile(f"a list of {size} bytes")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        try:
            return self._file.seek(offset, whence)
        except OSError as error:  # the number's fault, not the disk's
            raise zipfile.BadZipFile(f"a member at byte {offset}") from error

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True


def _name_problem(name: str) -> str:
    """What is wrong with a name; empty if nothing is."""
    if not _is_inside(name):
        return "leads out of its folder"
    encoded = name.encode("utf-8", "surrogateescape")
    is_long = len(encoded) > PATH_LIMIT or max(map(len, encoded.split(b"/"))) > NAME_LIMIT
    return "is too long for a file" if is_long else ""


def _is_inside(name: str) -> bool:
    """Whether a name stays below its folder on every system, and a terminal can show it."""
    path = PurePosixPath(name)
    is_odd = "\\" in name or re.match("[A-Za-z]:", name) or re.search("[\x00-\x1f\x7f]", name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and not is_odd


def _chunks(archive: Path, member: _Member) -> Iterator[bytes]:
    with _readable(archive), member.open() as source:
        missing = member.size
        while chunk := source.read(_CHUNK):
            missing -= len(chunk)
            yield chunk
        if missing:  # which zip archives are not asked about
            raise EOFError(f"{member.size - missing} bytes where {member.size} are stated")


def _write(path: Path, chunks: Iterator[bytes]) -> None:
    with atomically(path) as part, part.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)


@contextmanager
def _opened(archive: Path) -> Iterator[IO[bytes]]:
    try:
        file = archive.open("rb")
    except OSError as error:
        raise UsageError(f"{archive} cannot be read: {error.strerror}") from error
    with file:
        yield file


@contextmanager
def _readable(archive: Path) -> Iterator[None]:
    """Says which archive is damaged, whatever the formats call it."""
    try:
        yield
    except OSError as error:
        if error.errno is not None:  # the disk's, not gzip's or bzip2's
            raise UsageError(f"{archive} cannot be read: {error.strerror}") from error
        raise _damaged(archive, error) from error
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, *RARE) as error:
        raise _damaged(archive, error) from error


def _damaged(archive: Path, error: Exception) -> UnavailableError:
    return UnavailableError(f"{archive} is damaged ({error}): remove it and try again")


def _bad(archive: Path, what: str) -> UnavailableError:
    return UnavailableError(f"{archive} is not what it should be: {what}")


@contextmanager
def _bar(archive: Path) -> Iterator[Progress]:
    """How far a large archive is read, on a terminal."""
    size = archive.stat().st_size
    if size < LARGE:
        yield lambda done, total: None
        return
    with ProgressBars() as bars:
        yield bars.of(f"unpacking {archive.name}", size)
