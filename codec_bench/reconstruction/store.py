"""Scores as they are made: one SQLite file per cache, written by one connection of one process at a time."""

from __future__ import annotations

import json
import logging
import math
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from codec_bench.errors import CodecBenchError, DiskFullError, UsageError
from codec_bench.files import parsed_json
from codec_bench.records import Score, Status

logger = logging.getLogger(__name__)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS scores (
    address TEXT PRIMARY KEY, status TEXT NOT NULL, reason TEXT NOT NULL,
    numerator REAL NOT NULL, denominator REAL NOT NULL, scale REAL NOT NULL, seconds REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reconstructions (address TEXT PRIMARY KEY, facts TEXT NOT NULL) WITHOUT ROWID;
"""
_VERSION = 1
_WAIT_SECONDS = 60.0


class ScoreStore:
    """Content-addressed scores and facts about reconstructions.

    A write is a transaction of its own, so a process may be killed at any moment; several processes may share the
    file (write-ahead log, with a wait for the lock).

    Raises:
        UsageError: The SQLite file, made with its folder where it is missing, cannot be opened or is not a store.
        DiskFullError: No room left.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.exists() and not path.is_file():  # SQLite would wait for the other end of a FIFO
            raise UsageError(f"{path} is not a file: move it away and run again")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None)
            self._use_write_ahead_log()
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(_SCHEMA)
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, _VERSION):
                raise UsageError(
                    f"{path} was written by another version of codec-bench (schema {version}): use that version, or "
                    "another CODEC_BENCH_HOME"
                )
            self._db.execute(f"PRAGMA user_version={_VERSION}")
        except OSError as error:
            raise UsageError(f"{path.parent} cannot be written: {error.strerror}") from error
        except sqlite3.DatabaseError as error:
            raise self._explain(error) from error

    def _use_write_ahead_log(self) -> None:
        """Two processes that open a new file at once collide here, and SQLite's own wait does not cover the switch."""
        deadline = time.monotonic() + _WAIT_SECONDS
        while True:
            try:
                self._db.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return

    def __enter__(self) -> ScoreStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    def scores(self, addresses: Iterable[str]) -> dict[str, Score]:
        """The stored scores among `addresses`; rows that hold no score are reported, and count as absent."""
        rows = self._select("SELECT * FROM scores WHERE address IN ({})", addresses)
        found = {address: score for address, *row in rows if (score := _score(row)) is not None}
        self._report(len(rows) - len(found), "scores")
        return found

    def facts(self, addresses: Iterable[str]) -> dict[str, dict[str, Any]]:
        """What is known about the reconstructions among `addresses`; damaged rows as for `scores`."""
        rows = self._select("SELECT address, facts FROM reconstructions WHERE address IN ({})", addresses)
        found = {address: facts for address, text in rows if (facts := _facts(text)) is not None}
        self._report(len(rows) - len(found), "facts about reconstructions")
        return found

    def _report(self, damaged: int, what: str) -> None:
        if damaged:
            logger.warning("%d %s in %s are damaged; they are made again", damaged, what, self.path)

    def put(
        self, scores: Mapping[str, Score], reconstruction: str | None = None, facts: Mapping[str, Any] | None = None
    ) -> None:
        """Stores the outcome of one pair in one transaction; scores that may come out otherwise next time are left.

        Raises:
            DiskFullError: No room left; what was stored before stays.
        """
        rows = [
            (key, s.status.value, s.reason, s.numerator, s.denominator, s.scale, s.seconds)
            for key, s in scores.items()
            if not s.status.is_transient
        ]
        try:
            with self._db:  # commits, or rolls back
                self._db.execute("BEGIN IMMEDIATE")
                self._db.executemany("INSERT OR REPLACE INTO scores VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
                if reconstruction is not None and facts is not None:
                    text = json.dumps(facts, allow_nan=False)
                    self._db.execute("INSERT OR REPLACE INTO reconstructions VALUES (?, ?)", (reconstruction, text))
        except sqlite3.DatabaseError as error:
            raise self._explain(error) from error

    def _select(self, query: str, addresses: Iterable[str]) -> list[tuple[Any, ...]]:
        keys = list(dict.fromkeys(addresses))
        rows: list[tuple[Any, ...]] = []
        try:
            for start in range(0, len(keys), 500):
                part = keys[start : start + 500]
                with closing(self._db.execute(query.format(",".join("?" * len(part))), part)) as cursor:
                    rows += cursor.fetchall()
        except sqlite3.DatabaseError as error:
            raise self._explain(error) from error
        return rows

    def _explain(self, error: sqlite3.DatabaseError) -> CodecBenchError:
        text = str(error)
        if "full" in text or "disk I/O" in text:
            return DiskFullError(
                f"no space left on the disk of {self.path.parent} ({text}); every score so far is kept: free some "
                "space, then run the same command again"
            )
        if "locked" in text:
            return CodecBenchError(f"{self.path} stayed locked by another process for {_WAIT_SECONDS:.0f} s; try again")
        return UsageError(f"{self.path} cannot be used ({text}); if it is damaged, move it away and run again")


def _score(row: Sequence[Any]) -> Score | None:
    """A row of the store as a score; None where it is none that `put` keeps."""
    status, reason, *numbers = row
    try:
        if not isinstance(reason, str) or not all(math.isfinite(number) for number in numbers):
            return None
        score = Score(Status(status), reason, *numbers)
    except (ValueError, TypeError):
        return None
    return None if score.status.is_transient else score


def _facts(text: object) -> dict[str, Any] | None:
    """Facts as they were stored; None where they are none."""
    try:
        found = parsed_json(text.encode()) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
