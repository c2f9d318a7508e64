"""Equal files of packages in several environments, kept once: hard links, as uv makes of its cache."""

from __future__ import annotations

import base64
import csv
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from codec_bench.files import file_digest

LEAST_BYTES = 1 << 14
"""Smaller files take more time than room: torch has a thousand of them, and 5 GB in a few dozen others."""


def share_files(venv: Path, others: Sequence[Path]) -> int:
    """Replaces files of installed packages by links to equal ones of the same package in other environments.

    What is equal is said by the lists of files that installers leave (`RECORD`), and verified. An environment stays as
    it is when another is removed.

    Args:
        venv: The environment whose files are replaced.
        others: Environments that may have the same packages.

    Returns:
        Bytes that were freed; 0 on a file system without hard links.
    """
    freed = 0
    sites = [site for other in others for site in other.glob("lib/python*/site-packages")]
    for site in venv.glob("lib/python*/site-packages"):
        for package in site.glob("*.dist-info"):
            twins = [twin for twin in sites if (twin / package.name).is_dir()]
            if twins:
                freed += sum(_linked(site / name, twins[0] / name, sha256) for name, sha256 in _files_of(package))
    return freed


def _files_of(package: Path) -> Iterator[tuple[str, str]]:
    """Path and SHA-256 of the large files of a package."""
    try:
        with (package / "RECORD").open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.reader(file) if len(row) == 3]
    except (OSError, UnicodeDecodeError, csv.Error):  # an installer that leaves none
        return
    for name, digest, size in rows:
        if digest.startswith("sha256=") and size.isdecimal() and int(size) >= LEAST_BYTES and ".." not in name:
            yield name, base64.urlsafe_b64decode(digest.removeprefix("sha256=") + "=").hex()


def _linked(path: Path, twin: Path, sha256: str) -> int:
    """Makes a file a link to its twin, if that is what the first one should be; the bytes that this frees."""
    spare = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        mine, other = path.lstat(), twin.lstat()
        is_alike = stat.S_ISREG(other.st_mode) and (mine.st_mode, mine.st_size) == (other.st_mode, other.st_size)
        if not is_alike or os.path.samestat(mine, other) or file_digest(twin) != sha256:
            return 0
        os.link(twin, spare)
        spare.replace(path)
    except OSError:  # another disk, no links there, or the other environment is just being removed
        spare.unlink(missing_ok=True)
        return 0
    return mine.st_size if mine.st_nlink == 1 else 0
