"""What runs on the machines of a cluster: one class per kind of work, each in a process of its own.

Jobs and replies are plain dictionaries of bytes, arrays, numbers and texts; codecs and metrics are made here from their
names, and their fingerprints must be those of the machine that drives the run: other package versions or weights would
give other numbers under the same address.
"""

from __future__ import annotations

import platform
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from codec_bench.adapters.codec import Codec
from codec_bench.adapters.systems import System, fetch_weights, parse_systems
from codec_bench.audio import Audio, read_audio
from codec_bench.cache import ArrayCache
from codec_bench.coding.conditions import Piece
from codec_bench.coding.reconstruct import Reconstructor
from codec_bench.coding.rows import Row, use_checkpoint
from codec_bench.coding.signals import load_signal
from codec_bench.errors import CodecBenchError, UsageError
from codec_bench.fingerprint import address
from codec_bench.hub import home
from codec_bench.metrics.model import free_models
from codec_bench.processes.pool import ProcessServer
from codec_bench.processes.process import ProcessCrash
from codec_bench.reconstruction.engines.parcels import metric_named, put, taken, unpack_signals
from codec_bench.reconstruction.models import compute_kept
from codec_bench.reconstruction.worker import SCORER
from codec_bench.version import __version__

Reply = dict[str, Any]


class Remote:
    """What all kinds have in common."""

    def ready(self) -> dict[str, str]:
        """Where this process is, and what it runs."""
        import ray

        return {"node": ray.get_runtime_context().get_node_id(), "version": __version__}

    def call(self, parcel: Mapping[str, Any]) -> Reply:
        """Does one job; what cannot be done here at all comes back as `fatal`."""
        try:
            return self._done(parcel)
        except CodecBenchError as error:
            return {"fatal": f"{platform.node()}: {error}", "exit_code": error.exit_code}

    def _done(self, parcel: Mapping[str, Any]) -> Reply:
        raise NotImplementedError


class Scoring(Remote):
    """Scores pairs in a process of its own, which may die or hang without this one.

    Args:
        timeout: Seconds that one pair may take.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._cache = home() / "cache"
        self._worker: ProcessServer | None = None

    def _done(self, parcel: Mapping[str, Any]) -> Reply:
        for name, expected in parcel["fingerprints"].items():
            check_fingerprint(f"metric {name}", metric_named(name).fingerprint, expected)
        job = parcel["job"]
        features = ArrayCache(self._cache / "features")
        put(features, parcel["features"])
        with tempfile.TemporaryDirectory(prefix="codec-bench-") as folder:
            unpack_signals([job["reference"], job["decoded"]], parcel["signals"], Path(folder))
            copies = {side: job[side] | {"folder": folder} for side in ("reference", "decoded")}
            if self._worker is None:
                self._worker = ProcessServer(SCORER, {"cache": str(self._cache)}, self._timeout, threads=1)
            try:
                reply = self._worker.call(job | copies)
            except ProcessCrash as crash:
                self._worker.close()
                self._worker = None
                return {"crashed": str(crash)}
        return reply | {"entries": taken(features, parcel["wanted"])}


class Coding(Remote):
    """Encodes and decodes; a codec stays loaded until another one is asked for.

    Args:
        device: `cpu`, or `cuda` for the GPU that Ray gave to this process.
        batch_seconds: Seconds of audio that are coded together; see `Reconstructor`.
        checkpoint: Weights for the codec, by a path that this machine can read.
    """

    def __init__(self, device: str, batch_seconds: float | None, checkpoint: str | None) -> None:
        self._device = device
        self._checkpoint = checkpoint
        self._folder = tempfile.TemporaryDirectory(prefix="codec-bench-")
        self._scratch = Path(self._folder.name)
        self._reconstructor = Reconstructor(self._scratch, device, batch_seconds)
        self._systems: dict[str, System] = {}
        self._codecs: dict[str, Codec] = {}

    def _done(self, parcel: Mapping[str, Any]) -> Reply:
        row = Row(self._system(parcel["system"], parcel["fingerprint"]))
        codes, audio = ArrayCache(self._scratch / "codes"), ArrayCache(self._scratch / "audio")
        assert isinstance(row.source, Codec), "only codecs are sent here"
        code_of = {p["address"]: address(code=row.source.fingerprint, recording=p["address"]) for p in parcel["pieces"]}
        audio_of = [address(system=row.system.fingerprint, recording=p["address"]) for p in parcel["pieces"]]
        known = {code_of[p["address"]]: p["code"] for p in parcel["pieces"] if "code" in p}
        put(codes, known)
        started = time.perf_counter()
        try:
            pieces = [Piece(p["address"], sound(p)) for p in parcel["pieces"]]
            failed = self._reconstructor.code(row, pieces)
            return {
                "codes": taken(codes, set(code_of.values()) - set(known)),
                "audio": taken(audio, audio_of),
                "failed": parcel["failed"]
                | {name: (outcome.status.value, outcome.reason) for name, outcome in failed.items()},
                "seconds": time.perf_counter() - started,
                "devices": self._reconstructor.devices,
            }
        finally:
            for cache, entries in ((codes, code_of.values()), (audio, audio_of)):
                for entry in entries:
                    cache.path(entry).unlink(missing_ok=True)

    def _system(self, label: str, fingerprint: str) -> System:
        """A system by its label; settings of one codec share the loaded model."""
        if label not in self._systems:
            (made,) = parse_systems([label])
            assert isinstance(made.source, Codec), "only codecs are sent here"
            if self._checkpoint is not None:
                use_checkpoint([made.source], Path(self._checkpoint))
            fetch_weights(made.source)
            codec = self._codecs.setdefault(made.source.fingerprint, made.source)
            self._systems[label] = System(label, codec, made.codebooks)
        system = self._systems[label]
        check_fingerprint(label, system.fingerprint, fingerprint)
        return system


class Applying(Remote):
    """Applies learned models of metrics on a GPU.

    Args:
        device: `cuda`: the GPU that Ray gave to this process.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._loaded = ""

    def _done(self, parcel: Mapping[str, Any]) -> Reply:
        made = metric_named(parcel["metric"])
        found = [(f, rate) for f, rate in made.models if f.fingerprint == parcel["fingerprint"]]
        if not found:
            raise other_versions(f"a model of metric {made.label}")
        feature, rate = found[0]
        if self._loaded != feature.fingerprint:
            free_models()
            self._loaded = feature.fingerprint
        with tempfile.TemporaryDirectory(prefix="codec-bench-") as name:
            folder = Path(name)
            unpack_signals(parcel["sources"], parcel["signals"], folder)
            sources = [source | {"folder": name} for source in parcel["sources"]]
            features = ArrayCache(folder / "features")
            started = time.perf_counter()
            compute_kept(feature, rate, sources, lambda s: load_signal(s, features), features, self._device)
            return {"entries": taken(features, parcel["wanted"]), "seconds": time.perf_counter() - started}


def sound(piece: Mapping[str, Any]) -> Callable[[], Audio]:
    """What makes the audio of a piece: a recording as its file holds it, or samples."""
    if "file" in piece:
        return lambda: read_audio(piece["file"], piece["path"])
    return lambda: Audio(piece["samples"], piece["rate"])


def check_fingerprint(what: str, here: str, expected: str) -> None:
    """Raises where something would give other numbers here than where the run was planned.

    Raises:
        UsageError: The fingerprints differ.
    """
    if here != expected:
        raise other_versions(what)


def other_versions(what: str) -> UsageError:
    """The error for a machine whose packages or files differ."""
    return UsageError(
        f"{what} has other versions of packages or other weights here than where the run was started; install the same "
        "environment on all machines (codec-bench doctor lists it)"
    )
