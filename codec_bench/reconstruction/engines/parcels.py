"""What travels between machines: cache entries and recordings as bytes, in plain dictionaries.

A machine of a cluster sees neither the recordings nor the caches of the one that drives the run, so whatever a job
needs goes with it, and whatever it makes comes back. A cache entry carries its own checksum and a recording is checked
against its digest, so what was damaged on the way is noticed where it is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from codec_bench.cache import ArrayCache
from codec_bench.coding.signals import files_of, read_recording
from codec_bench.files import write_atomically
from codec_bench.identity import invocation
from codec_bench.metrics import Metric, metric
from codec_bench.metrics.pitch import is_track
from codec_bench.metrics.signal import feature_address
from codec_bench.reconstruction.worker import unscored
from codec_bench.records import NotScorable, Status

Entries = dict[str, bytes]
"""Cache entries as their files hold them, by address."""

metric_named = lru_cache(maxsize=None)(metric)
"""A metric by its spelling, once per process: its fingerprint is asked for with every job."""


def taken(cache: ArrayCache, addresses: Iterable[str]) -> Entries:
    """The entries that a cache has among `addresses`."""
    return {address: data for address in addresses if (data := cache.read(address)) is not None}


def put(cache: ArrayCache, entries: Mapping[str, bytes]) -> None:
    """Stores entries that a cache does not have.

    Raises:
        DiskFullError: No room left.
    """
    for address, data in entries.items():
        if address not in cache:
            write_atomically(cache.path(address), data)


def features_of(made: Metric, job: Mapping[str, Any]) -> set[str]:
    """Addresses of what a run needs afterwards of what scoring keeps: transcripts, embeddings, what learned models give
    of both signals, and pitch tracks of references.
    """
    seen = {side: job[side]["identity"] for side in ("reference", "decoded") if side in made.inputs}
    if made.minds_lag and "aligned" in job:
        seen["decoded"] = job["aligned"]
    return {
        feature_address(identity, feature, made.rate)
        for side, identity in seen.items()
        for feature in made.features
        if feature.expensive or (side == "reference" and is_track(feature))
    }


def signals_of(sources: Iterable[Mapping[str, Any]], audio: ArrayCache) -> dict[str, bytes]:
    """The signals of sources, by digest or by cache address.

    Raises:
        NotScorable: One of them is not there, or is another one by now.
    """
    found: dict[str, bytes] = {}
    for source in (file for whole in sources for file in files_of(whole)):
        if "path" in source:
            found[source["digest"]] = read_recording(source)
        else:
            entries = taken(audio, [source["address"]])
            if not entries:
                raise NotScorable("the audio was lost from the cache; run again", Status.DECODE_FAILED)
            found |= entries
    return found


def unpack_signals(sources: Iterable[Mapping[str, Any]], signals: Mapping[str, bytes], folder: Path) -> None:
    """Writes signals to where `coding.signals.load_signal` looks for copies."""
    cache = ArrayCache(folder)
    for source in (file for whole in sources for file in files_of(whole)):
        if "path" in source:
            (folder / source["digest"]).write_bytes(signals[source["digest"]])
        else:
            put(cache, {source["address"]: signals[source["address"]]})


def pack_scoring(job: Mapping[str, Any], cache: Path) -> dict[str, Any]:
    """A job of `worker.Scorer` with all that it needs of the caches; or where that is gone, the reply."""
    metrics = {name: metric_named(name) for name in job["metrics"]}
    features = ArrayCache(cache / "features")
    kept = {address for made in metrics.values() for address in features_of(made, job)}
    known = taken(features, sorted(kept))
    try:
        signals = signals_of([job["reference"], job["decoded"]], ArrayCache(cache / "audio"))
    except NotScorable as outcome:
        return {"reply": unscored(job, outcome)}
    return {
        "job": dict(job),
        "invocation": invocation(),
        "fingerprints": {name: made.fingerprint for name, made in metrics.items()},
        "signals": signals,
        "features": known,
        "wanted": sorted(kept - set(known)),
    }
