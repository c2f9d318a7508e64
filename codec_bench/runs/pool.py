"""A pool of processes that outlives any of them."""

from __future__ import annotations

import json
import os
import queue
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol

from codec_bench.errors import CodecBenchError

ATTEMPTS = 2
"""A pair that kills its process is tried once more: the kernel may have killed it for somebody else's memory."""

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
"""One thread per process: several are slower on shared cores, and sums would depend on their number."""


class WorkerCrash(Exception):  # noqa: N818 - an outcome for one job
    """The worker process ended or hung; the message is one line with the end of its standard error."""


class Server(Protocol):
    """What does jobs, one at a time: a process here, or one on another machine."""

    def call(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Sends a job and waits for its reply.

        Raises:
            WorkerCrash: The process ended, or did not reply in time.
        """

    def kill(self) -> None:
        """Ends it at once, also while `call` waits."""

    def close(self) -> None:
        """Ends it and frees what belongs to it."""


class Worker:
    """One scoring process.

    Args:
        cache: Folder of the caches.
        timeout: Seconds that one job may take.
        module: What the process runs; it gets the cache as its argument, and serves lines as `runs.worker` does.
        threads: Of BLAS and OpenMP in the process.
    """

    def __init__(self, cache: Path, timeout: float, module: str = "codec_bench.runs.worker", threads: int = 1) -> None:
        self._timeout = timeout
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the worker
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, str(cache)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads)),
            start_new_session=True,  # Ctrl-C is for the parent, which ends its workers itself
        )

    def call(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Sends a job and waits for its reply.

        Raises:
            WorkerCrash: The process ended, or did not reply in time.
        """
        process = self._process
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the worker has no pipes")
        try:
            process.stdin.write(json.dumps(job).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            raise WorkerCrash(self._last_words()) from None
        ready, _, _ = select.select([process.stdout], [], [], self._timeout)
        if not ready:
            self.kill()
            raise WorkerCrash(f"no reply within {self._timeout:.0f} s")
        line = process.stdout.readline()
        if not line.endswith(b"\n"):
            raise WorkerCrash(self._last_words())
        reply: dict[str, Any] = json.loads(line)
        return reply

    def _last_words(self) -> str:
        code = self._process.wait()
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
        self._errors.seek(0)
        tail = self._errors.read()[-400:].decode(errors="replace").strip()
        return f"the worker process was {how}" if not tail else f"the worker process was {how}: {tail}"

    def kill(self) -> None:
        """Ends the process at once."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Ends the process and frees its pipes."""
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout, self._errors):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue


class Pool:
    """`jobs` servers that take jobs in the order of `submit`.

    A server that dies or hangs is replaced; its job is tried once more and then fails with `WorkerCrash`, alone.

    Args:
        jobs: Number of servers.
        start: Starts one without waiting for it; called when there is a job for it.
    """

    def __init__(self, jobs: int, start: Callable[[], Server]) -> None:
        self._start = start
        self._queue: queue.SimpleQueue[tuple[Mapping[str, Any], Future[dict[str, Any]]] | None] = queue.SimpleQueue()
        self._workers: dict[int, Server] = {}
        self._lock = threading.Lock()
        self._closed = False
        self._threads: list[threading.Thread] = []
        self.grow(jobs)

    def grow(self, jobs: int) -> None:
        """Adds servers."""
        for _ in range(jobs):
            thread = threading.Thread(target=self._serve, args=(len(self._threads),), daemon=True)
            self._threads.append(thread)
            thread.start()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Ends all servers; jobs that are not done are dropped."""
        with self._lock:
            self._closed = True
            workers = list(self._workers.values())
        for worker in workers:
            worker.kill()
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()
        for worker in workers:
            worker.close()

    def submit(self, job: Mapping[str, Any]) -> Future[dict[str, Any]]:
        """Queues a job.

        Returns:
            A future with the reply, or with `WorkerCrash`, or with the `CodecBenchError` that ends the run.
        """
        future: Future[dict[str, Any]] = Future()
        self._queue.put((job, future))
        return future

    def _serve(self, index: int) -> None:
        while (item := self._queue.get()) is not None:
            job, future = item
            if self._closed:
                future.cancel()
                continue
            try:
                future.set_result(self._call(index, job))
            except Exception as error:  # noqa: BLE001 - raised again where the result is asked for
                future.set_exception(error)

    def _call(self, index: int, job: Mapping[str, Any]) -> dict[str, Any]:
        for attempt in range(ATTEMPTS):
            with self._lock:
                if self._closed:
                    raise WorkerCrash("the run was ended")
                worker = self._workers.get(index)
                if worker is None:
                    worker = self._workers[index] = self._start()
            try:
                reply = worker.call(job)
            except WorkerCrash:
                with self._lock:
                    if self._workers.get(index) is worker and not self._closed:
                        del self._workers[index]
                        worker.close()
                if attempt + 1 == ATTEMPTS:
                    raise
                continue
            if "fatal" in reply:
                error = CodecBenchError(reply["fatal"])
                error.exit_code = reply["exit_code"]
                raise error
            return reply
        raise AssertionError("unreachable")


class WorkerPool(Pool):
    """A pool of processes on this machine.

    Args:
        jobs: Number of processes.
        cache: Folder of the caches.
        timeout: Seconds that one job may take.
        module: What the processes run.
    """

    def __init__(self, jobs: int, cache: Path, timeout: float, module: str = "codec_bench.runs.worker") -> None:
        super().__init__(jobs, lambda: Worker(cache, timeout, module))

    def __enter__(self) -> WorkerPool:
        return self
