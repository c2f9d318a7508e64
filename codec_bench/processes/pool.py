"""A pool of processes that outlives any of them."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol

from codec_bench.errors import CodecBenchError

ATTEMPTS = 2
"""A pair that kills its process is tried once more: the kernel may have killed it for somebody else's memory."""

MACHINES_LOST = 3
"""A job is given so often to other servers after the machine of its own was lost, which is not held against it."""

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
"""One thread per process: several are slower on shared cores, and sums would depend on their number."""


class WorkerCrash(Exception):  # noqa: N818 - an outcome for one job
    """The worker process ended or hung; the message is one line with the end of its standard error."""


class MachineLost(Exception):  # noqa: N818 - an outcome for one job
    """The machine of a server went away under its job; the server begins anew elsewhere."""


class Server(Protocol):
    """What does jobs, one at a time: a process here, or one on another machine."""

    @property
    def is_ready(self) -> bool:
        """Whether `wait` has nothing to wait for."""

    def wait(self) -> None:
        """Waits until it can take a job.

        Raises:
            WorkerCrash: It was ended meanwhile.
            CodecBenchError: It cannot start.
        """

    def call(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Sends a job and waits for its reply.

        Raises:
            WorkerCrash: The process ended, or did not reply in time.
            MachineLost: The machine went away.
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
        module: What the process runs; it gets the cache as its argument, and serves lines as `reconstruction.worker`
            does.
        threads: Of BLAS and OpenMP in the process.
    """

    def __init__(
        self, cache: Path, timeout: float, module: str = "codec_bench.reconstruction.worker", threads: int = 1
    ) -> None:
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

    @property
    def is_ready(self) -> bool:
        """Always: what is sent early waits in the pipe."""
        return True

    def wait(self) -> None:
        """Returns at once."""

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


@dataclass
class _Task:
    """A job, its reply to be, and how often it was tried in vain."""

    job: Mapping[str, Any]
    future: Future[dict[str, Any]] = field(default_factory=Future)
    crashes: int = 0
    lost: int = 0


class Pool:
    """`jobs` servers that take jobs in the order of `submit`.

    A server that dies or hangs is replaced; its job is tried once more and then fails with `WorkerCrash`, alone. A
    server takes no job before it is ready, since another one may be so earlier, or ever.

    Args:
        jobs: Number of servers.
        start: Starts one without waiting for it; called when there is a job for it.
    """

    def __init__(self, jobs: int, start: Callable[[], Server]) -> None:
        self._start = start
        self._tasks: deque[_Task] = deque()
        self._workers: dict[int, Server] = {}
        self._changed = threading.Condition()  # guards all of these
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
        with self._changed:
            self._closed = True
            workers = list(self._workers.values())
            self._changed.notify_all()
        for worker in workers:
            worker.kill()
        for thread in self._threads:
            thread.join()
        for worker in workers:
            worker.close()
        for task in self._tasks:
            task.future.cancel()

    def submit(self, job: Mapping[str, Any]) -> Future[dict[str, Any]]:
        """Queues a job.

        Returns:
            A future with the reply, or with `WorkerCrash`, or with the `CodecBenchError` that ends the run.
        """
        task = _Task(job)
        with self._changed:
            self._tasks.append(task)
            self._changed.notify()
        return task.future

    def _serve(self, index: int) -> None:
        """One server, for as long as there is work."""
        while self._work_is_there():
            problem: Exception | None = None
            try:
                worker = self._ready(index)
            except WorkerCrash:  # the pool was closed
                continue
            except Exception as error:  # noqa: BLE001 - told to whoever asks for a result; a thread must not end of it
                problem = error
            task = self._next()
            if task is None:
                continue
            if problem is not None:
                task.future.set_exception(problem)
            else:
                self._do(index, worker, task)

    def _work_is_there(self) -> bool:
        """Waits for a job; False where the pool is closed."""
        with self._changed:
            while not self._tasks and not self._closed:
                self._changed.wait()
            return not self._closed

    def _ready(self, index: int) -> Server:
        """The server of a thread, started where there is none, when it can take a job."""
        with self._changed:
            if self._closed:
                raise WorkerCrash("the run was ended")
            worker = self._workers.get(index)
            if worker is None:
                worker = self._workers[index] = self._start()
            if not worker.is_ready:
                self._changed.notify()  # of the job that woke this thread, which another one may do meanwhile
        worker.wait()
        return worker

    def _next(self) -> _Task | None:
        """The job whose turn it is; None where others took all."""
        with self._changed:
            return self._tasks.popleft() if self._tasks and not self._closed else None

    def _do(self, index: int, worker: Server, task: _Task) -> None:
        """Has a job done, or puts it back."""
        try:
            reply = worker.call(task.job)
        except MachineLost:
            task.lost += 1
            if task.lost == MACHINES_LOST:
                task.future.set_exception(WorkerCrash(f"{MACHINES_LOST} machines were lost while they worked on it"))
            else:
                self._put_back(task)
        except WorkerCrash as crash:
            self._drop(index, worker)
            task.crashes += 1
            if task.crashes == ATTEMPTS or self._closed:
                task.future.set_exception(crash)
            else:
                self._put_back(task)
        except Exception as error:  # noqa: BLE001 - raised again where the result is asked for
            task.future.set_exception(error)
        else:
            if "fatal" in reply:
                fatal = CodecBenchError(reply["fatal"])
                fatal.exit_code = reply["exit_code"]
                task.future.set_exception(fatal)
            else:
                task.future.set_result(reply)

    def _put_back(self, task: _Task) -> None:
        with self._changed:
            self._tasks.appendleft(task)
            self._changed.notify()

    def _drop(self, index: int, worker: Server) -> None:
        """Frees a server that is to be replaced."""
        with self._changed:
            if self._workers.get(index) is worker and not self._closed:
                del self._workers[index]
                worker.close()


class WorkerPool(Pool):
    """A pool of processes on this machine.

    Args:
        jobs: Number of processes.
        cache: Folder of the caches.
        timeout: Seconds that one job may take.
        module: What the processes run.
    """

    def __init__(
        self, jobs: int, cache: Path, timeout: float, module: str = "codec_bench.reconstruction.worker"
    ) -> None:
        super().__init__(jobs, lambda: Worker(cache, timeout, module))

    def __enter__(self) -> WorkerPool:
        return self


def worker_count(jobs: int | None) -> int:
    """How many scoring processes to start: all cores that this process may use, unless told."""
    if jobs is not None:
        return jobs
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
