"""Ray Data, started quietly: rows through a class that each worker makes once."""

import logging
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from fau_tf.utils.console import without_notices

LOCAL: Final = "local"
_STORE: Final = 100 << 20
"""Bytes of a local object store: rows hold names only, and Ray wants 75 MiB at least."""
_ENVIRONMENT: Final = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}
"""Nothing is sent anywhere, and nothing said that our own errors say."""
_ALONE: Final = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Ray takes the loopback address for that of this machine, which it does nowhere else on Linux: it
replaces 127.0.0.1 by one that others can reach."""
_PATIENCE: Final = 5.0
"""Seconds in which an address must answer."""


class ClusterError(ValueError):
    """There is no cluster to work on."""


@dataclass(frozen=True)
class Engine:
    """A cluster that is up.

    Attributes:
        workers: Processes that do the work.
    """

    workers: int

    def run(
        self,
        worker: type[Callable[[dict[str, str]], dict[str, str]]],
        rows: Iterable[dict[str, str]],
    ) -> Iterator[dict[str, Any]]:
        """Yield what a worker's instances return for the rows, as they finish.

        A row whose process is killed is given to another one, as often as it takes; so `worker`
        must stand being called again with a row that was half done.

        Raises:
            ClusterError: If the workers can't begin, or the cluster goes away.
        """
        import ray.data
        from ray.exceptions import RayError

        several = list(rows)
        if not several:
            return
        size = min(self.workers, len(several))
        # A row is a task of its own, and none waits for one worker while another one is free.
        pool = ray.data.ActorPoolStrategy(size=size, max_tasks_in_flight_per_actor=1)
        data = ray.data.from_items(several, override_num_blocks=len(several))
        try:
            yield from data.map(worker, compute=pool, num_cpus=1).iter_rows()
        except RayError as error:
            cause = [line for line in str(error).splitlines() if line.strip()][-1:]
            raise ClusterError(
                "--cluster: all machines must have the same fau_tf and stay there. Received: "
                f"{''.join(cause).strip() or type(error).__name__}. Install it on each, where `ray "
                "start` is run; the same command goes on with the shards that are left."
            ) from error


@contextmanager
def started(address: str, workers: int) -> Iterator[Engine]:
    """Start a cluster on this machine, or join one; leave it in any case, also after Ctrl-C.

    A program that has called `ray.init` itself keeps its cluster.

    Args:
        address: `local`, or HOST:PORT of a cluster's head.
        workers: Processes that do the work; 0 for one on each core.

    Raises:
        ClusterError: If Ray is missing, or nothing answers at the address.
    """
    ray = _ray(address)
    if ray.is_initialized():
        yield _engine(ray, workers)
        return
    folder = tempfile.mkdtemp(prefix="ray") if address == LOCAL else ""
    try:
        with without_notices():
            _start(ray, address, workers or os.cpu_count() or 1, folder)
        yield _engine(ray, workers)
    finally:
        ray.shutdown()
        if folder:
            shutil.rmtree(folder, ignore_errors=True)


def require_ray(address: str) -> None:
    """Raise ClusterError unless Ray is installed.

    Args:
        address: As in `started`; what Ray takes from the environment when it is loaded is set.
    """
    _ray(address)


def _ray(address: str) -> Any:
    for name, value in (_ENVIRONMENT | (_ALONE if address == LOCAL else {})).items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ClusterError(
            "--cluster: needs Ray Data. Received: " + str(error) + ". Install it: pip install "
            '"fau_tf[cluster]"; without --cluster, it is not needed.'
        ) from error
    return ray


def _engine(ray: Any, workers: int) -> Engine:
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # errors are ours to tell
    cores = int(ray.cluster_resources().get("CPU", 1))
    return Engine(min(workers or cores, cores))


def _start(ray: Any, address: str, workers: int, folder: str) -> None:
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == LOCAL:
        ray.init(
            num_cpus=workers,
            include_dashboard=False,
            object_store_memory=_STORE,
            _node_ip_address="127.0.0.1",
            _temp_dir=folder,
            **quiet,
        )
        return
    _require_answer(address)
    try:
        ray.init(address=address, **quiet)
    except (ConnectionError, RuntimeError, ValueError) as error:
        cause = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise _unreachable(address, cause) from error


def _require_answer(address: str) -> None:
    match = re.fullmatch(r"([^\s:/]+|\[[0-9a-fA-F:]+\]):(\d{1,5})", address)
    if not match:
        raise ClusterError(
            f"--cluster: must be {LOCAL}, or HOST:PORT of the head of a Ray cluster. Received: "
            f"{address}. `ray start --head` prints it."
        )
    try:
        socket.create_connection((match[1].strip("[]"), int(match[2])), _PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise _unreachable(address, str(error)) from error


def _unreachable(address: str, cause: str) -> ClusterError:
    return ClusterError(
        f"--cluster: a Ray cluster must answer at {address}. Received: {cause}. Start one there: "
        "ray start --head; if it asks for a token, set RAY_AUTH_MODE=token for this command, too; "
        f"or work on this machine: --cluster {LOCAL}."
    )
