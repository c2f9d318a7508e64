"""The transfer of one file: it resumes after a break, waits for a busy server, and ends with the published file."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codec_bench.errors import CodecBenchError, UnavailableError
from codec_bench.files import file_digest
from codec_bench.hub.places import RemoteFile, digest_of, other_file

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
        self._digest = digest_of(weight)
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
            problem = f"{self._url} gave {other_file(kind, actual, expected)}"
            self._part.unlink()
            if is_last or not self._is_resumed:
                raise UnavailableError(problem)
            logger.info("%s; it was assembled from several downloads; starting over", problem)

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

        check_stop(self._stop)
        start = self._part.stat().st_size if self._part.exists() else 0
        # Packed again on its way, an archive would be another file, and could not be continued.
        asked = headers(self._url) | {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
        with requests.get(self._url, headers=asked, stream=True, timeout=TIMEOUT_SECONDS) as answer:
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
                raise _BusyError("it is unknown whether the partial download belongs to this file")
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
                check_stop(self._stop)
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
        raise UnavailableError(f"{url} returns a web page, not the file: open it in a browser to see what it asks for")


def _stated_digest(answer: Any) -> str | None:
    """Hugging Face states the SHA-256 of large files in a header of the first answer."""
    for step in [*answer.history, answer]:
        tag = step.headers.get("X-Linked-ETag", "").strip('"').removeprefix('W/"')
        if len(tag) == 64 and all(c in "0123456789abcdef" for c in tag):
            return str(tag)
    return None
