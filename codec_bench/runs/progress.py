"""A progress bar on a terminal; elsewhere a line every half minute, so that a log shows that something goes on."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from types import TracebackType

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column
from rich.text import Text

from codec_bench import terminal

LINE_SECONDS = 30.0
"""How often a line is written where there is no terminal."""

WINDOW_SECONDS = 300.0
"""What the rate is measured over: codecs and metrics take turns, so a short time says little of the rest."""


class Pace:
    """How fast work is done, of which some was there before.

    Args:
        total: Pieces of work.
        now: When it begins, in seconds.
        unit: What a piece is.
    """

    def __init__(self, total: int, now: float, unit: str = "pairs") -> None:
        self.total = total
        self.unit = unit
        self.stored = 0
        self.made = 0
        self._marks = deque([(now, 0)])

    def advance(self, pieces: int, now: float, *, stored: bool = False) -> None:
        """Counts finished pieces; those that were `stored` say nothing of the rate."""
        if stored:
            self.stored += pieces
            return
        self.made += pieces
        self._marks.append((now, self.made))
        while len(self._marks) > 2 and self._marks[1][0] < now - WINDOW_SECONDS:
            self._marks.popleft()

    @property
    def done(self) -> int:
        """Finished pieces."""
        return self.stored + self.made

    def rate(self, now: float) -> float | None:
        """Pieces per second, of late; None before the first."""
        start, before = self._marks[0]
        return (self.made - before) / (now - start) if self.made > before and now > start else None

    def left(self, now: float) -> float | None:
        """Seconds that the rest takes at this rate; None if nothing can be said."""
        rate = self.rate(now)
        return None if rate is None else (self.total - self.done) / rate

    def __str__(self) -> str:
        now = time.monotonic()
        rate, left = self.rate(now), self.left(now)
        parts = (
            [] if rate is None else [f"{rate:.1f} {self.unit}/s" if rate >= 0.1 else f"{60 * rate:.1f} {self.unit}/min"]
        )
        return ", ".join(parts if left is None else [*parts, f"{_clock(left)} left"])


def _clock(seconds: float) -> str:
    """Seconds as a clock shows them.

    >>> _clock(59.6), _clock(7325)
    ('0:01:00', '2:02:05')
    """
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


class _Rate(ProgressColumn):
    """Pieces per second, and the time left."""

    def render(self, task: Task) -> Text:
        return Text(str(task.fields["pace"]), style="progress.data.speed")


class RunProgress:
    """Shows the stage, the system, the rate and the time left on standard error.

    Args:
        total: Pieces of work, e.g. pairs of recordings and systems.
        unit: What a piece is.
    """

    def __init__(self, total: int, unit: str = "pairs") -> None:
        self.console = terminal.console(stderr=True)
        self._started = time.monotonic()
        self._pace = Pace(total, self._started, unit)
        self._part: tuple[TaskID, Pace] | None = None
        self._stage = "starting"
        self._ended = threading.Event()
        self._progress = Progress(
            BarColumn(12),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            _Rate(),
            TextColumn("{task.description}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
            expand=True,
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self._task = self._progress.add_task(self._stage, total=total, pace=self._pace)

    def __enter__(self) -> RunProgress:
        self._progress.start()
        if not self.console.is_terminal:
            threading.Thread(target=self._write_lines, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._ended.set()
        self._progress.stop()

    def stage(self, text: str) -> None:
        """Names what is going on."""
        if self._part is not None:
            self._progress.remove_task(self._part[0])
            self._part = None
            self._progress.update(self._task, pace=self._pace)
        self._stage = text
        self._progress.update(self._task, description=text)

    def advance(self, pairs: int = 1, *, stored: bool = False) -> None:
        """Counts finished pairs; those that were `stored` before are not part of the rate."""
        self._pace.advance(pairs, time.monotonic(), stored=stored)
        self._progress.update(self._task, completed=self._pace.done)

    @property
    def left(self) -> int:
        """Pairs that are not finished."""
        return self._pace.total - self._pace.done

    def more(self, pairs: int) -> None:
        """Counts pairs that are scored in another stage, too."""
        self._pace.total += pairs
        self._progress.update(self._task, total=self._pace.total)

    def part(self, done: int, total: int, unit: str, *, since_start: bool = False) -> None:
        """Shows, in this stage, how much is done of something that is counted in another unit.

        Args:
            done: Pieces that are finished, e.g. signals that a model is through: no pair is finished meanwhile.
            total: Of so many.
            unit: What a piece is.
            since_start: Whether they were worked on from the start, before this stage, too.
        """
        now = time.monotonic()
        if self._part is None:
            pace = Pace(total, self._started if since_start else now, unit)
            self._part = self._progress.add_task("", total=total, pace=pace), pace
            self._progress.update(self._task, pace="")
        task, pace = self._part
        pace.total = total
        pace.advance(done - pace.done, now)
        self._progress.update(task, completed=done, total=total)

    def _write_lines(self) -> None:
        while not self._ended.wait(LINE_SECONDS):
            passed = _clock(time.monotonic() - self._started)
            pace = self._pace if self._part is None else self._part[1]
            of_all = f"{pace.done} of {pace.total}{'' if pace.unit == 'pairs' else f' {pace.unit}'}"
            sys.stderr.write(f"{passed} {self._stage}: {', '.join(filter(None, (of_all, str(pace))))}\n")
            sys.stderr.flush()
