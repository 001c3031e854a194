"""Cameras, read by OpenCV."""

import os
import time
from collections.abc import Iterator
from typing import Any

from fau_tf.io.frames import Frame, UnreadableError
from fau_tf.utils import optional_imports


def camera_frames(index: int, every: int = 1) -> Iterator[Frame]:
    """Yield the frames of a camera until it stops; timestamps count from the first frame.

    Args:
        index: OpenCV's number of the camera, 0 for the first.
        every: Yields every n-th frame, beginning with the first.

    Raises:
        UnreadableError: If the camera cannot be opened, or when it stops.
    """
    cv2 = optional_imports.cv2()
    # Keep messages off the terminal; the errors raised here replace them.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    capture: Any = cv2.VideoCapture(index)
    number, start = 0, time.monotonic()
    try:
        while capture.grab():
            number += 1
            start = time.monotonic() if number == 1 else start
            read, bgr = capture.retrieve() if (number - 1) % every == 0 else (False, None)
            if read:
                rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
                yield Frame(rgb, number, time.monotonic() - start, f"camera {index}")
    finally:
        capture.release()
    problem = f"no more frames after {number}" if number else "cannot be opened"
    raise UnreadableError(
        f"camera {index}: {problem}. Check its number, that it is plugged in, and that no other "
        "program uses it."
    )
