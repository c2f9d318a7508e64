"""Where weights and data sets come from: mirrors first, then the network. Nothing else looks for files or downloads.

Environment: `CODEC_BENCH_HOME` (what was fetched, and the caches), `CODEC_BENCH_MIRROR` (folders or web addresses that
are searched first, separated like PATH), `CODEC_BENCH_OFFLINE=1` (no network), `HF_ENDPOINT` and `HF_TOKEN` as Hugging
Face's own tools read them, and the usual proxy variables.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codec_bench import locks
from codec_bench.errors import CodecBenchError, DiskFullError, UnavailableError, UsageError
from codec_bench.files import file_digest, write_error

if TYPE_CHECKING:
    import requests

logger = logging.getLogger(__name__)

ATTEMPTS = 6
"""How often a download is tried that breaks or meets a busy server; what has arrived is kept."""

BACKOFF_SECONDS = 1.0
"""Wait before the second attempt; it doubles with each further one."""

TIMEOUT_SECONDS = 60.0

AT_ONCE = 4
"""How many files are downloaded at the same time."""

STOP_SECONDS = 5.0
"""How long threads have to stop; one that waits for a silent server is left behind, and stops when it answers."""

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
        md5: Another digest, for what is published with no SHA-256.
    """

    path: str
    sha256: str | None = None
    size: int | None = None
    source: str = ""
    revision: str = "main"
    md5: str | None = None

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
    """The first folder's copy of a weight that is the published file, as far as its digest is known.

    A folder that has another file under that name is passed over with a warning.

    Raises:
        UnavailableError: No folder has the file, or only others of that name.
    """
    found, others = _search(weight)
    if found is not None:
        return found
    if others:
        raise UnavailableError(_difference(weight, others[0]))
    raise UnavailableError(f"{weight.path} is in none of {', '.join(str(folder) for folder in mirrors())}")


def _search(weight: RemoteFile) -> tuple[Path | None, list[Path]]:
    """The first copy that is the published file, and those before it that are not."""
    others: list[Path] = []
    for path in dict.fromkeys(folder / weight.path for folder in mirrors()):
        if not path.is_file():
            continue
        if is_published(weight, path):
            for other in others:
                _warn_once(f"{_difference(weight, other)}; {path} is used")
            return path, others
        others.append(path)
    return None, others


def _difference(weight: RemoteFile, path: Path) -> str:
    kind, expected = _digest_of(weight)
    return f"{path} is {_other_file(kind, local_digest(path, kind), expected)}"


@lru_cache(maxsize=256)
def _warn_once(message: str) -> None:
    """A weight is looked up many times in a run."""
    logger.warning("%s", message)


def is_published(remote: RemoteFile, path: Path) -> bool:
    """Whether a local file is the one that is published, by the digest that is known; so is any where none is known."""
    kind, expected = _digest_of(remote)
    return not expected or local_digest(path, kind) == expected


def _digest_of(remote: RemoteFile) -> tuple[str, str]:
    """The digest that a file must have, and its kind; empty where none is known."""
    kind, expected = ("md5", remote.md5) if remote.sha256 is None else ("sha256", remote.sha256)
    return kind, (expected or "").lower()


def _other_file(kind: str, actual: str, expected: str) -> str:
    return f"another file: {kind} {actual[:12]}..., expected {expected[:12]}..."


def local_digest(path: Path, algorithm: str = "sha256") -> str:
    """Digest of a local file, computed once for as long as the file is not touched."""
    state = path.stat()
    return _digest(path, algorithm, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=256)
def _digest(path: Path, algorithm: str, size: int, modified: int) -> str:
    return file_digest(path, algorithm)


def missing(weights: Sequence[RemoteFile]) -> list[RemoteFile]:
    """The weights of which no folder has a copy."""
    return [weight for weight in weights if find(weight.path) is None]


def fetch(weight: RemoteFile, progress: Progress | None = None) -> Path:
    """A verified local copy of a weight, downloaded into `home()` where no folder has it.

    Several processes that ask for one file fetch it once. A download that breaks goes on where it stopped, in this call
    or in a later one. A copy in `home()` that is another file is replaced.

    Args:
        weight: What to get.
        progress: Told about the bytes that arrive.

    Raises:
        UnavailableError: Offline, not published, not allowed, or not the file that it should be.
        UsageError: `home()` cannot be written.
        DiskFullError: No room left.
    """
    return _fetch(weight, progress, threading.Event())


def _fetch(weight: RemoteFile, progress: Progress | None, stop: threading.Event) -> Path:
    found, others = _search(weight)
    if found is not None:
        return found
    urls = [f"{mirror}/{weight.path}" for mirror in web_mirrors()] + ([weight.url] if weight.url else [])
    if is_offline() or not urls:
        if others:
            raise UnavailableError(_difference(weight, others[0]))
        raise UnavailableError(
            f"{weight.path} is not here, and CODEC_BENCH_OFFLINE forbids to download it"
            if is_offline()
            else f"{weight.path} is not here, and nobody publishes it: add a folder to CODEC_BENCH_MIRROR"
        )
    target = home() / weight.path
    for other in others:
        if other != target:
            _warn_once(_difference(weight, other))
    try:
        with locked(target.with_name(f".{target.name}.lock"), check_stop=lambda: _check_stop(stop)):
            if target.is_file() and not is_published(weight, target):
                logger.warning("%s; it is downloaded again", _difference(weight, target))
                target.unlink()
            if not target.is_file():  # else another process was faster
                _download(urls, target, weight, progress, stop)
    except UnavailableError as error:
        if not others:
            raise
        raise UnavailableError(f"{_difference(weight, others[0])}; {error}") from error
    except OSError as error:
        raise _home_error(target, error) from error
    return locate(weight)


def _home_error(target: Path, error: OSError) -> CodecBenchError:
    known = write_error(target, error)
    if isinstance(known, DiskFullError):
        return known
    place = error.filename or target
    return UsageError(
        f"{place} cannot be written ({error.strerror or error}): make {home()} writable, or set CODEC_BENCH_HOME to a "
        "folder that is"
    )


def locked(
    path: Path, on_wait: Callable[[str], None] | None = None, check_stop: Callable[[], None] = lambda: None
) -> AbstractContextManager[None]:
    """Holds a lock file below `home()`, so that of several processes one does what the others need, too.

    Args:
        path: The file; made with its folder, and left where it is.
        on_wait: Told who holds it, where it has to be waited for; a warning, unless given.
        check_stop: Raises what shall end the wait.

    Raises:
        UsageError: The folder cannot be written, or its disk knows no locks.
        DiskFullError: No room left.
    """

    def warn(holder: str) -> None:
        logger.warning("waiting for %s, which holds %s", holder, path)

    return locks.locked(path, on_wait or warn, check_stop, _home_error)


class _StoppedError(CodecBenchError):
    """Another download of the same call has failed."""


def _check_stop(stop: threading.Event) -> None:
    if stop.is_set():
        raise _StoppedError("stopped")


def fetch_all(weights: Sequence[RemoteFile], what: str) -> list[Path]:
    """Local copies of all weights; what has to be downloaded is named with its size before it starts.

    A few are downloaded at once. Where one of them fails, the others stop, and go on in a later call.

    Args:
        weights: What to get.
        what: For the announcement, e.g. `codec:lyra`.

    Raises:
        UnavailableError: One of them cannot be had; the message says which and why.
        UsageError: `home()` cannot be written.
        DiskFullError: No room left.
    """
    absent = [weight for weight in dict.fromkeys(weights) if _search(weight)[0] is None]
    if absent and not is_offline():
        sizes = [size_of(weight) for weight in absent]
        total = "size not known" if None in sizes else describe_size(sum(s for s in sizes if s))
        logger.warning("%s: downloading %d files (%s) into %s", what, len(absent), total, home())
    with ProgressBars() as bars:
        _fetch_at_once([(weight, bars.of(Path(weight.path).name, weight.size)) for weight in absent])
    return [locate(weight) for weight in weights]


def _fetch_at_once(wanted: Sequence[tuple[RemoteFile, Progress]]) -> None:
    """Fetches in a few threads, and raises the first error after the other threads have stopped.

    The threads are daemons, so that Ctrl-C need not wait for a server that is silent; an executor would.
    """
    stop = threading.Event()
    errors: list[Exception] = []
    waiting = list(reversed(wanted))

    def work() -> None:
        while not stop.is_set():
            try:
                weight, progress = waiting.pop()
            except IndexError:
                return
            try:
                _fetch(weight, progress, stop)
            except Exception as error:  # noqa: BLE001  # raised again where all have ended
                errors.append(error)
                stop.set()

    threads = [threading.Thread(target=work, daemon=True) for _ in wanted[:AT_ONCE]]
    try:
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads) and not stop.is_set():
            for thread in threads:
                thread.join(0.1)
    finally:
        stop.set()
        deadline = time.monotonic() + STOP_SECONDS
        for thread in threads:
            if thread.ident is not None:  # Ctrl-C may come before it is started
                thread.join(max(0.0, deadline - time.monotonic()))
    if errors:
        raise errors[0]


class ProgressBars:
    """One bar per file on a terminal, nothing elsewhere."""

    def __enter__(self) -> ProgressBars:
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

    def of(self, name: str, size: int | None) -> Progress:
        """A bar of its own for one file; `size` in bytes, where it is known."""
        task = self._progress.add_task(name, total=size)
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


def _download(
    urls: Sequence[str], target: Path, weight: RemoteFile, progress: Progress | None, stop: threading.Event
) -> None:
    """Tries the addresses in turn until one gives the file."""
    part = target.with_name(f".{target.name}.part")
    problems = []
    for url in urls:
        try:
            _Download(url, part, weight, progress, stop).run()
        except UnavailableError as error:
            problems.append(str(error))
            continue
        part.replace(target)
        return
    raise UnavailableError("; ".join(problems))


class _Download:
    """A file from one address, into a partial file in which an earlier download may have left something."""

    def __init__(
        self, url: str, part: Path, weight: RemoteFile, progress: Progress | None, stop: threading.Event
    ) -> None:
        self._url = url
        self._part = part
        self._digest = _digest_of(weight)
        self._progress = progress
        self._stop = stop
        self._is_own = False  # whether all of the partial file came from this address, and just now
        self._is_resumed = False

    def run(self) -> None:
        """Gets the whole file.

        Raises:
            UnavailableError: The address does not give it; nothing wrong is left behind.
        """
        for is_last in (False, True):
            stated = self._get()
            kind, expected = self._digest if self._digest[1] else ("sha256", stated or "")
            if not expected or (actual := file_digest(self._part, kind)) == expected:
                return
            problem = f"{self._url} gave {_other_file(kind, actual, expected)}"
            self._part.unlink()
            if is_last or not self._is_resumed:
                raise UnavailableError(problem)
            logger.info("%s; it was put together from several downloads: once more from its start", problem)

    def _get(self) -> str | None:
        """Downloads, however often the connection breaks; returns the digest that the server states, where it does."""
        import requests
        import urllib3

        answered = self._part.exists()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._transfer()
            except (requests.RequestException, urllib3.exceptions.HTTPError, _BusyError) as error:
                problem = _reason(error)
                answered = answered or self._part.exists() or isinstance(error, _BusyError)
                logger.info("%s: %s (attempt %d of %d)", self._url, problem, attempt, ATTEMPTS)
            if attempt == ATTEMPTS or (attempt == 2 and not answered):  # a machine without network need not wait long
                break
            self._stop.wait(BACKOFF_SECONDS * 2 ** (attempt - 1))
        raise UnavailableError(f"{self._url} could not be downloaded in {attempt} attempts: {problem}")

    def _transfer(self) -> str | None:
        """One attempt, from where the last one stopped."""
        import requests

        _check_stop(self._stop)
        start = self._part.stat().st_size if self._part.exists() else 0
        # Packed again on its way, an archive would be another file, and could not be continued.
        headers = (
            _headers(self._url) | {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
        )
        with requests.get(self._url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS) as answer:
            stated = _stated_digest(answer)
            is_partial = answer.status_code == requests.codes.partial_content
            if answer.status_code == requests.codes.range_not_satisfiable:
                is_partial = answer.headers.get("Content-Range", "") == f"bytes */{start}"  # all of it is here already
                if not is_partial:
                    self._part.unlink()  # longer than the file: left over from another version of it
                    raise _BusyError("the partial file does not fit")
            else:
                _check_status(self._url, answer)
                _check_kind(self._url, answer)
            if start and is_partial and not (self._is_own or self._digest[1] or stated):
                self._part.unlink()
                raise _BusyError("nothing says whether what is left of an earlier download is of this file")
            if not is_partial:
                start = 0
            self._is_resumed = start > 0
            self._is_own = self._is_own or not start
            if answer.ok:
                self._write(answer, start)
            return stated

    def _write(self, answer: requests.Response, start: int) -> None:
        length = answer.headers.get("Content-Length", "")
        total = start + int(length) if length.isdigit() else None
        done = start
        with self._part.open("ab" if start else "wb") as file:
            for chunk in answer.raw.stream(CHUNK, decode_content=False):
                _check_stop(self._stop)
                file.write(chunk)
                done += len(chunk)
                if self._progress is not None:
                    self._progress(done, total)
        if total is not None and done < total:
            raise _BusyError(f"the connection ended after {done} of {total} bytes")


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


def _check_status(url: str, answer: requests.Response) -> None:
    code = answer.status_code
    if code in (401, 403):
        raise UnavailableError(f"{url} needs permission ({code}): accept its licence there and set HF_TOKEN")
    if code == 404:
        raise UnavailableError(f"{url} does not exist (404)")
    if code in (408, 429) or code >= 500:
        raise _BusyError(f"status {code}")
    if code >= 300:
        raise UnavailableError(f"{url} refuses the file ({code})")


def _check_kind(url: str, answer: requests.Response) -> None:
    """A page that asks to log in, or says that there is no such file, comes with a status of success, too."""
    is_page = answer.headers.get("Content-Type", "").startswith("text/html")
    if is_page and not url.lower().endswith((".html", ".htm")):
        raise UnavailableError(f"{url} gives a web page and not the file: open it in a browser to see what it asks for")


def _stated_digest(answer: Any) -> str | None:
    """Hugging Face states the SHA-256 of large files in a header of the first answer."""
    for step in [*answer.history, answer]:
        tag = step.headers.get("X-Linked-ETag", "").strip('"').removeprefix('W/"')
        if len(tag) == 64 and all(c in "0123456789abcdef" for c in tag):
            return str(tag)
    return None
