"""Frames -> video file."""

import errno
import os
import shutil
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import numpy as np

from fau_tf.face.align import Image, require_image
from fau_tf.utils import optional_imports
from fau_tf.utils.line_writer import unused

CODECS: Final = {".mp4": "mp4v", ".avi": "MJPG"}
"""File ending -> codec; both come with OpenCV's wheel.

A video player shows an .avi whose writing was cut short by a kill; an .mp4 only after `close`.
"""

SPARE_BYTES: Final = 8 << 20
"""Disk space left for what a video's end needs. OpenCV says nothing when a disk is full, and an
.mp4 without its index can't be read at all, so writing stops while there is room for it."""

RATES: Final = (0.1, 240.0)
"""Frames a second that are written as they are."""


class VideoError(OSError):
    """A video can't be written."""


class VideoWriter(AbstractContextManager["VideoWriter"]):
    """Writes a video frame by frame; use it in a `with` block, or call `close`.

    Frames go to a partial file beside `path`, which takes its place at `close`, or when the `with`
    block is left: by its end, an error or Ctrl-C. What was written until then can be played.

    Attributes:
        path: Where the video is after `close`.
        frames: How many were written.
    """

    def __init__(self, path: Path, size: tuple[int, int], fps: float) -> None:
        """Open the partial file.

        Args:
            path: Ends in a key of `CODECS`; replaced at `close` if it exists.
            size: Width and height, px; made even by a black row or column.
            fps: Frames a second; what is not in `RATES` becomes 25.

        Raises:
            VideoError: If the ending is another one, the codec is missing, or the file can't be
                made.
            ValueError: If a side is not positive.
            MissingLibraryError: If OpenCV can't be imported.
        """
        if min(size) < 1:
            raise ValueError(f"A video must be 1 px or more a side. Received: {size}.")
        codec = CODECS.get(path.suffix.lower())
        if codec is None:
            raise VideoError(
                f"{path}: a video must end in {' or '.join(CODECS)}. Received: "
                f"{path.suffix or 'no ending'}. Name it otherwise."
            )
        self.path, self.frames = path, 0
        self._cv2 = optional_imports.cv2()
        self._size = (size[0] + size[0] % 2, size[1] + size[1] % 2)
        self._partial: Path | None = unused(path)
        rate = fps if RATES[0] <= fps <= RATES[1] else 25.0
        fourcc = self._cv2.VideoWriter_fourcc(*codec)
        name, backend = _name(self._partial), self._cv2.CAP_FFMPEG
        self._writer: Any = self._cv2.VideoWriter(name, backend, fourcc, rate, self._size)
        if not self._writer.isOpened():
            self._partial.unlink(missing_ok=True)
            raise VideoError(
                f"{path}: OpenCV must have the codec {codec}. Received: it can't open it. Use "
                f"another ending ({', '.join(CODECS)}), or reinstall opencv-contrib-python."
            )

    def write(self, frame: Image) -> None:
        """Add a frame; one of another size is fitted in.

        Args:
            frame: (H, W, 3) RGB uint8.

        Raises:
            OSError: If the disk is nearly full; the frames before stay.
            ValueError: If the frame is not (H, W, 3) uint8.
        """
        require_image(frame)
        free = shutil.disk_usage(self.path.parent).free
        needed = SPARE_BYTES + frame.nbytes
        if free < needed:
            raise OSError(
                errno.ENOSPC,
                f"{self.path}: a frame more needs {needed / 1e6:.1f} MB of free disk space. "
                f"Received: {free / 1e6:.1f} MB. The {self.frames} frames before stay; make room",
            )
        self._writer.write(self._cv2.cvtColor(self._fitted(frame), self._cv2.COLOR_RGB2BGR))
        self.frames += 1

    def close(self) -> None:
        """Finish the video, put it in its place and check that it can be read back.

        A second call does nothing; a video without a frame leaves nothing behind.

        Raises:
            VideoError: If not all of the frames can be read back; what can be is kept.
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
        # One more where Ctrl-C came between a frame and its count.
        if kept < self.frames:
            raise VideoError(
                f"{self.path}: all {self.frames} frames must be readable. Received: {kept}. "
                "Check the free disk space and write the video again."
            )

    def __exit__(self, *_: object) -> None:
        self.close()

    def _readable(self, partial: Path) -> int:
        """Return how many frames a video has; 0 if the first can't be read."""
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
    """Return a path as OpenCV can take it."""
    # Absolute, or FFmpeg could take its beginning for a protocol such as `http:`. As bytes, since
    # OpenCV 5.0 crashes on a name that is no text.
    return os.fsencode(path.absolute())
