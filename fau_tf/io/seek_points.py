"""Places in a video where reading can begin; `video.seeking` finds and uses them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SeekPoint:
    """A frame that can be sought, and recognized.

    Attributes:
        number: Counts from 1.
        pts: Its time in units of the stream.
        crc32: Checksum of its pixels.
    """

    number: int
    pts: int
    crc32: int


@dataclass(frozen=True)
class SeekIndex:
    """Entry points of a video.

    Attributes:
        frames: Number of frames, damaged ones included.
        points: The frames behind which reading may begin.
        ordered: Whether the container's times grow from frame to frame, so a time identifies one.
        fault: Why the video is damaged at its end; empty if it is not.
    """

    frames: int
    points: tuple[SeekPoint, ...]
    ordered: bool
    fault: str = ""
