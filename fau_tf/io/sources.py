"""Sources -> frames."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fau_tf.io.frame import Frame, Unread
from fau_tf.io.image_stream import pictures
from fau_tf.io.images import (
    FORMATS,
    MAX_PIXELS,
    UnreadableError,
    UnreadableImageError,
    decode_image,
    read_image,
)
from fau_tf.io.source_paths import STDIN, Kind, Source, camera, expand, listed
from fau_tf.io.videos import UnreadableVideoError, VideoFile, camera_frames

__all__ = [
    "FORMATS", "MAX_PIXELS", "Frame", "Kind", "Opened", "Source", "Unread", "UnreadableError",
    "UnreadableImageError", "UnreadableVideoError", "camera", "expand", "listed", "opened",
    "read_image",
]  # fmt: skip


@dataclass(frozen=True)
class Opened:
    """A source that is being read.

    Attributes:
        frames: Its pictures; `Unread` for each photo or picture of stdin that is broken. Raises
            `UnreadableError` where a video, a camera or stdin can't be read to its end.
        count: How many to expect; 0 where nobody knows.
        fps: Frames a second, of those that are yielded.
    """

    frames: Iterator[Frame | Unread]
    count: int = 0
    fps: float = 25.0


@contextmanager
def opened(
    source: Source,
    every: int = 1,
    fps: float = 25.0,
    stdin: BinaryIO | None = None,
    max_pixels: int = MAX_PIXELS,
    first: int = 1,
) -> Iterator[Opened]:
    """Open a source.

    Args:
        source: From `expand` or `camera`.
        every: Yields the first of so many frames of a video, a camera or stdin.
        fps: Frames a second of stdin, which has no times of its own.
        stdin: Read in place of the process' own.
        max_pixels: Larger pictures are refused before they are decoded.
        first: Number of the first photo.

    Raises:
        UnreadableError: If it is a video that can't be read.
    """
    if source.kind is Kind.CAMERA:
        yield Opened(camera_frames(source.index, every))
    elif source.kind is Kind.VIDEO:
        with VideoFile(source.paths[0], max_pixels) as video:
            yield Opened(video.frames(every), -(-video.count // every), video.fps / every)
    elif source.kind is Kind.STDIN:
        stream = sys.stdin.buffer if stdin is None else stdin
        numbered = enumerate(pictures(stream), 1)
        wanted = ((number, bytes_) for number, bytes_ in numbered if (number - 1) % every == 0)
        yield Opened((_picture(*one, fps, max_pixels) for one in wanted), 0, fps / every)
    else:
        photos = (_photo(path, i, max_pixels) for i, path in enumerate(source.paths, first))
        yield Opened(photos, len(source.paths))


def _photo(path: Path, number: int, max_pixels: int) -> Frame | Unread:
    try:
        return Frame(read_image(path, max_pixels), number, 0.0, str(path))
    except UnreadableImageError as error:
        return Unread(str(error), number, 0.0, str(path))


def _picture(number: int, content: bytes, fps: float, max_pixels: int) -> Frame | Unread:
    seconds = (number - 1) / fps
    name = f"stdin, picture {number}"
    try:
        return Frame(decode_image(content, name, max_pixels), number, seconds, STDIN)
    except UnreadableImageError as error:
        return Unread(str(error), number, seconds, STDIN)
