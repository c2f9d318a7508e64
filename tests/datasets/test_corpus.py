"""A published corpus, tiny, against a server and folders that fail in every way that a network and people can."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from codec_bench.datasets.corpus import Corpus, Count
from codec_bench.datasets.dataset import Access
from codec_bench.errors import CodecBenchError, UnavailableError
from codec_bench.hub import RemoteFile, download, home
from codec_bench.records import Utterance

IDS = [f"s{speaker}_{n}" for speaker in range(2) for n in range(3)]
CONTENT = {f"Tiny/test/{id_}.wav": bytes(id_, "ascii") + os.urandom(50_000) for id_ in IDS}
UNWANTED = {"Tiny/train/s9_0.wav": b"not of the test part", "Tiny/README": b"hello"}


class Tiny(Corpus):
    """Six recordings by two speakers."""

    name = "tiny"
    title = "Tiny"
    inside = ("Tiny", "test")
    marker = "*.wav"
    expected = Count(6, 2)

    def ids(self, root: Path) -> list[str]:
        return IDS

    def _index(self, root: Path) -> Sequence[Utterance]:
        return [Utterance(id_, root / f"{id_}.wav", speaker=id_.split("_")[0]) for id_ in self.ids(root)]


class AsFound(Tiny):
    """Its index is what lies in the folder."""

    def ids(self, root: Path) -> list[str]:
        return sorted(path.stem for path in root.glob("*.wav"))


def packed(content: dict[str, bytes], kind: str = "tar") -> bytes:
    buffer = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, data in content.items():
                archive.writestr(name, data)
    else:
        with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as tar:
            for name, data in content.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


ARCHIVE = packed(UNWANTED | CONTENT)
DIGEST = hashlib.sha256(ARCHIVE).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves `body` at every address, after the answers in `faults`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.body = ARCHIVE
        self.faults: list[str | int] = []
        self.sent: list[int] = []
        self.delay = 0.0

    def remote(self, sha256: str | None = DIGEST) -> RemoteFile:
        """The archive; where no digest is known, other content may come in its place, of another size."""
        size = len(ARCHIVE) if sha256 else None
        return RemoteFile("datasets/tiny-hub.tgz", sha256, size, f"http://127.0.0.1:{self.server_port}/tiny.tgz?d=1")


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: object) -> None:
        return

    def do_GET(self) -> None:
        body, wanted = self.server.body, self.headers.get("Range")
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        fault = self.server.faults.pop(0) if self.server.faults else ""
        if isinstance(fault, int):
            return self.send_error(fault)
        if fault == "redirect":
            self.send_response(302)
            self.send_header("Location", f"http://localhost:{self.server.server_port}/moved")
            self.end_headers()
            return None
        if fault == "wrong":
            body = bytes(len(body))
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.end_headers()
        time.sleep(self.server.delay)
        sent = body[start : len(body) // 2] if fault == "cut" else body[start:]
        self.server.sent.append(len(sent))
        self.wfile.write(sent)
        self.close_connection = True
        return None


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(download, "BACKOFF_SECONDS", 0.01)
    monkeypatch.delenv("CODEC_BENCH_OFFLINE", raising=False)
    with Server() as made:
        threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True).start()
        monkeypatch.setattr(Tiny, "archives", (made.remote(),))
        yield made
        made.shutdown()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with the extracted corpus."""
    return lay_out(tmp_path / "by hand")


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a mirror may have the archive."""
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path))
    (tmp_path / "datasets").mkdir()
    return tmp_path / "datasets" / "tiny-hub.tgz"


def lay_out(above: Path, ids: Sequence[str] = IDS) -> Path:
    for id_ in ids:
        path = above / f"Tiny/test/{id_}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(CONTENT[f"Tiny/test/{id_}.wav"])
    return above


def kept() -> dict[str, bytes]:
    """What is in the cache, without locks and the record of the archive."""
    folder = home() / "datasets"
    files = (p for p in folder.rglob("*") if p.is_file() and p.suffix not in (".lock", ".json"))
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


def refused(data: Corpus, pattern: str) -> str:
    """The one line with which fetching fails."""
    with pytest.raises(CodecBenchError, match=pattern) as caught:
        data.fetch()
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    return str(caught.value)


def assert_whole(data: Corpus) -> None:
    """It is fetched, and the cache holds what it must and nothing else."""
    data.fetch()
    assert [u.id for u in data.utterances()] == IDS
    assert kept() == CONTENT


def test_from_nothing_to_the_utterances(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    data = Tiny()
    assert (data.state().access, data.state().detail) == (Access.FETCH, "0.3 MB")
    with pytest.raises(UnavailableError, match="tiny is not on this machine: extract http"):
        data.utterances()
    assert_whole(data)
    assert "dataset:tiny: downloading 1 files (0.3 MB)" in caplog.text
    assert (data.state().access, data.state().detail) == (Access.HERE, str(home() / "datasets/Tiny/test"))
    assert data.notes() == []
    assert data.download_size == len(ARCHIVE)
    data.fetch()
    assert server.sent == [len(ARCHIVE)]


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_archives_of_both_kinds_with_a_folder_for_them(
    server: Server, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(Tiny, "unpack_into", "Tiny")
    monkeypatch.setattr(Tiny, "archives", (server.remote(None),))
    server.body = packed({name.removeprefix("Tiny/"): data for name, data in CONTENT.items()}, kind)
    assert_whole(Tiny())


def test_a_cut_connection_goes_on_where_it_broke(server: Server) -> None:
    server.faults = ["cut", "cut"]
    assert_whole(Tiny())
    assert sum(server.sent) < len(ARCHIVE) + 2 * download.CHUNK


def test_a_connection_that_is_cut_again_and_again(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "ATTEMPTS", 2)
    server.faults = ["cut", "cut"]
    message = refused(Tiny(), "tiny cannot be fetched .* could not be downloaded in 2 attempts")
    for part in (server.remote().url, "0.3 MB", "--data-root", "--dataset demo"):
        assert part in message
    assert_whole(Tiny())
    assert sum(server.sent) < len(ARCHIVE) + 2 * download.CHUNK  # the later call goes on, too


@pytest.mark.parametrize(("fault", "message"), [
    (404, r"does not exist \(404\)"), (403, "needs permission"),
    ("wrong", f"gave another file: sha256 .*, expected {DIGEST[:12]}"),
], ids=["absent", "forbidden", "wrong"])  # fmt: skip
def test_a_refusal_and_another_file(server: Server, fault: int | str, message: str) -> None:
    server.faults = [fault]
    refused(Tiny(), message)
    assert kept() == {}
    assert_whole(Tiny())


def test_a_server_that_fails_for_a_while(server: Server) -> None:
    server.faults = [500, 503, "cut", 429, "redirect"]
    assert_whole(Tiny())


EVIL = {"Tiny/test/../../../../evil": b"1"}


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_a_path_that_leads_outside(server: Server, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(Tiny, "archives", (server.remote(None),))
    server.body = packed(CONTENT | EVIL, kind)
    before = set(home().parent.rglob("evil"))  # other tests' homes are there, too
    refused(Tiny(), "leads out of its folder")
    assert set(home().parent.rglob("evil")) == before
    assert kept() == CONTENT  # what came before is whole; the archive, which nothing verifies, is gone
    shutil.rmtree(home())
    server.body = ARCHIVE
    assert_whole(Tiny())


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_a_bomb(server: Server, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(Tiny, "archives", (server.remote(None),))
    monkeypatch.setattr(Tiny, "_limit", lambda self: 400_000)
    server.body = packed({"Tiny/test/s0_0.wav": bytes(50_000_000)}, kind)
    refused(Tiny(), "unpacks to over 400000 bytes")
    assert kept() == {}
    server.body = ARCHIVE
    assert_whole(Tiny())


@pytest.mark.parametrize(("body", "message"), [
    (ARCHIVE[: len(ARCHIVE) // 2], "is damaged"),
    (packed({name: data for name, data in CONTENT.items() if "s1_" not in name}),
     "3 of the 6 recordings of tiny are missing: s1_0, s1_1, s1_2; the first was looked for at .*/Tiny/test/s1_0.wav"),
    (packed(UNWANTED), "tiny is not on this machine"),
], ids=["damaged", "incomplete", "something else"])  # fmt: skip
def test_a_wrong_archive_that_nothing_verifies(
    server: Server, monkeypatch: pytest.MonkeyPatch, body: bytes, message: str
) -> None:
    monkeypatch.setattr(Tiny, "archives", (server.remote(None),))
    server.body = body
    refused(Tiny(), message)
    assert set(kept()) < set(CONTENT)
    server.body = ARCHIVE
    assert_whole(Tiny())


CHILD = """
import sys
sys.path.insert(0, sys.argv[1])
from codec_bench.datasets.corpus import Corpus, Count
from codec_bench.errors import CodecBenchError
from codec_bench.hub import RemoteFile
from codec_bench.records import Utterance

class Tiny(Corpus):
    name, inside, marker, expected = "tiny", ("Tiny", "test"), "*.wav", Count(6, None)
    archives = (RemoteFile("datasets/tiny-hub.tgz", sys.argv[3], None, sys.argv[2]),)

    def _index(self, root):
        return [Utterance(f"s{s}_{n}", root / f"s{s}_{n}.wav") for s in range(2) for n in range(3)]

for attempt in range(2):
    try:
        Tiny().fetch()
        print(len(list(Tiny().utterances())))
        break
    except CodecBenchError as error:
        print("line:", error)
        input()
"""


def child(server: Server) -> list[str]:
    root = str(Path(__file__).parent.parent.parent)
    return [sys.executable, "-c", CHILD, root, server.remote().url, DIGEST]


def test_two_processes_at_once_download_it_once(server: Server) -> None:
    server.delay = 0.5
    processes = [subprocess.Popen(child(server), stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate(timeout=60)[0] for process in processes] == ["6\n", "6\n"]
    assert server.sent == [len(ARCHIVE)]
    assert kept() == CONTENT


SMALL_DISK = """
mount -t tmpfs -o size="$2" none "$1" || exit
export CODEC_BENCH_HOME="$1"
shift 2
(sleep 0.1; while [ ! -e "$CODEC_BENCH_HOME.roomy" ]; do sleep 0.05; done
 mount -o remount,size=9m "$CODEC_BENCH_HOME"; echo) | "$@"
find "$CODEC_BENCH_HOME" -type f -name '*.wav' | wc -l
find "$CODEC_BENCH_HOME" -type f -name '*.tgz' -o -name '*.part' | wc -l
"""


@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not installed")
@pytest.mark.parametrize("size", ["100k", "500k"])
def test_a_full_disk_while_downloading_and_while_unpacking(server: Server, tmp_path: Path, size: str) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    command = ["unshare", *user, "--mount", "sh", "-c", SMALL_DISK, "sh", str(disk), size, *child(server)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    first = process.stdout.readline()
    Path(f"{disk}.roomy").touch()
    rest, errors = process.communicate(timeout=60)
    if "mount:" in errors or "unshare:" in errors:
        pytest.skip("no small file system can be mounted here")
    assert first.startswith(f"line: no space left on the disk of {disk}")
    assert "codec-bench cache" in first
    assert rest.split() == ["6", "6", "0"]
    assert sum(server.sent) < 2 * len(ARCHIVE)  # what had arrived was kept


def test_a_cache_that_cannot_be_written(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").write_text("a file where a folder must be")
    monkeypatch.setenv("CODEC_BENCH_HOME", str(tmp_path / "home"))
    message = refused(Tiny(), "cannot be written")
    assert f"make {tmp_path / 'home'} writable, or set CODEC_BENCH_HOME" in message
    (tmp_path / "home").unlink()
    assert_whole(Tiny())


def test_without_network(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEC_BENCH_OFFLINE", "1")
    message = refused(Tiny(), "CODEC_BENCH_OFFLINE forbids")
    assert "--data-root" in message
    monkeypatch.delenv("CODEC_BENCH_OFFLINE")
    assert_whole(Tiny())


@pytest.mark.parametrize("name", ["tiny-hub.tgz", "tiny.tgz"])
def test_a_mirror_with_the_archive(server: Server, archive: Path, caplog: pytest.LogCaptureFixture, name: str) -> None:
    archive = archive.with_name(name)
    archive.write_bytes(ARCHIVE)
    assert_whole(Tiny())
    assert archive.exists()
    assert server.sent == []
    assert caplog.text == ""
    assert Tiny().notes() == []


def test_a_mirror_with_a_repacked_archive(
    server: Server, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    archive = archive.with_name("tiny.tgz")
    archive.write_bytes(packed(CONTENT, "zip"))
    assert_whole(Tiny())
    assert server.sent == []
    assert f"tiny: {archive} is not the archive that is published at http" in caplog.text
    monkeypatch.delenv("CODEC_BENCH_MIRROR")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()[:12]
    for _ in range(2):  # every later run says so
        data = Tiny()
        list(data.utterances())
        url = server.remote().url
        assert data.notes() == [f"tiny: unpacked from another archive than {url} (sha256 {digest}...)"]
    data = Tiny(lay_out(tmp_path / "own"))
    list(data.utterances())
    assert data.notes() == []  # that folder is not from the archive
    next((home() / "datasets/.archives").glob("*.json")).write_text("{")
    data = Tiny()
    list(data.utterances())
    assert "which archive it was unpacked from is not known" in data.notes()[0]


def test_files_of_two_archives_are_never_mixed(server: Server, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = {name: bytes(len(data)) for name, data in CONTENT.items() if "s0_" in name}
    archive.write_bytes(packed(part))
    refused(Tiny(), "3 of the 6 recordings of tiny are missing")
    monkeypatch.delenv("CODEC_BENCH_MIRROR")
    assert kept() == part
    assert_whole(Tiny())
    assert {name: kept()[name] for name in part} == {name: CONTENT[name] for name in part}
    assert Tiny().notes() == []


@pytest.mark.parametrize("content", [packed(UNWANTED), ARCHIVE[:1000], b""])
def test_a_mirror_with_another_or_a_damaged_archive_is_passed_over(
    server: Server, archive: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    archive.write_bytes(content)
    assert_whole(Tiny())
    assert server.sent == [len(ARCHIVE)]
    assert "skipped" in caplog.text
    assert str(archive) in caplog.text
    assert archive.read_bytes() == content
    assert Tiny().notes() == []


def test_a_mirror_with_a_part_does_not_hide_the_whole(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_out(tmp_path / "datasets", IDS[:2])
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path))
    with pytest.raises(UnavailableError, match="4 of the 6 recordings of tiny are missing"):
        Tiny().utterances()
    Tiny().fetch()
    assert [u.path.parent for u in Tiny().utterances()] == [home() / "datasets/Tiny/test"] * 6


@pytest.mark.parametrize(("level", "kind"), [("", str), ("Tiny", Path), ("Tiny/test", str)])
def test_data_root_at_each_level(tree: Path, level: str, kind: type) -> None:
    data = Tiny(kind(tree / level))
    assert [u.path for u in data.utterances()] == [tree / f"Tiny/test/{id_}.wav" for id_ in IDS]
    assert data.state().detail == str(tree / "Tiny/test")
    data.fetch()  # nothing to do


@pytest.mark.parametrize("level", ["", "Tiny", "Tiny/test"])
def test_data_root_without_it(server: Server, tmp_path: Path, level: str) -> None:
    (tmp_path / level).mkdir(parents=True, exist_ok=True)
    Tiny().fetch()
    server.sent.clear()
    data = Tiny(tmp_path / level)
    with pytest.raises(UnavailableError, match=f"tiny is not in {tmp_path / level}: extract http.*--data-root"):
        data.utterances()
    data.fetch()
    assert server.sent == []  # who names a folder wants that folder


def test_a_corpus_behind_a_form(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tiny, "form", "ask for it at https://tiny.example/form and extract tiny.zip")
    data = Tiny()
    assert data.state().access is Access.FORM
    assert "https://tiny.example/form" in data.state().detail
    message = refused(data, "tiny cannot be fetched: ask for it at https://tiny.example/form and extract tiny.zip")
    for part in ("give the folder Tiny with --data-root", "--dataset demo"):
        assert part in message
    with pytest.raises(UnavailableError, match="tiny is not on this machine: ask for it at"):
        data.utterances()
    assert len(list(Tiny(tree).utterances())) == 6
    assert data.download_size is None


def test_a_corpus_that_nobody_publishes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tiny, "source", "https://tiny.example")
    assert Tiny().state().access is Access.NOWHERE
    refused(Tiny(), "nobody publishes it as a whole .https://tiny.example.; give the folder Tiny")


def test_recordings_may_vanish_where_their_makers_cannot_keep_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_out(tmp_path, IDS[:4])
    with pytest.raises(UnavailableError, match="2 of the 6 recordings of tiny are missing: s1_1, s1_2;"):
        Tiny(tmp_path).utterances()
    monkeypatch.setattr(Tiny, "may_lack", True)
    assert [u.id for u in Tiny(tmp_path).utterances()] == IDS


@pytest.mark.parametrize("expected", [Count(7, 2), Count(6, 3), Count(5)])
def test_counts_that_the_makers_state(tree: Path, monkeypatch: pytest.MonkeyPatch, expected: Count) -> None:
    monkeypatch.setattr(Tiny, "expected", expected)
    with pytest.raises(UnavailableError, match=f"holds 6 recordings.* for tiny, not {expected.utterances}"):
        Tiny(tree).utterances()


def test_counts_that_people_state_are_a_note(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AsFound, "expected", Count(7, 2, certain=False))
    monkeypatch.setattr(AsFound, "leak", "test speakers are in train")
    data = AsFound(tree)
    for _ in range(2):
        assert len(list(data.utterances())) == 6
        note = f"tiny: {tree}/Tiny/test holds 6 recordings by 2 speakers; 7 by 2 are generally stated"
        assert data.notes() == ["tiny: test speakers are in train", note]
    monkeypatch.setattr(AsFound, "expected", Count(6, certain=False))
    list(data.utterances())
    assert data.notes() == ["tiny: test speakers are in train"]


def test_an_empty_index_is_no_note(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AsFound, "expected", Count(7, certain=False))
    monkeypatch.setattr(AsFound, "ids", lambda *_: [])
    with pytest.raises(UnavailableError, match="holds 0 recordings"):
        AsFound(tree).utterances()


def test_several_archives(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    halves = [packed({name: data for name, data in CONTENT.items() if speaker in name}) for speaker in ("s0_", "s1_")]
    archives = []
    for n, half in enumerate(halves):
        (tmp_path / f"datasets/half{n}.tgz").parent.mkdir(exist_ok=True)
        (tmp_path / f"datasets/half{n}.tgz").write_bytes(half)
        archives.append(RemoteFile(f"datasets/half{n}.tgz", hashlib.sha256(half).hexdigest(), len(half)))
    monkeypatch.setattr(Tiny, "archives", tuple(archives))
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path))
    assert_whole(Tiny())
    records = (home() / "datasets/.archives").glob("*.json")
    assert all(json.loads(p.read_text())["published"] for p in records)
    assert isinstance(Tiny().download_size, int)


@pytest.mark.parametrize(
    "content", [b"", b"[" * 200_000, b"[]", b"null", b"{}", b'{"sha256": 1, "published": 1, "mixed": 0}']
)
def test_a_record_of_an_archive_that_is_none_says_that_nothing_is_known(content: bytes):
    archive = RemoteFile("datasets/tiny.tgz", None, None, "https://localhost/tiny.tgz")
    path = Tiny()._record(archive)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert Tiny()._recorded(archive) == {}
    path.unlink()
    os.mkfifo(path)
    assert Tiny()._recorded(archive) == {}


@pytest.mark.parametrize("kind", [Tiny, AsFound])
def test_a_part_of_a_corpus_will_do_where_only_its_first_ones_are_asked_for(kind: type[Corpus], tmp_path: Path):
    folder = tmp_path / "Tiny" / "test"
    folder.mkdir(parents=True)
    for id_ in IDS[:4]:
        (folder / f"{id_}.wav").write_bytes(b"x")
    made = kind(data_root=tmp_path)
    with pytest.raises(UnavailableError):
        made.utterances()
    made.takes_part = True
    assert [utterance.id for utterance in made.utterances()] == IDS[:4]
    assert f"tiny: {folder} holds 4 recordings of 6" in made.notes()
