"""Signals by content: read, checked against what the plan says of them, described."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec_bench.audio import Audio, read_audio
from codec_bench.cache import ArrayCache
from codec_bench.files import digest
from codec_bench.records import NotScorable, Status

Entry = dict[str, NDArray[Any]]
"""Audio as the cache keeps it: `samples`, `rate`, and what is known about how it was made."""


def load_signal(source: Mapping[str, Any], cache: ArrayCache) -> Audio:
    """A signal from a file (`path`, `digest`) or from the audio cache (`address`).

    Where `folder` is given, copies of the file (named by its digest) and of the cache lie there: this machine may not
    see those of the machine that the job comes from.

    Raises:
        NotScorable: It is not there, or is another one by now.
    """
    folder = Path(source["folder"]) if "folder" in source else None
    if "path" not in source:
        entry = (cache if folder is None else ArrayCache(folder)).get(source["address"])
        if entry is None:
            raise NotScorable("the audio was lost from the cache; run again", Status.DECODE_FAILED)
        return audio_of(entry)
    return read_audio(read_recording(source, folder), source["path"])


def read_recording(source: Mapping[str, Any], folder: Path | None = None) -> bytes:
    """The bytes of a source that is a file, from its copy in `folder` where one is given.

    Raises:
        NotScorable: It cannot be read, or is another one by now.
    """
    path = Path(source["path"])
    try:
        data = (path if folder is None else folder / source["digest"]).read_bytes()
    except OSError as error:
        raise NotScorable(f"{path} cannot be read: {error.strerror}", Status.UNREADABLE) from error
    if digest(data) != source["digest"]:
        raise NotScorable(f"{path} changed during the run", Status.UNREADABLE)
    return data


def entry_of(audio: Audio, decode_seconds: float) -> Entry:
    """Decoded audio for the cache."""
    return {"samples": audio.samples, "rate": np.array(audio.rate), "decode_seconds": np.array(decode_seconds)}


def audio_of(entry: Entry) -> Audio:
    """Audio from the cache."""
    return Audio(entry["samples"], int(entry["rate"]))


def describe(audio: Audio) -> dict[str, Any]:
    """Facts about a signal that go into the run: length, rate, peak and level."""
    finite = audio.peak == audio.peak
    return {
        "samples": len(audio),
        "rate": audio.rate,
        "peak": audio.peak if finite and audio.peak != float("inf") else None,
        "level_db": audio.level_db if finite and audio.peak != float("inf") else None,
    }
