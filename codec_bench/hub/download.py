"""The transfer of one file: it resumes after a break, waits for a busy server, and ends with the published file."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from codec_bench.errors import CodecBenchError, UnavailableError, first_line
from codec_bench.files import file_digest
from codec_bench.hub import pins
from codec_bench.hub.answer import Answer
from codec_bench.hub.pace import Pace, TooSlowError, watched
from codec_bench.hub.places import RemoteFile, digest_of, home, other_file

if TYPE_CHECKING:
    import requests

logger = logging.getLogger(__name__)

ATTEMPTS = 6
"""How often a download is tried that breaks or meets a busy server; what has arrived is kept."""

BACKOFF_SECONDS = 1.0
"""Wait before the second attempt; it doubles with each further one."""

TIMEOUT_SECONDS = 45.0
"""How long a server may be silent; the download then goes on over another connection."""

CHUNK = 1 << 14
"""Bytes per read; what a break cuts off within one is lost."""

UNSTATED_LIMIT = 10**10
"""Bytes of a file whose size neither we nor the server know."""

Progress = Callable[[int, int | None], None]
"""Called with the bytes that have arrived and the size of the file, where it is known."""


class StoppedError(CodecBenchError):
    """Another download of the same call has failed."""


def check_stop(stop: threading.Event) -> None:
    """Ends what a thread does where another one has failed."""
    if stop.is_set():
        raise StoppedError("stopped")


def headers(url: str) -> dict[str, str]:
    """The user's token goes to Hugging Face only."""
    token = os.environ.get("HF_TOKEN")
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    return {"Authorization": f"Bearer {token}"} if token and url.startswith(f"{endpoint}/") else {}


def download(
    urls: Iterable[str], target: Path, weight: RemoteFile, progress: Progress | None, stop: threading.Event
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
        self._weight = weight
        self._digest = digest_of(weight)
        self._progress = progress
        self._stop = stop
        self._is_own = False  # whether all of the partial file came from this address, and just now
        self._is_resumed = False
        self._writing = threading.Lock()
        self._first: Answer | None = None  # what the first of the answers that it came from said

    def run(self) -> None:
        """Gets the whole file.

        Raises:
            UnavailableError: The address does not give it; nothing wrong is left behind.
        """
        for is_last in (False, True):
            stated = self._get()
            kind, expected = self._digest if self._digest[1] else ("sha256", stated or "")
            if not expected or (actual := file_digest(self._part, kind)) == expected:
                break
            problem = f"{self._url} gave {other_file(kind, actual, expected)}"
            self._part.unlink()
            if is_last or not self._is_resumed:
                raise UnavailableError(problem)
            logger.info("%s; it was assembled from several downloads; starting over", problem)
        if self._weight.pin:
            self._compare_with_first()

    def _compare_with_first(self) -> None:
        try:
            pins.pin(home(), self._weight.pin, file_digest(self._part))
        except UnavailableError as error:
            self._part.unlink()
            raise UnavailableError(f"{self._url} gave {error}") from error

    def _get(self) -> str | None:
        """Downloads, however often the connection breaks; returns the digest that the server states, where it does."""
        import requests
        import urllib3

        answered = self._part.exists()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._attempt()
            except (requests.RequestException, urllib3.exceptions.HTTPError, _BusyError) as error:
                problem = _reason(error)
                answered = answered or self._part.exists() or isinstance(error, _BusyError)
                is_final = isinstance(error, ValueError | requests.TooManyRedirects)  # an address that cannot be
                logger.info("%s: %s (attempt %d of %d)", self._url, problem, attempt, ATTEMPTS)
            # A machine without network need not wait long.
            if attempt == ATTEMPTS or is_final or (attempt == 2 and not answered):
                break
            self._stop.wait(BACKOFF_SECONDS * 2 ** (attempt - 1))
        raise UnavailableError(f"{self._url} could not be downloaded in {attempt} attempts: {problem}")

    def _attempt(self) -> str | None:
        """One attempt, from where the last one stopped, for as long as the bytes arrive fast enough."""
        pace, left = Pace(), threading.Event()

        def check() -> None:
            check_stop(self._stop)
            pace.check()

        try:
            return watched(lambda: self._transfer(pace, left), check)
        except TooSlowError as error:
            raise UnavailableError(f"{self._url}: {error}") from error
        finally:
            with self._writing:
                left.set()

    def _transfer(self, pace: Pace, left: threading.Event) -> str | None:
        import requests

        start = self._part.stat().st_size if self._part.exists() else 0
        # Packed again on its way, an archive would be another file, and could not be continued.
        asked = headers(self._url) | {"Accept-Encoding": "identity"}
        if start:
            asked["Range"] = f"bytes={start}-"
            if self._first is not None and self._first.validator:
                asked["If-Range"] = self._first.validator
        with requests.get(self._url, headers=asked, stream=True, timeout=TIMEOUT_SECONDS) as response:
            answer = Answer.of(response)
            if response.status_code == requests.codes.range_not_satisfiable:
                if not answer.ends_at(start):  # longer than the file: left over from another version of it
                    self._discard("the partial file does not fit")
            else:
                _check_status(self._url, response)
                _check_kind(self._url, response)
                is_checked = bool(self._digest[1] or answer.digest)
                answer.check(self._url, self._weight.size, is_checked=is_checked)
                if answer.start is None:
                    start = 0
                elif answer.start != start or not answer.continues(self._first):
                    self._discard("it answers with another part than was asked for, or of another file")
            if start and not (self._is_own or self._digest[1] or answer.digest):
                self._discard("it is unknown whether the partial download belongs to this file")
            self._is_resumed = start > 0
            self._is_own = self._is_own or not start
            if not start:
                self._first = answer
            if response.ok:
                self._write(response, start, answer.total, pace, left)
            return answer.digest

    def _discard(self, problem: str) -> NoReturn:
        self._part.unlink(missing_ok=True)
        self._first = None
        raise _BusyError(problem)

    def _write(
        self, response: requests.Response, start: int, total: int | None, pace: Pace, left: threading.Event
    ) -> None:
        size = self._weight.size
        limit = size if size is not None else UNSTATED_LIMIT if total is None else total
        expected = total if size is None else size
        done = start
        with self._part.open("ab" if start else "wb") as file:
            for chunk in response.raw.stream(CHUNK, decode_content=False):
                pace.add(len(chunk))
                done += len(chunk)
                if done > limit:
                    break
                with self._writing:
                    if left.is_set():
                        return
                    file.write(chunk)
                if self._progress is not None:
                    self._progress(done, expected)
        if done > limit or (not done and not self._digest[1] and size != 0):
            self._part.unlink()
            problem = f"gives more than the {limit} bytes that it may have" if done else "gives an empty file"
            raise UnavailableError(f"{self._url} {problem}")
        if expected is not None and done < expected:
            raise _BusyError(f"the connection ended after {done} of {expected} bytes")


class _BusyError(CodecBenchError):
    """The server asks to come back later."""


def _reason(error: Exception) -> str:
    """One short line: the innermost cause, without the addresses of objects."""
    while error.__cause__ or error.__context__:
        inner = error.__cause__ or error.__context__
        if not isinstance(inner, Exception):
            break
        error = inner
    return f"{type(error).__name__}: {first_line(error)}" if str(error) else type(error).__name__


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
        raise UnavailableError(f"{url} returns a web page, not the file: open it in a browser to see what it asks for")
