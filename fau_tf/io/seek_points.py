"""Frame-exact seeking: entry points of a video that give the frames of a read from its start."""

import math
import zlib
from dataclasses import dataclass
from typing import Any, Final

from fau_tf.utils import optional_imports

_STEPS_BACK: Final = (0, 64, 512)
"""Frames before the wanted one to seek to in turn, until decoding from there arrives at it."""


@dataclass(frozen=True)
class SeekPoint:
    """A frame that can be sought, and recognized.

    Attributes:
        number: Counts from 1.
        timestamp_ms: Its time in the container.
        crc32: Checksum of its pixels.
    """

    number: int
    timestamp_ms: float
    crc32: int


@dataclass(frozen=True)
class SeekIndex:
    """Entry points of a video.

    Attributes:
        frames: Number of readable frames.
        points: The frames before which a range may begin.
        ordered: Whether the container's times grow from frame to frame, so a time identifies one.
        fault: Why the video is damaged; empty if it is intact.
    """

    frames: int
    points: tuple[SeekPoint, ...]
    ordered: bool
    fault: str = ""


def build_seek_index(capture: Any, range_frames: int, lead_frames: int) -> SeekIndex:
    """Return the entry points for equal ranges of frames; decodes an OpenCV capture to its end.

    Args:
        capture: An OpenCV capture at its start.
        range_frames: Length of a range.
        lead_frames: Frames before a range at which reading begins.
    """
    points: list[SeekPoint] = []
    number, last, ordered = 0, -1e-9, True
    while capture.grab():
        number += 1
        seconds = timestamp_ms(capture) / 1000
        ordered = ordered and math.isfinite(seconds) and seconds > last
        last = seconds
        if (number + lead_frames) % range_frames == 0:
            points.append(SeekPoint(number, timestamp_ms(capture), _crc32(capture)))
    return SeekIndex(number, tuple(points), ordered)


def seek_to(capture: Any, point: SeekPoint) -> bool:
    """Move an OpenCV capture to a frame; return whether it arrived there.

    OpenCV seeks by an assumed frame rate, and a decoder may begin with frames whose references are
    missing. The frame is accepted only with the time and pixels of a decode from the start.
    """
    position = optional_imports.cv2().CAP_PROP_POS_FRAMES
    for back in _STEPS_BACK:
        capture.set(position, max(point.number - 1 - back, 0))
        while (read := capture.grab()) and timestamp_ms(capture) < point.timestamp_ms:
            pass
        if read and timestamp_ms(capture) == point.timestamp_ms and _crc32(capture) == point.crc32:
            return True
    return False


def timestamp_ms(capture: Any) -> float:
    """Return the container's time of the current frame, ms."""
    return float(capture.get(optional_imports.cv2().CAP_PROP_POS_MSEC))


def _crc32(capture: Any) -> int:
    """Return the CRC-32 of the current frame's pixels; -1 if it cannot be decoded."""
    read, bgr = capture.retrieve()
    return zlib.crc32(bgr) if read else -1
