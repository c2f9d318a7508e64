"""The score store: exact round trips, damage, a full disk; `test_runner` has several writers, and kills them."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from codec_bench.errors import UsageError
from codec_bench.reconstruction.facts import are_usable
from codec_bench.reconstruction.store import ScoreStore
from codec_bench.records import Score, Status


def test_scores_come_back_bit_for_bit(tmp_path: Path):
    generator = random.Random(0)
    scores = {f"k{i}": Score.of(generator.uniform(-1, 1) * 10 ** generator.randint(-300, 149)) for i in range(1200)}
    scores["failed"] = Score.failed(Status.SILENT, "nothing there")
    with ScoreStore(tmp_path / "scores.sqlite") as store:
        store.put(scores, "pair", {"bits": 3.0})
    with ScoreStore(tmp_path / "scores.sqlite") as store:
        assert store.scores([*scores, "absent"]) == scores
        assert store.facts(["pair", "absent"]) == {"pair": {"bits": 3.0}}


def test_outcomes_that_may_differ_next_time_are_not_kept(tmp_path: Path):
    with ScoreStore(tmp_path / "s") as store:
        store.put({"a": Score.failed(Status.CRASHED, "x"), "b": Score.failed(Status.TOO_SHORT, "y")})
        assert set(store.scores(["a", "b"])) == {"b"}


def sql(*statements: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        with closing(sqlite3.connect(path)) as db:
            for statement in statements:
                db.execute(statement)
            db.commit()

    return change


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(b"this is not SQLite at all, but as long as its header" * 20), "move it away"),
        (lambda path: path.write_bytes(b"hello"), "move it away"),
        (lambda path: path.write_bytes(random.Random(0).randbytes(9000)), "move it away"),
        (lambda path: os.truncate(path, 100), "move it away"),
        (lambda path: os.truncate(path, 5000), "move it away"),
        (lambda path: path.write_bytes(path.read_bytes()[:4096] + bytes(4096) + path.read_bytes()[8192:]), "malformed"),
        (sql("DROP TABLE scores", "CREATE TABLE scores (address TEXT PRIMARY KEY, x TEXT)"), "2 columns"),
        (sql("PRAGMA user_version=99"), "another version of codec-bench"),
        (lambda path: path.write_bytes(b""), ""),
        (lambda path: Path(f"{path}-wal").write_bytes(random.Random(0).randbytes(40_000)), ""),
        (lambda path: Path(f"{path}-shm").write_bytes(random.Random(0).randbytes(32_768)), ""),
    ],
    ids=[
        "text", "short text", "noise", "header", "cut", "a page", "other columns", "newer", "empty", "journal", "index",
    ],
)  # fmt: skip
def test_a_damaged_store_is_a_clear_error_and_what_does_no_harm_is_used(
    damage: Callable[[Path], None], message: str, tmp_path: Path
):
    path, scores = tmp_path / "scores.sqlite", {f"k{i}": Score.of(i / 7) for i in range(500)}
    with ScoreStore(path) as store:
        store.put(scores)
    damage(path)
    left = scores if path.stat().st_size else {}
    if message:
        with pytest.raises(UsageError, match=message) as error, ScoreStore(path) as store:
            store.scores(scores)
            store.put({"new": Score.of(1.0)})
        assert "\n" not in str(error.value)
    else:
        with ScoreStore(path) as store:
            assert store.scores(scores) == left
            store.put({"new": Score.of(1.0)})
            assert store.scores(["new"]) == {"new": Score.of(1.0)}


WHOLE = {"reference": {"samples": 9, "rate": 16_000}, "decoded": {"samples": 9, "rate": 16_000, "level_db": None}}


@pytest.mark.parametrize(
    "change",
    ["status='weird'", "status='crashed'", "numerator='abc'", "numerator=9e999", "denominator=0", "denominator=x'00'",
     "reason=x'00'", "scale='x'", "seconds=9e999", "numerator=-9e999, status='silent'"],
)  # fmt: skip
def test_a_row_that_is_no_score_is_computed_again(change: str, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    with ScoreStore(tmp_path / "s") as store:
        store.put({"a": Score.of(0.5), "b": Score.of(0.25)})
    with closing(sqlite3.connect(tmp_path / "s")) as db:
        db.execute(f"UPDATE scores SET {change} WHERE address='a'")
        db.commit()
    with ScoreStore(tmp_path / "s") as store:
        assert store.scores(["a", "b"]) == {"b": Score.of(0.25)}
        assert "1 scores in" in caplog.text
        store.put({"a": Score.of(0.5)})
        assert store.scores(["a"]) == {"a": Score.of(0.5)}


@pytest.mark.parametrize("text", ["'{'", "'[1]'", "'null'", "'7'", "x'00ff'", "'{\"a\": NaN}'"])
def test_facts_that_are_none_are_made_again(text: str, tmp_path: Path):
    with ScoreStore(tmp_path / "s") as store:
        store.put({}, "a", WHOLE)
    with closing(sqlite3.connect(tmp_path / "s")) as db:
        db.execute(f"UPDATE reconstructions SET facts={text}")
        db.commit()
    with ScoreStore(tmp_path / "s") as store:
        assert store.facts(["a"]) == {}


@pytest.mark.parametrize(
    ("changes", "is_coded", "usable"),
    [
        ({}, False, True),
        ({}, True, False),
        ({"bits": 8, "coded_seconds": 1.0}, True, True),
        ({"bits": "8", "coded_seconds": 1.0}, True, False),
        ({"lag_ms": None}, False, True),
        ({"lag_ms": [1]}, False, False),
        ({"decoded": {"samples": 9}}, False, False),
        ({"decoded": {"samples": "9", "rate": 16_000}}, False, False),
        ({"reference": 7}, False, False),
    ],
)
def test_facts_are_used_where_they_hold_what_tables_are_made_of(
    changes: dict[str, object], is_coded: bool, usable: bool
):
    assert are_usable("address", WHOLE | changes, is_coded=is_coded) is usable


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_a_clear_error(make: Callable[[Path], None], tmp_path: Path):
    make(tmp_path / "scores.sqlite")
    with pytest.raises(UsageError, match="is not a file: move it away"):
        ScoreStore(tmp_path / "scores.sqlite")


FILL = """
import sys
from pathlib import Path
from codec_bench.errors import DiskFullError
from codec_bench.cache import ArrayCache
from codec_bench.records import Score
from codec_bench.reconstruction.store import ScoreStore
import numpy as np
root = Path(sys.argv[1])
stored = 0
store = ScoreStore(root / "scores.sqlite")
try:
    while True:
        store.put({f"k{stored}": Score.of(float(stored))}, f"p{stored}", {"x": "y" * 20000})
        stored += 1
except DiskFullError as error:
    print(error, file=sys.stderr)
store.close()
try:
    ArrayCache(root / "audio").put("a" * 64, {"x": np.zeros(1_000_000)})
except DiskFullError:
    print("cache full", file=sys.stderr)
parts = list(root.rglob("*.part"))
(root / "p").unlink()
with ScoreStore(root / "scores.sqlite") as again:
    print(stored, len(again.scores(f"k{i}" for i in range(stored))), len(parts))
"""


@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not installed")
def test_a_full_disk_is_one_clear_error_and_loses_no_score(tmp_path: Path):
    disk = tmp_path / "disk"
    disk.mkdir()
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    inner = 'mount -t tmpfs -o size=6m none "$1" && head -c 200000 /dev/zero > "$1/p" && exec "$2" -c "$3" "$1"'
    command = ["unshare", *user, "--mount", "sh", "-c", inner, "sh", str(disk), sys.executable, FILL]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    if "mount:" in done.stderr or "unshare:" in done.stderr:
        pytest.skip("no small file system can be mounted here")
    assert done.returncode == 0, done.stderr
    stored, found, parts = map(int, done.stdout.split())
    assert stored == found > 10
    assert parts == 0
    assert "no space left" in done.stderr
    assert "cache full" in done.stderr
