"""Where files are: the folders that are searched, and the copies of a published file in them."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

from codec_bench.errors import UnavailableError
from codec_bench.files import local_digest, write_error
from codec_bench.hub import pins

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RemoteFile:
    """A published file: a weight, or the archive of a data set.

    Attributes:
        path: Where a mirror has it: `models/lyra_v2/lyragan.tflite`, `hf/<org>/<repo>/<file>` for Hugging Face,
            `datasets/<archive>`.
        sha256: Its digest in hexadecimal digits, or None if its makers publish none.
        size: Bytes, exactly, or None if not known: a download never goes beyond.
        source: Web address of the file; not needed for `hf/...`.
        revision: Branch, tag or commit on Hugging Face.
        md5: Another digest, for what is published with no SHA-256.
        is_packed_anew: Whether the server packs it at each request, so that equal content may be other bytes. What is
            in it is verified elsewhere, and the digest of the first download says nothing.
        rough_size: About how many bytes, for people, where the exact number is not known.
    """

    path: str
    sha256: str | None = None
    size: int | None = None
    source: str = ""
    revision: str = "main"
    md5: str | None = None
    is_packed_anew: bool = False
    rough_size: int | None = field(default=None, compare=False)

    @property
    def url(self) -> str:
        """Where the file is published."""
        if not self.path.startswith("hf/"):
            return self.source
        _, organisation, repository, file = self.path.split("/", 3)
        endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
        return f"{endpoint}/{organisation}/{repository}/resolve/{self.revision}/{file}"

    def at(self, commit: str) -> RemoteFile:
        """The same file at a commit."""
        return replace(self, revision=commit)

    @property
    def pin(self) -> str:
        """The name under which the digest of the first download is kept; empty where there is another, or none."""
        if self.sha256 is not None or self.md5 is not None or self.is_packed_anew:
            return ""
        return f"{self.path}@{self.revision}" if self.path.startswith("hf/") else self.source or self.path


def hugging_face(repository: str, *names: str, revision: str = "main") -> tuple[RemoteFile, ...]:
    """Files of a repository on Hugging Face, at a commit where one is known.

    >>> [file.path for file in hugging_face("kyutai/mimi", "config.json", "model.safetensors")]
    ['hf/kyutai/mimi/config.json', 'hf/kyutai/mimi/model.safetensors']
    """
    return tuple(RemoteFile(f"hf/{repository}/{name}", revision=revision) for name in names)


def home() -> Path:
    """The folder for downloads and caches: `CODEC_BENCH_HOME`, by default in the user's cache folder."""
    named = os.environ.get("CODEC_BENCH_HOME")
    if named:
        return Path(named).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "codec-bench"


def is_offline() -> bool:
    """Whether the network may not be used."""
    return is_on("CODEC_BENCH_OFFLINE")


def is_on(variable: str) -> bool:
    """Whether a variable of the environment switches something on."""
    return os.environ.get(variable, "").lower() not in ("", "0", "false", "no")


def mirrors() -> list[Path]:
    """The folders that are searched, in order: those of `CODEC_BENCH_MIRROR`, then `home()`."""
    return [Path(entry).expanduser() for entry in _mirror_entries() if "://" not in entry] + [home()]


def web_mirrors() -> list[str]:
    """The web addresses among the entries of `CODEC_BENCH_MIRROR`."""
    return [entry.rstrip("/") for entry in _mirror_entries() if "://" in entry]


def _mirror_entries() -> list[str]:
    """The entries of `CODEC_BENCH_MIRROR`; a colon separates them, but not in `http://host:8080`."""
    entries: list[str] = []
    for part in os.environ.get("CODEC_BENCH_MIRROR", "").split(os.pathsep):
        is_address = bool(entries) and entries[-1] in ("http", "https") and part.startswith("//")
        is_port = bool(entries) and "://" in entries[-1] and part.split("/")[0].isdigit()
        if is_address or is_port:
            entries[-1] += f":{part}"
        elif part:
            entries.append(part)
    return entries


def find(path: str) -> Path | None:
    """The first folder's copy of `path`, or None."""
    return next((folder / path for folder in mirrors() if (folder / path).is_file()), None)


def locate(weight: RemoteFile) -> Path:
    """The first folder's copy of a weight that is the published file, as far as its digest is known.

    A folder with a different file under that name is skipped with a warning.

    Raises:
        UnavailableError: No folder has the file, or only others of that name.
    """
    found, others = search(weight)
    if found is not None:
        return found
    if others:
        raise UnavailableError(difference(weight, others[0]))
    raise UnavailableError(f"{weight.path} is in none of {', '.join(str(folder) for folder in mirrors())}")


def search(weight: RemoteFile) -> tuple[Path | None, list[Path]]:
    """The first copy that is the published file, and those before it that are not."""
    others: list[Path] = []
    for path in dict.fromkeys(folder / weight.path for folder in mirrors()):
        if not path.is_file():
            continue
        if is_published(weight, path):
            for other in others:
                warn_once(f"{difference(weight, other)}; {path} is used")
            return path, others
        others.append(path)
    return None, others


def difference(weight: RemoteFile, path: Path) -> str:
    """Says that a local file is not the one that is published, or that was downloaded first."""
    kind, expected = digest_of(weight)
    if not expected:
        return f"{path} is {pins.other_file(home(), weight.pin, local_digest(path))}"
    return f"{path} is {other_file(kind, local_digest(path, kind), expected)}"


@lru_cache(maxsize=256)
def warn_once(message: str) -> None:
    """A weight is looked up many times in a run."""
    logger.warning("%s", message)


def is_published(remote: RemoteFile, path: Path) -> bool:
    """Whether a local file is the one that is published, by the digest that is known.

    Where none is, a download is the one that came first, or one that the user accepts in its place; any other file is.
    """
    kind, expected = digest_of(remote)
    if expected:
        return local_digest(path, kind) == expected
    if not remote.pin or not path.is_relative_to(home()) or pins.pinned(home(), remote.pin) is None:
        return True
    return pins.agrees(home(), remote.pin, local_digest(path))


def forget(remote: RemoteFile) -> None:
    """Lets another file take the place of a download that turned out to be of no use."""
    if remote.pin:
        pins.forget(home(), remote.pin)


def digest_of(remote: RemoteFile) -> tuple[str, str]:
    """The digest that a file must have, and its kind; empty if unknown."""
    kind, expected = ("md5", remote.md5) if remote.sha256 is None else ("sha256", remote.sha256)
    return kind, (expected or "").lower()


def other_file(kind: str, actual: str, expected: str) -> str:
    """Says which digest a file has, and which it should have."""
    return f"another file: {kind} {actual[:12]}..., expected {expected[:12]}..."


@contextmanager
def caches(*, fresh: bool = False) -> Iterator[Path]:
    """The folder of the caches.

    Args:
        fresh: An empty one instead, which is removed at the end.

    Raises:
        UsageError: The home cannot be written.
        DiskFullError: No room left.
    """
    if not fresh:
        yield home() / "cache"
        return
    try:
        home().mkdir(parents=True, exist_ok=True)
        made = TemporaryDirectory(prefix="fresh-", dir=home(), ignore_cleanup_errors=True)
    except OSError as error:
        raise write_error(home(), error) from error
    with made as folder:
        yield Path(folder)


def missing(weights: Sequence[RemoteFile]) -> list[RemoteFile]:
    """The weights that no folder has a copy of."""
    return [weight for weight in weights if find(weight.path) is None]
