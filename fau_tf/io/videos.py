"""Video files and cameras -> frames, by OpenCV."""

import math
import os
import stat
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from fau_tf.face.align import Image
from fau_tf.io.frame import Frame
from fau_tf.io.images import MAX_PIXELS, UnreadableError
from fau_tf.io.seek_points import Place, Places, found_places, sought, stamp_of
from fau_tf.utils import optional_imports

CONTAINERS: Final = {
    "mp4": tuple(((4, kind),) for kind in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")),
    "matroska": (((0, b"\x1a\x45\xdf\xa3"),),),
    "avi": (((0, b"RIFF"), (8, b"AVI ")),),
    "ogg": (((0, b"OggS"),),),
    "asf": (((0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),),),
    "flv": (((0, b"FLV\x01"),),),
    "mpeg": (((0, b"\x00\x00\x01\xba"),), ((0, b"\x00\x00\x01\xb3"),)),
    "mpegts": (((0, b"\x47"), (188, b"\x47")),),
    "yuv4mpegpipe": (((0, b"YUV4MPEG2"),),),
}
"""Container -> the ways in which its files begin: (offset, bytes), all of them."""

# FFmpeg reads only these kinds, and only local files: a playlist that leads elsewhere is refused.
# Its names of formats, as OpenCV passes them on.
_FFMPEG_OPTIONS: Final = (
    "protocol_whitelist;file|format_whitelist;"
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,ogg,asf,flv,mpeg,mpegvideo,mpegts,yuv4mpegpipe"
)

_MISSING: Final = 0.02
"""Share of the frames that a container promises and that may be missing from its end: some count by
duration times rate, which rounds."""

_FALLBACK_FPS: Final = 25.0


class UnreadableVideoError(UnreadableError):
    """A file or a camera is not a video that can be read, or not to its end."""


def is_video(head: bytes) -> bool:
    """Return whether a file's first 256 bytes are those of a video."""
    marks = [mark for marks in CONTAINERS.values() for mark in marks]
    return any(all(head[at : at + len(part)] == part for at, part in mark) for mark in marks)


class VideoFile(AbstractContextManager["VideoFile"]):
    """A video file; use it in a `with` block, or call `close`.

    Attributes:
        fps: Frames a second, as the container says; 25 where it says nothing usable.
        count: Frames that the container promises; 0 where it says nothing.
    """

    def __init__(self, path: Path, max_pixels: int = MAX_PIXELS) -> None:
        """Open a video.

        Args:
            path: MP4, MOV, Matroska, WebM, AVI, Ogg, ASF, FLV, MPEG, MPEG-TS or Y4M.
            max_pixels: Larger frames are refused before one is decoded.

        Raises:
            UnreadableVideoError: If the file is missing, no video or too large.
        """
        self._path, self._cv2 = path, optional_imports.cv2()
        self._descriptor = _opened(path)
        try:
            self._capture: Any = _capture(self._cv2, self._descriptor, path)
            self._check(max_pixels)
        except BaseException:
            os.close(self._descriptor)
            raise
        fps = float(self._capture.get(self._cv2.CAP_PROP_FPS))
        self.fps = fps if math.isfinite(fps) and 0.1 <= fps <= 1000 else _FALLBACK_FPS
        count = float(self._capture.get(self._cv2.CAP_PROP_FRAME_COUNT))
        self.count = int(count) if math.isfinite(count) and 0 < count < 1e9 else 0

    def frames(self, every: int = 1, after: Place | None = None) -> Iterator[Frame]:
        """Yield the frames, upright; the timestamps are the container's, where they grow.

        Args:
            every: Yields the first of so many frames; numbers go on counting all of them.
            after: Begins behind this frame, of a video whose `places` are ordered.

        Raises:
            UnreadableVideoError: After the last frame that could be read, if more were promised.
        """
        number, last = 0, -1e-9
        if after is not None:
            number = after.number
            self._pass(after)
        while self._capture.grab():
            number += 1
            if (number - 1) % every:
                continue
            read, bgr = self._capture.retrieve()
            if not read:
                break
            seconds = stamp_of(self._capture) / 1000
            if not (math.isfinite(seconds) and seconds > last):
                seconds = max((number - 1) / self.fps, last + every / self.fps)
            last = seconds
            yield Frame(_rgb(self._cv2, bgr), number, seconds, str(self._path))
        self._check_end(number)

    def places(self, each: int, ahead: int) -> Places:
        """Return where ranges of frames can begin; decodes all frames once and keeps none.

        Args:
            each: Frames of a range.
            ahead: A range is begun so many frames early.
        """
        places = found_places(self._capture, each, ahead)
        try:
            self._check_end(places.frames)
        except UnreadableVideoError as error:
            return replace(places, fault=str(error))
        return places

    def _pass(self, place: Place) -> None:
        """Go on behind a frame: by seeking, where that leads to it, or else by decoding."""
        if not sought(self._capture, place):
            self._capture.release()
            self._capture = _capture(self._cv2, self._descriptor, self._path)
            for _ in range(place.number):
                self._capture.grab()

    def _check_end(self, number: int) -> None:
        if number == 0 or number < self.count * (1 - _MISSING) - 1:
            raise UnreadableVideoError(
                f"{self._path}: must be an intact video. Received: {number} frames of "
                f"{self.count or 'an unknown number'}. Copy or convert it again."
            )

    def _check(self, max_pixels: int) -> None:
        cv2 = self._cv2
        width, height = (
            self._capture.get(side)
            for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
        if not self._capture.isOpened() or width < 1 or height < 1:
            raise UnreadableVideoError(
                f"{self._path}: must be an intact video that OpenCV can decode. Received: "
                "a container without one. Convert it, e.g. to H.264 in MP4."
            )
        if width * height > max_pixels:
            self._capture.release()
            raise UnreadableVideoError(
                f"{self._path}: frames must have at most {max_pixels / 1e6:.0f} million pixels. "
                f"Received: {width:.0f} x {height:.0f} px. Shrink it."
            )

    def close(self) -> None:
        """Free the decoder; a second call does nothing."""
        if self._descriptor >= 0:
            self._capture.release()
            os.close(self._descriptor)
            self._descriptor = -1

    def __exit__(self, *_: object) -> None:
        self.close()


def camera_frames(index: int, every: int = 1) -> Iterator[Frame]:
    """Yield the frames of a camera until it ends; timestamps count from the first one.

    Args:
        index: OpenCV's number of the camera, 0 for the first.
        every: Yields the first of so many frames.

    Raises:
        UnreadableVideoError: If there is no such camera, or it stops.
    """
    cv2 = optional_imports.cv2()
    _silence(cv2)
    capture: Any = cv2.VideoCapture(index)
    number, start = 0, time.monotonic()
    try:
        while capture.grab():
            number += 1
            start = time.monotonic() if number == 1 else start
            read, bgr = capture.retrieve() if (number - 1) % every == 0 else (False, None)
            if read:
                yield Frame(_rgb(cv2, bgr), number, time.monotonic() - start, f"camera {index}")
    finally:
        capture.release()
    received = f"none after {number}" if number else "no camera that can be opened"
    raise UnreadableVideoError(
        f"camera {index}: must give frames. Received: {received}. Check its number, that it is "
        "plugged in and that no other program uses it."
    )


def _opened(path: Path) -> int:
    """Return a descriptor of a file that is a video by its first bytes."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or str(error)
        raise UnreadableVideoError(
            f"{path}: must be a regular file. Received: {cause}. Check the path."
        ) from error
    regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
    if regular and is_video(os.read(descriptor, 256)):
        return descriptor
    os.close(descriptor)
    received = "other content" if regular else "something else"
    raise UnreadableVideoError(
        f"{path}: must be a video file ({', '.join(CONTAINERS)}). Received: {received}. Convert it."
    )


def _capture(cv2: Any, descriptor: int, path: Path) -> Any:
    # By descriptor: FFmpeg takes a name apart (`http:`, `%d`), and OpenCV has no bytes for a name
    # that is no text.
    by_number = Path(f"/proc/self/fd/{descriptor}")
    name = str(by_number) if by_number.exists() else str(path.absolute())
    _silence(cv2)
    with _environment("OPENCV_FFMPEG_CAPTURE_OPTIONS", _FFMPEG_OPTIONS):
        return cv2.VideoCapture(name, cv2.CAP_FFMPEG)


def _silence(cv2: Any) -> None:
    """Keep OpenCV's and FFmpeg's own messages off the terminal; ours say what failed."""
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _rgb(cv2: Any, bgr: Any) -> Image:
    rgb: Image = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    return rgb
