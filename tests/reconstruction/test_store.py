"""The score store: exact round trips, damage, a full disk; `test_runner` has several writers, and kills them."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from codec_bench.errors import UsageError
from codec_bench.reconstruction.store import ScoreStore
from codec_bench.records import Score, Status


def test_scores_come_back_bit_for_bit(tmp_path: Path):
    generator = random.Random(0)
    scores = {f"k{i}": Score.of(generator.uniform(-1, 1) * 10 ** generator.randint(-300, 300)) for i in range(1200)}
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


def test_a_file_that_is_no_store_is_a_clear_error(tmp_path: Path):
    path = tmp_path / "scores.sqlite"
    path.write_bytes(b"this is not SQLite at all, but long enough to be taken for a header" * 20)
    with pytest.raises(UsageError, match="move it away"):
        ScoreStore(path)


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
