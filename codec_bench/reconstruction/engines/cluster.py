"""A Ray cluster: reached or started, and its processes as servers of a `Pool`."""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

from codec_bench.errors import CodecBenchError, UnavailableError, UsageError, first_line
from codec_bench.extras import cannot_import
from codec_bench.processes.pool import MachineLost
from codec_bench.processes.process import ProcessCrash, WorkerError
from codec_bench.version import __version__

logger = logging.getLogger(__name__)

OBJECT_STORE_BYTES = 512 * 2**20
"""Object store of a cluster that is started here; a few recordings per process are in transit."""

PATIENCE_SECONDS = 30.0
"""After which a wait for room in the cluster is reported."""

SLIVER = 0.02
"""What anything but scoring asks of a CPU. Ray keeps for a moment what a task had: a whole CPU, and it would place no
codec on that machine, but two on the next."""


def check_ray() -> None:
    """Raises an `UnavailableError` that says how to install Ray, where it is not; imports nothing."""
    if reason := cannot_import(("ray",), "ray"):
        raise UnavailableError(f"--engine ray cannot run here: {reason}")


def connect(address: str | None, cpus: int, gpus: bool) -> bool:
    """Joins the cluster of this process, one by its address, or starts one.

    Without an address that is `RAY_ADDRESS`, and where that is not set a new cluster with `cpus` and perhaps the GPUs
    of this machine.

    Returns:
        Whether `ray.shutdown` is to be called at the end; a program that started Ray itself keeps using it.

    Raises:
        UsageError: There is no such cluster, or it wants a token that this process has not.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray sends usage statistics by default
    import ray

    if ray.is_initialized():
        if address is not None:
            logger.info("this process is in a Ray cluster already; %s is not used", address)
        return False
    wanted = address or os.environ.get("RAY_ADDRESS") or "local"
    resources: dict[str, Any] = {}
    if wanted == "local":
        os.environ.setdefault("RAY_worker_niceness", "0")  # 15 by default: starved by whatever else this machine does
        resources = {
            "num_cpus": cpus,
            "num_gpus": None if gpus else 0,
            "object_store_memory": OBJECT_STORE_BYTES,
            "include_dashboard": False,
        }
    try:
        # What is started here inherits standard error, and what it says belongs there.
        with keeping_sigterm(), nullcontext("") if wanted == "local" else _held_back() as said:
            ray.init(address=wanted, log_to_driver=False, logging_level=logging.ERROR, **resources)
    except Exception as error:  # Ray raises bare ones, e.g. of a node that is not up in time
        logger.debug("ray.init failed", exc_info=error)
        if "authentication token" in f"{error} {said}".lower():
            which = "Ray" if wanted == "local" else f"the Ray cluster at {wanted}"
            raise UsageError(
                f"{which} wants a token: set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN to the token that the cluster was "
                "started with (or write that into ~/.ray/auth_token)"
            ) from error
        where = "a local Ray cluster cannot be started" if wanted == "local" else f"no Ray cluster answers at {wanted}"
        raise UsageError(f"{where}: {first_line(error)}") from error
    return True


class _Said:
    """What was written to standard error meanwhile."""

    def __init__(self) -> None:
        self.text = ""

    def __str__(self) -> str:
        return self.text


@contextmanager
def _held_back() -> Iterator[_Said]:
    """Keeps to itself what is written to standard error; Ray repeats each second there that it waits, from C++."""
    said = _Said()
    sys.stderr.flush()
    before = os.dup(2)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield said
        finally:
            sys.stderr.flush()
            os.dup2(before, 2)
            os.close(before)
            kept.seek(0)
            said.text = kept.read().decode(errors="replace")
            logger.debug("Ray said: %s", said)


@contextmanager
def keeping_sigterm() -> Iterator[None]:
    """Puts the handler of SIGTERM back, which Ray replaces when it begins, and takes away when it ends."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


class RemoteServer(ABC):
    """Something on the cluster that does jobs for a `Pool`.

    Args:
        remote: Function or class of `engines.remote`.
        arguments: Its first arguments.
        options: What it needs of a machine: `num_cpus`, `num_gpus`.
        pack: Makes what is sent from a job; what it returns under `reply` is the reply itself, and nothing is sent.
        unpack: Keeps what came back and makes the reply.
    """

    is_ready = True

    def __init__(
        self,
        remote: Callable[..., Any],
        arguments: tuple[Any, ...],
        options: Mapping[str, Any],
        pack: Callable[[Mapping[str, Any]], dict[str, Any]],
        unpack: Callable[[dict[str, Any]], dict[str, Any]],
    ) -> None:
        import ray

        self._remote: Any = ray.remote(remote).options(**options)
        self._arguments = arguments
        self._pack = pack
        self._unpack = unpack
        self._under_way: Any = None
        self._ended = False

    def wait(self) -> None:
        """Returns when it can take a job."""

    def call(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Does a job there.

        Raises:
            ProcessCrash: What the job needed ended, or did not reply in time.
            WorkerError: The job failed.
            MachineLost: The process there was lost, as with its machine.
            CodecBenchError: The job cannot be done on this cluster.
        """
        import ray

        parcel = self._pack(job)
        if "reply" in parcel:
            reply: dict[str, Any] = parcel["reply"]
            return reply
        try:
            self._under_way = self._sent(parcel | {"version": __version__})
            reply = ray.get(self._under_way)
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, CodecBenchError | ProcessCrash | WorkerError):
                raise error.cause from None
            raise CodecBenchError(f"a process of the Ray cluster failed: {last_line(error)}") from error
        except ray.exceptions.RayError as error:
            if self._ended:
                raise ProcessCrash("the run was ended") from error
            logger.warning("a process of the Ray cluster was lost; its work moves to another one")
            self._lost()
            raise MachineLost from error
        finally:
            self._under_way = None
        return self._unpack(reply)

    @abstractmethod
    def _sent(self, parcel: dict[str, Any]) -> Any:
        """Sends a parcel; a reference to the reply."""

    def _lost(self) -> None:
        """What had the job is gone."""

    def kill(self) -> None:
        """Ends it at once."""
        import ray

        self._ended = True
        if ray.is_initialized():
            self._stop()

    def close(self) -> None:
        """Ends it."""
        self.kill()

    @abstractmethod
    def _stop(self) -> None:
        """Ends what is under way."""


class TaskServer(RemoteServer):
    """Jobs as tasks of Ray, which gives each to a machine with a free CPU, and to another one if that is lost."""

    def _sent(self, parcel: dict[str, Any]) -> Any:
        return self._remote.remote(*self._arguments, parcel)

    def _stop(self) -> None:
        import ray

        # Not one that is done: Ray, where it is still noting the end of a task that is cancelled, ends this process.
        if (under_way := self._under_way) is not None:
            ray.cancel(under_way, force=True)


class ActorServer(RemoteServer):
    """Jobs for a process that keeps what it has loaded; where it is lost, another one begins where there is room."""

    def __init__(self, remote: type, *arguments: Any) -> None:
        super().__init__(remote, *arguments)
        self._name = remote.__name__
        self._lost()

    def _lost(self) -> None:
        """Asks for a process; it starts when a machine has room for it."""
        self._actor: Any = self._remote.remote(*self._arguments)
        self.is_ready = False

    def wait(self) -> None:
        """Waits until the process is there; another one may take the jobs meanwhile.

        Raises:
            ProcessCrash: The run was ended.
            CodecBenchError: It cannot start.
        """
        import ray

        while not self.is_ready:
            waiting = self._actor.ready.remote()
            try:
                if not ray.wait([waiting], timeout=PATIENCE_SECONDS)[0]:
                    logger.warning("%s waits for room in the Ray cluster", self._name)
                ray.get(waiting)
                self.is_ready = True
            except ray.exceptions.RayError as error:
                if self._ended:
                    raise ProcessCrash("the run was ended") from error
                if isinstance(error, ray.exceptions.RayTaskError) or "creation task" in str(error):
                    raise CodecBenchError(f"a process of the Ray cluster cannot start: {last_line(error)}") from error
                self._lost()

    def _sent(self, parcel: dict[str, Any]) -> Any:
        return self._actor.call.remote(parcel)

    def _stop(self) -> None:
        import ray

        ray.kill(self._actor)


def check_versions() -> None:
    """Waits until the cluster runs a task, and compares versions.

    Raises:
        UsageError: A machine runs another version of codec-bench.
        CodecBenchError: It cannot run us at all.
    """
    import ray

    waiting = ray.remote(_version).options(num_cpus=SLIVER).remote()
    try:
        if not ray.wait([waiting], timeout=PATIENCE_SECONDS)[0]:
            logger.warning("the run waits for room in the Ray cluster")
        found = ray.get(waiting)
    except ray.exceptions.RayError as error:
        raise CodecBenchError(f"a process of the Ray cluster failed: {last_line(error)}") from error
    if found != __version__:
        raise UsageError(f"a machine of the cluster runs codec-bench {found}, this one {__version__}")


def _version() -> str:
    return __version__


def last_line(error: BaseException) -> str:
    """What an error of another machine comes down to."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1][:300]
