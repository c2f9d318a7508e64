"""Signals by content: read, checked against what the plan says of them, described."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec_bench.alignment import aligned, lag_samples
from codec_bench.audio import Audio, read_audio
from codec_bench.cache import ArrayCache
from codec_bench.coding.items import Item
from codec_bench.datasets.clips import clips_folder
from codec_bench.files import digest, read_file
from codec_bench.records import NotScorable, Status

Entry = dict[str, NDArray[Any]]
"""Audio as the cache keeps it: `samples`, `rate`, and what is known about how it was made."""


def load_signal(source: Mapping[str, Any], cache: ArrayCache) -> Audio:
    """A signal from a file (`path`, `digest`, perhaps `seconds`) or from the audio cache (`address`).

    Where `aligned_to` names another signal in the same way, it is moved by its lag behind that one, which is found as
    `by_levels` says.

    Where `folder` is given, copies of the file (named by its digest) and of the cache lie there: this machine may not
    see those of the machine that the job comes from.

    Raises:
        NotScorable: It is not there, or is another one by now.
    """
    return load_made(source, cache)[0]


def load_made(source: Mapping[str, Any], cache: ArrayCache) -> tuple[Audio, dict[str, float]]:
    """A signal as `load_signal` gives it, with `decode_seconds` where it was decoded and is not moved.

    Raises:
        NotScorable: As `load_signal`.
    """
    if "aligned_to" in source:
        recording = load_signal(dict(source["aligned_to"]), cache)
        audio = load_signal({key: value for key, value in source.items() if key != "aligned_to"}, cache)
        lag = lag_samples(recording, audio, audio.rate, by_levels=source["by_levels"])
        return aligned(audio, lag, recording), {}
    folder = Path(source["folder"]) if "folder" in source else None
    if "path" not in source:
        entry = (cache if folder is None else ArrayCache(folder)).get(source["address"])
        if entry is None:
            raise NotScorable("the audio was lost from the cache; run again", Status.DECODE_FAILED)
        return audio_of(entry), {name: float(entry[name]) for name in ("decode_seconds",) if name in entry}
    return _read(source, folder), {}


def files_of(source: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The sources that a source is made of: itself, and what it is aligned to."""
    return [source, source["aligned_to"]] if "aligned_to" in source else [source]


def copied(source: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The source where copies of its files lie in a folder; see `load_signal`."""
    nested = {"aligned_to": copied(source["aligned_to"], folder)} if "aligned_to" in source else {}
    return {**source, **nested, "folder": str(folder)}


def recording_source(item: Item) -> dict[str, Any]:
    """What `load_signal` reads a recording by: `path`, `digest`, and `seconds` where it is said how long it lasts."""
    u = item.utterance
    # A clip may end a little before its list says: with the recording that it was cut from.
    seconds = None if u.duration is None or u.path.is_relative_to(clips_folder()) else u.duration
    return {"path": str(u.path), "digest": item.digest} | ({} if seconds is None else {"seconds": seconds})


def load_recording(item: Item) -> Audio:
    """The recording of an utterance of a plan.

    Raises:
        NotScorable: It cannot be read, is not whole, or is another one by now.
    """
    if item.problem:
        raise NotScorable(item.problem, item.status)
    return _read(recording_source(item))


def _read(source: Mapping[str, Any], folder: Path | None = None) -> Audio:
    return read_audio(read_recording(source, folder), source["path"], seconds=source.get("seconds"))


def read_recording(source: Mapping[str, Any], folder: Path | None = None) -> bytes:
    """The bytes of a source that is a file, from its copy in `folder` where one is given.

    Raises:
        NotScorable: It cannot be read, or is another one by now.
    """
    path = Path(source["path"])
    try:
        data = read_file(path if folder is None else folder / source["digest"])
    except FileNotFoundError:
        raise NotScorable(f"{path} does not exist", Status.MISSING) from None
    except OSError as error:
        raise NotScorable(f"{path} cannot be read: {error.strerror}", Status.UNREADABLE) from error
    if digest(data) != source["digest"]:
        raise NotScorable(f"{path} changed during the run", Status.CHANGED)
    return data


def entry_of(audio: Audio, decode_seconds: float) -> Entry:
    """Decoded audio for the cache."""
    return {"samples": audio.samples, "rate": np.array(audio.rate), "decode_seconds": np.array(decode_seconds)}


def audio_of(entry: Entry) -> Audio:
    """Audio from the cache."""
    return Audio(entry["samples"], int(entry["rate"]))


def describe(audio: Audio) -> dict[str, Any]:
    """Facts about a signal that go into the run: length, rate, peak and level."""
    is_finite = math.isfinite(audio.peak)
    return {
        "samples": len(audio),
        "rate": audio.rate,
        "peak": audio.peak if is_finite else None,
        "level_db": audio.level_db if is_finite else None,
    }
