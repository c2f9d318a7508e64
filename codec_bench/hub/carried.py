"""Files that another machine downloaded: verified as a download is, and kept where one would be."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from codec_bench.errors import UnavailableError, UsageError
from codec_bench.files import atomically, local_digest
from codec_bench.hub import pins
from codec_bench.hub.places import RemoteFile, difference, digest_of, home, is_published


def bring(files: Iterable[RemoteFile], folder: Path) -> list[Path]:
    """Copies files into `home()`.

    Args:
        files: What is wanted.
        folder: Has each below its path in a mirror, or by its name, or by the name in its address.

    Returns:
        Where they are now.

    Raises:
        UsageError: There is no such folder.
        UnavailableError: A file is not there, or not the one that is published; the message names all that are missing.
    """
    if not folder.is_dir():
        raise UsageError(f"--from {folder} is not a folder")
    found = {file: _find(file, folder) for file in files}
    absent = [file.path for file, path in found.items() if path is None]
    if absent:
        raise UnavailableError(f"{folder} lacks {len(absent)} of {len(found)} files: {', '.join(absent)}")
    made = []
    for file, path in found.items():
        assert path is not None
        kind, expected = digest_of(file)
        if expected and local_digest(path, kind) != expected:
            raise UnavailableError(difference(file, path))
        target = home() / file.path
        with atomically(target) as part:
            shutil.copyfile(path, part)
        if file.pin and not is_published(file, target):
            target.unlink()
            raise UnavailableError(difference(file, path))
        if file.pin:
            pins.pin(home(), file.pin, local_digest(target))
        made.append(target)
    return made


def _find(file: RemoteFile, folder: Path) -> Path | None:
    names = (file.path, PurePosixPath(file.path).name, PurePosixPath(urlsplit(file.url).path).name)
    return next((folder / name for name in names if name and (folder / name).is_file()), None)
