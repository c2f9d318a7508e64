"""What runs in the other environment: loads one worker module and answers messages until its input ends.

Started as `python serve.py WORKER.py REQUESTS REPLIES PARENT MEMORY`: two inherited file descriptors, the process that
started it, and the bytes of address space that it may take (0 for any number). The environment need not have
codec-bench: this file, `protocol.py` and `support.py` beside it and the worker module are all it takes, on Python 3.9
or newer with NumPy. Whatever is printed goes to standard error.

A worker module defines `load(job)`, which gets a `LoadRequest` and returns an object with the methods that messages
name: `encode(samples)` returns `(codes, side)`, `decode(codes, side)` returns samples, and `latents(codes, side)`,
where there is one, arrays by name. `samples` are float32 `[n]`; `codes` are lists with one integer array `[frames]` per
codebook, first codebook first; `side` is a dict of arrays. A worker that is no codec has `answer(header, arrays)`,
which returns arrays by name.

A worker imports what its environment has (torch, a codec's source) inside `load`, and may
`import codec_bench_support`: that is `support.py`. Random generators are seeded before each message.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

PARENT_SECONDS = 1.0
"""How often a process looks whether its parent is still there; one that computes does not see its input end."""


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
        `from_pretrained` wants it.
        """
        return str(Path(self.weights, "hf", repository))


def codes_of(arrays: dict[str, Any]) -> list[Any]:
    """The codebooks among the arrays of a message, first one first."""
    return [arrays[f"book_{i}"] for i in range(sum(name.startswith("book_") for name in arrays))]


def side_of(arrays: dict[str, Any]) -> dict[str, Any]:
    """What is sent once per utterance."""
    return {name[5:]: array for name, array in arrays.items() if name.startswith("side_")}


def answer(model: Any, header: dict[str, Any], arrays: dict[str, Any]) -> dict[str, Any]:
    """Carries out one message."""
    if header["op"] == "encode":
        codes, side = model.encode(arrays["samples"])
        named = {f"book_{i}": book for i, book in enumerate(codes)}
        return dict(named, **{f"side_{name}": value for name, value in (side or {}).items()})
    if header["op"] == "decode":
        return {"samples": model.decode(codes_of(arrays), side_of(arrays))}
    if header["op"] == "latents":
        return dict(model.latents(codes_of(arrays), side_of(arrays)))
    return dict(model.answer(header, arrays))


def serve(worker: str, requests: int, replies: int) -> None:
    """Answers messages until there are no more."""
    protocol = _import("codec_bench_protocol", str(_HERE / "protocol.py"))
    support = _import("codec_bench_support", str(_HERE / "support.py"))
    source = os.fdopen(requests, "rb")
    target = os.fdopen(replies, "wb")

    def read(size: int) -> bytes:
        data = source.read(size)
        if len(data) < size:
            raise EOFError
        return data

    model = None
    while True:
        try:
            header, arrays = protocol.unpack(read)
        except EOFError:
            return
        result: dict[str, Any] = {}
        try:
            support.seed(support.SEED)
            if header["op"] == "load":
                module = _import("codec_bench_worker", worker)
                model = module.load(
                    LoadRequest(header["sources"], header["files"], header["mode"], header["device"], header["weights"])
                )
            else:
                result = answer(model, header, arrays)
            parts = protocol.pack({"ok": True}, result)
        except Exception as error:  # noqa: BLE001 - whatever a codec raises costs one utterance
            traceback.print_exc()
            parts = protocol.pack({"ok": False, "error": f"{type(error).__name__}: {error}"}, {})
        try:
            for part in parts:
                target.write(part)
            target.flush()
        except BrokenPipeError:
            return


def _end_with(parent: int) -> None:
    """Ends the process, and what it started, when its parent has ended."""
    while os.getppid() == parent:
        time.sleep(PARENT_SECONDS)
    os.killpg(0, signal.SIGKILL)


def main(worker: str, requests: int, replies: int, parent: int, memory: int) -> None:
    """Redirects standard output, of C libraries too, and serves."""
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    sys.path = [entry for entry in sys.path if Path(entry or ".").resolve() != _HERE]
    for descriptor in (requests, replies):
        os.set_inheritable(descriptor, False)
    if memory:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    serve(worker, requests, replies)
    # What a codec left running (threads, children) must not keep the process; the reply was sent.
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:6]))
