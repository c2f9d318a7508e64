"""Data sets that the library `datasets` wrote."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import datasets
import numpy as np
import pytest
import soundfile

from codec_bench.datasets.dataset import Access
from codec_bench.datasets.demo_set import Demo
from codec_bench.datasets.hugging_face import HuggingFace
from codec_bench.datasets.loading import load_dataset
from codec_bench.errors import UnavailableError, UsageError
from codec_bench.hub import home

DEMO = list(Demo().utterances())[:3]


def flac(path: Path = DEMO[0].path) -> bytes:
    return path.read_bytes()


def rows(**columns: Any) -> datasets.Dataset:
    """Three rows with the demo's recordings in the table, and more columns."""
    audio = [{"bytes": flac(u.path), "path": f"{u.id}.flac"} for u in DEMO]
    table = datasets.Dataset.from_dict({"audio": audio, **columns})
    return table.cast_column("audio", datasets.Audio(sampling_rate=16_000))


def saved(folder: Path, table: Any) -> HuggingFace:
    table.save_to_disk(str(folder))
    return HuggingFace(str(folder))


def refused(name: str) -> str:
    with pytest.raises(UsageError) as caught:
        list(load_dataset(f"hf:{name}").utterances())
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def parquet(tmp_path: Path) -> Path:
    """A folder as people upload it: two configurations, one of which has two splits."""
    folder = tmp_path / "corpus"
    for config, split, text in (("clean", "test", "ct"), ("clean", "train", "cn"), ("other", "dev", "od")):
        (folder / config).mkdir(parents=True, exist_ok=True)
        rows(text=[f"{text}{n}" for n in range(3)]).to_parquet(str(folder / config / f"{split}-00000-of-00001.parquet"))
    (folder / "README.md").write_text(
        "---\nlicense: [cc-by-4.0, mit]\nconfigs:\n"
        "- config_name: clean\n  data_files:\n"
        "  - {split: test, path: clean/test-*}\n  - {split: train, path: clean/train-*}\n"
        "- config_name: other\n  data_files:\n  - {split: dev, path: other/dev-*}\n"
        "---\n"
    )
    return folder


def test_columns_by_type_and_name(tmp_path: Path) -> None:
    emotions = datasets.ClassLabel(names=["calm", "angry"])
    table = rows(
        id=["a", "b", "c"],
        text=["one  two\n", None, ""],
        transcription=["other", "other", "other"],
        speaker_id=[17, 18, None],
        locale=["en-US", "zh-CN", "Deutsch"],
        label=[1, 0, None],
        snr=[1.5, None, -2.0],
        words=[["one"], [], []],
    ).cast_column("label", emotions)
    found = list(saved(tmp_path / "set", table).utterances())
    assert [u.id for u in found] == ["a", "b", "c"]
    assert [u.text for u in found] == ["one two", None, None]
    assert [u.speaker for u in found] == ["17", "18", None]
    assert [u.language for u in found] == ["en", "zh", None]
    assert [u.labels for u in found] == [
        {"transcription": "other", "label": "angry", "snr": "1.5"},
        {"transcription": "other", "label": "calm"},
        {"transcription": "other", "locale": "Deutsch", "snr": "-2.0"},
    ]


def test_audio_is_what_is_stored(tmp_path: Path) -> None:
    dataset = saved(tmp_path / "set", rows())
    found = list(dataset.utterances())
    assert [u.path.read_bytes() for u in found] == [flac(u.path) for u in DEMO]
    assert {u.path.parent for u in found} == {home() / "datasets" / "clips" / "set"}
    assert {u.path.suffix for u in found} == {".flac"}


def test_bytes_become_files_when_asked_for(tmp_path: Path) -> None:
    dataset = saved(tmp_path / "set", rows())
    utterances = dataset.utterances()
    assert not (home() / "datasets" / "clips").exists()
    next(utterances)
    assert len(list((home() / "datasets" / "clips").rglob("*.flac"))) == 1


def test_audio_that_the_library_encoded(tmp_path: Path) -> None:
    """It stores arrays as files."""
    buffer = io.BytesIO()
    samples = np.linspace(-0.5, 0.5, 800, dtype=np.float32)
    soundfile.write(buffer, samples, 8000, format="WAV", subtype="FLOAT")
    table = datasets.Dataset.from_dict({"speech": [{"bytes": buffer.getvalue(), "path": None}]})
    (found,) = saved(tmp_path / "set", table).utterances()  # not even declared as audio
    assert found.path.suffix == ".wav"
    assert np.array_equal(soundfile.read(found.path, dtype="float32")[0], samples)


def test_paths_and_rows_without_audio(tmp_path: Path) -> None:
    audio = [{"bytes": None, "path": str(DEMO[0].path)}, {"bytes": None, "path": "/none.wav"}, None]
    stored = {"bytes": datasets.Value("binary"), "path": datasets.Value("string")}
    table = datasets.Dataset.from_dict({"audio": audio}, features=datasets.Features(audio=stored))
    dataset = saved(tmp_path / "set", table)
    found = [u.path for u in dataset.utterances()]
    assert found[0] == DEMO[0].path
    assert [path.exists() for path in found] == [True, False, False]
    assert "2 utterances have no audio; the first is 1: /none.wav does not exist" in dataset.notes()[-1]


@pytest.mark.parametrize(("ids", "why"), [(["a", "a", "b"], "2 different ones"), (["x/1", "x/2", "x/3"], "path separ")])
def test_rows_are_numbered_where_ids_cannot_be_used(tmp_path: Path, ids: list[str], why: str) -> None:
    dataset = saved(tmp_path / "set", rows(id=ids))
    for _ in range(2):
        found = list(dataset.utterances())
        assert [u.id for u in found] == ["0", "1", "2"]
        assert [u.labels["id"] for u in found] == ids
        assert sum(why in note for note in dataset.notes()) == 1


def test_splits_of_a_saved_folder(tmp_path: Path) -> None:
    splits = {"train": rows(text=["n"] * 3), "test": rows(text=["t"] * 3)}
    datasets.DatasetDict(splits).save_to_disk(str(tmp_path / "set"))
    for name, text in (("", "t"), (":test", "t"), (":train", "n")):
        assert next(load_dataset(f"hf:{tmp_path}/set{name}").utterances()).text == text
    assert "has no split 'dev'; it has: train, test" in refused(f"{tmp_path}/set:dev")
    assert "has no configurations" in refused(f"{tmp_path}/set:clean:test")
    datasets.DatasetDict(a=rows(), b=rows()).save_to_disk(str(tmp_path / "two"))
    assert "has no split 'test': add one of these after a colon: a, b" in refused(f"{tmp_path}/two")


@pytest.mark.parametrize(
    ("name", "text"),
    [("clean", "ct"), ("clean:train", "cn"), ("other", "od"), ("other:dev", "od"), ("clean:test[1:]", "ct")],
)
def test_configurations_and_splits_of_parquet(parquet: Path, name: str, text: str) -> None:
    dataset = load_dataset(f"hf:{parquet}:{name}")
    found = list(dataset.utterances())
    assert [u.text for u in found] == [f"{text}{n}" for n in range("[" in name, 3)]
    assert found[-1].path.read_bytes() == flac(DEMO[2].path)
    assert any("the only one there is" in note for note in dataset.notes()) == (name == "other")
    assert (home() / "datasets" / "huggingface").is_dir()
    assert dataset.licence == "cc-by-4.0, mit"


def test_a_configuration_or_a_split_that_is_not_there(parquet: Path) -> None:
    assert "Config name is missing" in refused(str(parquet))
    assert "'none'" in refused(f"{parquet}:none:test")
    assert "has no split 'dev'; it has: test, train" in refused(f"{parquet}:clean:dev")


def test_a_default_configuration(tmp_path: Path) -> None:
    rows(text=["a", "b", "c"]).to_parquet(str(tmp_path / "validation-00000-of-00001.parquet"))
    for name in ("", ":validation", "::validation"):
        assert [u.text for u in load_dataset(f"hf:{tmp_path}{name}").utterances()] == ["a", "b", "c"]


def test_what_is_refused(tmp_path: Path) -> None:
    assert "has no column of audio; its columns are: text" in refused(
        saved(tmp_path / "text", datasets.Dataset.from_dict({"text": ["a"]})).spec
    )
    assert "cannot be loaded" in refused(saved(tmp_path / "nothing", rows().select([])).spec)  # a bug of the library
    assert "cannot be loaded" in refused(str(tmp_path))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "test.parquet").write_bytes(b"PAR1 is not all")
    assert "cannot be loaded" in refused(f"{tmp_path}/broken")
    assert "there is no folder './none'" in refused("./none")
    assert "write hf:ORG/NAME" in refused("a/b:c:d:e")
    assert "write hf:ORG/NAME" in refused("a/b/c")
    assert "write hf:ORG/NAME" in refused("https://huggingface.co/datasets/a/b")


def test_code_and_pickles_are_not_run(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    script = tmp_path / "scripted"
    script.mkdir()
    (script / "scripted.py").write_text(f"open({str(trace)!r}, 'w')\n")
    assert "cannot be loaded" in refused(str(script))
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    payload = f"cbuiltins\nopen\n(V{trace}\nVw\ntR.".encode()
    (pickled / "test.pkl").write_bytes(payload)
    assert "cannot be loaded" in refused(str(pickled))
    assert not trace.exists()


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UnavailableError, match=r"pip install 'codec-bench\[hf\]'"):
        load_dataset("hf:org/name").fetch()


COMMIT = "a1" * 20


class _Hub(BaseHTTPRequestHandler):
    """As much of Hugging Face's interface as the library asks for, with one repository: org/name."""

    files: ClassVar[dict[str, bytes]] = {}
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        path = self.path.partition("?")[0]
        api = f"/api/datasets/org/name/revision/{COMMIT}", f"/api/datasets/org/name/tree/{COMMIT}"
        if path.startswith("/datasets/org/name/resolve/"):
            data = self.files.get(path.split("/", 6)[6])
            tag = hashlib.sha256(data or b"").hexdigest()
            self._send(404 if data is None else 200, data, ETag=f'"{tag}"', **{"X-Repo-Commit": COMMIT})
        elif path == api[0]:
            self._send(200, json.dumps({"id": "org/name", "sha": COMMIT, "siblings": []}).encode())
        elif path.startswith(api[1]):
            entries = [{"type": "file", "path": p, "size": len(d), "oid": "0"} for p, d in self.files.items()]
            inside = path.endswith("/data")
            entries = [e for e in entries if ("/" in str(e["path"])) == inside]
            folder = [] if inside else [{"type": "directory", "path": "data", "oid": "1"}]
            self._send(200, json.dumps(entries + folder).encode())
        else:
            self._send(404)

    def _send(self, code: int, data: bytes | None = None, **headers: str) -> None:
        self.send_response(code)
        for name, value in ({"Content-Length": str(len(data or b""))} | headers).items():
            self.send_header(name, value)
        if code == 404:
            self.send_header("X-Error-Code", "EntryNotFound")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data or b"")

    do_HEAD = do_POST = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[str]:
    """The address of a server that publishes three rows."""
    stored = io.BytesIO()
    rows(text=["a", "b", "c"]).to_parquet(stored)
    _Hub.files = {
        "README.md": b"---\nlicense: cc0-1.0\n---\n",
        "data/test-00000-of-00001.parquet": stored.getvalue(),
    }
    _Hub.asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.long
def test_from_hugging_face_and_then_offline(hub: str, tmp_path: Path) -> None:
    program = """
import json, os, sys, urllib.request
from codec_bench import load_dataset
from codec_bench.errors import UnavailableError

def load(offline):
    os.environ["CODEC_BENCH_OFFLINE"] = offline
    dataset = load_dataset("hf:org/name")
    try:
        dataset.fetch()
    except UnavailableError as error:
        return str(error)
    rows = [[u.id, u.text, str(u.path)] for u in dataset.utterances()]
    return [rows, dataset.notes(), dataset.licence]

before = load("1")
urllib.request.urlopen(os.environ["HF_ENDPOINT"] + "/datasets/org/name/resolve/first/README.md")
json.dump([before, load("0"), load("1")], sys.stdout)
"""
    options = {"HF_HOME": str(tmp_path / "hf"), "HF_ENDPOINT": hub, "HF_HUB_DISABLE_XET": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, env=os.environ | options
    )
    before, online, after = json.loads(done.stdout)
    assert "CODEC_BENCH_OFFLINE forbids to download it" in before
    assert _Hub.asked[0] == "/datasets/org/name/resolve/first/README.md", "it was asked before, though offline"
    found, notes, licence = online
    assert [row[:2] for row in found] == [["0", "a"], ["1", "b"], ["2", "c"]]
    assert [Path(row[2]).read_bytes() for row in found] == [flac(u.path) for u in DEMO]
    assert licence == "cc0-1.0"
    assert any(f"@{COMMIT}" in note for note in notes)
    assert "dataset:hf:org/name: downloading" in done.stderr
    assert after[0] == found
    fetched = [path for path in _Hub.asked if path.endswith(".parquet")]
    assert fetched, "the server was not asked at all"


def test_names() -> None:
    dataset = load_dataset("hf:org/name@v1:clean:test")
    assert (dataset.name, dataset.source) == ("name-clean-test", "https://huggingface.co/datasets/org/name")
    assert dataset.download_size is None
    assert dataset.state().access is Access.FETCH


def test_naming_a_set_imports_nothing_heavy() -> None:
    code = "from codec_bench import load_dataset; load_dataset('hf:org/name'); import sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"datasets", "lhotse", "torch", "soundfile"} & set(loaded)
