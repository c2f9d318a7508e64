"""Archives from the network, unpacked as if their makers were hostile."""

from __future__ import annotations

import os
import shutil
import tarfile
import zlib
from collections.abc import Collection
from pathlib import Path, PurePosixPath
from typing import IO

from codec_bench.errors import UnavailableError
from codec_bench.files import write_error


def extract(archive: Path, folder: Path, wanted: Collection[str], limit: int) -> int:
    """Unpacks the wanted regular files of a tar archive; everything else in it is passed over.

    Names are compared as they stand, so nothing can be written outside of `folder`; what is wanted but is a link or a
    device is refused. Each file appears whole or not at all, and one that is there already is left.

    Args:
        archive: `.tar`, `.tar.gz`, `.tar.bz2` or `.tar.xz`.
        folder: Where the names in the archive begin.
        wanted: Names in the archive.
        limit: Bytes that all wanted files may have together.

    Returns:
        How many of the wanted files the archive has.

    Raises:
        UnavailableError: The archive is damaged, or holds something that it must not.
        DiskFullError: No room left.
    """
    names = frozenset(wanted)
    unsafe = [n for n in names if PurePosixPath(n).is_absolute() or ".." in PurePosixPath(n).parts]
    if unsafe:
        raise ValueError(f"{unsafe[0]!r} is no name inside an archive")
    found: set[str] = set()
    total = 0
    try:
        with tarfile.open(archive, "r:*") as tar:
            for member in tar:
                name = member.name.removeprefix("./")
                if name not in names:
                    continue
                if not member.isreg():
                    raise UnavailableError(f"{archive} is not what it should be: {name} is no regular file")
                total += member.size
                if total > limit:
                    raise UnavailableError(f"{archive} is not what it should be: it unpacks to over {limit} bytes")
                source = tar.extractfile(member)
                if source is not None and not (folder / name).is_file():
                    _write(folder / name, source)
                found.add(name)
                if found == names:
                    break
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise UnavailableError(f"{archive} is damaged ({error}): remove it and try again") from error
    return len(found)


def _write(path: Path, source: IO[bytes]) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
        part.replace(path)
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        part.unlink(missing_ok=True)  # also when the archive broke off in the middle of the file
