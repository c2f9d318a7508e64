"""The hub against a server on this machine that breaks, lies, asks to wait, or wants a token."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from codec_bench import hub
from codec_bench.errors import DiskFullError, UnavailableError, UsageError
from codec_bench.hub import (
    RemoteFile,
    caches,
    download,
    fetch,
    fetch_all,
    fetching,
    find,
    is_published,
    locate,
    mirrors,
    size_of,
    web_mirrors,
)

CONTENT = os.urandom(3_000_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Counts requests; the path says how it behaves."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[str, str | None, str | None]] = []
        self.breaks = 0
        self.busy = 0
        self.redirect = ""

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

    def do_GET(self) -> None:  # noqa: PLR0911
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
        if "elsewhere" in self.path and self.server.redirect:
            self.send_response(302)
            self.send_header("Location", self.server.redirect)
            self.end_headers()
            return None
        if "silent" in self.path:
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT[:1000])
            time.sleep(20)
            return None
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and "norange" not in self.path else 0
        if start >= len(CONTENT):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(CONTENT)}")
            self.end_headers()
            return None
        body = CONTENT[start:] if "wrong" not in self.path else bytes(len(CONTENT) - start)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        if "page" in self.path:
            self.send_header("Content-Type", "text/html; charset=utf-8")
        if "zipped" in self.path:
            self.send_header("Content-Encoding", "gzip")
        if "linked" in self.path:
            self.send_header("X-Linked-ETag", f'"{DIGEST}"')
        self.end_headers()
        if self.server.breaks or ("torn" in self.path and not start):
            self.server.breaks = max(0, self.server.breaks - 1)
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
            return None
        self.wfile.write(body)
        return None


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(download, "BACKOFF_SECONDS", 0.01)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.delenv("CODEC_BENCH_OFFLINE", raising=False)
    with Server() as made:
        threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True).start()
        yield made
        made.shutdown()


def weight(server: Server, name: str = "file.bin", sha256: str | None = DIGEST) -> RemoteFile:
    return RemoteFile(f"models/x/{name}", sha256, len(CONTENT), f"{server.address}/{name}")


def leftover(server: Server, content: bytes, name: str = "file.bin") -> Path:
    part = hub.home() / f"models/x/.{name}.part"
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_bytes(content)
    return part


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
    assert 0 <= 1_500_000 - starts[0] < download.CHUNK
    assert 0 <= (starts[0] + len(CONTENT)) // 2 - starts[1] < download.CHUNK


def test_a_later_call_goes_on_too(server: Server, monkeypatch: pytest.MonkeyPatch):
    server.breaks = 2
    monkeypatch.setattr(download, "ATTEMPTS", 1)
    for _ in range(2):
        with pytest.raises(UnavailableError, match="could not be downloaded"):
            fetch(weight(server))
    assert fetch(weight(server)).read_bytes() == CONTENT
    assert int(str(server.requests[-1][1]).removeprefix("bytes=")[:-1]) > 2_000_000


def test_a_server_that_cannot_resume_is_asked_for_the_whole_file(server: Server):
    server.breaks = 1
    assert fetch(weight(server, "norange.bin")).read_bytes() == CONTENT


LEFT = {
    "too long": bytes(len(CONTENT) + 5),
    "of another mirror": bytes(1_000_000),
    "all of it": CONTENT,
}


@pytest.mark.parametrize("left", LEFT)
def test_what_was_left_over_is_used_where_it_fits(server: Server, left: str):
    leftover(server, LEFT[left])
    assert fetch(weight(server)).read_bytes() == CONTENT
    starts = [f"bytes={len(LEFT[left])}-"]
    assert [wanted for _, wanted, _ in server.requests] == starts + [None] * (LEFT[left] != CONTENT)


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


def test_a_machine_without_network_is_told_soon(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(download, "BACKOFF_SECONDS", 0.01)
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


def test_a_server_that_cuts_and_lies_is_given_up(server: Server):
    with pytest.raises(UnavailableError, match="gave another file"):
        fetch(weight(server, "torn-wrong.bin"))
    assert [bool(wanted) for _, wanted, _ in server.requests] == [False, True, False, True]


def test_a_leftover_that_nothing_can_verify_is_not_continued(server: Server):
    leftover(server, bytes(1_000_000))
    assert fetch(weight(server, sha256=None)).read_bytes() == CONTENT
    server.breaks = 1  # what this call has fetched itself is
    assert fetch(weight(server, "b.bin", None)).read_bytes() == CONTENT
    assert 0 <= 1_500_000 - int(str(server.requests[-1][1]).removeprefix("bytes=")[:-1]) < download.CHUNK


def test_md5_where_no_sha256_is_known(server: Server, tmp_path: Path):
    made = RemoteFile("models/x/f", source=f"{server.address}/f", md5=MD5.upper())
    path = fetch(made)
    assert is_published(made, path)
    path.write_bytes(b"rotten")
    assert not is_published(made, path)
    assert is_published(RemoteFile("models/x/f"), path)  # nothing is known to compare with
    with pytest.raises(UnavailableError, match=f"gave another file: md5 .*, expected {MD5[:12]}"):
        fetch(RemoteFile("models/x/g", source=f"{server.address}/wrong", md5=MD5))
    assert not [p for p in path.parent.iterdir() if p.suffix == ".part"]


def test_a_rotten_file_in_the_cache_is_replaced(server: Server, caplog: pytest.LogCaptureFixture):
    path = fetch(weight(server))
    path.write_bytes(CONTENT[:-1] + bytes(2))
    with pytest.raises(UnavailableError, match="is another file"):
        locate(weight(server))
    assert fetch_all([weight(server)], "codec:x") == [path]
    assert path.read_bytes() == CONTENT
    assert "is another file" in caplog.text
    assert "it is downloaded again" in caplog.text
    assert "downloading 1 files" in caplog.text


def test_a_rotten_file_is_said_where_it_cannot_be_replaced(server: Server, monkeypatch: pytest.MonkeyPatch):
    path = fetch(weight(server))
    path.write_bytes(b"rotten")
    monkeypatch.setenv("CODEC_BENCH_OFFLINE", "1")
    with pytest.raises(UnavailableError, match="is another file"):
        fetch(weight(server))
    assert path.read_bytes() == b"rotten"


def test_a_wrong_file_in_a_mirror_is_passed_over(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    for name, content in (("bad", b"another"), ("good", CONTENT)):
        (tmp_path / name / "models/x").mkdir(parents=True)
        (tmp_path / name / "models/x/file.bin").write_bytes(content)
    monkeypatch.setenv("CODEC_BENCH_MIRROR", f"{tmp_path / 'bad'}:{tmp_path / 'good'}")
    assert locate(weight(server)) == fetch(weight(server)) == tmp_path / "good/models/x/file.bin"
    assert caplog.text.count("bad/models/x/file.bin is another file") == 1
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path / "bad"))
    assert fetch(weight(server)) == hub.home() / "models/x/file.bin"
    assert (tmp_path / "bad/models/x/file.bin").read_bytes() == b"another"


def test_several_files_are_downloaded_at_once(server: Server):
    made = [weight(server, f"{n}.bin") for n in range(6)]
    paths = fetch_all([*made, made[0]], "codec:x")
    assert [p.name for p in paths] == [*(f"{n}.bin" for n in range(6)), "0.bin"]
    assert all(p.read_bytes() == CONTENT for p in paths)
    assert len(server.requests) == 6


def test_the_first_error_stops_the_others(server: Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fetching, "STOP_SECONDS", 0.2)
    made = [weight(server, name) for name in ("silent.bin", "absent.bin", *(f"{n}.bin" for n in range(20)))]
    start = time.monotonic()
    with pytest.raises(UnavailableError, match=r"absent\.bin does not exist"):
        fetch_all(made, "codec:x")
    assert time.monotonic() - start < 5
    assert len(server.requests) < 22
    assert (hub.home() / "models/x/.silent.bin.part").exists()  # goes on in a later call


FETCH_ALL = (
    "import sys; from codec_bench.hub import *;"
    "fetch_all([RemoteFile(f'models/x/{n}', None, None, f'{sys.argv[1]}/silent{n}') for n in range(3)], 'codec:x')"
)


FAST_STOP = "from codec_bench.hub import fetching; fetching.STOP_SECONDS = 0.2;"


def test_ctrl_c_need_not_wait_for_a_silent_server(server: Server):
    process = subprocess.Popen(
        [sys.executable, "-c", f"{FAST_STOP} {FETCH_ALL}", server.address],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    while len(server.requests) < 3:
        assert process.poll() is None
        time.sleep(0.02)
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert time.monotonic() - start < 5
    assert errors.strip().endswith("KeyboardInterrupt")


def test_redirects_are_followed_and_the_token_stays_behind(server: Server, monkeypatch: pytest.MonkeyPatch):
    with Server() as other:
        threading.Thread(target=other.serve_forever, args=(0.02,), daemon=True).start()
        server.redirect = f"http://localhost:{other.server_port}/cdn/file"
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        monkeypatch.setenv("HF_TOKEN", "letmein")
        assert fetch(RemoteFile("hf/org/repo/elsewhere.pt", DIGEST)).read_bytes() == CONTENT
        assert server.requests == [("/org/repo/resolve/main/elsewhere.pt", None, "Bearer letmein")]
        assert other.requests == [("/cdn/file", None, None)]
        other.shutdown()


def test_a_page_that_asks_to_log_in_is_no_file(server: Server):
    for digest in (None, DIGEST):
        part = leftover(server, CONTENT[:1000], "page.bin")
        with pytest.raises(UnavailableError, match=f"{server.address}/page.bin returns a web page"):
            fetch(weight(server, "page.bin", digest))
        assert find("models/x/page.bin") is None
        assert part.read_bytes() == CONTENT[:1000]
    assert fetch(weight(server, "page.html", None)).read_bytes() == CONTENT


def test_an_archive_that_a_server_calls_an_encoding_is_kept_as_it_is(server: Server):
    assert fetch(weight(server, "zipped.tgz")).read_bytes() == CONTENT


def test_a_proxy_is_used(server: Server, monkeypatch: pytest.MonkeyPatch):
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, server.address)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert fetch(RemoteFile("models/x/f", DIGEST, None, "http://publisher.invalid/f")).read_bytes() == CONTENT
    assert server.requests[0][0] == "http://publisher.invalid/f"


def test_a_cache_that_cannot_be_written_is_one_line(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "home").write_text("a file where a folder must be")
    monkeypatch.setenv("CODEC_BENCH_HOME", str(tmp_path / "home"))
    with pytest.raises(UsageError, match="cannot be written") as caught:
        fetch(weight(server))
    assert f"make {tmp_path / 'home'} writable, or set CODEC_BENCH_HOME" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_one_line(server: Server):
    part = hub.home() / "models/x/.file.bin.part"
    part.parent.mkdir(parents=True)
    part.symlink_to("/dev/full")  # every write to it fails as on a full disk
    with pytest.raises(DiskFullError, match=f"no space left on the disk of {part.parent}.*codec-bench cache"):
        fetch(weight(server))
    part.unlink()
    assert fetch(weight(server)).read_bytes() == CONTENT


@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not installed")
def test_a_cache_on_a_read_only_disk_is_one_line(server: Server, tmp_path: Path):
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    inner = 'mount -t tmpfs -o ro none "$1" && CODEC_BENCH_HOME="$1" exec "$2" -c "$3" "$4" "$5"'
    arguments = [str(tmp_path), sys.executable, FETCH, f"{server.address}/f", DIGEST]
    command = ["unshare", *user, "--mount", "sh", "-c", inner, "sh", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    if "mount:" in done.stderr or "unshare:" in done.stderr:
        pytest.skip("no file system can be mounted here")
    last = done.stderr.strip().splitlines()[-1]
    assert "Read-only file system" in last
    assert f"make {tmp_path} writable, or set CODEC_BENCH_HOME" in last


def test_a_home_that_cannot_be_written_has_no_fresh_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CODEC_BENCH_HOME", str(tmp_path / "file/home"))
    with pytest.raises(UsageError, match="home cannot be written"), caches(fresh=True):
        pass
