"""A Ray cluster: reached or started, and its processes as servers of a `Pool`."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from typing import Any

from codec_bench.coding.dispatch import LoadCrash
from codec_bench.errors import CodecBenchError, UnavailableError, UsageError, first_line
from codec_bench.extras import cannot_import
from codec_bench.processes.pool import MachineLost
from codec_bench.processes.process import ProcessCrash, WorkerError
from codec_bench.version import __version__

logger = logging.getLogger(__name__)

OBJECT_STORE_BYTES = 512 * 2**20
"""Object store of a cluster that is started here; a few recordings per process are in transit."""

STARTS = 5
"""A process that dies so often before it is ready ends the run."""

PATIENCE_SECONDS = 30.0
"""After which a wait for room in the cluster is reported."""

ROOM_SECONDS = 10.0
"""So long a process that others of the run may be waiting for waits for a CPU; then it shares one with them."""


def check_ray() -> None:
    """Raises where Ray is not installed; imports nothing.

    Raises:
        UnavailableError: It is not installed; names the command that installs it.
    """
    if reason := cannot_import(("ray",), "ray"):
        raise UnavailableError(f"--engine ray cannot run here: {reason}")


def connect(address: str | None, cpus: int, gpus: bool) -> bool:
    """Joins the cluster of this process, one by its address, or starts one.

    Args:
        address: `HOST:PORT` or `auto`; None for `RAY_ADDRESS`, and where that is not set for a new cluster.
        cpus: CPUs of a new cluster.
        gpus: Whether a new cluster has the GPUs of this machine.

    Returns:
        Whether `ray.shutdown` is to be called at the end; a program that started Ray itself keeps using it.

    Raises:
        UsageError: There is no such cluster.
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
        ray.init(address=wanted, log_to_driver=False, logging_level=logging.ERROR, **resources)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        where = "a local Ray cluster cannot be started" if wanted == "local" else f"no Ray cluster answers at {wanted}"
        raise UsageError(f"{where}: {first_line(error)}") from error
    return True


class RemoteServer:
    """A process on a machine of the cluster.

    If its machine is lost, it restarts on another one, and the `Pool` gives the job to a free process; a process
    that ends while its machine is there may have been killed by the job, which is for the `Pool` to judge.

    Args:
        kind: Class of `engines.remote` that runs there.
        arguments: Arguments of its constructor.
        options: What it needs: `num_cpus`, `num_gpus`.
        pack: Makes what is sent from a job; what it returns under `reply` is the reply itself, and nothing is sent.
        unpack: Keeps what came back and makes the reply.
        shares: Whether it starts without a CPU of its own where it had to wait for one, as one whose machine was lost.
    """

    def __init__(
        self,
        kind: type,
        arguments: tuple[Any, ...],
        options: Mapping[str, Any],
        pack: Callable[[Mapping[str, Any]], dict[str, Any]],
        unpack: Callable[[dict[str, Any]], dict[str, Any]],
        *,
        shares: bool,
    ) -> None:
        self._kind = kind
        self._arguments = arguments
        self._options = dict(options)
        self._pack = pack
        self._unpack = unpack
        self._ended = False
        self._shares = shares
        self._node = ""
        self._begin()

    def _begin(self) -> None:
        """Asks for the process; it starts when a machine has room for it."""
        import ray

        # What dies is replaced by the pool, where it is counted: Ray would try again behind our back.
        made: Any = ray.remote(max_restarts=0, max_task_retries=0, **self._options)(self._kind)
        self._actor: Any = made.remote(*self._arguments)
        self._node = ""

    @property
    def is_ready(self) -> bool:
        """Whether the process is known to be there."""
        return bool(self._node)

    def wait(self) -> None:
        """Waits until the process is there.

        Raises:
            ProcessCrash: The run was ended.
            CodecBenchError: It cannot start, or runs another version of codec-bench.
        """
        import ray

        starts = 0
        while not self._node:
            starts += 1
            waiting = self._actor.ready.remote()
            may_share = self._shares and self._options.get("num_cpus")
            try:
                if not ray.wait([waiting], timeout=ROOM_SECONDS if may_share else PATIENCE_SECONDS)[0]:
                    if may_share:
                        self._share()
                        continue
                    logger.warning("%s waits for room in the Ray cluster", self._kind.__name__)
                found = ray.get(waiting)
            except ray.exceptions.RayTaskError as error:
                raise CodecBenchError(f"a process of the Ray cluster failed: {last_line(error)}") from error
            except ray.exceptions.RayError as error:
                if starts == STARTS:
                    raise CodecBenchError(f"a process of the Ray cluster cannot start: {last_line(error)}") from error
                self._judge(error)
                continue
            if found["version"] != __version__:
                raise UsageError(
                    f"a machine of the cluster runs codec-bench {found['version']}, this one {__version__}"
                )
            self._node = found["node"]

    def _share(self) -> None:
        """Starts without a CPU of its own: those that are left may all be held by processes that wait for this one."""
        import ray

        ray.kill(self._actor)
        self._options["num_cpus"] = 0
        self._begin()

    def call(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Does a job there.

        Raises:
            ProcessCrash: The process ended.
            MachineLost: Its machine was lost.
            CodecBenchError: The job cannot be done on this cluster.
        """
        import ray

        parcel = self._pack(job)
        if "reply" in parcel:
            reply: dict[str, Any] = parcel["reply"]
            return reply
        try:
            reply = ray.get(self._actor.call.remote(parcel))
        except ray.exceptions.RayTaskError as error:  # an exception there that nothing foresees
            raise CodecBenchError(f"a process of the Ray cluster failed: {last_line(error)}") from error
        except ray.exceptions.RayError as error:
            self._judge(error)
            raise MachineLost from error
        if "crashed" in reply:
            raise LoadCrash(reply["crashed"]) if reply.get("loading") else ProcessCrash(reply["crashed"])
        if "failed_job" in reply:
            raise WorkerError(reply["failed_job"])
        if "fatal" in reply:
            fatal = CodecBenchError(reply["fatal"])
            fatal.exit_code = reply["exit_code"]
            raise fatal
        return self._unpack(reply)

    def _judge(self, error: Exception) -> None:
        """Starts another process where the machine was lost.

        Raises:
            ProcessCrash: The machine is still there.
            CodecBenchError: The process could not even start.
        """
        if self._ended:
            raise ProcessCrash("the run was ended") from error
        if not self._node and "creation task" in str(error):
            raise CodecBenchError(f"a process of the Ray cluster cannot start: {last_line(error)}") from error
        if self._node and is_alive(self._node):
            raise ProcessCrash("the process on the Ray cluster was killed or ran out of memory") from error
        logger.warning("a machine of the Ray cluster was lost; its work moves to another one")
        self._shares = True
        self._begin()

    def kill(self) -> None:
        """Ends the process at once."""
        import ray

        self._ended = True
        if ray.is_initialized():
            ray.kill(self._actor)

    def close(self) -> None:
        """Ends the process."""
        self.kill()


def last_line(error: BaseException) -> str:
    """What an error of another machine comes down to."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1][:300]


def is_alive(node: str) -> bool:
    """Whether a machine of the cluster is still there."""
    import ray

    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return any(found["NodeID"] == node and found["Alive"] for found in nodes)
