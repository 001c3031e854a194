"""Writing of frames to an MP4 file that browsers play: H.264 and AAC, by PyAV."""

import errno
import shutil
from contextlib import AbstractContextManager, ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter
from PIL import Image as PillowImage

from fau_tf.face.align import Image, require_image
from fau_tf.io.video.sound import SoundTrack
from fau_tf.utils.files import partial_path

ENDING: Final = ".mp4"

SPARE_BYTES: Final = 8 << 20
"""Disk space to leave for the end of the file: an .mp4 without its index cannot be read at all, so
writing stops while there is room for the index."""

RATES: Final = (0.1, 240.0)
"""Range of frame rates that are kept."""

_TIME_BASE: Final = Fraction(1, 90_000)
_QUALITY: Final = {"crf": "20", "preset": "veryfast", "x264-params": "log-level=none"}
_BT709: Final = 1  # in ITU-T H.273: color space, primaries and transfer
_LIMITED: Final = 1  # range of the levels, in FFmpeg


class VideoError(OSError):
    """A video cannot be written."""


class VideoWriter(AbstractContextManager["VideoWriter"]):
    """Writes a video frame by frame; use it in a `with` block, or call `close`.

    Frames go to a partial file beside `path`, which replaces `path` at `close` or when the `with`
    block ends, also by an error or Ctrl-C. The frames until then can be played.

    Attributes:
        path: Path of the video after `close`.
        frames: Number of frames written.
    """

    def __init__(
        self, path: Path, size: tuple[int, int], fps: float, sound: Path | None = None
    ) -> None:
        """Open the partial file.

        Args:
            path: Ends in `.mp4`; replaced at `close` if it exists.
            size: Width and height, px; made even by a black row or column.
            fps: Frames per second; 25 if it is not within `RATES`.
            sound: A video file whose sound is kept, up to the last frame.

        Raises:
            VideoError: If the ending is another one, or the file cannot be created.
            ValueError: If a side is not positive.
        """
        if min(size) < 1:
            raise ValueError(f"The sides of a video must be 1 px or more, got {size}.")
        if path.suffix.lower() != ENDING:
            raise VideoError(f"{path}: unknown video ending. Use a name that ends in {ENDING}.")
        self.path, self.frames = path, 0
        self._size = (size[0] + size[0] % 2, size[1] + size[1] % 2)
        self._step = 1 / (fps if RATES[0] <= fps <= RATES[1] else 25.0)
        self._pts = -1
        self._reformatter = VideoReformatter()
        self._partial: Path | None = partial_path(path)
        with ExitStack() as opening:
            opening.callback(self._partial.unlink, missing_ok=True)
            try:
                # With `file:`, because FFmpeg takes the beginning of a name for a protocol.
                self._container = av.open(
                    f"file:{self._partial.absolute()}", "w", "mp4", {"movflags": "+faststart"}
                )
                self._stream = self._container.add_stream(
                    "libx264", Fraction(1 / self._step).limit_denominator(1000), _QUALITY
                )
                self._prepare_stream()
                self._sound = SoundTrack(sound, self._container) if sound else None
                self._container.start_encoding()
            except av.FFmpegError as error:
                raise VideoError(
                    f"{path}: the video cannot be written: {error.strerror}. Choose another folder."
                ) from error
            opening.pop_all()

    def _prepare_stream(self) -> None:
        stream, context = self._stream, self._stream.codec_context
        stream.width, stream.height = self._size
        stream.pix_fmt = "yuv420p"
        context.time_base = _TIME_BASE
        context.thread_count = 1
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = _LIMITED

    def write(self, frame: Image, timestamp: float | None = None) -> None:
        """Add a frame; one of another size is shrunk and padded to fit.

        Args:
            frame: (H, W, 3) RGB uint8.
            timestamp: Seconds from the start; one step of the frame rate after the last by default.

        Raises:
            OSError: If the disk is nearly full; the earlier frames are kept.
            ValueError: If the frame is not (H, W, 3) uint8.
        """
        require_image(frame)
        self._require_space(frame.nbytes)
        seconds = self.frames * self._step if timestamp is None else timestamp
        self._pts = max(self._pts + 1, round(seconds / _TIME_BASE))
        picture = self._reformatter.reformat(
            VideoFrame.from_ndarray(self._fitted(frame), "rgb24"),
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            interpolation=Interpolation.BICUBIC,
            threads=1,
        )
        picture.pts, picture.time_base = self._pts, _TIME_BASE
        picture.duration = round(self._step / _TIME_BASE)
        self._container.mux(self._stream.encode(picture))
        self.frames += 1
        if self._sound:
            self._sound.copy_until(seconds)

    def close(self) -> None:
        """Complete the file and check that it can be read back.

        A second call does nothing; a video without frames leaves no file.

        Raises:
            VideoError: If not all frames can be read back; the readable ones are kept.
        """
        partial, self._partial = self._partial, None
        if partial is None:
            return
        try:
            self._complete()
            kept = _readable(partial) if self.frames else 0
            if kept:
                partial.replace(self.path)
        finally:
            partial.unlink(missing_ok=True)
        # There is one frame more if Ctrl-C came between a frame and its count.
        if kept < self.frames:
            raise VideoError(
                f"{self.path}: only {kept} of {self.frames} frames can be read back. Check the "
                "free disk space and write the video again."
            )

    def __exit__(self, *_: object) -> None:
        self.close()

    def _complete(self) -> None:
        """Write the rest of picture and sound, and the index."""
        try:
            self._container.mux(self._stream.encode(None))
            if self._sound:
                self._sound.copy_until(self._pts * float(_TIME_BASE) + self._step)
                self._sound.finish()
        finally:
            self._container.close()

    def _require_space(self, frame_bytes: int) -> None:
        free = shutil.disk_usage(self.path.parent).free
        needed = SPARE_BYTES + frame_bytes
        if free < needed:
            raise OSError(
                errno.ENOSPC,
                f"{self.path}: the next frame needs {needed / 1e6:.1f} MB of disk space, "
                f"{free / 1e6:.1f} MB are free. The {self.frames} earlier frames are kept; make "
                "room",
            )

    def _fitted(self, frame: Image) -> Image:
        width, height = self._size
        if frame.shape[:2] == (height, width):
            return np.ascontiguousarray(frame)
        zoom = min(1.0, width / frame.shape[1], height / frame.shape[0])
        if zoom < 1.0:
            size = [max(1, int(side * zoom)) for side in frame.shape[1::-1]]
            shrunk = PillowImage.fromarray(frame).resize(size, PillowImage.Resampling.BOX)
            frame = np.asarray(shrunk)
        sheet = np.zeros((height, width, 3), np.uint8)
        sheet[: frame.shape[0], : frame.shape[1]] = frame
        return sheet


def _readable(path: Path) -> int:
    """Return the number of frames of a video; 0 if the first cannot be read."""
    try:
        with av.open(f"file:{path.absolute()}", "r", "mov") as video:
            stream = video.streams.video[0]
            next(video.decode(stream))
            return stream.frames
    except (av.FFmpegError, StopIteration, IndexError):
        return 0
