"""Atomic writes, file hashes and folder locks."""

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO
from uuid import uuid4


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield the path of a file to write; it replaces `path` at the end of the block.

    It is in the same folder and has the same ending. After an error it is deleted and `path` is
    unchanged. Several processes may do so at once, also on machines that share the folder.
    """
    # Not named after `path`, whose name may have the maximum length already.
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


def lock_folder(folder: Path, rule: str) -> TextIO:
    """Return the lock of a folder, held until it is closed or the process ends in any way.

    Use it in a `with` block, or call `close`. Deletes the partial files of killed processes.

    Args:
        folder: An existing folder.
        rule: Reason for the lock, for the error message.

    Raises:
        OSError: If another process holds the lock.
    """
    lock = (folder / ".lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise OSError(
            f"{folder}: another process is at work there, but {rule}. Wait for it, or use another "
            "folder."
        ) from error
    for half in folder.glob(".partial-*"):
        half.unlink()
    return lock
