"""Data directories of Kaldi (Povey et al., 2011), which ESPnet, WeNet and k2 write, too."""

from __future__ import annotations

import math
import os
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from typing_extensions import override

from codec_bench.datasets.clips import Clips, source_path
from codec_bench.datasets.dataset import Listed, ListedDataset
from codec_bench.datasets.manifest import check_id, check_some_exist, is_file, read_text
from codec_bench.errors import UsageError
from codec_bench.records import Utterance

RECORDINGS = "wav.scp"
"""The list that makes a folder a data directory."""

_BLANKS = " \t\r\f\v"


class KaldiDir(ListedDataset):
    """A Kaldi data directory: `wav.scp`, and where they are there `segments`, `text`, `utt2spk` and `utt2dur`.

    Each line of `segments`, or else of `wav.scp`, is an utterance, in that order; what the other lists say of other
    ids is skipped. A segment becomes a file of its own, cut without loss on first use. Commands in
    `wav.scp` are refused: nothing is ever given to a shell.

    Args:
        path: The directory.
        audio_root: Folder that relative paths start from; by default the current folder, as in Kaldi, or else the
            directory itself.
    """

    def __init__(self, path: str | os.PathLike[str], audio_root: str | os.PathLike[str] | None = None) -> None:
        self.path = Path(path)
        self.roots = (Path(), self.path) if audio_root is None else (Path(audio_root),)
        self.name = self.path.resolve().name
        self._clips = Clips(self.name)

    @override
    def listed(self) -> list[Listed]:
        sources = self._sources()
        parts = self._parts(sources)
        for part in parts:
            check_id(part.id, part.where)
        texts, speakers, durations = (self._optional(name) for name in ("text", "utt2spk", "utt2dur"))
        seconds = {part.id: _duration(part, durations.get(part.id)) for part in parts}
        self._clips = Clips(self.name)
        return [
            Listed.of(
                Utterance(
                    part.id,
                    part.source,
                    text=_value(texts, part.id),
                    speaker=_value(speakers, part.id),
                    duration=seconds[part.id],
                ),
                partial(self._cut, part),
            )
            for part in parts
        ]

    def _cut(self, part: _Segment, utterance: Utterance) -> Utterance:
        path = self._clips.cut(part.source, part.start, part.end, part.id, part.channel)
        return replace(utterance, path=path)

    @override
    def notes(self) -> list[str]:
        return self._clips.notes()

    def _sources(self) -> dict[str, Path]:
        """The file of each recording."""
        sources = {key: self._source(line) for key, line in _lines(self.path / RECORDINGS).items()}
        if not sources:
            raise UsageError(f"{self.path / RECORDINGS} is empty")
        check_some_exist(list(sources.values()), self.path / RECORDINGS)
        return sources

    def _source(self, line: _Line) -> Path:
        remedy = "write the audio to files first (Kaldi's wav-copy does) and list these"
        if line.value.endswith("|") or line.value.startswith("|"):
            raise UsageError(f"{line.where}: {line.value[:60]!r} is a command, and commands are not run: {remedy}")
        try:
            path = source_path(line.value, *self.roots)
        except UsageError as error:
            raise UsageError(f"{line.where}: {error}") from None
        if re.search(r":\d+$", line.value) and not is_file(path):
            raise UsageError(f"{line.where}: {line.value[-60:]!r} is a place in an archive: {remedy}")
        return path

    def _parts(self, sources: dict[str, Path]) -> list[_Segment]:
        path = self.path / "segments"
        if not path.exists():
            where = self.path / RECORDINGS
            return [_Segment(str(where), name, source, 0.0, None, None) for name, source in sources.items()]
        parts = [_part(key, line, sources) for key, line in _lines(path).items()]
        if not parts:
            raise UsageError(f"{path} is empty: remove it where the recordings are not segmented")
        return parts

    def _optional(self, name: str) -> dict[str, _Line]:
        return _lines(self.path / name) if (self.path / name).exists() else {}


class _Line(NamedTuple):
    """What follows the key in a line of a list, and where that is."""

    where: str
    value: str


class _Segment(NamedTuple):
    """An utterance: a recording from `start` to `end` seconds, or to its end."""

    where: str
    id: str
    source: Path
    start: float
    end: float | None
    channel: int | None


def _lines(path: Path) -> dict[str, _Line]:
    """The lines of a list by their first word, which must not come twice."""
    found: dict[str, _Line] = {}
    for number, line in enumerate(read_text(path).split("\n"), 1):
        stripped = line.strip(_BLANKS)
        if not stripped:
            continue
        key, *rest = re.split(f"[{_BLANKS}]+", stripped, maxsplit=1)
        where = f"{path}, line {number}"
        if key in found:
            raise UsageError(f"{where}: {key[:60]!r} already appeared in {found[key].where.rpartition(', ')[2]}")
        found[key] = _Line(where, rest[0] if rest else "")
    return found


def _part(key: str, line: _Line, sources: dict[str, Path]) -> _Segment:
    """A line of `segments`: utterance, recording, start and end in seconds, and perhaps the channel."""
    fields = line.value.split()
    if len(fields) not in (3, 4):
        raise UsageError(f"{line.where}: a segment is an id, a recording, a start and an end, not {line.value[:60]!r}")
    recording, start, end = fields[0], _number(line, fields[1]), _number(line, fields[2])
    if recording not in sources:
        raise UsageError(f"{line.where}: the recording {recording[:60]!r} is not in {RECORDINGS}")
    if start < 0 or not (end > start or end == -1):  # Kaldi's word for the end of the recording
        raise UsageError(f"{line.where}: there is nothing from {fields[1]} s to {fields[2]} s")
    if len(fields) == 4 and not re.fullmatch("[0-9]{1,4}", fields[3]):
        raise UsageError(f"{line.where}: {fields[3][:60]!r} is not a channel")
    channel = int(fields[3]) if len(fields) == 4 else None
    return _Segment(line.where, key, sources[recording], start, None if end == -1 else end, channel)


def _number(line: _Line, field: str) -> float:
    try:
        number = float(field)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UsageError(f"{line.where}: {field[:60]!r} is not a number of seconds")
    return number


def _duration(part: _Segment, line: _Line | None) -> float | None:
    """Seconds as `utt2dur` states them, or else as the segment does."""
    if line is None:
        return None if part.end is None else part.end - part.start
    seconds = _number(line, line.value)
    if seconds < 0:
        raise UsageError(f"{line.where}: {line.value[:60]!r} is not a number of seconds")
    return seconds


def _value(lines: dict[str, _Line], key: str) -> str | None:
    return lines[key].value or None if key in lines else None
