"""A progress bar on a terminal, nothing elsewhere."""

from __future__ import annotations

from types import TracebackType

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from codec_bench import terminal


class _Rate(ProgressColumn):
    """Pairs per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.1f} pairs/s", style="progress.data.speed")


class RunProgress:
    """Shows the stage, the system, the rate and the time left of `total` pairs on standard error."""

    def __init__(self, total: int) -> None:
        self.console = terminal.console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self._total = total
        self._task = self._progress.add_task("starting", total=total)

    def __enter__(self) -> RunProgress:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._progress.stop()

    def stage(self, text: str) -> None:
        """Names what is going on."""
        self._progress.update(self._task, description=text)

    def advance(self, pairs: int = 1) -> None:
        """Counts finished pairs."""
        self._progress.advance(self._task, pairs)

    def more(self, pairs: int) -> None:
        """Counts pairs that are scored in another stage, too."""
        self._total += pairs
        self._progress.update(self._task, total=self._total)
