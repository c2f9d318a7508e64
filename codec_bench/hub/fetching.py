"""Missing files: announced with their size, downloaded a few at a time, verified."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import cache
from itertools import chain
from pathlib import Path

from codec_bench import locks, terminal
from codec_bench.errors import CodecBenchError, DiskFullError, UnavailableError, UsageError
from codec_bench.files import write_error
from codec_bench.hub.answer import stated_size
from codec_bench.hub.download import TIMEOUT_SECONDS, Progress, check_stop, download, headers
from codec_bench.hub.pace import Pace, TooSlowError, watched
from codec_bench.hub.places import (
    RemoteFile,
    difference,
    home,
    is_offline,
    is_published,
    locate,
    search,
    warn_once,
    web_mirrors,
)
from codec_bench.hub.revisions import url_at_commit

logger = logging.getLogger(__name__)

AT_ONCE = 4
"""How many files are downloaded at the same time."""

STOP_SECONDS = 5.0
"""How long threads have to stop; one that waits for a silent server is left behind, and stops when it answers."""


def fetch(weight: RemoteFile, progress: Progress | None = None) -> Path:
    """A verified local copy of a weight, downloaded into `home()` where no folder has it.

    Several processes that ask for one file fetch it once. An interrupted download resumes where it stopped, in this
    call or in a later one. A copy in `home()` that is another file than the published one is replaced; where no digest
    is published, one that is not what was downloaded first is an error.

    Raises:
        UnavailableError: Offline, not published, not allowed, or not the file that it should be.
        UsageError: `home()` cannot be written.
        DiskFullError: No room left.
    """
    return _fetch(weight, progress, threading.Event())


def _fetch(weight: RemoteFile, progress: Progress | None, stop: threading.Event) -> Path:
    found, others = search(weight)
    if found is not None:
        return found
    from_mirrors = [f"{mirror}/{weight.path}" for mirror in web_mirrors()]
    if is_offline() or not (from_mirrors or weight.url):
        if others:
            raise UnavailableError(difference(weight, others[0]))
        raise UnavailableError(
            f"{weight.path} is missing, and CODEC_BENCH_OFFLINE forbids downloading it"
            if is_offline()
            else f"{weight.path} is missing, and nobody publishes it: add a folder to CODEC_BENCH_MIRROR"
        )
    target = home() / weight.path
    for other in others:
        if other != target:
            warn_once(difference(weight, other))
    try:
        with locked(target.with_name(f".{target.name}.lock"), check_stop=lambda: check_stop(stop)):
            if target.is_file() and not is_published(weight, target):
                if weight.pin:  # the user's own, perhaps
                    raise UnavailableError(difference(weight, target))
                logger.warning("%s; it is downloaded again", difference(weight, target))
                target.unlink()
            if not target.is_file():  # else another process was faster
                # Whoever publishes it is asked for a commit only where no mirror has the file.
                published = map(url_at_commit, [weight] if weight.url else [])
                download(chain(from_mirrors, published), target, weight, progress, stop)
    except UnavailableError as error:
        if not others:
            raise
        raise UnavailableError(f"{difference(weight, others[0])}; {error}") from error
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
    """As `locks.locked`, below `home()`: of several processes one does what the others need, too.

    Who holds the lock is told to `on_wait`, or in a warning.
    """

    def warn(holder: str) -> None:
        logger.warning("waiting for %s, which holds %s", holder, path)

    return locks.locked(path, on_wait or warn, check_stop, _home_error)


def fetch_all(weights: Sequence[RemoteFile], what: str) -> list[Path]:
    """Local copies of all weights; what has to be downloaded is named with its size before it starts.

    A few are downloaded at a time. If one of them fails, the others stop, and resume in a later call.

    Args:
        weights: What to get.
        what: For the announcement, e.g. `codec:lyra`.

    Raises:
        UnavailableError: One of them is unavailable; the message says which and why.
        CodecBenchError: As `fetch`.
    """
    absent = [weight for weight in dict.fromkeys(weights) if search(weight)[0] is None]
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
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
        from rich.progress import TransferSpeedColumn as Speed

        console = terminal.console(stderr=True)
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


ANSWER_SECONDS = 5.0
"""How long a server has to answer whether it has a file that is not needed."""


def may_be_fetched(weight: RemoteFile) -> bool:
    """Whether a server answers that it has a file; it is asked once by each process, and not offline."""
    places = [*(f"{mirror}/{weight.path}" for mirror in web_mirrors()), *filter(None, [weight.url])]
    return not is_offline() and any(map(_answers, places))


@cache
def _answers(url: str) -> bool:
    import requests

    try:
        return requests.head(url, headers=headers(url), allow_redirects=True, timeout=ANSWER_SECONDS).ok
    except requests.RequestException:
        return False


def size_of(weight: RemoteFile) -> int | None:
    """Download size of a weight in bytes, asked of the server if unknown; None if it does not say."""
    if weight.size is not None or is_offline() or not weight.url:
        return weight.size
    import requests

    def asked() -> requests.Response:
        return requests.head(weight.url, headers=headers(weight.url), allow_redirects=True, timeout=TIMEOUT_SECONDS)

    try:
        answer = watched(asked, Pace().check)
    except (requests.RequestException, TooSlowError):
        return None
    return (
        stated_size(answer.headers.get("X-Linked-Size") or answer.headers.get("Content-Length")) if answer.ok else None
    )
