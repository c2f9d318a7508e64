"""What runs in a process of its own: one codec, loaded, timed, and weighed.

A process measures one codec only, so that memory and threads are those of this codec and of nothing that ran before it.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from codec_bench.audio import Audio, read_audio
from codec_bench.errors import CodecError
from codec_bench.records import NotScorable, Status
from codec_bench.speed import memory

T = TypeVar("T")


class Timed(NamedTuple):
    """What a call gave, and what it took."""

    seconds: float
    cpu: float
    result: Any


class Subject:
    """The codec that this process measures."""

    def __init__(self) -> None:
        self._codec: Any = None
        self._codebooks: int | None = None
        self._device = "cpu"
        self._baseline = 0
        self._audio: tuple[str, Audio] | None = None

    def answer(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Carries out a job, the method that `op` names; what a codec cannot do is a status with a reason."""
        operation: Callable[[Mapping[str, Any]], dict[str, Any]] = getattr(self, job["op"])
        try:
            return operation(job)
        except NotScorable as outcome:
            return {"failed": _told(outcome)}

    def load(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Loads the codec, with its framework imported before the clock starts."""
        from codec_bench.adapters.replaceable import TakesCheckpoint
        from codec_bench.adapters.systems import parse_systems

        (system,) = guarded(Status.ENCODE_FAILED, lambda: parse_systems([job["system"]], needs_audio=False))
        codec: Any = system.source
        if job["checkpoint"] and isinstance(codec, TakesCheckpoint):
            codec.use_checkpoint(Path(job["checkpoint"]))
        self._codec, self._codebooks, self._device = codec, system.codebooks, job["device"]
        self._import_framework(job["threads"])
        gc.collect()
        self._baseline = memory.resident(os.getpid())
        loaded = self._timed(Status.ENCODE_FAILED, lambda: codec.load(self._device))
        gc.collect()
        return {
            "load_seconds": loaded.seconds,
            "loaded_bytes": memory.resident(os.getpid()) - self._baseline,
            "memory_problem": memory.problem(),
            **self._machine(),
            **self._modules(),
        }

    def begin(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Begins a new peak of memory, for a length of recordings."""
        if self._device.startswith("cuda"):
            import torch

            torch.cuda.reset_peak_memory_stats(self._device)
        return {"reset": memory.reset_peak(os.getpid())}

    def round(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Encodes and decodes a recording once.

        Args:
            job: `audio`, a file at the codec's own rate, so that nothing is resampled; `samples`, to take only its
                beginning, or None.
        """
        audio = self._read(job)
        encoded = self._timed(Status.ENCODE_FAILED, lambda: self._codec.encode(audio))
        sent = encoded.result.prefix(self._codebooks)
        reply = {
            "seconds": audio.seconds,
            "encode_seconds": encoded.seconds,
            "encode_cpu": encoded.cpu,
            "bits": float(sent.bits),
            "coded_seconds": float(sent.seconds),
        }
        if not self._codec.spec.decodes:
            return reply
        try:
            decoded = self._timed(Status.DECODE_FAILED, lambda: self._codec.decode(encoded.result, self._codebooks))
        except NotScorable as outcome:
            return reply | {"decode_failed": _told(outcome)}
        return reply | {"decode_seconds": decoded.seconds, "decode_cpu": decoded.cpu}

    def peaks(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """The most memory that was held since `begin`, above what an idle process holds."""
        reply: dict[str, Any] = {"peak_bytes": memory.peak(os.getpid()) - self._baseline}
        if self._is_on_gpu():
            import torch

            reply["gpu_bytes"] = torch.cuda.max_memory_allocated(self._device)
        return reply

    def macs(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Multiply-accumulates of encoding and of decoding the recording of a job as for `round`."""
        from codec_bench.speed.modules import count_macs, modules_of

        if not self._is_here():
            raise NotScorable("its model runs in a process of its own, whose operations are not seen")
        modules = modules_of(self._codec)
        if not modules:
            raise NotScorable("it has no torch module, and only the operations of torch can be counted")
        audio = self._read(job)
        code = guarded(Status.ENCODE_FAILED, lambda: self._codec.encode(audio))
        reply = {
            "seconds": audio.seconds,
            "encode": guarded(Status.ERROR, lambda: count_macs(lambda: self._codec.encode(audio), modules)),
        }
        if self._codec.spec.decodes:
            reply["decode"] = guarded(
                Status.ERROR, lambda: count_macs(lambda: self._codec.decode(code, self._codebooks), modules)
            )
        return reply

    def stream(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Pushes single frames of the recording of a job as for `round` into a decoder until it gives samples."""
        from codec_bench.adapters.streams import Streams, frames_of

        if not isinstance(self._codec, Streams):
            raise NotScorable("its adapter decodes whole recordings")
        session = guarded(Status.UNDEFINED, self._codec.stream)
        code = guarded(Status.ENCODE_FAILED, lambda: self._codec.encode(self._read(job)))
        codes, frame = frames_of(code.prefix(self._codebooks))
        for pushed in range(1, codes.shape[1] + 1):
            push = self._timed(Status.DECODE_FAILED, partial(session.push, codes[:, pushed - 1 : pushed]))
            if len(push.result):
                return {"frames": pushed, "frame_seconds": frame, "compute_seconds": push.seconds}
        raise NotScorable(f"no samples came for {codes.shape[1]} frames", Status.DECODE_FAILED)

    # ---------------------------------------------------------------------------------------------------------------

    def _read(self, job: Mapping[str, Any]) -> Audio:
        """The recording of a job; the last file is kept."""
        if self._audio is None or self._audio[0] != job["audio"]:
            self._audio = (job["audio"], read_audio(job["audio"]))
        audio = self._audio[1]
        samples = job.get("samples")
        return audio if samples is None else Audio(audio.samples[:samples], audio.rate)

    def _timed(self, failed: Status, function: Callable[[], Any]) -> Timed:
        """Calls a function with the garbage collector off, from an idle device to an idle device."""
        gc.collect()
        gc.disable()
        try:
            self._synchronise()
            cpu, started = time.process_time(), time.perf_counter()
            result = guarded(failed, function)
            self._synchronise()
            return Timed(time.perf_counter() - started, time.process_time() - cpu, result)
        finally:
            gc.enable()

    def _synchronise(self) -> None:
        """Waits for a GPU, whose kernels otherwise run on after the call that began them."""
        if self._is_on_gpu():
            import torch

            torch.cuda.synchronize(self._device)

    def _is_on_gpu(self) -> bool:
        """Whether the codec computes in this process, on a GPU."""
        return self._device.startswith("cuda") and self._is_here()

    def _is_here(self) -> bool:
        """Whether the codec computes in this process."""
        from codec_bench.adapters.isolated.base import IsolatedCodec

        return not isinstance(self._codec, IsolatedCodec)

    def _import_framework(self, threads: int) -> None:
        """Imports torch where the codec uses it, and begins its use of a GPU: neither is what the codec costs."""
        if "torch" not in self._codec.packages and "torch" not in sys.modules:
            return
        import torch

        torch.set_num_threads(threads)
        with torch.inference_mode():
            ones = torch.ones(8, 8, device=self._device if self._is_on_gpu() else "cpu")
            ones.matmul(ones)

    def _machine(self) -> dict[str, Any]:
        """Where the codec runs, with which threads."""
        facts: dict[str, Any] = {"device": self._device, "device_name": "", "isolated": not self._is_here()}
        torch = sys.modules.get("torch")
        if torch is not None:
            facts["torch_threads"] = torch.get_num_threads()
            if self._device.startswith("cuda"):
                facts["device_name"] = torch.cuda.get_device_name(self._device)
                facts["tf32"] = {
                    "matmul": torch.backends.cuda.matmul.allow_tf32,
                    "cudnn": torch.backends.cudnn.allow_tf32,
                }
        return facts

    def _modules(self) -> dict[str, Any]:
        """Parameters and their type, counted in the process that holds the model."""
        from codec_bench.speed.modules import count_parameters, modules_of, precision_of

        modules = modules_of(self._codec)
        if not modules:
            return {"parameters": None, "precision": ""}
        return {"parameters": count_parameters(modules), "precision": precision_of(modules)}


def _told(outcome: NotScorable) -> dict[str, str]:
    return {"status": outcome.status.value, "reason": outcome.reason}


def guarded(failed: Status, function: Callable[[], T]) -> T:
    """Calls into a codec; whatever it raises is a status of this measurement, not the end of the process.

    Raises:
        NotScorable: With the reason.
    """
    try:
        return function()
    except NotScorable:
        raise
    except CodecError as error:
        raise NotScorable(str(error), failed) from error
    except Exception as error:
        raise NotScorable(f"{type(error).__name__}: {error}", failed) from error
