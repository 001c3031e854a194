"""Atomic writes, file hashes and folder locks."""

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from io import FileIO
from pathlib import Path
from typing import TextIO
from uuid import uuid4


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield the path of a file to write; it replaces `path` at the end of the block.

    It is in the same folder and has the same ending. After an error it is deleted and `path` is
    unchanged. Several processes may do so at once, also on machines that share the folder.
    """
    unfinished = partial_path(path)
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


class LineWriter(AbstractContextManager["LineWriter"]):
    """A file that grows by whole lines; use it in a `with` block, or call `close`.

    Lines go unbuffered to a partial file beside `path`, `.partial-...` with its ending, which
    replaces `path` at `close`, or when the `with` block is left: by its end, an error or
    Ctrl-C. A line that is interrupted or does not fit on the disk is taken back, so the file always
    ends with a whole line. After a kill the partial file stays, with all its lines. A device or
    pipe (`/dev/stdout`) is written to directly.

    Attributes:
        path: Where the lines are after `close`.
    """

    def __init__(self, path: Path) -> None:
        """Open the partial file.

        Raises:
            OSError: If it cannot be created.
        """
        self.path = path
        self._whole = 0  # bytes of whole lines
        direct = path.exists() and not path.is_file()
        self._partial = None if direct else partial_path(path)
        self._file = FileIO(self._partial or path, "w")

    def write(self, line: str) -> None:
        """Add one line, its line end included.

        Raises:
            OSError: If it cannot be written whole, as on a full disk; it is then taken back.
        """
        left = memoryview(line.encode("utf-8"))
        size = len(left)
        try:
            while left:
                left = left[self._file.write(left) or 0 :]
        # Also Ctrl-C.
        except BaseException as error:
            self._take_back()
            if isinstance(error, OSError):
                error.filename = str(self.path)
            raise
        self._whole += size

    def close(self) -> None:
        """Replace `path`; a second call does nothing."""
        if self._file.closed:
            return
        self._file.close()
        if self._partial:
            self._partial.replace(self.path)

    def __exit__(self, *_: object) -> None:
        self.close()

    def discard(self) -> None:
        """Leave `path` as it was."""
        self._file.close()
        if self._partial:
            self._partial.unlink(missing_ok=True)

    def _take_back(self) -> None:
        if self._partial:
            self._file.truncate(self._whole)
            self._file.seek(self._whole)


def partial_path(path: Path) -> Path:
    """Return a new name beside `path` with its ending, for a file that is not complete yet."""
    # Not named after `path`, whose name may already be as long as a name can be.
    return path.with_name(f".partial-{uuid4().hex}{path.suffix}")
