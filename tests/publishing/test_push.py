"""A results folder goes to a data set of Hugging Face as one commit, through the library's own client."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from codec_bench.errors import UsageError
from codec_bench.publishing.hugging_face import push


class _Hub(BaseHTTPRequestHandler):
    """The two requests that a commit of small files takes."""

    commits: list[list[dict[str, Any]]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if "/preupload/" in self.path:
            paths = [file["path"] for file in json.loads(body)["files"]]
            self._answer({"files": [{"path": p, "uploadMode": "regular", "shouldIgnore": False} for p in paths]})
        elif self.path == "/api/datasets/org/scores/commit/main":
            self.commits.append([json.loads(line) for line in body.splitlines()])
            self._answer({"commitUrl": f"http://{self.headers['Host']}/datasets/org/scores/commit/1", "commitOid": "1"})
        else:
            self.send_error(404)

    def _answer(self, plain: dict[str, Any]) -> None:
        data = json.dumps(plain).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *arguments: object) -> None:
        """Not on the terminal of the tests."""


@pytest.fixture
def hub() -> Iterator[tuple[str, list[list[dict[str, Any]]]]]:
    commits: list[list[dict[str, Any]]] = []
    handler = type("Hub", (_Hub,), {"commits": commits})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", commits
        server.shutdown()


def test_every_file_is_in_one_commit(
    published: Path, hub: tuple[str, list[list[dict[str, Any]]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    endpoint, commits = hub
    push(published, "hf:org/scores", endpoint)
    (lines,) = commits
    sent = {
        line["value"]["path"]: base64.b64decode(line["value"]["content"]) for line in lines if line["key"] == "file"
    }
    assert sent == {f"results/{p.relative_to(published)}": p.read_bytes() for p in published.rglob("*") if p.is_file()}


def test_a_host_that_refuses_is_one_line(
    published: Path, hub: tuple[str, list[list[dict[str, Any]]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    with pytest.raises(UsageError, match="hf:org/other cannot be written"):
        push(published, "hf:org/other", hub[0])
    with pytest.raises(UsageError, match="write hf:ORG/DATASET"):
        push(published, "hf:nothing", hub[0])
