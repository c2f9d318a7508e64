"""The hub against a server on this machine that breaks, lies, asks to wait, or wants a token."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from codec_bench import hub
from codec_bench.errors import UnavailableError
from codec_bench.hub import RemoteFile, describe_size, fetch, fetch_all, find, locate, mirrors, size_of, web_mirrors

CONTENT = os.urandom(3_000_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Counts requests; the path says how it behaves."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[str, str | None, str | None]] = []
        self.breaks = 0
        self.busy = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: object) -> None:
        return

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        token = self.headers.get("Authorization")
        self.server.requests.append((self.path, wanted, token))
        if "absent" in self.path:
            return self.send_error(404)
        if "secret" in self.path and token != "Bearer letmein":
            return self.send_error(403)
        if self.server.busy:
            self.server.busy -= 1
            return self.send_error(503)
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and "norange" not in self.path else 0
        if start >= len(CONTENT):
            return self.send_error(416)
        body = CONTENT[start:] if "wrong" not in self.path else bytes(len(CONTENT) - start)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        if "linked" in self.path:
            self.send_header("X-Linked-ETag", f'"{DIGEST}"')
        self.end_headers()
        if self.server.breaks:
            self.server.breaks -= 1
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
            return None
        self.wfile.write(body)
        return None


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(hub, "BACKOFF_SECONDS", 0.01)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.delenv("CODEC_BENCH_OFFLINE", raising=False)
    with Server() as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


def weight(server: Server, name: str = "file.bin", sha256: str | None = DIGEST) -> RemoteFile:
    return RemoteFile(f"models/x/{name}", sha256, len(CONTENT), f"{server.address}/{name}")


def test_a_file_is_fetched_once_and_verified(server: Server):
    seen: list[tuple[int, int | None]] = []
    path = fetch(weight(server), lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert fetch(weight(server)) == path
    assert len(server.requests) == 1
    assert not [p for p in path.parent.iterdir() if p.suffix == ".part"]


def test_a_broken_download_goes_on_where_it_stopped(server: Server):
    server.breaks = 2
    assert fetch(weight(server)).read_bytes() == CONTENT
    assert server.requests[0][1] is None
    starts = [int(str(r).removeprefix("bytes=")[:-1]) for _, r, _ in server.requests[1:]]
    assert len(starts) == 2
    # what arrived is kept, but for the chunk that the break cut; the second break comes halfway through the rest
    assert 0 <= 1_500_000 - starts[0] < hub.CHUNK
    assert 0 <= (starts[0] + len(CONTENT)) // 2 - starts[1] < hub.CHUNK


def test_a_later_call_goes_on_too(server: Server, monkeypatch: pytest.MonkeyPatch):
    server.breaks = 2
    monkeypatch.setattr(hub, "ATTEMPTS", 1)
    for _ in range(2):
        with pytest.raises(UnavailableError, match="could not be downloaded"):
            fetch(weight(server))
    assert fetch(weight(server)).read_bytes() == CONTENT
    assert int(str(server.requests[-1][1]).removeprefix("bytes=")[:-1]) > 2_000_000


def test_a_server_that_cannot_resume_is_asked_for_the_whole_file(server: Server):
    server.breaks = 1
    assert fetch(weight(server, "norange.bin")).read_bytes() == CONTENT


def test_a_partial_file_of_another_version_is_started_over(server: Server):
    part = hub.home() / "models/x/.file.bin.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(bytes(len(CONTENT) + 5))
    assert fetch(weight(server)).read_bytes() == CONTENT


def test_a_busy_server_is_asked_again(server: Server):
    server.busy = 3
    assert fetch(weight(server)).read_bytes() == CONTENT
    assert len(server.requests) == 4


@pytest.mark.parametrize(("name", "message"), [("absent.bin", "404"), ("secret.bin", "HF_TOKEN")])
def test_refusals_are_final_and_say_what_to_do(server: Server, name: str, message: str):
    with pytest.raises(UnavailableError, match=message):
        fetch(weight(server, name))
    assert len(server.requests) == 1


def test_another_file_is_refused_and_not_kept(server: Server):
    with pytest.raises(UnavailableError, match="gave another file"):
        fetch(weight(server, "wrong.bin"))
    assert find("models/x/wrong.bin") is None
    assert not (hub.home() / "models/x/.wrong.bin.part").exists()


def test_the_digest_that_a_hub_states_is_checked(server: Server):
    assert fetch(weight(server, "linked.bin", None)).read_bytes() == CONTENT
    with pytest.raises(UnavailableError, match="gave another file"):
        fetch(weight(server, "linked-wrong.bin", None))


def test_hugging_face_files_and_the_token(server: Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_ENDPOINT", server.address)
    monkeypatch.setenv("HF_TOKEN", "letmein")
    made = RemoteFile("hf/org/repo/ckpts/secret.pt", DIGEST, revision="abc")
    assert fetch(made).read_bytes() == CONTENT
    assert server.requests == [("/org/repo/resolve/abc/ckpts/secret.pt", None, "Bearer letmein")]
    fetch(weight(server, "elsewhere.bin"))  # the same host here, but a path below the endpoint
    assert size_of(made) == len(CONTENT)


def test_the_token_goes_to_hugging_face_only(server: Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_TOKEN", "letmein")
    fetch(weight(server))
    assert server.requests[0][2] is None


def test_folders_come_before_web_mirrors_and_these_before_the_source(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "mirror"
    (folder / "models/x").mkdir(parents=True)
    monkeypatch.setenv("CODEC_BENCH_MIRROR", f"{folder}:{server.address}/lab:{tmp_path / 'other'}")
    assert mirrors() == [folder, tmp_path / "other", hub.home()]
    assert web_mirrors() == [f"{server.address}/lab"]
    fetch(RemoteFile("models/x/file.bin", DIGEST, source="http://127.0.0.1:9/never"))
    assert server.requests[0][0] == "/lab/models/x/file.bin"
    (folder / "models/x/mine.bin").write_bytes(b"mine")
    mine = RemoteFile("models/x/mine.bin", hashlib.sha256(b"mine").hexdigest())
    assert fetch(mine) == folder / "models/x/mine.bin"
    (folder / "models/x/mine.bin").write_bytes(b"changed")
    with pytest.raises(UnavailableError, match="is another file"):
        locate(mine)


def test_offline_nothing_is_asked(server: Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CODEC_BENCH_OFFLINE", "1")
    with pytest.raises(UnavailableError, match="CODEC_BENCH_OFFLINE"):
        fetch(weight(server))
    assert server.requests == []


def test_a_machine_without_network_is_told_soon():
    with pytest.raises(UnavailableError, match="in 2 attempts"):
        fetch(RemoteFile("models/x/y", DIGEST, source="http://127.0.0.1:9/y"))


def test_what_will_be_downloaded_is_named_with_its_size_first(server: Server, caplog: pytest.LogCaptureFixture):
    fetch_all([weight(server), weight(server, "b.bin")], "codec:x")
    assert "codec:x: downloading 2 files (6.0 MB)" in caplog.text
    caplog.clear()
    fetch_all([weight(server)], "codec:x")
    assert caplog.text == ""


FETCH = (
    "import sys; from codec_bench.hub import *; print(fetch(RemoteFile('models/x/f', sys.argv[2], None, sys.argv[1])))"
)


def test_several_processes_fetch_a_file_once(server: Server):
    processes = [
        subprocess.Popen([sys.executable, "-c", FETCH, f"{server.address}/f", DIGEST], stdout=subprocess.DEVNULL)
        for _ in range(4)
    ]
    assert [p.wait(60) for p in processes] == [0] * 4
    assert len(server.requests) == 1


def test_sizes_for_people():
    assert describe_size(999_949) == "1.0 MB"
    assert describe_size(2_189_033_600) == "2.19 GB"
