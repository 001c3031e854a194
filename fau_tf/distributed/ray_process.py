"""What Ray reads and changes in the process that starts it; undone afterwards."""

import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

AUTH_MODE: Final = "RAY_AUTH_MODE"
"""Ray sets it to `token` for a local cluster."""
_MANY_MACHINES: Final = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"


@contextmanager
def quiet_data(ray: Any) -> Iterator[None]:
    """Keep Ray Data quiet for a while; a program that uses it, too, gets its settings back."""
    context, logger = ray.data.DataContext.get_current(), logging.getLogger("ray.data")
    before = context.enable_progress_bars, context.print_on_execution_start, logger.level
    context.enable_progress_bars = context.print_on_execution_start = False
    logger.setLevel(logging.CRITICAL)  # `Cluster.run` reports its errors
    try:
        yield
    finally:
        context.enable_progress_bars, context.print_on_execution_start = before[:2]
        logger.setLevel(before[2])


@contextmanager
def restored(*names: str) -> Iterator[None]:
    """Give environment variables their values back, whatever happens to them meanwhile."""
    before = {name: os.environ[name] for name in names if name in os.environ}
    try:
        yield
    finally:
        for name in names:
            os.environ.pop(name, None)
        os.environ.update(before)


@contextmanager
def one_machine() -> Iterator[None]:
    """Let Ray keep 127.0.0.1, which it replaces on Linux by an address that other hosts reach.

    Its processes read the environment variable; this one may have done so before, at the import.
    """
    from ray._private import ray_constants

    before = ray_constants.ENABLE_RAY_CLUSTER
    with restored(_MANY_MACHINES):
        os.environ[_MANY_MACHINES] = "0"
        ray_constants.ENABLE_RAY_CLUSTER = False
        try:
            yield
        finally:
            ray_constants.ENABLE_RAY_CLUSTER = before


@cache
def token() -> str:
    """Return the secret of this process's clusters.

    Ray reads the secret of a process once. If each home had its own, the second cluster of a
    process would not start.
    """
    return secrets.token_hex(32)


@contextmanager
def home(folder: str) -> Iterator[None]:
    """Give Ray's processes a home folder with a cluster file, which stops a question of theirs.

    Without that file Ray 2.60 asks the metadata servers of three clouds where it runs, over the
    network, even with its usage statistics off. Workers have that home, too, and don't use it. Only
    who can read the home, this user, can use the cluster, unless the user has turned that off with
    RAY_AUTH_MODE=disabled: then every user of this machine can.
    """
    Path(folder, "ray_bootstrap_config.yaml").write_text("{}\n", encoding="utf-8")
    Path(folder, ".ray").mkdir()
    Path(folder, ".ray", "auth_token").write_text(token(), encoding="utf-8")
    with restored("HOME"):
        os.environ["HOME"] = folder
        yield
