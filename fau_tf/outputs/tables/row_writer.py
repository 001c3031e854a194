"""Rows of faces into a file that can always be read."""

from contextlib import AbstractContextManager
from pathlib import Path

from fau_tf.inference.estimator import Estimate
from fau_tf.io.images import Frame, UnreadFrame
from fau_tf.outputs.tables.rows import RowFormat
from fau_tf.utils.files import LineWriter


class RowWriter(AbstractContextManager["RowWriter"]):
    """Writes the rows of frames; use it in a `with` block, or call `close`.

    One row is in memory at a time.
    """

    def __init__(self, path: Path, rows: RowFormat) -> None:
        """Open a partial file beside `path`; see `LineWriter` for what becomes of it.

        Args:
            path: Of the result, replaced at `close` if it exists.
            rows: Format of the rows.

        Raises:
            OSError: If the file can't be made; `path` is then as it was.
        """
        self._rows = rows
        self._file = LineWriter(path)
        try:
            self._file.write(rows.head())
        except BaseException:
            self._file.discard()
            raise

    def write(self, frame: Frame | UnreadFrame, estimate: Estimate) -> None:
        """Add the rows of a frame.

        Raises:
            OSError: If a row can't be written whole; the file then ends with the row before.
        """
        for line in self._rows.lines(frame, estimate):
            self._file.write(line)

    def close(self) -> None:
        """Put the file in its place; a second call does nothing."""
        self._file.close()

    def __exit__(self, *_: object) -> None:
        self.close()
