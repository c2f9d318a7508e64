"""Encode once, decode each prefix: the device side of a run, through the caches."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from codec_bench.adapters.codec import Codec, Prepared
from codec_bench.adapters.systems import System
from codec_bench.audio import Audio, read_audio
from codec_bench.cache import ArrayCache
from codec_bench.errors import CodecBenchError, UnavailableError
from codec_bench.fingerprint import address
from codec_bench.hub import local_digest
from codec_bench.records import NotScorable, Status
from codec_bench.runs.plan import Item
from codec_bench.tokens import Code, Tokens, code_from_arrays


@dataclass(frozen=True)
class Decoded:
    """Where the decoded audio of one pair is.

    Attributes:
        source: What the scoring process needs to load it: `identity` and `path` + `digest`, or `address`.
        facts: Payload bits, the seconds that they last, and the time that coding took; empty for prepared audio.
    """

    source: dict[str, Any]
    facts: dict[str, Any]


class Reconstructor:
    """Makes decoded audio, or finds it.

    Args:
        cache: Folder of the caches (`codes/`, `audio/`).
        device: Where codecs run; `auto` takes a GPU for codecs that use torch, where there is one.

    Attributes:
        devices: Where each codec that was loaded ran, by name.
    """

    def __init__(self, cache: Path, device: str) -> None:
        self._codes = ArrayCache(cache / "codes")
        self._audio = ArrayCache(cache / "audio")
        self._device = device
        self.devices: dict[str, str] = {}
        self._loaded: Codec | None = None
        self._broken: dict[int, str] = {}
        self._recording: tuple[str, Audio] | None = None

    def identity(self, system: System, item: Item) -> str:
        """Content address of the decoded audio of a pair, known before it is made.

        Raises:
            NotScorable: There is no file for the utterance.
        """
        if isinstance(system.source, Prepared):
            return f"file:{self._prepared_digest(system.source, item)}"
        return address(system=system.fingerprint, recording=item.digest)

    def decoded(self, system: System, item: Item) -> Decoded:
        """The decoded audio of a pair, encoded and decoded where no cache has it.

        Raises:
            NotScorable: It cannot be had; the status says at which step it failed.
        """
        identity = self.identity(system, item)
        if isinstance(system.source, Prepared):
            path = system.source.path(item.utterance)
            return Decoded({"identity": identity, "path": str(path), "digest": identity.removeprefix("file:")}, {})
        code, encode_seconds = self._code(system.source, item)
        sent = code.prefix(system.codebooks)
        facts = {
            "bits": sent.bits,
            "side_bits": sent.side_bits if isinstance(sent, Tokens) else 0,
            "coded_seconds": sent.seconds,
            "encode_seconds": encode_seconds,
        }
        entry = self._audio.get(identity)
        if entry is None:
            started = time.perf_counter()
            audio = self._guarded(system.source, Status.DECODE_FAILED, system.source.decode, code, system.codebooks)
            entry = {
                "samples": audio.samples,
                "rate": np.array(audio.rate),
                "decode_seconds": np.array(time.perf_counter() - started),
            }
            self._audio.put(identity, entry)
        facts["decode_seconds"] = float(entry["decode_seconds"])
        return Decoded({"identity": identity, "address": identity}, facts)

    def audio(self, system: System, item: Item) -> Audio:
        """The decoded audio itself, for people to listen to."""
        found = self.decoded(system, item)
        if "path" in found.source:
            return read_audio(found.source["path"])
        entry = self._audio.get(found.source["address"])
        if entry is None:
            raise NotScorable("the decoded audio was lost from the cache", Status.DECODE_FAILED)
        return Audio(entry["samples"], int(entry["rate"]))

    def code(self, system: System, item: Item) -> Code | None:
        """The tokens or the bitstream of a pair, cut to the system's codebooks; None for prepared audio."""
        if isinstance(system.source, Prepared):
            return None
        return self._code(system.source, item)[0].prefix(system.codebooks)

    def close(self) -> None:
        """Frees the loaded model."""
        if self._loaded is not None:
            self._loaded.close()
            self._loaded = None

    def _code(self, codec: Codec, item: Item) -> tuple[Code, float]:
        """What `codec` sends for a recording, and how many seconds encoding took when it was made."""
        key = address(code=codec.fingerprint, recording=item.digest)
        entry = self._codes.get(key)
        if entry is not None:
            return code_from_arrays(entry), float(entry["encode_seconds"])
        recording = self._read(item)
        self._load(codec)
        started = time.perf_counter()
        code: Code = self._guarded(codec, Status.ENCODE_FAILED, codec.encode, recording)
        seconds = time.perf_counter() - started
        self._codes.put(key, code.to_arrays() | {"encode_seconds": np.array(seconds)})
        return code, seconds

    def _guarded(self, codec: Codec, failed: Status, function: Any, *arguments: Any) -> Any:
        """Calls into a codec; whatever it raises costs one utterance, not the run."""
        self._load(codec)
        try:
            return function(*arguments)
        except (NotScorable, CodecBenchError):
            raise
        except Exception as error:
            raise NotScorable(f"{type(error).__name__}: {error}", failed) from error

    def _load(self, codec: Codec) -> None:
        """Loads a codec, one at a time; one that cannot be loaded loses its utterances, not the run."""
        if id(codec) in self._broken:
            raise NotScorable(self._broken[id(codec)], Status.ENCODE_FAILED)
        if self._loaded is codec:
            return
        self.close()
        device = chosen_device(self._device, codec)
        try:
            codec.load(device)
        except (UnavailableError, OSError, ValueError, RuntimeError) as error:
            self._broken[id(codec)] = f"{codec.name} cannot be loaded: {error}"
            raise NotScorable(self._broken[id(codec)], Status.ENCODE_FAILED) from error
        self._loaded = codec
        self.devices[codec.name] = device

    def _read(self, item: Item) -> Audio:
        """The recording; the last one is kept, because the settings of a codec ask for it one after the other."""
        if self._recording is None or self._recording[0] != item.digest:
            self._recording = (item.digest, read_audio(item.utterance.path))
        return self._recording[1]

    def _prepared_digest(self, source: Prepared, item: Item) -> str:
        path = source.path(item.utterance)
        if path == item.utterance.path:
            return item.digest
        try:
            return local_digest(path)
        except OSError as error:
            raise NotScorable(f"{path} cannot be read: {error.strerror}", Status.UNREADABLE) from error


def chosen_device(wanted: str, codec: Codec) -> str:
    """The device for a codec: the one that was asked for, or for `auto` the first GPU if the codec uses torch."""
    if wanted != "auto":
        return wanted
    if "torch" not in codec.packages:
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
