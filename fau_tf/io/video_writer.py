"""Writing of frames to a video file by OpenCV."""

import errno
import os
import shutil
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import numpy as np

from fau_tf.face.align import Image, require_image
from fau_tf.utils import optional_imports
from fau_tf.utils.files import partial_path

CODECS: Final = {".mp4": "mp4v", ".avi": "MJPG"}
"""File ending -> codec; both come with OpenCV's wheel.

An .avi of a killed process can be played, an .mp4 only after `close`.
"""

SPARE_BYTES: Final = 8 << 20
"""Disk space to leave for the end of the file. OpenCV does not report a full disk, and an .mp4
without its index cannot be read at all, so writing stops while there is room for the index."""

RATES: Final = (0.1, 240.0)
"""Range of frame rates that are kept."""


class VideoError(OSError):
    """A video cannot be written."""


class VideoWriter(AbstractContextManager["VideoWriter"]):
    """Writes a video frame by frame; use it in a `with` block, or call `close`.

    Frames go to a partial file beside `path`, which replaces `path` at `close` or when the `with`
    block ends, also by an error or Ctrl-C. The frames until then can be played.

    Attributes:
        path: Path of the video after `close`.
        frames: Number of frames written.
    """

    def __init__(self, path: Path, size: tuple[int, int], fps: float) -> None:
        """Open the partial file.

        Args:
            path: Ends in a key of `CODECS`; replaced at `close` if it exists.
            size: Width and height, px; made even by a black row or column.
            fps: Frames per second; 25 if it is not within `RATES`.

        Raises:
            VideoError: If the ending is unknown, the codec is missing, or the file cannot be
                created.
            ValueError: If a side is not positive.
            MissingLibraryError: If OpenCV cannot be imported.
        """
        if min(size) < 1:
            raise ValueError(f"The sides of a video must be 1 px or more, got {size}.")
        codec = CODECS.get(path.suffix.lower())
        if codec is None:
            raise VideoError(
                f"{path}: unknown video ending. Use a name that ends in {' or '.join(CODECS)}."
            )
        self.path, self.frames = path, 0
        self._cv2 = optional_imports.cv2()
        self._size = (size[0] + size[0] % 2, size[1] + size[1] % 2)
        self._partial: Path | None = partial_path(path)
        rate = fps if RATES[0] <= fps <= RATES[1] else 25.0
        fourcc = self._cv2.VideoWriter_fourcc(*codec)
        name, backend = _name(self._partial), self._cv2.CAP_FFMPEG
        self._writer: Any = self._cv2.VideoWriter(name, backend, fourcc, rate, self._size)
        if not self._writer.isOpened():
            self._partial.unlink(missing_ok=True)
            raise VideoError(
                f"{path}: OpenCV cannot open the codec {codec}. Use another ending "
                f"({', '.join(CODECS)}), or reinstall opencv-contrib-python."
            )

    def write(self, frame: Image) -> None:
        """Add a frame; one of another size is shrunk and padded to fit.

        Args:
            frame: (H, W, 3) RGB uint8.

        Raises:
            OSError: If the disk is nearly full; the earlier frames are kept.
            ValueError: If the frame is not (H, W, 3) uint8.
        """
        require_image(frame)
        free = shutil.disk_usage(self.path.parent).free
        needed = SPARE_BYTES + frame.nbytes
        if free < needed:
            raise OSError(
                errno.ENOSPC,
                f"{self.path}: the next frame needs {needed / 1e6:.1f} MB of disk space, "
                f"{free / 1e6:.1f} MB are free. The {self.frames} earlier frames are kept; make "
                "room",
            )
        self._writer.write(self._cv2.cvtColor(self._fitted(frame), self._cv2.COLOR_RGB2BGR))
        self.frames += 1

    def close(self) -> None:
        """Complete the file and check that it can be read back.

        A second call does nothing; a video without frames leaves no file.

        Raises:
            VideoError: If not all frames can be read back; the readable ones are kept.
        """
        partial, self._partial = self._partial, None
        if partial is None:
            return
        self._writer.release()
        try:
            kept = self._readable(partial) if self.frames else 0
            if kept:
                partial.replace(self.path)
        finally:
            partial.unlink(missing_ok=True)
        # There is one frame more if Ctrl-C came between a frame and its count.
        if kept < self.frames:
            raise VideoError(
                f"{self.path}: only {kept} of {self.frames} frames can be read back. Check the "
                "free disk space and write the video again."
            )

    def __exit__(self, *_: object) -> None:
        self.close()

    def _readable(self, partial: Path) -> int:
        """Return the number of frames of a video; 0 if the first cannot be read."""
        video = self._cv2.VideoCapture(_name(partial), self._cv2.CAP_FFMPEG)
        try:
            count = int(video.get(self._cv2.CAP_PROP_FRAME_COUNT))
            return max(count, 1) if video.read()[0] else 0
        finally:
            video.release()

    def _fitted(self, frame: Image) -> Image:
        width, height = self._size
        if frame.shape[:2] == (height, width):
            return frame
        zoom = min(1.0, width / frame.shape[1], height / frame.shape[0])
        if zoom < 1.0:
            size = [max(1, int(side * zoom)) for side in frame.shape[1::-1]]
            frame = self._cv2.resize(frame, size, interpolation=self._cv2.INTER_AREA)
        sheet = np.zeros((height, width, 3), np.uint8)
        sheet[: frame.shape[0], : frame.shape[1]] = frame
        return sheet


def _name(path: Path) -> bytes:
    """Return a path in the form that OpenCV accepts."""
    # Absolute, because FFmpeg could take its beginning for a protocol such as `http:`. As bytes,
    # because OpenCV 5.0 crashes on a name that is not text.
    return os.fsencode(path.absolute())
