"""Where weights and data sets come from: mirrors first, then the network. Nothing else looks for files or downloads.

Environment: `CODEC_BENCH_HOME` (what was fetched, and the caches), `CODEC_BENCH_MIRROR` (folders or web addresses that
are searched first, separated like PATH), `CODEC_BENCH_OFFLINE=1` (no network), `HF_ENDPOINT` and `HF_TOKEN` as Hugging
Face's own tools read them, and the usual proxy variables.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codec_bench.errors import CodecBenchError, UnavailableError
from codec_bench.files import file_digest, write_error

if TYPE_CHECKING:
    import requests

logger = logging.getLogger(__name__)

ATTEMPTS = 6
"""How often a download is tried that breaks or meets a busy server; what has arrived is kept."""

BACKOFF_SECONDS = 1.0
"""Wait before the second attempt; it doubles with each further one."""

TIMEOUT_SECONDS = 60.0
CHUNK = 1 << 16
"""Bytes per read; what a break cuts off within one is lost."""

Progress = Callable[[int, int | None], None]
"""Called with the bytes that have arrived and the size of the file, where it is known."""


@dataclass(frozen=True)
class RemoteFile:
    """A file that somebody publishes: a weight, or the archive of a data set.

    Attributes:
        path: Where a mirror has it: `models/lyra_v2/lyragan.tflite`, `hf/<org>/<repo>/<file>` for Hugging Face,
            `datasets/<archive>`.
        sha256: Its digest in hexadecimal digits, or None where its makers publish none.
        size: Bytes, as far as known.
        source: Web address of the file; not needed for `hf/...`.
        revision: Branch, tag or commit on Hugging Face.
    """

    path: str
    sha256: str | None = None
    size: int | None = None
    source: str = ""
    revision: str = "main"

    @property
    def url(self) -> str:
        """Where the file is published."""
        if not self.path.startswith("hf/"):
            return self.source
        _, organisation, repository, file = self.path.split("/", 3)
        endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
        return f"{endpoint}/{organisation}/{repository}/resolve/{self.revision}/{file}"


def home() -> Path:
    """The folder for what was fetched and for the caches: `CODEC_BENCH_HOME`, else the user's cache folder."""
    named = os.environ.get("CODEC_BENCH_HOME")
    if named:
        return Path(named).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "codec-bench"


def is_offline() -> bool:
    """Whether the network may not be used."""
    return os.environ.get("CODEC_BENCH_OFFLINE", "").lower() not in ("", "0", "false", "no")


def mirrors() -> list[Path]:
    """The folders that are searched, in order: those of `CODEC_BENCH_MIRROR`, then `home()`."""
    return [Path(entry).expanduser() for entry in _mirror_entries() if "://" not in entry] + [home()]


def web_mirrors() -> list[str]:
    """The web addresses among the entries of `CODEC_BENCH_MIRROR`."""
    return [entry.rstrip("/") for entry in _mirror_entries() if "://" in entry]


def _mirror_entries() -> list[str]:
    """The entries of `CODEC_BENCH_MIRROR`; a colon separates them, and stands in `http://host:8080`, too."""
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
    """A local copy of a weight, verified where its digest is known.

    Raises:
        UnavailableError: No folder has the file, or what one has is another file.
    """
    found = find(weight.path)
    if found is None:
        searched = ", ".join(str(folder) for folder in mirrors())
        raise UnavailableError(f"{weight.path} is in none of {searched}")
    if weight.sha256 is not None and local_digest(found) != weight.sha256:
        actual = local_digest(found)[:12]
        raise UnavailableError(f"{found} is another file: sha256 {actual}..., expected {weight.sha256[:12]}...")
    return found


def local_digest(path: Path) -> str:
    """SHA-256 of a local file, computed once for as long as the file is not touched."""
    state = path.stat()
    return _digest(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=256)
def _digest(path: Path, size: int, modified: int) -> str:
    return file_digest(path)


def missing(weights: Sequence[RemoteFile]) -> list[RemoteFile]:
    """The weights of which no folder has a copy."""
    return [weight for weight in weights if find(weight.path) is None]


def fetch(weight: RemoteFile, progress: Progress | None = None) -> Path:
    """A verified local copy of a weight, downloaded into `home()` where no folder has it.

    Several processes that ask for one file fetch it once. A download that breaks goes on where it stopped, in this call
    or in a later one.

    Args:
        weight: What to get.
        progress: Told about the bytes that arrive.

    Raises:
        UnavailableError: Offline, not published, not allowed, or not the file that it should be.
        DiskFullError: No room left.
    """
    if find(weight.path) is not None:
        return locate(weight)
    if is_offline():
        raise UnavailableError(f"{weight.path} is not here, and CODEC_BENCH_OFFLINE forbids to download it")
    urls = [f"{mirror}/{weight.path}" for mirror in web_mirrors()] + ([weight.url] if weight.url else [])
    if not urls:
        raise UnavailableError(
            f"{weight.path} is not here, and nobody publishes it: add a folder to CODEC_BENCH_MIRROR"
        )
    target = home() / weight.path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        from filelock import FileLock

        with FileLock(target.with_name(f".{target.name}.lock")):
            if not target.is_file():  # else another process was faster
                _download(urls, target, weight, progress)
    except OSError as error:
        raise write_error(target, error) from error
    return locate(weight)


def fetch_all(weights: Sequence[RemoteFile], what: str) -> list[Path]:
    """Local copies of all weights; what has to be downloaded is named with its size before it starts.

    Args:
        weights: What to get.
        what: For the announcement, e.g. `codec:lyra`.

    Raises:
        UnavailableError: One of them cannot be had; the message says which and why.
    """
    absent = missing(weights)
    if absent and not is_offline():
        sizes = [size_of(weight) for weight in absent]
        total = "size not known" if None in sizes else describe_size(sum(s for s in sizes if s))
        logger.warning("%s: downloading %d files (%s) into %s", what, len(absent), total, home())
    with _ProgressBars() as bars:
        return [fetch(weight, bars.of(weight) if weight in absent else None) for weight in weights]


class _ProgressBars:
    """One bar per file on a terminal, nothing elsewhere."""

    def __enter__(self) -> _ProgressBars:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
        from rich.progress import TransferSpeedColumn as Speed

        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), Speed(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def of(self, weight: RemoteFile) -> Progress:
        """The bar of one file."""
        task = self._progress.add_task(weight.path.rsplit("/", 1)[-1], total=weight.size)
        return lambda done, total: self._progress.update(task, completed=done, total=total)


def describe_size(size: int) -> str:
    """Bytes for people.

    >>> describe_size(3_583_324), describe_size(2_189_033_600)
    ('3.6 MB', '2.19 GB')
    """
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def size_of(weight: RemoteFile) -> int | None:
    """Bytes that fetching a weight will bring, asked of the server where they are not known; None if it is silent."""
    if weight.size is not None or is_offline() or not weight.url:
        return weight.size
    import requests

    try:
        answer = requests.head(weight.url, headers=_headers(weight.url), allow_redirects=True, timeout=TIMEOUT_SECONDS)
    except requests.RequestException:
        return None
    length = answer.headers.get("X-Linked-Size") or answer.headers.get("Content-Length")
    return int(length) if answer.ok and length else None


def _headers(url: str) -> dict[str, str]:
    """The user's token goes to Hugging Face only."""
    token = os.environ.get("HF_TOKEN")
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    return {"Authorization": f"Bearer {token}"} if token and url.startswith(f"{endpoint}/") else {}


def _download(urls: Sequence[str], target: Path, weight: RemoteFile, progress: Progress | None) -> None:
    """Tries the addresses in turn until one gives the file."""
    part = target.with_name(f".{target.name}.part")
    problems = []
    for url in urls:
        try:
            published = _with_retries(url, part, progress)
        except UnavailableError as error:
            problems.append(str(error))
            continue
        expected = weight.sha256 or published
        if expected is not None and (actual := file_digest(part)) != expected:
            part.unlink()
            problems.append(f"{url} gave another file: sha256 {actual[:12]}..., expected {expected[:12]}...")
            continue
        part.replace(target)
        return
    raise UnavailableError("; ".join(problems))


def _with_retries(url: str, part: Path, progress: Progress | None) -> str | None:
    """Downloads into `part`; returns the digest that the server states, where it does."""
    import requests

    answered = part.exists()
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _transfer(url, part, progress)
        except (requests.RequestException, _BusyError) as error:
            problem = _reason(error)
            answered = answered or part.exists() or isinstance(error, _BusyError)
            logger.info("%s: %s (attempt %d of %d)", url, problem, attempt, ATTEMPTS)
        if attempt == ATTEMPTS or (attempt == 2 and not answered):  # a machine without network need not wait long
            break
        time.sleep(BACKOFF_SECONDS * 2 ** (attempt - 1))
    raise UnavailableError(f"{url} could not be downloaded in {attempt} attempts: {problem}")


class _BusyError(CodecBenchError):
    """The server asks to come back later."""


def _reason(error: Exception) -> str:
    """One short line: the innermost cause, without the addresses of objects."""
    while error.__cause__ or error.__context__:
        inner = error.__cause__ or error.__context__
        if not isinstance(inner, Exception):
            break
        error = inner
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _transfer(url: str, part: Path, progress: Progress | None) -> str | None:
    """One attempt, from where the last one stopped."""
    import requests

    start = part.stat().st_size if part.exists() else 0
    headers = _headers(url) | ({"Range": f"bytes={start}-"} if start else {})
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS) as answer:
        if answer.status_code == requests.codes.range_not_satisfiable:
            part.unlink()  # longer than the file: left over from another version of it
            raise _BusyError("the partial file does not fit")
        _check_status(url, answer)
        if answer.status_code != requests.codes.partial_content:
            start = 0
        length = answer.headers.get("Content-Length")
        total = start + int(length) if length and "Content-Encoding" not in answer.headers else None
        done = start
        with part.open("ab" if start else "wb") as file:
            for chunk in answer.iter_content(CHUNK):
                file.write(chunk)
                done += len(chunk)
                if progress is not None:
                    progress(done, total)
        if total is not None and done < total:
            raise _BusyError(f"the connection ended after {done} of {total} bytes")
        return _stated_digest(answer)


def _check_status(url: str, answer: requests.Response) -> None:
    code = answer.status_code
    if code in (401, 403):
        raise UnavailableError(f"{url} needs permission ({code}): accept its licence there and set HF_TOKEN")
    if code == 404:
        raise UnavailableError(f"{url} does not exist (404)")
    if code == 429 or code >= 500:
        raise _BusyError(f"status {code}")
    answer.raise_for_status()


def _stated_digest(answer: Any) -> str | None:
    """Hugging Face states the SHA-256 of large files in a header of the first answer."""
    for step in [*answer.history, answer]:
        tag = step.headers.get("X-Linked-ETag", "").strip('"').removeprefix('W/"')
        if len(tag) == 64 and all(c in "0123456789abcdef" for c in tag):
            return str(tag)
    return None
