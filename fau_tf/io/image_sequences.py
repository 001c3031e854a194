"""Several pictures in one file as frames: animations, pages of a TIFF, and JPEGs in a row."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Final

from PIL import Image as PillowImage

from fau_tf.io.frames import Frame, UnreadableError, UnreadFrame
from fau_tf.io.image_stream import split_images
from fau_tf.io.images import MAX_PIXELS, decode_picture, open_regular
from fau_tf.io.seek_points import SeekIndex, SeekPoint
from fau_tf.io.stills.coding import coding_of
from fau_tf.io.stills.decode import explained, open_picture, require_size
from fau_tf.io.stills.pixels import Picture, to_rgb

MJPEG_ENDINGS: Final = (".mjpeg", ".mjpg")
"""Endings of files of JPEGs one after another."""

_SHORTEST: Final = 0.02  # s; browsers show a frame without a usable duration for 0.1 s
_DEFAULT_DURATION: Final = 0.1  # s
_SUBFILE_TYPE: Final = 254  # TIFF: bit 0, a smaller copy; bit 2, a mask
_NO_PAGE: Final = 0b101


class ImageSequence(AbstractContextManager["ImageSequence"]):
    """The pictures in one file; use it in a `with` block, or call `close`.

    It has the methods of `VideoFile`. Animations have their own times; the pages of a TIFF and
    JPEGs in a row have none, so their frame rate is given.

    Attributes:
        fps: Frames per second; of an animation, on average.
        count: Number of frames; 0 if it is known only at the end.
    """

    def __init__(self, path: Path, max_pixels: int = MAX_PIXELS, fps: float = 25.0) -> None:
        """Open a file.

        Args:
            path: GIF, WebP, PNG, AVIF or TIFF; with an ending of `MJPEG_ENDINGS`, JPEGs in a row.
            max_pixels: Larger pictures are refused before they are decoded.
            fps: Frames per second of files without times.

        Raises:
            UnreadableError: If it can't be opened.
        """
        self._path, self._max_pixels, self.fps = path, max_pixels, fps
        self._picture: PillowImage.Image | None = None
        self._pages: list[int] = []
        with ExitStack() as opening:
            self._file = opening.enter_context(os.fdopen(open_regular(path), "rb"))
            if path.suffix.lower() not in MJPEG_ENDINGS:
                with explained(self._file, str(path)):
                    picture = opening.enter_context(open_picture(self._file, str(path), max_pixels))
                    self._picture, self._pages = picture, page_numbers(picture)
            self._opened = opening.pop_all()
        if self._picture is not None and self._picture.format != "TIFF":
            self.fps = 1 / _DEFAULT_DURATION
        self.count = len(self._pages)

    def frames(
        self, every: int = 1, after: SeekPoint | None = None
    ) -> Iterator[Frame | UnreadFrame]:
        """Yield the pictures, upright; damaged JPEGs in a row as `UnreadFrame`.

        Args:
            every: Yields every n-th picture, beginning with the first; numbers count all.
            after: Not possible here; for the interface of `VideoFile`.

        Raises:
            UnreadableError: After the last readable picture, if the file is damaged.
        """
        if after is not None:
            raise ValueError(f"{self._path}: must be read from its start. Received: {after}")
        return self._jpegs(every) if self._picture is None else self._decoded(self._picture, every)

    def seek_index(self, range_frames: int, lead_frames: int) -> SeekIndex:
        """Return an index without entry points: such files are read as a whole."""
        del range_frames, lead_frames
        return SeekIndex(self.count, (), ordered=False)

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self._opened.close()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _decoded(self, picture: PillowImage.Image, every: int) -> Iterator[Frame]:
        timed, seconds = picture.format != "TIFF", 0.0
        for number, page in enumerate(self._pages, 1):
            with explained(self._file, f"{self._path}, picture {number} of {self.count}"):
                picture.seek(page)
                require_size(str(self._path), picture.size, self._max_pixels)
                if timed:
                    picture.load()  # only then its duration is known
                wanted = (number - 1) % every == 0
                found = self._read(picture, page) if wanted else None
            if found:
                place = seconds if timed else (number - 1) / self.fps
                yield Frame(found.image, number, place, str(self._path), found.flags)
            seconds += _duration(picture)

    def _read(self, picture: PillowImage.Image, page: int) -> Picture:
        return to_rgb(picture, coding_of(self._file, picture, page))

    def _jpegs(self, every: int) -> Iterator[Frame | UnreadFrame]:
        self._file.seek(0)
        for number, content in enumerate(split_images(self._file, str(self._path)), 1):
            if (number - 1) % every == 0:
                yield self._jpeg(number, content)

    def _jpeg(self, number: int, content: bytes) -> Frame | UnreadFrame:
        place, name = (number - 1) / self.fps, str(self._path)
        try:
            found = decode_picture(content, f"{name}, picture {number}", self._max_pixels)
        except UnreadableError as error:
            return UnreadFrame(str(error), number, place, name)
        return Frame(found.image, number, place, name, found.flags)


def page_numbers(picture: PillowImage.Image) -> list[int]:
    """Return the numbers, from 0, of the pictures in an open file that are shown one by one.

    Left out are the still picture of a PNG animation, and smaller copies and masks in a TIFF.
    """
    count = getattr(picture, "n_frames", 1)
    if picture.info.get("default_image"):
        return list(range(1, count))
    if picture.format != "TIFF":
        return list(range(count))
    pages = []
    for number in range(count):
        picture.seek(number)
        kind = int(getattr(picture, "tag_v2", {}).get(_SUBFILE_TYPE, 0))
        if not kind & _NO_PAGE:
            pages.append(number)
    picture.seek(0)
    return pages or [0]


def _duration(picture: PillowImage.Image) -> float:
    """Return how long the current picture of an animation is shown, in seconds."""
    seconds = float(picture.info.get("duration") or 0) / 1000
    return seconds if seconds >= _SHORTEST else _DEFAULT_DURATION
