"""Ray Data, started without its notices: rows of text, worked on by all processes."""

import logging
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fau_tf.distributed.ray_process import (
    AUTH_MODE,
    home,
    one_machine,
    quiet_data,
    restored,
    token,
)
from fau_tf.utils.console import quiet_native_code
from fau_tf.utils.text import one_line

LOCAL: Final = "local"

Row = dict[str, str]
"""Work: `key` identifies it, `name` stands in its error, `folder` is the job's; other entries are
free. Results have `key` and `error`."""
OpenFolder = Callable[[Path], Callable[[Row], None]]
"""Returns the function that works on the rows of a folder, with the models loaded."""

_OBJECT_STORE: Final = 100 << 20
"""Bytes of a local object store: rows hold names only, and Ray requires at least 75 MiB."""
_ENVIRONMENT: Final = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}
"""Turns off usage statistics, and messages that the errors raised here replace."""
_SINGLE_THREADED: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""Environment of the workers, before NumPy loads. Every core has a worker already, and BLAS threads
that spin while they wait for a core take its time: one NumPy function took 380 ms instead of 4 ms
beside two busy processes."""
_CONNECT_SECONDS: Final = 5.0


class ClusterError(ValueError):
    """Ray is missing, or its cluster cannot be used."""


@dataclass(frozen=True)
class Cluster:
    """A running Ray cluster.

    Attributes:
        workers: Number of worker processes.
    """

    workers: int

    def run(self, open_folder: OpenFolder, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield key and error of each row when it is done; the error is empty if there is none.

        Args:
            open_folder: Called once per process and folder. Ray repeats a row whose process was
                killed, so its function must accept half-done work.
            rows: The work.

        Raises:
            ClusterError: If the workers cannot start, or the cluster disappears.
        """
        import ray.data
        from ray.exceptions import RayError

        items = list(rows)
        if not items:
            return
        # One row per task, and one task at a time per worker: no row waits for a busy worker while
        # another one is free.
        pool = ray.data.ActorPoolStrategy(
            size=min(self.workers, len(items)), max_tasks_in_flight_per_actor=1
        )
        data = ray.data.from_items(items, override_num_blocks=len(items))
        try:
            yield from data.map(
                RowWorker,
                fn_constructor_args=(open_folder,),
                compute=pool,
                num_cpus=1,
                runtime_env={"env_vars": _SINGLE_THREADED},
            ).iter_rows()
        except RayError as error:
            cause = [line for line in str(error).splitlines() if line.strip()][-1:]
            raise ClusterError(
                f"--cluster: the workers failed: {''.join(cause).strip() or type(error).__name__}. "
                "Install the same fau_tf on every machine and keep `ray start` running; the same "
                "command continues with the remaining shards."
            ) from error


class RowWorker:
    """A worker process; an error of one row does not affect the others."""

    def __init__(self, open_folder: OpenFolder) -> None:
        self._open_folder = open_folder
        self._work: dict[str, Callable[[Row], None]] = {}  # of the latest folder

    def __call__(self, row: Row) -> Row:
        """Return key and error of a row."""
        error, folder = "", row["folder"]
        try:
            if folder not in self._work:
                self._work = {folder: self._open_folder(Path(folder))}
            self._work[folder](row)
        except Exception as caught:
            cause = one_line(str(caught)) or "no message"
            error = f"{row['name']}: {type(caught).__name__}: {cause}"
        return {"key": row["key"], "error": error}


@contextmanager
def start_cluster(address: str, workers: int) -> Iterator[Cluster]:
    """Start a cluster on this machine or join one; leave it in any case, also after Ctrl-C.

    A program that has called `ray.init` itself keeps its cluster and its settings of Ray Data.

    Args:
        address: `local`, or HOST:PORT of a cluster's head.
        workers: Number of worker processes; 0 for one per core.

    Raises:
        ClusterError: If Ray is missing, nothing answers at the address, or this process uses
            another cluster.
    """
    ray = require_ray()
    with quiet_data(ray):
        if ray.is_initialized():
            _require_same(ray, address)
            yield _cluster(ray, workers)
            return
        folder = tempfile.mkdtemp(prefix="ray") if address == LOCAL else ""
        with restored(AUTH_MODE):
            try:
                with quiet_native_code():
                    _init(ray, address, workers or os.cpu_count() or 1, folder)
                yield _cluster(ray, workers)
            finally:
                ray.shutdown()
                if folder:
                    shutil.rmtree(folder, ignore_errors=True)


def require_ray() -> Any:
    """Return the Ray module; Ray reads its environment variables when it is imported.

    Raises:
        ClusterError: If Ray is not installed.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ClusterError(
            f"--cluster: Ray Data is not installed: {error}. Run `pip install '.[cluster]'` in the "
            "checkout of fau_tf, or leave out --cluster."
        ) from error
    return ray


def _cluster(ray: Any, workers: int) -> Cluster:
    cores = int(ray.cluster_resources().get("CPU", 1))
    return Cluster(min(workers or cores, cores))


def _init(ray: Any, address: str, workers: int, folder: str) -> None:
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == LOCAL:
        try:
            with home(folder), one_machine():
                ray.init(
                    num_cpus=workers,
                    include_dashboard=False,
                    object_store_memory=_OBJECT_STORE,
                    _node_ip_address="127.0.0.1",
                    _temp_dir=folder,
                    **quiet,
                )
        except (OSError, RuntimeError, ValueError) as error:
            # Ray's sockets lie in the folder, and a socket's path has at most 107 bytes.
            files = isinstance(error, OSError) and not isinstance(error, ConnectionError)
            advice = ", or set TMPDIR to a folder with a short path and free space" if files else ""
            raise ClusterError(
                f"--cluster: Ray does not start on this machine: {_cause(error)}. Leave out "
                f"--cluster to work in one process{advice}."
            ) from error
        return
    _require_answer(address)
    if token.cache_info().currsize:
        raise ClusterError(
            "--cluster: this process has had a cluster of its own, and Ray would send its secret "
            f"to {address}. Use {address} in another process."
        )
    try:
        ray.init(address=address, **quiet)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise _unreachable(address, _cause(error)) from error


def _cause(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__


def _require_same(ray: Any, address: str) -> None:
    running = ray.get_runtime_context().gcs_address
    if address not in (LOCAL, running):
        raise ClusterError(
            f"--cluster: this process already uses the Ray cluster at {running}, not {address}. "
            f"Call ray.shutdown() first, or use {LOCAL} for the running one."
        )


def _require_answer(address: str) -> None:
    match = re.fullmatch(r"([^\s:/]+|\[[0-9a-fA-F:]+\]):(\d{1,5})", address)
    if not match:
        raise ClusterError(
            f"--cluster: expected {LOCAL} or HOST:PORT, got {address!r}. `ray start --head` prints "
            "the address."
        )
    try:
        connection = (match[1].strip("[]"), int(match[2]))
        socket.create_connection(connection, _CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise _unreachable(address, str(error)) from error


def _unreachable(address: str, cause: str) -> ClusterError:
    return ClusterError(
        f"--cluster: no Ray cluster answers at {address}: {cause}. Start one there with `ray start "
        f"--head`; if it asks for a token, set {AUTH_MODE}=token for this command, too. To work "
        f"on this machine, use --cluster {LOCAL}."
    )
