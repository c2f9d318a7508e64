"""Measures one system in a process of its own, job by job."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from codec_bench.adapters.codec import Codec
from codec_bench.adapters.systems import System
from codec_bench.coding.devices import chosen_device
from codec_bench.processes.pool import ProcessServer
from codec_bench.processes.process import ProcessCrash, WorkerError
from codec_bench.records import NotScorable, Score, Status
from codec_bench.speed.columns import MEGABYTE
from codec_bench.speed.config import SpeedConfig
from codec_bench.speed.excerpts import Excerpts
from codec_bench.speed.latency import algorithmic_delay

WORKER = "codec_bench.speed.worker:Subject"

PER_LENGTH = (
    "rtf", "rtf_encode", "rtf_decode", "x_realtime_encode", "x_realtime_decode", "peak_memory_mb", "peak_gpu_memory_mb",
)  # fmt: skip
"""Columns that each length of the recordings has."""


@dataclass
class SpeedMeasurement:
    """What was found about a system.

    Attributes:
        scores: By column; a single score without a value covers all repeats.
        rounds: Raw times of each round, with `length` and `repeat`.
        machine: Device, threads, precision, where the number of parameters comes from.
        bits: Payload bits of one recording, and the seconds that they last.
    """

    scores: dict[str, list[Score]] = field(default_factory=dict)
    rounds: list[dict[str, Any]] = field(default_factory=list)
    machine: dict[str, Any] = field(default_factory=dict)
    bits: tuple[float, float] | None = None

    def payload(self) -> tuple[float, float]:
        """Payload bits, and the seconds that they last."""
        return self.bits or (0.0, 0.0)


class SystemMeasurement:
    """Measures a system: in a process of its own, which is started again for what is left to do where it ended.

    The columns say how many values each needs; `told` is called after each round and each other step.
    """

    def __init__(
        self,
        system: System,
        config: SpeedConfig,
        columns: Mapping[str, int],
        excerpts: Excerpts,
        told: Callable[[], None],
    ) -> None:
        assert isinstance(system.source, Codec), "audio that exists already has no speed"
        self._codec = system.source
        self._config = config
        self._columns = columns
        self._excerpts = excerpts
        self._told = told
        self._result = SpeedMeasurement()
        self._load_job = {
            "system": system.spelling,
            "device": chosen_device(config.device, system.source),
            "threads": config.threads,
            "checkpoint": None if config.checkpoint is None else str(config.checkpoint),
        }
        self._worker: ProcessServer | None = None

    def run(self) -> SpeedMeasurement:
        """Measures everything; what cannot be measured gets a status, and what does not depend on it continues."""
        try:
            self._attempt(["algorithmic_delay_ms"], self._delay)
            if self._attempt(self._columns, lambda: self._loaded(self._load())) is None:
                self._lengths()
                self._attempt(["gmacs", "gmacs_encode", "gmacs_decode"], self._macs)
                self._told()
                self._attempt(["latency_ms"], self._latency)
                self._told()
                if "decoder_latency_ms" in self._columns:
                    self._attempt(["decoder_latency_ms"], self._stream)
        finally:
            self._close()
        return self._result

    # --- its process -----------------------------------------------------------------------------------------------

    def _load(self) -> dict[str, Any]:
        """Starts a process that has loaded the codec."""
        self._worker = ProcessServer(WORKER, {}, self._config.timeout, self._config.threads)
        return self._ask("load", **self._load_job)

    def _ask(self, op: str, **job: Any) -> dict[str, Any]:
        """Has the process do something.

        Raises:
            NotScorable: The codec failed, or the process ended; the next call starts another.
        """
        if self._worker is None:
            self._load()
        assert self._worker is not None, "it was started"
        try:
            reply = self._worker.call({"op": op, **job})
        except (ProcessCrash, WorkerError) as crash:
            self._close()
            raise NotScorable(str(crash), Status.CRASHED) from None
        if "failed" in reply:
            raise _outcome(reply["failed"])
        return reply

    def _repeated(self, op: str, path: Path, **job: Any) -> Iterator[dict[str, Any]]:
        """Has the process do something with a recording again and again; gives what counts after the warm-up."""
        for number in range(-self._config.warmup, self._config.repeats):
            made = self._ask(op, audio=str(path), **job)
            if number >= 0:
                yield made

    def _close(self) -> None:
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    # --- what is kept ----------------------------------------------------------------------------------------------

    def _put(self, label: str, values: Sequence[float], over: Sequence[float] | None = None) -> None:
        """Keeps values of a column, as fractions where it says over what."""
        if label in self._columns:
            parts = zip(values, over or [1.0] * len(values), strict=True)
            self._result.scores[label] = [Score(Status.OK, "", top, bottom) for top, bottom in parts]

    def _fail(self, labels: Iterable[str], outcome: NotScorable) -> None:
        """Keeps why columns have no value, where they have none yet."""
        for label in labels:
            if label in self._columns and label not in self._result.scores:
                self._result.scores[label] = [Score.failed(outcome.status, outcome.reason)]

    def _attempt(self, labels: Iterable[str], measure: Callable[[], None]) -> NotScorable | None:
        """Measures something, or keeps why its columns have no value, and says so."""
        try:
            measure()
        except NotScorable as outcome:
            self._fail(labels, outcome)
            return outcome
        return None

    # --- what is measured ------------------------------------------------------------------------------------------

    def _delay(self) -> None:
        self._put("algorithmic_delay_ms", [1000 * algorithmic_delay(self._codec)])

    def _loaded(self, loaded: Mapping[str, Any]) -> None:
        machine = ("device", "device_name", "isolated", "torch_threads", "tf32", "precision", "memory_problem")
        self._result.machine = {key: loaded[key] for key in machine if key in loaded}
        counted, stated = loaded["parameters"], self._codec.spec.parameters
        self._result.machine["parameters"] = {"counted": counted, "stated": stated}
        if parameters := counted or stated:
            self._put("parameters_m", [parameters / 1e6])
        else:
            learned = bool(self._codec.spec.codebooks or self._codec.spec.weights)
            reason = "their number is not published" if learned else "it has no trained parameters"
            self._fail(["parameters_m"], NotScorable(reason))
        self._put("load_seconds", [loaded["load_seconds"]])
        if loaded["memory_problem"]:
            peaks = [label for label in self._columns if label.startswith("peak_memory")]
            self._fail(["memory_loaded_mb", *peaks], NotScorable(loaded["memory_problem"]))
        else:
            self._put("memory_loaded_mb", [loaded["loaded_bytes"] / MEGABYTE])

    def _lengths(self) -> None:
        """Times recordings of all lengths; one that ends the process is the last that is tried."""
        ended: NotScorable | None = None
        for seconds in self._config.seconds:
            labels = [f"{name}[{seconds:g}s]" for name in PER_LENGTH]
            if ended is not None:
                self._fail(labels, NotScorable(f"not tried after a shorter recording: {ended.reason}", Status.CRASHED))
                continue
            outcome = self._attempt(labels, partial(self._rounds, seconds))
            if outcome is not None and outcome.status is Status.CRASHED:
                ended = outcome

    def _rounds(self, seconds: float) -> None:
        path = self._excerpts.path(seconds, self._codec.spec.input_rate)
        begun = self._ask("begin")
        rounds = []
        for number, made in enumerate(self._repeated("round", path), 1):
            rounds.append(made)
            raw = {k: v for k, v in made.items() if k != "decode_failed"}
            self._result.rounds.append({"length": f"{seconds:g}s", "repeat": number} | raw)
            self._told()
        self._result.bits = (rounds[0]["bits"], rounds[0]["coded_seconds"])
        self._times(f"{seconds:g}s", rounds)
        peaks = self._ask("peaks")
        if begun["reset"]:
            self._put(f"peak_memory_mb[{seconds:g}s]", [peaks["peak_bytes"] / MEGABYTE])
        self._fail([f"peak_memory_mb[{seconds:g}s]"], NotScorable("this system cannot reset a peak"))
        if "gpu_bytes" in peaks:
            self._put(f"peak_gpu_memory_mb[{seconds:g}s]", [peaks["gpu_bytes"] / MEGABYTE])
        where = "its process is not seen" if self._result.machine["isolated"] else "it runs on the CPU"
        self._fail([f"peak_gpu_memory_mb[{seconds:g}s]"], NotScorable(where))

    def _times(self, length: str, rounds: Sequence[Mapping[str, Any]]) -> None:
        audio = [float(made["seconds"]) for made in rounds]
        encode = [float(made["encode_seconds"]) for made in rounds]
        self._put(f"rtf_encode[{length}]", encode, audio)
        self._put(f"x_realtime_encode[{length}]", audio, encode)
        decoding = [f"rtf[{length}]", f"rtf_decode[{length}]", f"x_realtime_decode[{length}]"]
        problems = [made["decode_failed"] for made in rounds if "decode_failed" in made]
        if not self._codec.spec.decodes:
            self._fail(decoding, NotScorable("it has no decoder"))
        elif problems:
            self._fail(decoding, _outcome(problems[0]))
        else:
            decode = [float(made["decode_seconds"]) for made in rounds]
            self._put(f"rtf[{length}]", [a + b for a, b in zip(encode, decode, strict=True)], audio)
            self._put(f"rtf_decode[{length}]", decode, audio)
            self._put(f"x_realtime_decode[{length}]", audio, decode)

    def _macs(self) -> None:
        made = self._ask("macs", audio=str(self._excerpt()))
        per_second = 1e9 * made["seconds"]
        self._put("gmacs_encode", [made["encode"] / per_second])
        if "decode" not in made:
            raise NotScorable("it has no decoder")
        self._put("gmacs_decode", [made["decode"] / per_second])
        self._put("gmacs", [(made["encode"] + made["decode"]) / per_second])

    def _latency(self) -> None:
        """Encodes and decodes a recording that lasts as long as the algorithmic delay."""
        spec = self._codec.spec
        if not spec.decodes:
            raise NotScorable("it has no decoder")
        delay = algorithmic_delay(self._codec)
        values = []
        for made in self._repeated("round", self._excerpt(delay), samples=max(1, round(delay * spec.input_rate))):
            if "decode_failed" in made:
                raise _outcome(made["decode_failed"])
            values.append(1000 * (delay + made["encode_seconds"] + made["decode_seconds"]))
        self._put("latency_ms", values)

    def _stream(self) -> None:
        """First samples of a stream of tokens; the delay of that, where the codec as a whole has none."""
        rounds = list(self._repeated("stream", self._excerpt()))
        waits = [1000 * made["frames"] * made["frame_seconds"] for made in rounds]
        self._put(
            "decoder_latency_ms",
            [wait + 1000 * made["compute_seconds"] for wait, made in zip(waits, rounds, strict=True)],
        )
        if self._result.scores["algorithmic_delay_ms"][0].status is not Status.OK:
            self._put("algorithmic_delay_ms", waits[:1])

    def _excerpt(self, seconds: float = 0.0) -> Path:
        """The shortest recording, or one of at least this many seconds."""
        return self._excerpts.path(max(seconds, self._config.seconds[0]), self._codec.spec.input_rate)


def _outcome(failed: Mapping[str, str]) -> NotScorable:
    """What a process could not do, as it was said."""
    return NotScorable(failed["reason"], Status(failed["status"]))
