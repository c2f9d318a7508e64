"""What runs in every process that works for codec-bench: loads one worker and answers messages until its input ends.

Started as `python serve.py WORKER REQUESTS REPLIES MEMORY [PATH]`: a worker, two inherited file descriptors, the bytes
of address space that it may take (0 for any number), and for our own workers the module path of whoever started it, as
JSON. Whatever is printed goes to standard error. It is the child of a guard (`guard.py`), and ends with it.

**In another environment** WORKER is the file of a worker module. That environment need not have codec-bench: this file,
`protocol.py`, `support.py` and `imports.py` beside it and the worker module are all it takes, on Python 3.9 or newer
with NumPy. A worker module defines `load(job)`, which gets a `LoadRequest` and returns an object with the methods that
messages name: `encode(samples)` returns `(codes, side)`, `decode(codes, side)` returns samples, and
`latents(codes, side)`, where there is one, arrays by name. `samples` are float32 `[n]`; `codes` are lists with one
integer array `[frames]` per codebook, first codebook first; `side` is a dict of arrays. A worker that is not a codec
has `answer(header, arrays)`, which returns arrays by name. A worker imports what its environment has (torch, a codec's
source) inside `load`, and may `import codec_bench_support`: that is `support.py`. The message `imports` asks whether it
can (`imports.py`).

**In our own interpreter** WORKER is `module:object`, called with the `arguments` of the message `load`. Its method
`answer(job)` gets the `job` of each message, with what arrays came under `arrays`, and returns a reply of the same
kind. Its `close()`, where there is one, is called at the end.

A request's header has `op` and an `id`, which the reply repeats. A reply has `ok`: true, with `reply` from our own
workers; or false, with `error` in one line, and with `exit_code` if it ends the run of the caller. Whatever a
job raises costs this job. Random generators are seeded before each message.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any, Optional

PARENT_SECONDS = 1.0
"""How often a process looks whether its guard is still there, which sees to everything else."""


def _import(name: str, path: str) -> Any:
    """A module from a file, under a name that nothing else has: sources of codecs are full of `utils` and `encoder`."""
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


_HERE = Path(__file__).resolve().parent


class LoadRequest:
    """What a worker module is to load.

    Attributes:
        sources: Unpacked source trees, by repository (`owner/name`).
        files: Weights, by their name in their repository (`sub/x.pt` of `hf/<org>/<repo>/sub/x.pt`) where only one has
            that name, and by their whole path.
        weights: A folder that has all weights under their whole paths.
        mode: Setting of the codec, or None.
        device: `cpu`, `cuda` or `cuda:1`.
    """

    def __init__(
        self, sources: dict[str, str], files: dict[str, str], mode: str | None, device: str, weights: str = ""
    ) -> None:
        self.sources = sources
        self.files = files
        self.mode = mode
        self.device = device
        self.weights = weights

    def folder(self, repository: str) -> str:
        """A folder with the weights of a repository on Hugging Face (`org/repo`) under their published names, as
        `from_pretrained` expects.
        """
        return str(Path(self.weights, "hf", repository))


def codes_of(arrays: dict[str, Any]) -> list[Any]:
    """The codebooks among the arrays of a message, first one first."""
    return [arrays[f"book_{i}"] for i in range(sum(name.startswith("book_") for name in arrays))]


def side_of(arrays: dict[str, Any]) -> dict[str, Any]:
    """What is sent once per utterance."""
    return {name[5:]: array for name, array in arrays.items() if name.startswith("side_")}


class _FileWorker:
    """A worker module of another environment."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._model: Any = None

    def load(self, header: dict[str, Any]) -> None:
        module = _import("codec_bench_worker", self._file)
        self._model = module.load(
            LoadRequest(header["sources"], header["files"], header["mode"], header["device"], header["weights"])
        )

    def answer(self, header: dict[str, Any], arrays: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Carries out one message."""
        if header["op"] == "imports":
            imports = _import("codec_bench_imports", str(_HERE / "imports.py"))
            module = _import("codec_bench_worker", self._file)
            return {"problem": imports.problem(module, header["sources"], header["mode"])}, {}
        model = self._model
        if header["op"] == "encode":
            codes, side = model.encode(arrays["samples"])
            named = {f"book_{i}": book for i, book in enumerate(codes)}
            return {}, dict(named, **{f"side_{name}": value for name, value in (side or {}).items()})
        if header["op"] == "decode":
            return {}, {"samples": model.decode(codes_of(arrays), side_of(arrays))}
        if header["op"] == "latents":
            return {}, dict(model.latents(codes_of(arrays), side_of(arrays)))
        return {}, dict(model.answer(header, arrays))

    def close(self) -> None:
        self._model = None


class _OwnWorker:
    """An object of our own package, or of a plug-in of it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._object: Any = None

    def load(self, header: dict[str, Any]) -> None:
        module, _, name = self._name.partition(":")
        self._object = getattr(importlib.import_module(module), name)(**header["arguments"])

    def answer(self, header: dict[str, Any], arrays: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Carries out one job."""
        reply = dict(self._object.answer(dict(header["job"], **({"arrays": arrays} if arrays else {}))))
        made = reply.pop("arrays", {})
        return {"reply": reply}, made

    def close(self) -> None:
        if hasattr(self._object, "close"):
            self._object.close()


def described(error: BaseException) -> str:
    """An exception for people; with its line if it is not a failure but asks the process to end."""
    try:
        said = str(error)
    except Exception:  # noqa: BLE001 - a class of a plug-in, too
        said = ""
    text = f"{type(error).__name__}: {said}" if said else type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, Exception) or not frames:
        return text
    return f"{text} ({Path(frames[-1].filename).name}:{frames[-1].lineno})"


def _failure(error: BaseException) -> dict[str, Any]:
    """The reply to a job that raised, with an exit code if a retry is pointless."""
    errors = sys.modules.get("codec_bench.errors")
    if errors and isinstance(error, errors.CodecBenchError):
        return {"ok": False, "error": str(error), "exit_code": error.exit_code}
    return {"ok": False, "error": described(error)}


def serve(worker: Any, requests: int, replies: int) -> None:
    """Answers messages until there are no more."""
    protocol = _import("codec_bench_protocol", str(_HERE / "protocol.py"))
    support = _import("codec_bench_support", str(_HERE / "support.py"))
    source = os.fdopen(requests, "rb")
    target = os.fdopen(replies, "wb")
    process = os.getpid()

    def read(size: int) -> bytes:
        data = source.read(size)
        if len(data) < size:
            raise EOFError
        return data

    while True:
        try:
            header, arrays = protocol.unpack(read)
        except EOFError:
            return
        number = header.get("id")
        try:
            support.seed(support.SEED)
            reply, result = {}, {}
            if header["op"] == "load":
                worker.load(header)
            elif header["op"] == "end":
                worker.close()
            else:
                reply, result = worker.answer(header, arrays)
            parts = protocol.pack(dict(reply, ok=True, id=number), result)
        except BaseException as error:  # noqa: BLE001 - whatever a plug-in raises costs one job, SystemExit too
            if os.getpid() == process:
                traceback.print_exc()
            parts = protocol.pack(dict(_failure(error), id=number), {})
        if os.getpid() != process:
            os._exit(0)  # a plug-in has forked, and here its child came back: the reply is its parent's
        try:
            for part in parts:
                target.write(part)
            target.flush()
        except BrokenPipeError:
            return
        if header["op"] == "end":
            return


def _end_with(parent: int) -> None:
    """Ends the process, and what it started, when its parent has ended."""
    while os.getppid() == parent:
        time.sleep(PARENT_SECONDS)
    os.killpg(0, signal.SIGKILL)


def main(worker: str, requests: int, replies: int, memory: int, path: Optional[str] = None) -> None:  # noqa: UP045 - 3.9
    """Redirects standard output, of C libraries too, and serves."""
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    theirs = json.loads(path or "[]")
    sys.path = theirs + [e for e in sys.path if e not in theirs and Path(e or ".").resolve() != _HERE]
    for descriptor in (requests, replies):
        os.set_inheritable(descriptor, False)
    if memory:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    serve(_FileWorker(worker) if path is None else _OwnWorker(worker), requests, replies)
    # What a codec left running (threads, children) must not keep the process; the reply was sent.
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:5]), *sys.argv[5:])  # type: ignore[arg-type]
