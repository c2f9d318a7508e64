"""The base of codecs whose code runs in an environment of its own."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from codec_bench.adapters import CODECS
from codec_bench.adapters.codec import Codec
from codec_bench.adapters.replaceable import ReplaceableCodec, names_of
from codec_bench.audio import FloatArray
from codec_bench.environments import Environment
from codec_bench.errors import CodecError, UnavailableError
from codec_bench.files import file_digest, linked_folder
from codec_bench.isolation.imports import import_problem
from codec_bench.processes.process import ProcessCrash, ProcessHang, WorkerError, WorkerProcess
from codec_bench.processes.protocol import ProtocolError
from codec_bench.tokens import Code, Tokens

MAX_CRASHES = 3
"""Crashes in a row after which a process is not started again: it would not be the utterance that it dies of."""

VARIABLES = {
    "PYTHONNOUSERSITE": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    # What a codec needs is declared and verified; its own code may not fetch anything else.
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
}


class IsolatedCodec(ReplaceableCodec):
    """A codec whose code runs in a process of its own environment; see `processes/serve.py` for that side.

    Class attributes:
        environment: What it needs; several codecs may share one.
        worker: File of the worker module.
        imports: What the worker imports for this codec and not for others that it serves, so that it is tried, too.
        load_timeout: Seconds that loading may take.
        call_timeout: Seconds that coding one recording may take.
        max_memory: Bytes of address space that the process may take on the CPU; None for any number.
        side_value_bits: Bits that each number of the side information costs; None for all bits of its arrays.
        needs_gpu: Whether it refuses a CPU.
        packages: Our packages that an environment with `inherits` uses. With torch among them, `--device auto` takes a
            GPU.
    """

    environment: ClassVar[Environment]
    worker: ClassVar[Path]
    imports: ClassVar[str] = ""
    load_timeout: ClassVar[float] = 1800.0
    call_timeout: ClassVar[float] = 600.0
    max_memory: ClassVar[int | None] = None
    side_value_bits: ClassVar[int | None] = None
    needs_gpu: ClassVar[bool] = False
    packages: ClassVar[tuple[str, ...]] = ("torch",)

    unheld: ClassVar[frozenset[str]] = Codec.unheld | {"_process", "_links", "_crashes", "_last_crash"}

    _process: WorkerProcess | None = None
    _links: ExitStack | None = None
    _device: str = "cpu"
    _crashes: int = 0
    _last_crash: str = ""

    @override
    @classmethod
    def unsupported(cls) -> str | None:
        known = cls.name in CODECS.names()
        return cls.environment.problem("" if known else f"codec:{cls.__module__}:{cls.__qualname__}")

    @classmethod
    def import_problem(cls) -> str | None:
        """Why its worker, or the source below it, cannot be imported in its environment, which need not be ready and
        where no weights are needed; None if it can.
        """
        codec = cls(cls.modes[0] if cls.modes else None)
        return import_problem(cls.environment, cls.worker, VARIABLES, codec.spec.configuration or codec.mode)

    @override
    def load(self, device: str = "cpu") -> None:
        if (reason := self.unsupported()) is not None:
            raise UnavailableError(f"{self.name} cannot run: {reason}")
        self.close()
        self._device = device
        self._crashes = 0
        try:
            self._start()
        except (ProcessCrash, WorkerError, OSError) as error:
            self.close()
            raise UnavailableError(
                f"{self.name} cannot be loaded in the environment {self.environment.name}: {error}"
            ) from error

    @override
    def close(self) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None
        if self._links is not None:
            self._links.close()
            self._links = None

    def _start(self) -> WorkerProcess:
        """A process that has loaded the model; one that ends meanwhile is started once more, as others of ours are."""
        try:
            return self._loaded()
        except ProcessHang:
            raise
        except ProcessCrash:
            return self._loaded()

    def _loaded(self) -> WorkerProcess:
        self.close()
        files = self.weight_files()
        names = names_of(self.spec.weights)
        self._links = ExitStack()
        folder = self._links.enter_context(linked_folder(files))
        process = WorkerProcess(
            self.worker,
            VARIABLES,
            python=self.environment.interpreter,
            max_memory=self.max_memory if self._device == "cpu" else None,
        )
        header = {
            "op": "load",
            "sources": {s.repository: str(self.environment.source_folder(s)) for s in self.environment.sources},
            "files": {names[place]: str(path.resolve()) for place, path in files.items()},
            "weights": str(folder),
            "mode": self.spec.configuration or self.mode,
            "device": self._device,
        }
        try:
            process.call(header, {}, self.load_timeout)
        except WorkerError:
            process.close()
            raise
        self._process = process
        return process

    def _ask(self, operation: str, arrays: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
        """One call; a process that dies is replaced at the next one.

        Raises:
            CodecError: The process died, or the request failed.
        """
        if self._crashes >= MAX_CRASHES:
            raise CodecError(
                f"{self.name} died {MAX_CRASHES} times in a row and is not started again; the last time "
                f"{self._last_crash}"
            )
        try:
            process = self._process
            if process is None or not process.is_open:
                process = self._restarted()
            answer = process.call({"op": operation}, arrays, self.call_timeout)
        except (WorkerError, ProtocolError) as error:
            self._crashes = 0
            raise CodecError(str(error)) from error
        except ProcessCrash as error:
            self.close()
            self._crashes += 1
            self._last_crash = str(error)
            raise CodecError(str(error)) from error
        self._crashes = 0
        return answer

    def _restarted(self) -> WorkerProcess:
        """A new process; one that cannot load the model counts as a crash, for it would fail with every recording."""
        try:
            return self._start()
        except (WorkerError, UnavailableError, OSError) as error:
            raise ProcessCrash(f"it cannot be loaded again: {error}") from error

    def _encode(self, samples: FloatArray) -> Code:
        answer = self._ask("encode", {"samples": np.ascontiguousarray(samples, "<f4")})
        books = [answer[f"book_{i}"] for i in range(sum(name.startswith("book_") for name in answer))]
        side = {name.removeprefix("side_"): array for name, array in answer.items() if name.startswith("side_")}
        self._check(books)
        made = self.tokens(books)
        return Tokens(made.streams, side=side, side_bits=self._side_bits(side))

    def _check(self, books: list[NDArray[Any]]) -> None:
        """Says which codebook is wrong.

        Raises:
            CodecError: The worker sent what the codec's spec does not allow.
        """
        if len(books) != len(self.spec.codebooks):
            raise CodecError(f"the worker of {self.name} sent {len(books)} codebooks, not {len(self.spec.codebooks)}")
        for number, (codes, book) in enumerate(zip(books, self.spec.codebooks, strict=True), start=1):
            what = f"codebook {number} of {self.name}"
            if codes.ndim != 1 or codes.dtype.kind not in "iu":
                raise CodecError(f"{what} is {codes.dtype} {list(codes.shape)}, not integers [frames]")
            if len(codes) and not (codes.min() >= 0 and codes.max() < book.size):
                raise CodecError(f"{what} has codes in [{codes.min()}, {codes.max()}], not in [0, {book.size})")

    def _side_bits(self, side: Mapping[str, NDArray[Any]]) -> int:
        """What the side information of an utterance costs."""
        if self.side_value_bits is None:
            return sum(array.nbytes * 8 for array in side.values())
        return self.side_value_bits * sum(array.size for array in side.values())

    def _decode(self, code: Code) -> FloatArray:
        samples = self._ask("decode", self._arrays(code)).get("samples")
        if samples is None or samples.ndim != 1 or samples.dtype.kind != "f":
            what = "nothing" if samples is None else f"{samples.dtype} {list(samples.shape)}"
            raise CodecError(f"the worker of {self.name} decoded to {what}, not to floats [n]")
        return np.asarray(samples, np.float32)

    def latents(self, tokens: Tokens) -> Mapping[str, NDArray[np.float32]]:
        """Continuous representations of tokens, by name, each `[frames, dimension]`.

        Raises:
            CodecError: The worker offers none.
        """
        return {name: np.asarray(a, np.float32) for name, a in self._ask("latents", self._arrays(tokens)).items()}

    def _arrays(self, code: Code) -> dict[str, Any]:
        if not isinstance(code, Tokens):
            raise CodecError(f"{self.name} decodes tokens, not a bitstream")
        books = {f"book_{i}": stream.codes for i, stream in enumerate(code.streams)}
        return books | {f"side_{name}": value for name, value in code.side.items()}

    @override
    def _fingerprint_parts(self) -> Mapping[str, Any]:
        record = self.environment.record
        return {
            "environment": self.environment.fingerprint,
            "installed": {key: record.get(key) for key in ("python", "packages", "sources")},
            "worker": file_digest(self.worker),
        }
