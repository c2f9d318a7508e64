"""The key of a listening test is read as it was written, and a damaged one is refused in one line."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from codec_bench.errors import UsageError
from codec_bench.listening_tests.key import SCHEMA, ExportedRun, Key, Stimulus, Trial

SOUND = Stimulus("a1", "opus@6000", "system", -1.5, "0" * 64)
TRIAL = Trial("t1", "u1", "ann", 16000, 2.0, Stimulus("r1", "ground-truth", "reference", 0.0, "1" * 64), (SOUND,))
KEY = Key(
    "mushra", "x", ExportedRun("runs/a", "demo", "2" * 64, {"opus@6000": "3"}, "1.0"), ("opus@6000",), (), (TRIAL,)
)
PLAIN: dict[str, Any] = json.loads(json.dumps({"schema": SCHEMA} | asdict(KEY)))
WITHOUT_TRIALS = {name: value for name, value in PLAIN.items() if name != "trials"}


def test_it_is_read_as_it_was_written(tmp_path: Path):
    KEY.save(tmp_path / "key.json")
    read = Key.load(tmp_path / "key.json")
    assert read == KEY
    assert read.fingerprint == KEY.fingerprint


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"\xff\xfe\0", b"[]", b"{}", b"null", b'"text"', b"[" * 200_000,
        *(
            json.dumps(PLAIN | wrong).encode()
            for wrong in (
                {"kind": "abc"}, {"run": {}}, {"run": PLAIN["run"] | {"systems": ["opus@6000"]}}, {"trials": None},
                {"trials": [{}]}, {"trials": [PLAIN["trials"][0] | {"rate": "fast"}]}, {"schema": "1"},
                {"trials": [PLAIN["trials"][0] | {"stimuli": [1]}]}, {"systems": 1}, {"test_id": None},
            )
        ),
        json.dumps(WITHOUT_TRIALS).encode(),
    ],
)  # fmt: skip
def test_a_damaged_one_is_refused(content: bytes, tmp_path: Path):
    (tmp_path / "key.json").write_bytes(content)
    with pytest.raises(
        UsageError, match=r"key\.json is not the key of a listening test; `codec-bench export` writes one"
    ):
        Key.load(tmp_path / "key.json")


def test_what_is_no_file_or_newer_is_refused(tmp_path: Path):
    os.mkfifo(tmp_path / "fifo")
    for path, told in (
        (tmp_path, "it is a folder"),
        (tmp_path / "fifo", "not a regular file"),
        (tmp_path / "x", "No such"),
    ):
        with pytest.raises(UsageError, match=f"cannot be read: .*{told}"):
            Key.load(path)
    (tmp_path / "key.json").write_text(json.dumps(PLAIN | {"schema": SCHEMA + 1}))
    with pytest.raises(UsageError, match="newer codec-bench"):
        Key.load(tmp_path / "key.json")
