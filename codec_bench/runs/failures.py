"""`failures/` of a run directory: the tracebacks of what plug-ins raised, a file for each codec and each metric."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable
from pathlib import Path

from codec_bench.discretion import discreet_text
from codec_bench.files import digest
from codec_bench.runs.directory import slug
from codec_bench.terminal import shown

logger = logging.getLogger(__name__)

FOLDER = "failures"

MAX_TRACES = 20
"""Tracebacks that are kept of one codec or metric: more of them say nothing new."""


class Failures:
    """Keeps tracebacks as they come, so that they are there however the run ends.

    Args:
        run: The run directory; tracebacks of an earlier session in it are removed, for what failed is tried again.
        shows: Whether they are printed too.
        keep_paths: Whether the files name the home folder.
    """

    def __init__(self, run: Path, *, shows: bool = False, keep_paths: bool = False) -> None:
        self._folder = run / FOLDER
        self._shows = shows
        self._keep_paths = keep_paths
        self._kept: dict[str, set[str]] = {}
        shutil.rmtree(self._folder, ignore_errors=True)

    def note(self, who: str, where: Iterable[str], trace: str) -> None:
        """Keeps a traceback, unless there is none, or the same was kept of another utterance.

        Args:
            who: Label of the codec or the metric.
            where: On what it failed.
            trace: The traceback.
        """
        kept = self._kept.setdefault(who, set())
        if not trace or trace in kept or len(kept) >= MAX_TRACES:
            return
        kept.add(trace)
        text = shown(f"{who} on {', '.join(where)}\n{trace}")
        if self._shows:
            logger.warning("%s", text.rstrip())
        name = slug(who)
        file = self._folder / f"{name if name == who else f'{name[:100]}-{digest(who.encode())[:8]}'}.txt"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with file.open("a", encoding="utf-8", errors="backslashreplace") as stream:
                stream.write(f"{discreet_text(text, keep_paths=self._keep_paths)}\n")
        except OSError as error:  # the reason of each score is kept elsewhere
            logger.debug("%s cannot be written: %s", file, error)
