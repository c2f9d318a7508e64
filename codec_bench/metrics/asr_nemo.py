"""NVIDIA NeMo speech recognition: the backend `nemo`.

NeMo needs other versions of packages than we do, so it runs in the environment `nemo`, or in our own process where it
is installed next to us.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from typing_extensions import override

from codec_bench.audio import Audio, FloatArray
from codec_bench.environments import Environment
from codec_bench.errors import UnavailableError, UsageError
from codec_bench.fingerprint import package_versions
from codec_bench.hub import RemoteFile, locate
from codec_bench.isolation.imports import import_problem
from codec_bench.languages import find
from codec_bench.metrics.asr import Recogniser, SpeechModel, model_recogniser, own_model, transcripts
from codec_bench.metrics.signal import Array
from codec_bench.processes.process import ProcessCrash, WorkerError, WorkerProcess

DEFAULT = "nvidia/stt_en_fastconformer_transducer_large"

ENVIRONMENT = Environment(
    "nemo", requirements=("nemo_toolkit[asr]==2.7.3", "torch==2.13.0", "setuptools<81"), size=6_000_000_000
)

WORKER = Path(__file__).with_name("nemo_asr_worker.py")

PACKAGES = ("nemo_toolkit", "torch")
"""What decides the result."""

LOAD_SECONDS, CALL_SECONDS = 1800.0, 600.0

_VARIABLES = {"PYTHONNOUSERSITE": "1", "PYTHONDONTWRITEBYTECODE": "1", "HF_HUB_OFFLINE": "1"}


class NemoBackend:
    """`nemo`, `nemo:NAME` (of nvidia on Hugging Face), `nemo:ORG/NAME` or `nemo:/path/to/model.nemo`.

    Attributes:
        environment: Where it runs, unless NeMo is installed next to us.
        worker: File of the worker module.
    """

    environment = ENVIRONMENT
    worker = WORKER

    def import_problem(self) -> str | None:
        """Why the worker cannot be imported in its environment; None if it can."""
        return import_problem(ENVIRONMENT, WORKER, _VARIABLES)

    def __call__(self, model: str) -> Recogniser:
        """A recogniser of a model.

        Raises:
            UsageError: There is no such file, or the name is not valid.

        >>> nemo_backend("").languages
        ('en',)
        """
        weight = _weight(model)
        stem = Path(weight.path).stem
        named = re.search(r"(?:^|_)stt_([a-z]{2,3})_", stem)
        language = find(named[1]) if named else None
        made = NemoModel(
            f"nemo/{stem}",
            partial(_load, weight),
            _apply,
            weights=(weight,),
            packages=PACKAGES,
            extra="nemo",
            licence="CC-BY-4.0" if weight == _weight("") else "",
            is_heavy=True,
        )
        shown = own_model(weight) if model.endswith(".nemo") else model
        return model_recogniser(made, f"nemo:{shown}" if model else "nemo", (language,) if language else ())


nemo_backend = NemoBackend()
"""The backend of the table."""


def _weight(model: str) -> RemoteFile:
    name = model or DEFAULT
    if name.endswith(".nemo"):
        path = Path(name).expanduser().resolve()
        if not path.is_file():
            raise UsageError(f"{path} does not exist: nemo:MODEL is a .nemo file, or a name such as {DEFAULT}")
        return RemoteFile(str(path))
    name = name if "/" in name else f"nvidia/{name}"
    if not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", name):
        raise UsageError(f"{model!r} is not a NeMo model: write nemo:ORG/NAME, e.g. nemo:{DEFAULT}, or a .nemo file")
    return RemoteFile(f"hf/{name}/{name.split('/')[1]}.nemo")


def _is_importable() -> bool:
    return find_spec("nemo") is not None and find_spec("nemo.collections") is not None


@dataclass(frozen=True)
class NemoModel(SpeechModel):
    """A model of NeMo, which runs in its environment where that is ready, otherwise in our process."""

    @override
    def versions(self) -> dict[str, str]:
        # The same versions give the same result in either place.
        if not ENVIRONMENT.is_ready:
            return package_versions(PACKAGES)
        found = {name.lower().replace("-", "_"): v for name, v in ENVIRONMENT.record["packages"].items()}
        return {name: found.get(name, "absent") for name in sorted(PACKAGES)}

    @override
    def unsupported(self) -> str | None:
        problem = ENVIRONMENT.problem()
        return None if problem is None or _is_importable() else problem


class _Isolated:
    """The model in a process of its environment; one that died is started again at the next call."""

    def __init__(self, path: Path, device: str) -> None:
        self._path = path
        self._device = device
        self._process = self._start()

    def _start(self) -> WorkerProcess:
        process = WorkerProcess(WORKER, _VARIABLES, python=ENVIRONMENT.interpreter)
        with tempfile.TemporaryDirectory(prefix="codec-bench-") as folder:
            header = {
                "op": "load",
                "sources": {},
                "files": {self._path.name: str(self._path)},
                "weights": folder,
                "mode": None,
                "device": self._device,
            }
            try:
                process.call(header, {}, LOAD_SECONDS)
            except WorkerError:
                process.close()
                raise
        return process

    def transcribe(self, signals: Sequence[FloatArray]) -> list[str]:
        """Texts of signals at 16 kHz.

        Raises:
            WorkerError: NeMo raised.
            ProcessCrash: The process died.
        """
        if not self._process.is_open:
            self._process = self._start()
        arrays = {"samples": np.concatenate(signals), "lengths": np.array([len(signal) for signal in signals])}
        answer = self._process.call({"op": "transcribe"}, arrays, CALL_SECONDS)
        texts: list[str] = json.loads(answer["texts"].tobytes())
        return texts


def _load(weight: RemoteFile, device: str) -> Any:
    """The model, in its environment or here.

    Raises:
        UnavailableError: The file is missing, or NeMo cannot load it.
    """
    path = locate(weight)
    where = f"in the environment {ENVIRONMENT.name}" if ENVIRONMENT.is_ready else "here"
    try:
        if ENVIRONMENT.is_ready:
            return _Isolated(path, device)
        from codec_bench.metrics.nemo_asr_worker import restore

        return restore(str(path), device)
    except (ProcessCrash, WorkerError, OSError) as error:
        raise UnavailableError(f"{path} cannot be loaded {where}: {error}") from error
    except ImportError as error:
        raise UnavailableError(
            f"NeMo cannot be imported here: {error}; codec-bench env create {ENVIRONMENT.name} makes one with it"
        ) from error


def _apply(model: Any, audios: Sequence[Audio]) -> list[Array]:
    return transcripts(audios, lambda audible: model.transcribe([audio.samples for audio in audible]))
