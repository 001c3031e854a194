"""Files that appear whole or not at all, and whether they are what they were."""

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO
from uuid import uuid4


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the path of a file to write, which takes the place of `path` once it is complete.

    It lies beside `path` and ends alike; after an error it is gone and `path` is as it was. Two
    processes may do so at once, also on two machines that share the folder.
    """
    # Not named after `path`, whose name may already be as long as a name can be.
    unfinished = path.with_name(f".partial-{uuid4().hex}{path.suffix}")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def take(folder: Path, rule: str) -> TextIO:
    """Return the lock of a folder, held until it is closed or the process ends, however it ends.

    What a killed process has left half-written in the folder is removed.

    Args:
        folder: Which must be there.
        rule: Why nobody else may, in words.

    Raises:
        OSError: If another process holds it.
    """
    lock = (folder / ".lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise OSError(
            f"{folder}: {rule}. Received: another one that is at work there. Wait for it, or name "
            "another folder."
        ) from error
    for half in folder.glob(".partial-*"):
        half.unlink()
    return lock


@contextmanager
def hold(folder: Path, rule: str) -> Iterator[None]:
    """Hold a folder, see `take`."""
    with take(folder, rule):
        yield
