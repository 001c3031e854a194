"""Where a video can be entered so that the frames behind are those of a reading from its start."""

import math
import zlib
from dataclasses import dataclass
from typing import Any, Final

from fau_tf.utils import optional_imports

_STEPS_BACK: Final = (0, 64, 512)
"""Frames before the wanted one that are sought in turn, until decoding from there leads to it."""


@dataclass(frozen=True)
class Place:
    """A frame that can be gone to, and known again.

    Attributes:
        number: Counts from 1.
        stamp: The container's time of it, ms.
        check: CRC-32 of its pixels.
    """

    number: int
    stamp: float
    check: int


@dataclass(frozen=True)
class Places:
    """Where a video can be entered.

    Attributes:
        frames: How many frames can be read.
        found: For each wanted one.
        ordered: Whether the container's times grow from frame to frame, so that one tells which.
        fault: Why the video is not intact; else empty.
    """

    frames: int
    found: tuple[Place, ...]
    ordered: bool
    fault: str = ""


def found_places(capture: Any, each: int, ahead: int) -> Places:
    """Return where ranges of frames can begin; decodes an OpenCV capture to its end.

    Args:
        capture: At its start.
        each: Frames of a range.
        ahead: A range is begun so many frames early.
    """
    found: list[Place] = []
    number, last, ordered = 0, -1e-9, True
    while capture.grab():
        number += 1
        seconds = stamp_of(capture) / 1000
        ordered = ordered and math.isfinite(seconds) and seconds > last
        last = seconds
        if (number + ahead) % each == 0:
            found.append(Place(number, stamp_of(capture), check_sum(capture)))
    return Places(number, tuple(found), ordered)


def sought(capture: Any, place: Place) -> bool:
    """Return whether an OpenCV capture stands at a frame now, after seeking it.

    OpenCV seeks by an assumed rate, and a decoder may begin with pictures that lack what they refer
    to. So the frame must have the time and the pixels that it has when all are decoded.
    """
    position = optional_imports.cv2().CAP_PROP_POS_FRAMES
    for back in _STEPS_BACK:
        capture.set(position, max(place.number - 1 - back, 0))
        while (read := capture.grab()) and stamp_of(capture) < place.stamp:
            pass
        if read and stamp_of(capture) == place.stamp and check_sum(capture) == place.check:
            return True
    return False


def stamp_of(capture: Any) -> float:
    """Return the container's time of the present frame, ms."""
    return float(capture.get(optional_imports.cv2().CAP_PROP_POS_MSEC))


def check_sum(capture: Any) -> int:
    """Return the CRC-32 of the present frame's pixels; -1 where it can't be decoded."""
    read, bgr = capture.retrieve()
    return zlib.crc32(bgr) if read else -1
