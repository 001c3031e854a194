"""Ray Data, started without its notices: rows of text, worked on by all processes."""

import logging
import os
import re
import secrets
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

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
_ONE_MACHINE: Final = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Lets Ray keep 127.0.0.1, which it replaces on Linux by an address that other hosts reach."""
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

    A program that has called `ray.init` itself keeps its cluster.

    Args:
        address: `local`, or HOST:PORT of a cluster's head.
        workers: Number of worker processes; 0 for one per core.

    Raises:
        ClusterError: If Ray is missing, or nothing answers at the address.
    """
    ray = require_ray(address)
    if ray.is_initialized():
        yield _cluster(ray, workers)
        return
    folder = tempfile.mkdtemp(prefix="ray") if address == LOCAL else ""
    try:
        with quiet_native_code():
            _init(ray, address, workers or os.cpu_count() or 1, folder)
        yield _cluster(ray, workers)
    finally:
        ray.shutdown()
        if folder:
            shutil.rmtree(folder, ignore_errors=True)


def require_ray(address: str) -> Any:
    """Return the Ray module; Ray reads its environment variables when it is imported.

    Args:
        address: As in `start_cluster`.

    Raises:
        ClusterError: If Ray is not installed.
    """
    for name, value in (_ENVIRONMENT | (_ONE_MACHINE if address == LOCAL else {})).items():
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
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # `Cluster.run` reports its errors
    cores = int(ray.cluster_resources().get("CPU", 1))
    return Cluster(min(workers or cores, cores))


def _init(ray: Any, address: str, workers: int, folder: str) -> None:
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == LOCAL:
        try:
            with _home(folder):
                ray.init(
                    num_cpus=workers,
                    include_dashboard=False,
                    object_store_memory=_OBJECT_STORE,
                    _node_ip_address="127.0.0.1",
                    _temp_dir=folder,
                    **quiet,
                )
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise ClusterError(
                f"--cluster: Ray does not start on this machine: {_cause(error)}. Leave out "
                "--cluster to work in one process."
            ) from error
        return
    _require_answer(address)
    try:
        ray.init(address=address, **quiet)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise _unreachable(address, _cause(error)) from error


def _cause(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__


@cache
def _token() -> str:
    """Return the secret of this process's clusters.

    Ray reads the secret of a process once. If each home had its own, the second cluster of a
    process would not start.
    """
    return secrets.token_hex(32)


@contextmanager
def _home(folder: str) -> Iterator[None]:
    """Give Ray's processes a home folder with a cluster file, which stops a question of theirs.

    Without that file Ray 2.60 asks the metadata servers of three clouds where it runs, over the
    network, even with its usage statistics off. Workers have that home, too, and don't use it. Only
    who can read the home, this user, can use the cluster.
    """
    Path(folder, "ray_bootstrap_config.yaml").write_text("{}\n", encoding="utf-8")
    Path(folder, ".ray").mkdir()
    Path(folder, ".ray", "auth_token").write_text(_token(), encoding="utf-8")
    before = os.environ.get("HOME")
    os.environ["HOME"] = folder
    try:
        yield
    finally:
        if before is None:
            del os.environ["HOME"]
        else:
            os.environ["HOME"] = before


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
        "--head`; if it asks for a token, set RAY_AUTH_MODE=token for this command, too. To work "
        f"on this machine, use --cluster {LOCAL}."
    )
