"""The hub against servers on this machine that lie about what they send, never end, or send next to nothing."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from codec_bench import hub
from codec_bench.errors import UnavailableError, UsageError
from codec_bench.hub import RemoteFile, download, fetch, fetch_all, locate, pace, pins, size_of
from codec_bench.hub.pace import Pace, TooSlowError

A = os.urandom(400_000)
B = os.urandom(400_000)
DIGEST = hashlib.sha256(A).hexdigest()
OTHER = hashlib.sha256(B).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Each path is one way to misbehave."""

    protocol_version = "HTTP/1.1"
    asked: list[tuple[str, str | None, str | None]]
    files: dict[str, bytes]

    def log_message(self, *_: object) -> None:
        return

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        name = self.path.strip("/").partition(".")[0]
        self.asked.append((name, self.headers.get("Range"), self.headers.get("If-Range")))
        self.close_connection = True
        with_start = self.headers.get("Range")
        start = int(with_start.removeprefix("bytes=").removesuffix("-")) if with_start else 0
        getattr(self, name.replace("-", "_"))(start)

    def send(self, body: bytes, length: str | None = None, status: int = 200, **others: str) -> None:
        self.send_response(status)
        for key, value in others.items():
            self.send_header(key.replace("_", "-"), value)
        if length != "":
            self.send_header("Content-Length", str(len(body)) if length is None else length)
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def forever(self, chunk: bytes, wait: float = 0.0) -> None:
        try:
            while self.command != "HEAD":
                self.wfile.write(chunk)
                time.sleep(wait)
        except OSError:
            return

    def plain(self, start: int) -> None:
        self.send(A)

    def changing(self, start: int) -> None:
        self.send(self.files.get("changing", A))

    def short(self, start: int) -> None:
        self.send(A, "1000")

    def long(self, start: int) -> None:
        self.send(A, "9000000")

    def nonsense(self, start: int) -> None:
        self.send(A, "abc")

    def negative(self, start: int) -> None:
        self.send(A, "-5")

    def twice(self, start: int) -> None:
        self.send(A, f"{len(A)}\r\nContent-Length: 7")

    def switched(self, start: int) -> None:
        """Another file under the same address, to one who comes back; `If-Range` is not known."""
        if start:
            self.send(B[start:], status=206, ETag='"b"', Content_Range=f"bytes {start}-{len(B) - 1}/{len(B)}")
        else:
            self.send(A[:200_000], str(len(A)), ETag='"a"')

    def polite(self, start: int) -> None:
        """The same by the book."""
        if start and self.headers.get("If-Range") == '"a"':
            self.send(B, ETag='"b"')
        else:
            self.send(A[:200_000], str(len(A)), ETag='"a"')

    def grown(self, start: int) -> None:
        if start:
            self.send(A[start:] + B, status=206, Content_Range=f"bytes {start}-799999/800000")
        else:
            self.send(A[:200_000], str(len(A)))

    def elsewhere(self, start: int) -> None:
        if start:
            self.send(A[100_000:], status=206, Content_Range=f"bytes 100000-{len(A) - 1}/{len(A)}")
        else:
            self.send(A[:200_000], str(len(A)))

    def unranged(self, start: int) -> None:
        if start:
            self.send(A[start:], status=206)
        else:
            self.send(A[:200_000], str(len(A)))

    def unasked(self, start: int) -> None:
        self.send(A[200_000:], status=206, Content_Range=f"bytes 200000-{len(A) - 1}/{len(A)}")

    def packed(self, start: int) -> None:
        self.send(gzip.compress(A), Content_Encoding="gzip")

    def chunks(self, start: int) -> None:
        self.send(b"".join(b"%x\r\n%s\r\n" % (1000, A[i : i + 1000]) for i in range(0, len(A), 1000)) + b"0\r\n\r\n",
                  "", Transfer_Encoding="chunked")  # fmt: skip

    def bad_chunks(self, start: int) -> None:
        self.send(b"zzz\r\nabc\r\n", "", Transfer_Encoding="chunked")

    def cut_chunks(self, start: int) -> None:
        self.send(b"%x\r\n%s\r\n" % (1000, A[:1000]), "", Transfer_Encoding="chunked")

    def empty(self, start: int) -> None:
        self.send(b"")

    def endless(self, start: int) -> None:
        self.send(b"", "")
        self.forever(bytes(1 << 16))

    def longer(self, start: int) -> None:
        self.send(A + b"x", "")

    def other(self, start: int) -> None:
        self.send(B, X_Linked_ETag=OTHER)

    def loop(self, start: int) -> None:
        self.send(b"", status=302, Location=self.path)

    def to_file(self, start: int) -> None:
        self.send(b"", status=302, Location="file:///etc/passwd")

    def nothing(self, start: int) -> None:
        self.connection.close()

    def busy(self, start: int) -> None:
        self.send(b"", status=503)

    def much_later(self, start: int) -> None:
        self.send(b"", status=429, Retry_After="100000")

    def huge_header(self, start: int) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000 + b"\r\n\r\n")

    def drip(self, start: int) -> None:
        self.send(b"", "100000")
        self.forever(b"x", 0.02)

    def header_drip(self, start: int) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        self.forever(b"x", 0.02)

    def chunk_drip(self, start: int) -> None:
        self.send(b"", "", Transfer_Encoding="chunked")
        self.forever(b"0", 0.02)


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(download, "BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr(download, "UNSTATED_LIMIT", 10_000_000)
    for name in ("CODEC_BENCH_OFFLINE", "CODEC_BENCH_MIRROR", "CODEC_BENCH_ACCEPT", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    Handler.asked, Handler.files = [], {}
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def remote(address: str, name: str, digest: str | None = None, size: int | None = None) -> RemoteFile:
    return RemoteFile(f"models/{name}/file.bin", digest, size, f"{address}/{name}.bin")


def left_over() -> list[str]:
    """What is left of downloads that failed, but for what a later call goes on with."""
    return [path.name for path in (hub.home() / "models").rglob("*") if path.is_file() and path.suffix != ".lock"]


GOOD = ("plain", "nonsense", "negative", "chunks")
"""What is odd and does no harm."""


@pytest.mark.parametrize("digest", [DIGEST, None], ids=["digest", "no-digest"])
@pytest.mark.parametrize("name", GOOD)
def test_what_does_no_harm_gives_the_file(address: str, name: str, digest: str | None):
    assert fetch(remote(address, name, digest)).read_bytes() == A
    assert fetch_all([remote(address, name, digest)], "x")[0].read_bytes() == A


WITH_DIGEST = {
    "short": "gave another file",
    "long": r"could not be downloaded in 6 attempts.*8600000 more expected",
    "twice": "could not be downloaded in 1 attempts",
    "switched": "could not be downloaded in 6 attempts.*another part",
    "polite": "gave another file",
    "grown": "could not be downloaded in 6 attempts.*another part",
    "elsewhere": "could not be downloaded in 6 attempts.*another part",
    "unranged": "could not be downloaded in 6 attempts.*another part",
    "unasked": "could not be downloaded in 6 attempts.*another part",
    "packed": "gave another file",
    "bad_chunks": "could not be downloaded in 6 attempts",
    "cut_chunks": "could not be downloaded in 6 attempts",
    "empty": "gave another file",
    "endless": "more than the 10000000 bytes",
    "longer": "gave another file",
    "other": "gave another file",
    "loop": "in 1 attempts: TooManyRedirects",
    "to_file": "in 1 attempts: InvalidSchema",
    "nothing": "in 2 attempts",
    "busy": "could not be downloaded in 6 attempts.*503",
    "much_later": "could not be downloaded in 6 attempts.*429",
    "huge_header": "in 2 attempts",
    "drip": "less than 1000 bytes per second",
    "header_drip": "less than 1000 bytes per second",
    "chunk_drip": "less than 1000 bytes per second",
}
"""What comes of each where the digest is published."""

WITHOUT_DIGEST = WITH_DIGEST | {
    "packed": r"packed on its way \(gzip\)",
    "empty": "gives an empty file",
}
"""And where it is not: all but what nobody could tell from the file."""
for name in ("short", "polite", "longer", "other"):
    del WITHOUT_DIGEST[name]


@pytest.mark.parametrize("name", WITH_DIGEST)
def test_what_lies_is_refused(address: str, name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pace, "WINDOW_SECONDS", 1.0 if "drip" in name else 60.0)
    with pytest.raises(UnavailableError, match=WITH_DIGEST[name]) as caught:
        fetch(remote(address, name, DIGEST))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
    assert "file.bin" not in left_over()


@pytest.mark.parametrize("name", WITHOUT_DIGEST)
def test_what_lies_is_refused_where_no_digest_would_tell(address: str, name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pace, "WINDOW_SECONDS", 1.0 if "drip" in name else 60.0)
    with pytest.raises(UnavailableError, match=WITHOUT_DIGEST[name]):
        fetch(remote(address, name))
    assert "file.bin" not in left_over()


@pytest.mark.parametrize("name", ["short", "long", "empty", "endless", "longer", "grown", "packed"])
def test_a_download_ends_at_the_size_that_is_known(address: str, name: str):
    with pytest.raises(
        UnavailableError, match=r"expected 400000|more than the 400000 bytes|of 400000 bytes|another part"
    ):
        fetch(remote(address, name, size=len(A)))
    assert all(path.stat().st_size <= len(A) for path in hub.home().rglob("*.part"))


def test_a_file_that_changed_in_between_is_asked_for_as_a_whole(address: str):
    assert fetch(remote(address, "polite")).read_bytes() == B
    assert [validator for _, _, validator in Handler.asked] == [None, '"a"']


@pytest.mark.parametrize("name", ["nonsense", "negative", "empty", "nothing", "loop", "header_drip"])
def test_a_size_that_cannot_be_is_not_known(address: str, name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pace, "WINDOW_SECONDS", 1.0 if "drip" in name else 60.0)
    assert size_of(remote(address, name)) in (None, 0)


def test_what_comes_second_must_be_what_came_first(address: str, monkeypatch: pytest.MonkeyPatch):
    made = remote(address, "changing")
    path = fetch(made)
    assert json.loads((hub.home() / pins.FILE).read_text()) == {made.source: DIGEST}
    path.unlink()
    Handler.files = {"changing": B}
    for _ in range(2):
        with pytest.raises(UnavailableError, match=f"CODEC_BENCH_ACCEPT={OTHER}"):
            fetch(made)
        assert not path.exists()
    monkeypatch.setenv("CODEC_BENCH_ACCEPT", f"{'0' * 64}, {OTHER.upper()}")
    assert fetch(made).read_bytes() == B
    monkeypatch.delenv("CODEC_BENCH_ACCEPT")
    assert locate(made).read_bytes() == B
    path.unlink()
    assert fetch(made).read_bytes() == B


def test_a_download_that_changed_on_the_disk_is_not_used_and_not_removed(address: str, monkeypatch: pytest.MonkeyPatch):
    made = remote(address, "plain")
    path = fetch(made)
    path.write_bytes(B)
    for attempt in (locate, fetch):
        with pytest.raises(UnavailableError, match=f"CODEC_BENCH_ACCEPT={OTHER}"):
            attempt(made)
    assert path.read_bytes() == B
    monkeypatch.setenv("CODEC_BENCH_ACCEPT", OTHER)
    assert locate(made) == path
    monkeypatch.delenv("CODEC_BENCH_ACCEPT")
    assert fetch(made) == path


def test_what_has_a_digest_or_is_packed_anew_is_not_compared_with_the_first(address: str):
    made = RemoteFile("sources/x.tar.gz", source=f"{address}/changing", is_packed_anew=True)
    fetch(made).unlink()
    Handler.files = {"changing": B}
    assert fetch(made).read_bytes() == B
    fetch(remote(address, "plain", DIGEST))
    assert not (hub.home() / pins.FILE).exists()


def test_a_revision_of_a_repository_is_a_file_of_its_own():
    names = {RemoteFile("hf/o/r/f", revision=revision).pin for revision in ("main", "v2")}
    assert names == {"hf/o/r/f@main", "hf/o/r/f@v2"}


def test_a_download_that_was_of_no_use_is_not_the_first(address: str):
    made = remote(address, "changing")
    fetch(made).unlink()
    hub.forget(made)
    Handler.files = {"changing": B}
    assert fetch(made).read_bytes() == B


@pytest.mark.parametrize("content", ["", "[]", "{", '{"a": 1}', "[" * 100_000, "\x00"])
def test_damaged_digests_are_one_line(address: str, content: str):
    (hub.home()).mkdir(parents=True, exist_ok=True)
    (hub.home() / pins.FILE).write_text(content)
    with pytest.raises(UsageError, match=r"digests\.json is damaged: remove it"):
        fetch(remote(address, "plain"))


PIN = "import sys; from codec_bench.hub import *; fetch(RemoteFile(sys.argv[2], source=sys.argv[1] + sys.argv[2]))"


def test_processes_that_download_at_once_keep_all_digests(address: str):
    """Each process has a file of its own, and all of them one file of digests."""
    names = [f"plain.{number}" for number in range(6)]
    processes = [subprocess.Popen([sys.executable, "-c", PIN, f"{address}/", name]) for name in names]
    assert [process.wait(60) for process in processes] == [0] * 6
    found = json.loads((hub.home() / pins.FILE).read_text())
    assert found == {f"{address}/{name}": DIGEST for name in names}


def test_what_is_slow_and_fast_enough(monkeypatch: pytest.MonkeyPatch):
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(pace, "WINDOW_SECONDS", 60.0)
    measured = Pace()
    for second in range(1000):  # 1,000 bytes each second, in bursts
        clock[0] += 1
        measured.add(0 if second % 20 else 20_000)
        measured.check()
    clock[0] += 121
    measured.add(60_000)  # over two minutes
    measured.check()
    clock[0] += 60
    measured.add(59_999)
    with pytest.raises(TooSlowError, match="less than 1000 bytes per second"):
        measured.check()
