"""Manifests of Lhotse (https://github.com/lhotse-speech/lhotse), which icefall and k2 train on."""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from typing_extensions import override

from codec_bench.datasets.clips import Clips, source_path
from codec_bench.datasets.dataset import Listed, ListedDataset
from codec_bench.datasets.manifest import check_id, check_some_exist
from codec_bench.errors import UnavailableError, UsageError
from codec_bench.languages import find
from codec_bench.records import Utterance

SUFFIXES = (".jsonl.gz", ".jsonl")
"""The manifests that are read."""


class LhotseCuts(ListedDataset):
    """Cuts of Lhotse, or its recordings with their supervisions.

    Of a file of cuts, each `MonoCut` is an utterance: the texts of its supervisions in their order in time, their
    speaker and language where all have the same one, and as labels the gender and every scalar custom field. Of a
    folder with recordings and supervisions, each supervision is one; without supervisions, each recording. What is no
    whole file becomes a file of its own, cut without loss on first use. Recordings have to be files:
    commands are never run, and addresses are not opened.

    Args:
        path: `cuts.jsonl.gz`, or a folder with `recordings.jsonl.gz` and `supervisions.jsonl.gz`, which may have more
            in their names, as those of Lhotse's recipes do.
        audio_root: Folder that relative paths start from; by default the current folder, as in Lhotse, or else the one
            that holds the manifest.
    """

    def __init__(self, path: str | os.PathLike[str], audio_root: str | os.PathLike[str] | None = None) -> None:
        self.path = Path(path)
        folder = self.path if self.path.is_dir() else self.path.parent
        self.roots = (Path(), folder) if audio_root is None else (Path(audio_root),)
        self.name = _stem(self.path.resolve().name)
        self._clips = Clips(self.name)

    @override
    def listed(self) -> list[Listed]:
        parts = self._segments() if self.path.is_dir() else self._cuts()
        if not parts:
            raise UsageError(f"{self.path} is empty")
        seen: set[str] = set()
        for part in parts:
            if part.id in seen:
                raise UsageError(f"{self.path}: {part.id[:60]!r} cannot be an id: it already appeared")
            check_id(part.id, self.path)
            seen.add(part.id)
        check_some_exist([part.source for part in parts], self.path)
        self._clips = Clips(self.name)
        return [Listed.of(_described(part), partial(self._cut_out, part)) for part in parts]

    @override
    def notes(self) -> list[str]:
        return self._clips.notes()

    def _cuts(self) -> list[_CutPart]:
        return [self._cut(cut) for cut in _items(self.path, "MonoCut")]

    def _cut(self, cut: Any) -> _CutPart:
        if cut.recording is None:
            raise UsageError(f"{self.path}: the cut {cut.id!r} has features and no recording")
        return self._part(cut.id, cut.recording, cut.start, cut.duration, cut.channel, cut.supervisions, cut.custom)

    def _segments(self) -> list[_CutPart]:
        manifest = _recordings_of(self.path)
        recordings = {recording.id: recording for recording in _items(manifest, "Recording")}
        supervised = manifest.with_name(manifest.name.replace("recordings", "supervisions"))
        if not supervised.is_file():
            return [self._part(name, r, 0.0, r.duration, None, [], None) for name, r in recordings.items()]
        parts = []
        for item in _items(supervised, "SupervisionSegment"):
            if item.recording_id not in recordings:
                raise UsageError(f"{supervised}: {item.id!r} is of {item.recording_id!r}, which is not in {manifest}")
            recording = recordings[item.recording_id]
            channel = item.channel
            if isinstance(channel, list):
                channel = channel[0] if len(channel) == 1 else None
            parts.append(self._part(item.id, recording, item.start, item.duration, channel, [item], None))
        return parts

    def _part(
        self,
        name: str,
        recording: Any,
        start: float,
        duration: float,
        channel: int | None,
        supervisions: list[Any],
        custom: Mapping[str, Any] | None,
    ) -> _CutPart:
        if recording.transforms:
            raise UsageError(f"{self.path}: {name!r} has a recording with transforms: {_REMEDY}")
        of_channel = [s for s in recording.sources if channel is None or channel in s.channels]
        if len(of_channel) != 1 or of_channel[0].type != "file":
            kinds = " and ".join(source.type for source in of_channel) or f"without channel {channel}"
            raise UsageError(f"{self.path}: {name!r} has a recording that is not a single file ({kinds}): {_REMEDY}")
        source = of_channel[0]
        has_choice = channel is not None and len(source.channels) > 1
        is_whole = start == 0 and abs(duration - recording.duration) * recording.sampling_rate < 1
        return _CutPart(
            name,
            source_path(source.source, *self.roots),
            start,
            None if is_whole else start + duration,
            source.channels.index(channel) if has_choice else None,
            duration,
            sorted(supervisions, key=lambda s: s.start),
            custom or {},
        )

    def _cut_out(self, part: _CutPart, utterance: Utterance) -> Utterance:
        path = self._clips.cut(part.source, part.start, part.end, part.id, part.channel)
        return replace(utterance, path=path)


_REMEDY = "save the audio as files first (Lhotse's CutSet.save_audios does) and give the cuts that come out"


class _CutPart(NamedTuple):
    """An utterance: a recording from `start` to `end` seconds, or to its end, and what manifests say of it."""

    id: str
    source: Path
    start: float
    end: float | None
    channel: int | None
    duration: float
    supervisions: list[Any]
    custom: Mapping[str, Any]


def _described(part: _CutPart) -> Utterance:
    """An utterance as manifests describe it; its path is that of the whole recording."""
    said = part.supervisions
    speaker, language, gender = (_common(said, field) for field in ("speaker", "language", "gender"))
    codes = {find(str(item.language or "")) for item in said}
    code = codes.pop() if len(codes) == 1 else None
    labels = {"gender": gender} | ({} if code else {"language": language})
    for fields in (*(item.custom or {} for item in said), part.custom):
        labels |= {name: str(value) for name, value in fields.items() if isinstance(value, str | int | float)}
    return Utterance(
        part.id,
        part.source,
        text=" ".join(" ".join(item.text or "" for item in said).split()) or None,
        speaker=speaker,
        language=code,
        duration=part.duration,
        labels={name: value for name, value in labels.items() if value},
    )


def _items(path: Path, kind: str) -> list[Any]:
    """The items of a manifest, all of which must be of one of Lhotse's classes."""
    if not path.name.endswith(SUFFIXES):
        raise UsageError(f"{path} is not a readable manifest: those end with {' or '.join(SUFFIXES)}")
    if not path.is_file():
        raise UsageError(f"{path} does not exist")
    try:
        from lhotse.lazy import LazyManifestIterator
    except ImportError as error:
        raise UnavailableError(
            f"lhotse:{path} needs a package that is not installed ({error}): pip install 'codec-bench[lhotse]'"
        ) from error
    items: list[Any] = []
    try:
        for item in LazyManifestIterator(path.resolve()):  # else lhotse would run what follows "pipe:" in a name
            if type(item).__name__ != kind:
                raise UsageError(f"{path}, line {len(items) + 1}: a {type(item).__name__}, not a {kind}: {_REMEDY}")
            items.append(item)
    except (OSError, EOFError, zlib.error, ValueError, LookupError, TypeError, AssertionError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise UsageError(f"{path}, item {len(items) + 1}: no manifest of Lhotse ({reason})") from error
    return items


def _recordings_of(folder: Path) -> Path:
    """The only manifest of recordings in a folder."""
    found = sorted(path for path in folder.glob("*recordings*.jsonl*") if path.name.endswith(SUFFIXES))
    if not found:
        raise UsageError(f"{folder} holds no recordings.jsonl.gz: give that folder, or a file of cuts")
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise UsageError(f"{folder} holds several manifests of recordings: {names}; keep one per folder")
    return found[0]


def _common(supervisions: list[Any], field: str) -> str | None:
    """What all supervisions say, None if they differ or say nothing."""
    values = {getattr(item, field) for item in supervisions}
    return str(values.pop()) if len(values) == 1 and None not in values else None


def _stem(name: str) -> str:
    return next((name.removesuffix(suffix) for suffix in SUFFIXES if name.endswith(suffix)), name)
