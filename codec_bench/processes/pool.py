"""A pool of processes that outlives any of them."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol

from codec_bench.errors import CodecBenchError
from codec_bench.processes.process import ProcessCrash, WorkerError, WorkerProcess

ATTEMPTS = 2
"""A job that ends its process is tried once more: the kernel may have killed it because of another process's memory."""

MACHINES_LOST = 3
"""How often a job is given to another server after its machine was lost, which is not held against the job."""

LOAD_SECONDS = 600.0
"""That a process may take to import what its worker needs; a cold disk is slow."""

END_SECONDS = 10.0
"""That a process may take to tidy up."""

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


class MachineLost(Exception):  # noqa: N818 - an outcome for one job
    """The machine of a server went away under its job; the server restarts elsewhere."""


class Server(Protocol):
    """What does jobs, one at a time: a process here, or one on another machine."""

    @property
    def is_ready(self) -> bool:
        """Whether `wait` has nothing to wait for."""

    def wait(self) -> None:
        """Waits until it can take a job.

        Raises:
            ProcessCrash: It was ended meanwhile.
            CodecBenchError: It cannot start.
        """

    def call(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Sends a job and waits for its reply.

        Raises:
            ProcessCrash: The process ended, or did not reply in time.
            WorkerError: The job failed.
            MachineLost: The machine went away.
            CodecBenchError: No job of this kind can be done.
        """

    def kill(self) -> None:
        """Ends it at once, also while `call` waits."""

    def close(self) -> None:
        """Ends it and frees what belongs to it."""


class ProcessServer:
    """A process on this machine that serves a worker of ours.

    Args:
        worker: `module:object`; see `serve.py`.
        arguments: What the object is called with.
        timeout: Seconds that one job may take.
        threads: BLAS and OpenMP threads of the process; None for their default.
    """

    def __init__(
        self, worker: str, arguments: Mapping[str, Any], timeout: float = LOAD_SECONDS, threads: int | None = None
    ) -> None:
        self._arguments = arguments
        self._timeout = timeout
        self._is_loaded = False
        self._process = WorkerProcess(worker, dict.fromkeys(THREAD_VARIABLES, str(threads)) if threads else {})

    @property
    def is_ready(self) -> bool:
        """Always: it starts while its first job waits."""
        return True

    def wait(self) -> None:
        """Returns at once."""

    def call(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Sends a job and waits for its reply, as `Server` says; both may hold NumPy arrays under `arrays`, by name."""
        return self.ask(job, self._timeout)

    def ask(self, job: Mapping[str, Any], timeout: float) -> dict[str, Any]:
        """As `call`, with a time limit of its own."""
        if not self._is_loaded:
            self._process.exchange({"op": "load", "arguments": dict(self._arguments)}, {}, max(timeout, LOAD_SECONDS))
            self._is_loaded = True
        plain = {name: value for name, value in job.items() if name != "arrays"}
        answer, arrays = self._process.exchange({"op": "job", "job": plain}, job.get("arrays", {}), timeout)
        reply: dict[str, Any] = answer["reply"]
        return reply | {"arrays": arrays} if arrays else reply

    def kill(self) -> None:
        """Ends the process at once."""
        self._process.kill()

    def close(self) -> None:
        """Has the process tidy up, and ends it."""
        with suppress(ProcessCrash, WorkerError, CodecBenchError):
            if self._is_loaded:
                self._process.exchange({"op": "end"}, {}, END_SECONDS)
        self._process.close()


@dataclass
class _Task:
    """A job, its reply to be, and how often it was tried in vain."""

    job: Mapping[str, Any]
    attempts: int
    future: Future[dict[str, Any]] = field(default_factory=Future)
    crashes: int = 0
    lost: int = 0

    def begin(self) -> bool:
        """Whether the reply is still awaited."""
        return self.future.running() or self.future.set_running_or_notify_cancel()


class Pool:
    """`jobs` servers that take jobs in the order of `submit`; each is started when there is a job and none is free.

    A server that dies or hangs is replaced; its job is tried once more and then fails with `ProcessCrash`, alone. A
    server takes no job before it is ready, since another one may be so earlier, or ever.
    """

    def __init__(self, jobs: int, start: Callable[[], Server]) -> None:
        self._start = start
        self._tasks: deque[_Task] = deque()
        self._servers: dict[int, Server] = {}
        self._idle: set[int] = set()  # threads that wait to be woken
        self._busy: set[int] = set()  # those that were let go for a job, until it is done
        self._coming: set[int] = set()  # those of them that will take one at once
        self._closed = False
        self._lock = threading.Lock()  # guards all of these
        self._bells = [threading.Condition(self._lock) for _ in range(jobs)]
        self._threads = [threading.Thread(target=self._serve, args=(i,), daemon=True) for i in range(jobs)]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Ends all servers; jobs that are not done are dropped."""
        with self._lock:
            self._closed = True
            servers = list(self._servers.values())
            busy = [server for index, server in self._servers.items() if index in self._busy]
            for bell in self._bells:
                bell.notify()
        for server in busy:
            server.kill()
        for thread in self._threads:
            thread.join()
        for server in servers:
            server.close()
        for task in self._tasks:
            if not task.future.cancel():  # it was tried before
                task.future.set_exception(ProcessCrash("the run was ended"))

    def submit(self, job: Mapping[str, Any], attempts: int = ATTEMPTS) -> Future[dict[str, Any]]:
        """Queues a job, which is tried so often while its process dies of it; it can be cancelled until it is begun.

        Returns:
            A future with the reply, or with what `Server.call` raises.
        """
        task = _Task(job, attempts)
        with self._lock:
            self._tasks.append(task)
            self._wake_one()
        return task.future

    def _wake_one(self) -> None:
        """Wakes a thread that waits, where there is a job that nobody comes for; one with a server if it can."""
        index = min(self._idle, key=lambda index: index not in self._servers, default=None)
        if index is not None and self._is_wanted(index):
            self._idle.remove(index)
            self._bells[index].notify()

    def _serve(self, index: int) -> None:
        """One server, for as long as there is work."""
        while self._work_is_there(index):
            problem: Exception | None = None
            try:
                server = self._ready(index)
            except ProcessCrash:  # the pool was closed
                continue
            except Exception as error:  # noqa: BLE001 - raised where the result is awaited; it must not end the thread
                problem = error
            task = self._next(index)
            if task is not None and problem is None:
                self._do(index, server, task)
                continue
            self._rest(index)
            if task is not None:
                task.future.set_exception(problem)

    def _work_is_there(self, index: int) -> bool:
        """Waits for a job; False where the pool is closed."""
        with self._lock:
            while not self._is_wanted(index) and not self._closed:
                self._idle.add(index)
                self._bells[index].wait()
                self._idle.discard(index)
            if self._closed:
                return False
            self._busy.add(index)
            self._coming.add(index)
            return True

    def _is_wanted(self, index: int) -> bool:
        """Whether there is a job that nobody comes for. A thread without a server leaves it to those that have one and
        are free: it would have to load once more what they have.
        """
        free = 0 if index in self._servers else len(self._servers.keys() - self._busy)
        return len(self._tasks) > len(self._coming) + free

    def _ready(self, index: int) -> Server:
        """The server of a thread, started where there is none, when it can take a job."""
        with self._lock:
            if self._closed:
                raise ProcessCrash("the run was ended")
            server = self._servers.get(index)
            if server is None:
                server = self._servers[index] = self._start()
            if not server.is_ready:
                self._coming.discard(index)
                self._wake_one()  # for the job that woke this thread, which another one may do meanwhile
        server.wait()
        return server

    def _next(self, index: int) -> _Task | None:
        """The job whose turn it is; None if others took all."""
        with self._lock:
            self._coming.discard(index)
            while self._tasks and not self._closed:
                task = self._tasks.popleft()
                if task.begin():
                    return task
            return None

    def _rest(self, index: int) -> None:
        with self._lock:
            self._busy.discard(index)

    def _do(self, index: int, server: Server, task: _Task) -> None:
        """Has a job done, or puts it back."""
        try:
            reply = server.call(task.job)
        except MachineLost:
            self._rest(index)
            task.lost += 1
            if task.lost == MACHINES_LOST:
                task.future.set_exception(ProcessCrash(f"{MACHINES_LOST} machines were lost while they worked on it"))
            else:
                self._put_back(task)
        except ProcessCrash as crash:
            self._drop(index, server)
            task.crashes += 1
            if task.crashes >= task.attempts or self._closed:
                task.future.set_exception(crash)
            else:
                self._put_back(task)
        except Exception as error:  # noqa: BLE001 - raised where the result is awaited
            self._rest(index)
            task.future.set_exception(error)
        else:
            self._rest(index)
            task.future.set_result(reply)

    def _put_back(self, task: _Task) -> None:
        with self._lock:
            self._tasks.appendleft(task)
            self._wake_one()

    def _drop(self, index: int, server: Server) -> None:
        """Frees a server that is to be replaced."""
        with self._lock:
            self._busy.discard(index)
            if self._servers.get(index) is server and not self._closed:
                del self._servers[index]
                server.close()


class ProcessPool(Pool):
    """A pool of processes on this machine; see `ProcessServer`.

    Each has one thread: several are slower on shared cores, and sums would depend on their number.
    """

    def __init__(self, jobs: int, worker: str, arguments: Mapping[str, Any], timeout: float) -> None:
        super().__init__(jobs, lambda: ProcessServer(worker, arguments, timeout, threads=1))


def worker_count(jobs: int | None) -> int:
    """How many scoring processes to start: by default, all cores that this process may use."""
    if jobs is not None:
        return jobs
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
