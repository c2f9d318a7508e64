"""The commit of a repository on Hugging Face that its files come from, against a server whose branch moves."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from codec_bench.hub import commits_of, fetch, fetch_all, home, hugging_face, renew, revisions
from codec_bench.hub.places import RemoteFile

OLD, NEW = "a" * 40, "b" * 40


class Hub(ThreadingHTTPServer):
    """Has a repository whose `main` is at `commit`; each commit has its own files."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.commit: str | None = OLD
        self.paths: list[str] = []


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *_: object) -> None:
        return

    def _answer(self) -> bytes:
        revision = self.path.split("/")[4]
        body = f"{self.path.rsplit('/', 1)[-1]} of {self.server.commit if revision == 'main' else revision}".encode()
        self.send_response(200)
        if self.server.commit:
            self.send_header("X-Repo-Commit", self.server.commit if revision == "main" else revision)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return body

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        self.wfile.write(self._answer())


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.delenv("CODEC_BENCH_OFFLINE", raising=False)
    with Hub() as made:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{made.server_port}")
        threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True).start()
        yield made
        made.shutdown()


ONE, TWO = hugging_face("org/repo", "config.json", "model.safetensors")


def test_files_of_a_branch_are_of_the_commit_that_was_seen_first(hub: Hub) -> None:
    assert fetch(ONE).read_text() == f"config.json of {OLD}"
    hub.commit = NEW  # the branch moves before the second file is fetched
    assert fetch(TWO).read_text() == f"model.safetensors of {OLD}"
    assert hub.paths == [f"/org/repo/resolve/{OLD}/{name}" for name in ("config.json", "model.safetensors")]
    assert commits_of([ONE, TWO]) == {"org/repo": OLD}
    assert json.loads((home() / "commits.json").read_text()) == {"org/repo@main": OLD}


def test_an_update_takes_the_commit_of_now_and_its_files(hub: Hub) -> None:
    fetch_all([ONE, TWO], "codec:x")
    renew([ONE, TWO])
    assert fetch(ONE).read_text() == f"config.json of {OLD}"
    assert len(hub.paths) == 2, "nothing moved, so nothing is fetched again"
    hub.commit = NEW
    renew([ONE, TWO])
    assert [path.read_text() for path in fetch_all([ONE, TWO], "codec:x")] == [
        f"config.json of {NEW}",
        f"model.safetensors of {NEW}",
    ]
    assert commits_of([ONE, TWO]) == {"org/repo": NEW}


def test_an_update_leaves_no_file_of_another_commit(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch_all([ONE, TWO], "codec:x")
    hub.commit = NEW

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(revisions, "_keep", interrupted)
        renew([ONE])  # which says nothing of TWO, e.g. because it belongs to another codec
    assert not any((home() / file.path).exists() for file in (ONE, TWO))
    renew([ONE])
    assert fetch(TWO).read_text() == f"model.safetensors of {NEW}"


def test_an_update_that_cannot_ask_says_so(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    fetch(ONE)
    hub.commit = None
    renew([ONE])
    assert "org/repo@main cannot be asked for newer files" in caplog.text
    assert fetch(ONE).read_text() == f"config.json of {OLD}"


def test_nobody_is_asked_for_the_commit_of_what_a_mirror_has(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEC_BENCH_MIRROR", f"http://127.0.0.1:{hub.server_port}/mirror")
    fetch(ONE)
    assert hub.paths == ["/mirror/hf/org/repo/config.json"]
    assert commits_of([ONE]) == {}


def test_a_pinned_commit_stays_and_a_server_that_does_not_say_is_asked_for_the_branch(hub: Hub) -> None:
    pinned = RemoteFile("hf/org/pinned/config.json", revision="c" * 40)
    assert fetch(pinned).read_text() == f"config.json of {'c' * 40}"
    assert commits_of([pinned]) == {"org/pinned": "c" * 40}
    hub.commit = None
    fetch(ONE)
    assert hub.paths[-1] == "/org/repo/resolve/main/config.json"
    assert commits_of([ONE, RemoteFile("models/x/y.bin")]) == {}
