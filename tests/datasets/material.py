"""Trees, archives and servers as the makers of corpora have them, and rows of the shared manifests."""

from __future__ import annotations

import csv
import hashlib
import tarfile
import threading
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from codec_bench.datasets.corpus import Corpus
from codec_bench.hub import RemoteFile


def lay_out(root: Path, names: Iterable[str]) -> Path:
    """Empty files."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def unpacked(root: Path) -> set[str]:
    """The files below a folder."""
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def zipped(path: Path, files: Mapping[str, str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packing:
        for name, text in files.items():
            packing.writestr(name, text)
    return path


def tarred(path: Path, folder: Path, mode: str = "w:gz") -> Path:
    """An archive with this folder at its top."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as tar:
        tar.add(folder, folder.name)
    return path


def published(remote: RemoteFile, archive: Path) -> RemoteFile:
    """The remote file with the digests of this archive, where it states some."""
    data = archive.read_bytes()
    sha256 = remote.sha256 and hashlib.sha256(data).hexdigest()
    return replace(remote, sha256=sha256, md5=remote.md5 and hashlib.md5(data).hexdigest())


def mirror(monkeypatch: pytest.MonkeyPatch, cls: type[Corpus], archive: Path) -> None:
    """A mirror that has this archive as the published one of a corpus, and no network."""
    monkeypatch.setattr(cls, "archives", (published(cls.archives[0], archive),))
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(archive.parents[1]))
    monkeypatch.setenv("CODEC_BENCH_OFFLINE", "1")


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serves a folder, at the address that is yielded."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with pytest.MonkeyPatch.context() as patch, ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        patch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *_: None)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def manifest_rows(shared: Path, name: str, **cells: str) -> list[dict[str, str]]:
    """The rows of a shared manifest that have these cells."""
    with (shared / "data" / "manifests" / f"{name}.tsv").open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file, delimiter="\t") if cells.items() <= row.items()]


def recording_of(shared: Path, row: Mapping[str, str]) -> Path:
    return shared / "data" / "manifests" / row["path"]
