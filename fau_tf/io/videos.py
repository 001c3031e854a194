"""Video files and cameras, decoded to frames by OpenCV."""

import math
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from fau_tf.face.align import Image
from fau_tf.io.images import MAX_PIXELS, Frame, UnreadableError, open_regular
from fau_tf.io.seek_points import SeekIndex, SeekPoint, build_seek_index, seek_to, timestamp_ms
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
"""Container -> alternative signatures of its files; a signature is (offset, bytes) pairs."""

# FFmpeg may read only these containers (its names for them), and only local files: a playlist that
# refers to other files or hosts is refused.
_FFMPEG_OPTIONS: Final = (
    "protocol_whitelist;file|format_whitelist;"
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,ogg,asf,flv,mpeg,mpegvideo,mpegts,yuv4mpegpipe"
)

_TOLERATED_LOSS: Final = 0.02
"""Share of the announced frames that may be missing at the end of an intact video: some containers
announce duration times frame rate, which rounds."""

_FALLBACK_FPS: Final = 25.0


def is_video(head: bytes) -> bool:
    """Return whether the first 256 bytes of a file are those of a video."""
    signatures = [signature for several in CONTAINERS.values() for signature in several]
    return any(
        all(head[at : at + len(part)] == part for at, part in signature) for signature in signatures
    )


class VideoFile(AbstractContextManager["VideoFile"]):
    """A video file; use it in a `with` block, or call `close`.

    Attributes:
        fps: Frames per second, as the container states; 25 if it states nothing usable.
        count: Number of frames, as the container states; 0 if it states none.
    """

    def __init__(self, path: Path, max_pixels: int = MAX_PIXELS) -> None:
        """Open a video.

        Args:
            path: MP4, MOV, Matroska, WebM, AVI, Ogg, ASF, FLV, MPEG, MPEG-TS or Y4M.
            max_pixels: A video with larger frames is refused before one is decoded.

        Raises:
            UnreadableError: If the file is missing, not a video or too large.
        """
        self._path, self._cv2 = path, optional_imports.cv2()
        self._descriptor = _open_video(path)
        try:
            self._capture: Any = _open_capture(self._cv2, self._descriptor, path)
            self._check_size(max_pixels)
        except BaseException:
            os.close(self._descriptor)
            raise
        fps = float(self._capture.get(self._cv2.CAP_PROP_FPS))
        self.fps = fps if math.isfinite(fps) and 0.1 <= fps <= 1000 else _FALLBACK_FPS
        count = float(self._capture.get(self._cv2.CAP_PROP_FRAME_COUNT))
        self.count = int(count) if math.isfinite(count) and 0 < count < 1e9 else 0

    def frames(self, every: int = 1, after: SeekPoint | None = None) -> Iterator[Frame]:
        """Yield the frames, upright; timestamps are the container's as long as they grow.

        Args:
            every: Yields every n-th frame, beginning with the first; numbers count all frames.
            after: Begins behind this frame, of a video whose seek index is ordered.

        Raises:
            UnreadableError: After the last readable frame, if the container announced more.
        """
        number, last = 0, -1e-9
        if after is not None:
            number = after.number
            self._skip_to(after)
        while self._capture.grab():
            number += 1
            if (number - 1) % every:
                continue
            read, bgr = self._capture.retrieve()
            if not read:
                break
            seconds = timestamp_ms(self._capture) / 1000
            if not (math.isfinite(seconds) and seconds > last):
                seconds = max((number - 1) / self.fps, last + every / self.fps)
            last = seconds
            yield Frame(_rgb(self._cv2, bgr), number, seconds, str(self._path))
        self._check_end(number)

    def seek_index(self, range_frames: int, lead_frames: int) -> SeekIndex:
        """Return where ranges of frames can begin; decodes all frames once and keeps none.

        Args:
            range_frames: Length of a range.
            lead_frames: Frames before a range at which reading begins.
        """
        index = build_seek_index(self._capture, range_frames, lead_frames)
        try:
            self._check_end(index.frames)
        except UnreadableError as error:
            return replace(index, fault=str(error))
        return index

    def _skip_to(self, point: SeekPoint) -> None:
        """Move behind a frame: by seeking if that works, else by decoding from the start."""
        if not seek_to(self._capture, point):
            self._capture.release()
            self._capture = _open_capture(self._cv2, self._descriptor, self._path)
            for _ in range(point.number):
                self._capture.grab()

    def _check_end(self, number: int) -> None:
        if number == 0 or number < self.count * (1 - _TOLERATED_LOSS) - 1:
            raise UnreadableError(
                f"{self._path}: the video is damaged: {number} of {self.count or 'its'} frames can "
                "be read. Copy or convert it again."
            )

    def _check_size(self, max_pixels: int) -> None:
        cv2 = self._cv2
        width, height = (
            self._capture.get(side)
            for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
        if not self._capture.isOpened() or width < 1 or height < 1:
            raise UnreadableError(
                f"{self._path}: OpenCV cannot decode this video. Convert it, for example to H.264 "
                "in MP4."
            )
        if width * height > max_pixels:
            self._capture.release()
            raise UnreadableError(
                f"{self._path}: frames of {width:.0f} x {height:.0f} px exceed the limit of "
                f"{max_pixels / 1e6:.0f} million pixels. Shrink the video."
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
    """Yield the frames of a camera until it stops; timestamps count from the first frame.

    Args:
        index: OpenCV's number of the camera, 0 for the first.
        every: Yields every n-th frame, beginning with the first.

    Raises:
        UnreadableError: If the camera cannot be opened, or when it stops.
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
    problem = f"no more frames after {number}" if number else "cannot be opened"
    raise UnreadableError(
        f"camera {index}: {problem}. Check its number, that it is plugged in, and that no other "
        "program uses it."
    )


def _open_video(path: Path) -> int:
    """Return a descriptor of a file whose first bytes are those of a video."""
    descriptor = open_regular(path)
    if is_video(os.read(descriptor, 256)):
        return descriptor
    os.close(descriptor)
    raise UnreadableError(
        f"{path}: not a video file ({', '.join(CONTAINERS)}). Convert it to one of these formats."
    )


def _open_capture(cv2: Any, descriptor: int, path: Path) -> Any:
    # By descriptor, because FFmpeg interprets file names (`http:`, `%d`) and OpenCV does not accept
    # names that are not text.
    by_number = Path(f"/proc/self/fd/{descriptor}")
    name = str(by_number) if by_number.exists() else str(path.absolute())
    _silence(cv2)
    with _environment("OPENCV_FFMPEG_CAPTURE_OPTIONS", _FFMPEG_OPTIONS):
        return cv2.VideoCapture(name, cv2.CAP_FFMPEG)


def _silence(cv2: Any) -> None:
    """Keep messages of OpenCV and FFmpeg off the terminal; the errors raised here replace them."""
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
