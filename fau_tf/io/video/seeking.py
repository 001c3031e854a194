"""Frame-exact seeking: reading from a point gives the frames of a read from the start."""

import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from fau_tf.io.seek_points import SeekIndex, SeekPoint
from fau_tf.io.video.decoder import Decoded, decode

_SECONDS_BACK: Final = (0, 2, 20)
"""How far before a frame to look for a key frame, in turn, until decoding arrives at the frame."""


def build_seek_index(decoded: Iterable[Decoded], range_frames: int, lead_frames: int) -> SeekIndex:
    """Return the entry points for equal ranges of frames.

    Args:
        decoded: A video from its start.
        range_frames: Length of a range.
        lead_frames: Frames before a range at which reading begins.
    """
    points: list[SeekPoint] = []
    number, last, ordered = 0, None, True
    for one in decoded:
        number += 1
        if one.frame is None:
            continue
        ordered = ordered and one.pts is not None and (last is None or one.pts > last)
        last = one.pts
        if (number + lead_frames) % range_frames == 0 and one.pts is not None:
            points.append(SeekPoint(number, one.pts, crc32(one.frame)))
    return SeekIndex(number, tuple(points), ordered)


def seek_to(
    container: InputContainer, stream: VideoStream, point: SeekPoint
) -> Iterator[Decoded] | None:
    """Return the frames of a video from a point on, this one included; None if it is not found.

    A container without an index may lead between key frames, where a decoder begins with frames
    whose references are missing. So the frame is accepted only with its time and pixels.
    """
    unit = float(stream.time_base or 1)
    for seconds in _SECONDS_BACK:
        try:
            container.seek(point.pts - round(seconds / unit), stream=stream)
        except av.FFmpegError:
            continue
        decoded = decode(container, stream)
        for one in decoded:
            if one.pts is not None and one.pts >= point.pts:
                if one.pts == point.pts and one.frame and crc32(one.frame) == point.crc32:
                    return chain((one,), decoded)
                break
    return None


def crc32(frame: VideoFrame) -> int:
    """Return the CRC-32 of a frame's pixels as decoded."""
    # As RGB, because the rows of planes are padded with what was in memory.
    return zlib.crc32(frame.to_ndarray(format="rgb24", threads=1).tobytes())
