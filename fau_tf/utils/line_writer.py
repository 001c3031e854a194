"""Rows on disk, one by one, such that every row that was written can be read whatever happens."""

import itertools
import os
from contextlib import AbstractContextManager
from io import FileIO
from pathlib import Path


class RowFile(AbstractContextManager["RowFile"]):
    """A file that grows by whole rows; use it in a `with` block, or call `close`.

    Rows go unbuffered to a partial file beside `path`, `.partial-<process>-<n>` with its ending,
    which takes the place of `path` at `close`, or when the `with` block is left: by its end, an
    error or Ctrl-C. A row that only half fits (a full disk) or is interrupted is taken back, so
    the file ends with a whole row. Where the process is killed outright, the partial file stays,
    with all rows. A device or pipe (`/dev/stdout`) is written to as it is.

    Attributes:
        path: Where the rows are after `close`.
    """

    def __init__(self, path: Path) -> None:
        """Open the partial file.

        Raises:
            OSError: If it can't be made.
        """
        self.path = path
        self._whole = 0  # bytes of whole rows
        direct = path.exists() and not path.is_file()
        self._partial = None if direct else unused(path)
        self._file = FileIO(self._partial or path, "w")

    def write(self, row: str) -> None:
        """Add one row; its line end included.

        Raises:
            OSError: If it can't be written whole, e.g. on a full disk; it is then taken back.
        """
        left = memoryview(row.encode("utf-8"))
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
        """Put the rows in their place; a second call does nothing."""
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


def unused(path: Path) -> Path:
    """Return the path of a partial file that nobody has; a killed process may have left one."""
    for count in itertools.count():
        partial = path.with_name(f".partial-{os.getpid()}-{count}{path.suffix}")
        try:
            partial.touch(exist_ok=False)
        except FileExistsError:
            continue
        return partial
    raise AssertionError("unreachable")  # pragma: no cover
