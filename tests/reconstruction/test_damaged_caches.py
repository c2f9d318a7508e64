"""Caches that are damaged under a run: each is noticed and made again, and the scores are those of a clean run."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from codec_bench.cache import ArrayCache
from codec_bench.errors import UsageError
from codec_bench.runs.directory import Run
from tests.small_runs import without_timing

KINDS = ("codes", "audio", "features")


def entries(cache: Path, kind: str) -> list[Path]:
    return sorted(path for path in (cache / kind).glob("*/*") if path.is_file())


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def seal(path: Path, **arrays: np.ndarray) -> None:
    cache = ArrayCache(path.parents[1])
    cache.put(path.parent.name + path.name, arrays)


def seal_bytes(path: Path, body: bytes) -> None:
    path.write_bytes(b"codec-bench/1\n" + hashlib.sha256(body).digest() + body)


def instead(make: Callable[[Path], None]) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        path.unlink()
        make(path)

    return damage


DAMAGES: dict[str, Callable[[Path], None]] = {
    "a bit": flip,
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:60]),
    "empty": lambda path: path.write_bytes(b""),
    "a folder": instead(os.mkdir),
    "a FIFO": instead(os.mkfifo),
    "a device": instead(lambda path: path.symlink_to("/dev/zero")),
    "other arrays": lambda path: seal(path, x=np.zeros(3)),
    "no arrays": lambda path: seal_bytes(path, os.urandom(3000)),
    "a pickle": lambda path: seal_bytes(path, b"cos\nsystem\n(S'exit 1'\ntR."),
    "two zeros": lambda path: seal(path, value=np.zeros(2)),
}

STORES = [
    "UPDATE scores SET status='weird'",
    "UPDATE scores SET numerator='abc'",
    "UPDATE scores SET numerator=9e999",
    "UPDATE reconstructions SET facts='{'",
    "UPDATE reconstructions SET facts='[1]'",
    "UPDATE reconstructions SET facts='{}'",
    "DELETE FROM reconstructions",
]


@pytest.fixture
def filled(run_in: Callable[..., Run], tmp_path: Path) -> tuple[Callable[..., Run], Path, Run]:
    """Runs in a filled cache, that cache, and the run that filled it."""
    run = run_in("home", limit=2, codec=["codec2@1200"], metrics=["stoi", "gpe", "mcd"])
    return run_in, tmp_path / "home" / "cache", run


def again(run_in: Callable[..., Run], first: Run) -> Run:
    out = first.path.with_name("again")
    shutil.rmtree(out, ignore_errors=True)
    return run_in("home", limit=2, codec=["codec2@1200"], metrics=["stoi", "gpe", "mcd"], out=out)


@pytest.mark.slow
def test_damaged_entries_are_made_again(filled: tuple[Callable[..., Run], Path, Run]):
    run_in, cache, first = filled
    for name, damage in DAMAGES.items():
        for kind in KINDS:
            for path in entries(cache, kind):
                damage(path)
            if kind != "audio":  # what was decoded is looked for first
                shutil.rmtree(cache / "audio")
            with closing(sqlite3.connect(cache / "scores.sqlite")) as store:
                store.execute("DELETE FROM scores")
                store.commit()
            assert without_timing(again(run_in, first)) == without_timing(first), (name, kind)
            assert all(entries(cache, kind) for kind in KINDS)


@pytest.mark.slow
def test_a_damaged_store_is_filled_again(filled: tuple[Callable[..., Run], Path, Run]):
    run_in, cache, first = filled
    for change in STORES:
        with closing(sqlite3.connect(cache / "scores.sqlite")) as store:
            store.execute(change)
            store.commit()
        found = again(run_in, first)
        assert without_timing(found) == without_timing(first), change
        assert found.summary.equals(first.summary), change


@pytest.mark.long
def test_damaged_tables_of_a_run_are_written_anew(run_in: Callable[..., Run]):
    options = {"limit": 1, "codec": ["codec2@1200"], "metrics": ["si_sdr"]}
    first = run_in(**options)
    wanted = without_timing(first)
    whole = (first.path / "utterances.csv").read_bytes()
    garbage = instead(lambda path: path.write_bytes(b"\xff\xfe\0"))
    for damage in (os.remove, lambda path: os.truncate(path, 20), garbage, instead(os.mkfifo)):
        for name in ("utterances.csv", "scores.parquet", "summary.csv"):
            damage(first.path / name)
        assert without_timing(run_in(**options)) == wanted
        assert (first.path / "utterances.csv").read_bytes() == whole


@pytest.mark.long
@pytest.mark.parametrize("place", ["home-out", "home", "home/cache", "home/cache/audio"])
def test_a_file_in_the_place_of_a_folder_is_one_line(place: str, run_in: Callable[..., Run], tmp_path: Path):
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).write_bytes(b"x")
    with pytest.raises(UsageError, match=f"{place}.* cannot be written: ") as error:
        run_in(limit=1, codec=["codec2@1200"], metrics=["si_sdr"])
    assert "\n" not in str(error.value)
    assert (tmp_path / place).read_bytes() == b"x"
