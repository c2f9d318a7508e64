"""`codec-bench cache`: what it counts is what du counts, and it removes nothing but what it was told to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from codec_bench.cache import ArrayCache
from codec_bench.errors import UsageError
from codec_bench.files import atomically
from codec_bench.inventory import caches_in_use, parse_age
from codec_bench.reconstruction.store import ScoreStore
from tests.command import Cli, check_refused, run_command

DAY = 86_400

FILES = {
    "models/lyra/a.tflite": 1000,
    "hf/org/repo/b.pt": 2000,
    "datasets/LibriTTS/test-clean/1/x.wav": 30_000,
    "datasets/LibriTTS/test-clean/1/y.wav": 30_000,
    "datasets/ESC-50/z.wav": 4000,
    "datasets/archive.tgz": 500,
    "sources/s.tar.gz": 600,
    "envs/old/venv/lib/.hidden.lock": 70,
    "envs/old/environment.json": 7,
    "cache/codes/aa/1": 80,
    "cache/audio/aa/1": 900,
    "cache/features/aa/1": 90,
    "cache/frames/aa/1": 60,
    "cache/probes/aa/1.json": 8,
    "cache/language_models/aa/1.json": 9,
    "verified/codec.json": 6,
    "cache/scores.sqlite": 4096,
    "cache/scores.sqlite-wal": 50,
    "datasets/.archive.tgz.part": 11,
    "datasets/.archive.tgz.lock": 0,
    "cache/audio/aa/.2.999999999.0123abcd.part": 22,
    "notes.txt": 5,
}
LEFTOVERS = {name for name in FILES if ".archive" in name or "999999999" in name}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A home with something of every kind, all two days old."""
    for name, size in FILES.items():
        path = tmp_path / "home" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
        os.utime(path, (time.time() - 2 * DAY,) * 2)
    return tmp_path / "home"


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return partial(run_command, tmp_path, "cache")


def left(root: Path) -> set[str]:
    return {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file() or p.is_symlink()}


def by_row(done: subprocess.CompletedProcess[str], key: str = "rows") -> dict[tuple[str, str], tuple[int, int]]:
    assert done.returncode == 0, done.stderr
    return {(r["kind"], r["path"]): (r["files"], r["bytes"]) for r in json.loads(done.stdout)[key]}


def test_one_row_per_kind_and_data_set(cli: Cli, root: Path) -> None:
    done = cli("--json")
    assert by_row(done) == {
        ("weights", "hf"): (1, 2000),
        ("weights", "models"): (1, 1000),
        ("datasets", "datasets/ESC-50"): (1, 4000),
        ("datasets", "datasets/LibriTTS"): (2, 60_000),
        ("datasets", "datasets/archive.tgz"): (1, 500),
        ("sources", "sources"): (1, 600),
        ("envs", "envs/old"): (2, 77),
        ("codes", "cache/codes"): (1, 80),
        ("audio", "cache/audio"): (1, 900),
        ("features", "cache/features"): (1, 90),
        ("frames", "cache/frames"): (1, 60),
        ("probes", "cache/probes"): (1, 8),
        ("language-models", "cache/language_models"): (1, 9),
        ("verified", "verified"): (1, 6),
        ("scores", "cache/scores.sqlite"): (2, 4146),
        ("leftovers", "."): (3, 33),
        ("other", "."): (1, 5),
    }
    everything = json.loads(done.stdout)
    assert everything["bytes"] == sum(FILES.values())
    assert everything["files"] == len(FILES)
    assert everything["home"] == str(root)
    assert left(root) == set(FILES)


def test_as_a_table(cli: Cli, root: Path) -> None:
    lines = cli().stdout.splitlines()
    assert lines[0].split("\t") == ["kind", "path", "files", "size"]
    assert "datasets\tdatasets/LibriTTS\t2\t0.1 MB" in lines
    assert lines[-1] == f"total\t{root}\t{len(FILES)}\t0.1 MB"


def test_an_empty_home(cli: Cli) -> None:
    done = cli()
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].split("\t")[2] == "0"
    assert "freed 0.0 MB (0 files)" in cli("--prune", "all").stdout


@pytest.mark.as_user
@pytest.mark.parametrize(
    ("kinds", "prefixes"),
    [
        ("codes,audio", ("cache/codes/aa/1", "cache/audio/aa/1")),
        ("features", ("cache/features/",)),
        ("scores", ("cache/scores.sqlite",)),
        ("weights", ("models/", "hf/")),
        ("datasets", ("datasets/LibriTTS", "datasets/ESC-50", "datasets/archive.tgz")),
        ("dataset:ESC-50", ("datasets/ESC-50",)),
        ("sources,envs", ("sources/", "envs/")),
    ],
)
def test_only_what_is_named_is_removed(cli: Cli, root: Path, kinds: str, prefixes: tuple[str, ...]) -> None:
    done = cli("--prune", kinds, "--yes")
    assert done.returncode == 0, done.stderr
    gone = {name for name in FILES if name.startswith(prefixes)}
    assert gone
    assert left(root) == set(FILES) - gone
    assert f"({len(gone)} files) in {root}" in done.stdout.splitlines()[-1]
    if "cache" not in prefixes[0]:
        assert not any((root / prefix).is_dir() for prefix in prefixes)


def test_leftovers_need_no_yes(cli: Cli, root: Path) -> None:
    done = cli("--prune", "leftovers")
    assert done.stdout.splitlines()[-1] == f"freed 0.0 MB (3 files) in {root}"
    assert left(root) == set(FILES) - LEFTOVERS


@pytest.mark.as_user
def test_all_is_everything_but_what_is_not_ours(cli: Cli, root: Path) -> None:
    assert cli("--prune", "all", "--yes").returncode == 0
    assert left(root) == {"notes.txt"}


@pytest.mark.as_user
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--prune", "audio"], "removes 1 files (0.0 MB) of"),
        (["--prune", "audio,leftovers"], "add --yes"),
        (["--prune", "audios", "--yes"], "'audios' cannot be removed: write weights, datasets"),
        (["--prune", "dataset:LibriSpeech", "--yes"], "there are: ESC-50, LibriTTS, archive.tgz"),
        (["--prune", "dataset:../..", "--yes"], "there is no dataset:../.."),
        (["--prune", "audio", "--older-than", "30", "--yes"], "'30' is not a time"),
        (["--yes"], "name what to remove"),
        (["--dry-run"], "name what to remove"),
    ],
)
def test_what_cannot_be_done_removes_nothing(cli: Cli, root: Path, arguments: list[str], message: str) -> None:
    check_refused(cli(*arguments), message)
    assert left(root) == set(FILES)


def test_a_dry_run_says_the_same_and_removes_nothing(cli: Cli, root: Path) -> None:
    dry = cli("--prune", "datasets,codes", "--dry-run")
    assert dry.stdout.splitlines()[-1] == f"would free 0.1 MB (5 files) in {root}"
    assert left(root) == set(FILES)
    expected = by_row(cli("--prune", "datasets,codes", "--dry-run", "--json"), "removed")
    assert by_row(cli("--prune", "datasets,codes", "--yes", "--json"), "removed") == expected
    assert len(expected) == 4


def test_only_what_is_old(cli: Cli, root: Path) -> None:
    (root / "cache/audio/aa/young").write_bytes(b"1")
    (root / "datasets/LibriTTS/young").write_bytes(b"1")  # a data set is whole or gone
    arguments = ["--prune", "audio,datasets", "--yes", "--older-than"]
    assert "(0 files)" in cli(*arguments, "3d").stdout
    assert "(3 files)" in cli(*arguments, "47h").stdout
    gone = {"cache/audio/aa/1", "datasets/ESC-50/z.wav", "datasets/archive.tgz"}
    assert left(root) == set(FILES) - gone | {"cache/audio/aa/young", "datasets/LibriTTS/young"}


def test_times() -> None:
    assert [parse_age(text) for text in ("90s", "5m", "12h", "30d", "2w")] == [90, 300, 43_200, 2_592_000, 1_209_600]
    for text in ("", "d", "-1d", "1.5d", "1 d", "1y"):
        with pytest.raises(UsageError, match="is not a time"):
            parse_age(text)


def test_links_are_not_followed(cli: Cli, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine.wav").write_bytes(bytes(9999))
    (root / "datasets/linked").symlink_to(outside)
    (root / "models/linked.tflite").symlink_to(outside / "mine.wav")
    rows = by_row(cli("--json"))
    assert rows["datasets", "datasets/linked"] == (1, 0)
    assert rows["weights", "models"] == (2, 1000)
    assert cli("--prune", "all", "--yes").returncode == 0
    assert (outside / "mine.wav").stat().st_size == 9999
    assert left(root) == {"notes.txt"}


def test_a_folder_that_was_moved_to_another_disk_is_left(cli: Cli, root: Path, tmp_path: Path) -> None:
    (root / "hf").rename(tmp_path / "elsewhere")
    (root / "hf").symlink_to(tmp_path / "elsewhere")
    rows = by_row(cli("--json"))
    assert ("weights", "hf") not in rows
    assert rows["other", "."] == (2, 5)
    assert cli("--prune", "all", "--yes").returncode == 0
    assert (tmp_path / "elsewhere/org/repo/b.pt").exists()
    assert (root / "hf").is_symlink()


def test_a_home_that_is_a_link(cli: Cli, root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    done = cli("--prune", "audio", "--yes", CODEC_BENCH_HOME=str(tmp_path / "link"))
    assert done.stdout.splitlines()[-1] == f"freed 0.0 MB (1 files) in {root}"


def test_mirrors_are_left_alone(cli: Cli, root: Path, tmp_path: Path) -> None:
    mirror = root / "datasets/lab"
    (mirror / "models").mkdir(parents=True)
    (mirror / "models/w").write_bytes(bytes(10))
    for value in (str(mirror), f"{tmp_path / 'none'}:{mirror}"):
        assert ("datasets", "datasets/lab") not in by_row(cli("--json", CODEC_BENCH_MIRROR=value))
    cli("--prune", "all", "--yes", CODEC_BENCH_MIRROR=str(mirror))
    assert left(root) == {"notes.txt", "datasets/lab/models/w"}


def test_what_a_process_holds_is_no_leftover(cli: Cli, root: Path) -> None:
    with FileLock(root / "datasets/.archive.tgz.lock"), atomically(root / "cache/audio/aa/3") as part:
        part.write_bytes(bytes(7))
        os.utime(part, (0, 0))  # old, but its process lives
        rows = by_row(cli("--json"))
        assert rows["in use", "."] == (3, 18)  # the lock, the download under it, and the part of this process
        assert rows["leftovers", "."] == (1, 22)
        cli("--prune", "all", "--yes")
        assert part.exists()
        assert (root / "datasets/.archive.tgz.part").exists()
    assert (root / "cache/audio/aa/3").stat().st_size == 7


def test_a_young_part_may_be_written_on_another_machine(cli: Cli, root: Path) -> None:
    (root / "cache/audio/aa/.4.999999999.0123abcd.part").write_bytes(b"1")
    assert by_row(cli("--json"))["in use", "."] == (1, 1)


def test_scores_are_not_taken_from_a_run(cli: Cli, root: Path) -> None:
    for name in ("scores.sqlite", "scores.sqlite-wal"):
        (root / "cache" / name).unlink()
    with ScoreStore(root / "cache/scores.sqlite"):
        done = cli("--prune", "scores", "--yes")
        assert done.returncode == 2
        assert "scores.sqlite is used by a run: wait until it ends" in done.stderr
        assert (root / "cache/scores.sqlite").exists()
    assert cli("--prune", "scores", "--yes").returncode == 0
    assert not (root / "cache/scores.sqlite").exists()


def test_a_cache_still_works_after_it_was_pruned(cli: Cli, root: Path) -> None:
    import numpy as np

    store = ArrayCache(root / "cache/audio")
    store.put("ab" * 32, {"x": np.zeros(3)})
    assert cli("--prune", "audio", "--yes").returncode == 0
    assert store.get("ab" * 32) is None
    store.put("ab" * 32, {"x": np.zeros(3)})
    assert "ab" * 32 in store


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
@pytest.mark.parametrize(("answer", "gone"), [("y", True), ("", False)])
def test_on_a_terminal_it_asks(root: Path, answer: str, gone: bool) -> None:
    import pty

    ours, theirs = pty.openpty()
    os.write(ours, f"{answer}\n".encode())
    done: subprocess.CompletedProcess[Any] = subprocess.run(
        [sys.executable, "-m", "codec_bench", "cache", "--prune", "audio"],
        check=False, stdin=theirs, capture_output=True, text=True, timeout=60,
        env=os.environ | {"CODEC_BENCH_HOME": str(root)},
    )  # fmt: skip
    os.close(ours)
    os.close(theirs)
    assert f"Remove 1 files (0.0 MB) of {root}? [y/N]" in done.stderr
    assert ("nothing was removed" in done.stdout) is not gone
    assert (root / "cache/audio/aa/1").exists() is not gone
    assert done.returncode == 0


# --- a bound ---------------------------------------------------------------------------------------------------------


def entries(root: Path, **days: float) -> None:
    """Entries of 1 kB that were used so many days ago."""
    for name, age in days.items():
        path = root / "cache/audio" / name[:2] / name[2:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(1000))
        os.utime(path, (time.time() - age * DAY,) * 2)


def kept(root: Path) -> set[str]:
    return {p.parent.name + p.name for p in (root / "cache/audio").rglob("*") if p.is_file()}


def test_what_was_not_used_for_longest_goes_first_before_and_after_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODEC_BENCH_CACHE_GB", "3e-6")
    entries(tmp_path, aaold=9, aamid=5, bbnew=1, bbfresh=0)
    with caches_in_use(tmp_path):
        assert kept(tmp_path) == {"aamid", "bbnew", "bbfresh"}
        entries(tmp_path, ccmade=0, ccmore=0)  # a run that needs more than the bound has it while it runs
        assert len(kept(tmp_path)) == 5
    assert kept(tmp_path) & {"aamid", "bbnew"} == set()
    assert len(kept(tmp_path)) == 3
    assert not list((tmp_path / "cache").glob(".run-*"))


def test_nothing_goes_while_another_run_may_need_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries(tmp_path, aaold=9, aamid=5)
    with caches_in_use(tmp_path):
        monkeypatch.setenv("CODEC_BENCH_CACHE_GB", "1e-6")
        with caches_in_use(tmp_path):
            assert len(kept(tmp_path)) == 2
        assert len(kept(tmp_path)) == 2
    with caches_in_use(tmp_path):
        assert kept(tmp_path) == {"aamid"}


def test_reading_an_entry_is_using_it(tmp_path: Path) -> None:
    cache = ArrayCache(tmp_path / "cache/features")
    cache.put("aa1", {"value": np.zeros(3)})
    os.utime(cache.path("aa1"), (time.time() - 9 * DAY,) * 2)
    cache.get("aa1")
    assert time.time() - cache.path("aa1").stat().st_mtime < 60


@pytest.mark.parametrize("text", ["a lot", "0", "-1", "nan", "inf"])
def test_a_bound_that_is_no_size_is_refused(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEC_BENCH_CACHE_GB", text)
    with pytest.raises(UsageError, match="write gigabytes"), caches_in_use(tmp_path):
        pass


def test_a_home_that_cannot_be_written_has_no_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").write_text("no folder")
    with caches_in_use(tmp_path):
        pass
    monkeypatch.setenv("CODEC_BENCH_CACHE_GB", "1")
    with pytest.raises(UsageError, match="cannot be written"), caches_in_use(tmp_path):
        pass
