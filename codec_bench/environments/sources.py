"""Source trees at a commit: what is declared, and how an archive of one is checked and unpacked; wheels by address."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from codec_bench.errors import UnavailableError
from codec_bench.files import digest, file_digest
from codec_bench.hub import RemoteFile
from codec_bench.unpack import extract

SOURCE_LIMIT = 1 << 30
"""Bytes that a source tree may unpack to."""


@dataclass(frozen=True)
class Source:
    """A source tree on GitHub at a commit.

    GitHub repacks archives from time to time, so the digest may change while the content does not; what is
    checked is the digest of the unpacked files.

    Attributes:
        repository: `owner/name`.
        commit: 40 hexadecimal digits.
        paths: Files and folders of the tree that are needed; all for none.
        tree: `tree_digest` of those files; None if unknown.
    """

    repository: str
    commit: str
    paths: tuple[str, ...] = ()
    tree: str | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", self.repository) or not re.fullmatch(
            "[0-9a-f]{40}", self.commit
        ):
            raise ValueError(f"{self.repository}@{self.commit} is not owner/name at a commit of 40 digits")

    @property
    def remote(self) -> RemoteFile:
        """The archive, as the hub fetches it."""
        name = f"{self.repository.replace('/', '-')}-{self.commit}.tar.gz"
        return RemoteFile(
            f"sources/{name}",
            source=f"https://codeload.github.com/{self.repository}/tar.gz/{self.commit}",
            is_packed_anew=True,
        )

    def wants(self, name: str) -> bool:
        """Whether a file of the archive is needed; the archive has one folder at its top."""
        inner = PurePosixPath(*PurePosixPath(name).parts[1:])
        return bool(inner.parts) and (
            not self.paths or any(inner.is_relative_to(PurePosixPath(path)) for path in self.paths)
        )


def wheel_of(requirement: str) -> RemoteFile | None:
    """The wheel that a requirement names by its web address, as the hub fetches it; None for any other requirement.

    >>> wheel_of("a @ https://example.org/v1/a-1%2Bcpu-py3-none-any.whl").path
    'wheels/a-1+cpu-py3-none-any.whl'
    >>> wheel_of("a==1")
    """
    _, at, url = requirement.partition(" @ ")
    return RemoteFile(f"wheels/{unquote(url.rpartition('/')[2])}", source=url) if at else None


def unpack_source(source: Source, archive: Path, target: Path) -> str:
    """Puts a source tree into a folder, which must not exist, and gives its `tree_digest`.

    Raises:
        UnavailableError: The archive has another source.
        OSError: The folder cannot be written.
    """
    scratch = target.with_name(f"{target.name}.unpacked")
    extract(archive, scratch, source.wants, limit=SOURCE_LIMIT)
    tops = list(scratch.iterdir()) if scratch.is_dir() else []
    if len(tops) != 1:
        raise UnavailableError(f"{archive} is not the source of {source.repository}: it has {len(tops)} folders")
    found = tree_digest(tops[0])
    if source.tree is not None and found != source.tree:
        raise UnavailableError(
            f"{archive} is another source of {source.repository}: its files have the digest {found[:12]}..., "
            f"expected {source.tree[:12]}...; remove it and try again"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    tops[0].rename(target)
    scratch.rmdir()
    return found


def tree_digest(folder: Path) -> str:
    """SHA-256 over the sorted paths and digests of all files below a folder."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    lines = [f"{file_digest(path)}  {name}\n" for name, path in sorted(files.items())]
    return digest("".join(lines).encode())
