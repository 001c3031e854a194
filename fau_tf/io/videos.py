"""Video files, decoded to frames by PyAV."""

import os
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from fau_tf.io.frames import Frame, UnreadableError, UnreadFrame
from fau_tf.io.images import MAX_PIXELS, open_regular
from fau_tf.io.seek_points import SeekIndex, SeekPoint
from fau_tf.io.video.containers import HEAD_BYTES, announced_size
from fau_tf.io.video.decoder import Decoded, decode, prepare
from fau_tf.io.video.opening import open_video, require_size
from fau_tf.io.video.pictures import Deinterlacer, PictureConverter, square_pixel_size
from fau_tf.io.video.read_ahead import ReadAhead
from fau_tf.io.video.seeking import build_seek_index, seek_to

FALLBACK_FPS: Final = 25.0

Place = tuple[int, float, bool]
"""Number of a frame, its time in s, and whether it is wanted."""


class VideoFile(AbstractContextManager["VideoFile"]):
    """A video file; use it in a `with` block, or call `close`.

    Attributes:
        fps: Frames per second on average, as the container states.
        count: Number of frames to expect, as the container states; 0 if it states none. Only what
            decodes is the video, so there may be more or fewer.
    """

    def __init__(
        self,
        path: Path,
        max_pixels: int = MAX_PIXELS,
        fps: float = FALLBACK_FPS,
        threads: int = 1,
    ) -> None:
        """Open a video.

        Args:
            path: A file of a kind in `containers.FORMATS`.
            max_pixels: A video with larger frames is refused before one is decoded.
            fps: Frames per second of a video that does not say it, as some raw H.264.
            threads: CPU threads of the decoder, beside the thread that reads ahead.

        Raises:
            UnreadableError: If the file is missing, not a video, of an unknown codec or too large.
        """
        self._path, self._max_pixels, self._threads = path, max_pixels, threads
        self._fallback_fps = fps
        self._descriptor = open_regular(path)
        self._reader: ReadAhead[Frame | UnreadFrame] | None = None
        try:
            self._head = os.read(self._descriptor, HEAD_BYTES)
            self._container, self._stream = self._opened()
        except BaseException:
            os.close(self._descriptor)
            raise
        self._codec = self._stream.codec_context.codec.canonical_name
        self.fps = _frame_rate(self._container, self._stream) or fps
        seconds = (self._container.duration or 0) / av.time_base
        self.count = self._stream.frames or max(0, round(seconds * self.fps))

    def frames(
        self, every: int = 1, after: SeekPoint | None = None
    ) -> Iterator[Frame | UnreadFrame]:
        """Return the frames, read ahead in a thread; each call reads the video anew.

        Frames are upright, with square pixels, deinterlaced, and in the colors of a standard
        screen. Their times are the container's; 0 is where the first of its streams starts, which
        may be the sound. A damaged frame is an `UnreadFrame`.

        Args:
            every: Gives every n-th frame, beginning with the first; numbers count all frames.
            after: Begins behind this frame, of a video whose seek index is ordered.

        Raises:
            UnreadableError: After the last frame, if the file is cut short; if there is no frame;
                at a frame that is too large.
        """
        self._stop_reader()
        self._reader = ReadAhead(lambda: self._read(every, after))
        return self._reader

    def seek_index(self, range_frames: int, lead_frames: int) -> SeekIndex:
        """Return where ranges of frames can begin; decodes all frames once and keeps none.

        Args:
            range_frames: Length of a range.
            lead_frames: Frames before a range at which reading begins.
        """
        self._reopen()
        index = build_seek_index(decode(self._container, self._stream), range_frames, lead_frames)
        try:
            self._check_end(index.frames)
        except UnreadableError as error:
            return replace(index, fault=str(error))
        return index

    def close(self) -> None:
        """Stop reading and free the decoder; a second call does nothing."""
        if self._descriptor >= 0:
            self._stop_reader()
            self._container.close()
            os.close(self._descriptor)
            self._descriptor = -1

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, every: int, after: SeekPoint | None) -> Iterator[Frame | UnreadFrame]:
        """Yield frames and unread ones in their order; runs in the reader's thread."""
        before, decoded = self._decoded(after)
        clock = _Clock(self._container, self._stream, self.fps)
        deinterlacer, places = Deinterlacer(), deque[Place]()
        convert = PictureConverter()
        first, number = before + (after is not None), before

        def converted(frames: Iterator[VideoFrame]) -> Iterator[Frame | UnreadFrame]:
            for frame in frames:
                place = places.popleft()
                if place[2]:
                    yield self._picture(convert, frame, place)

        for number, one in enumerate(decoded, before + 1):
            place = (number, clock.seconds(one.pts), number > first and (number - 1) % every == 0)
            if one.frame is not None:
                places.append(place)
                yield from converted(deinterlacer.add(one.frame))
                continue
            yield from converted(deinterlacer.end())
            if place[2]:
                yield self._unread("the video is damaged here", place)
        yield from converted(deinterlacer.end())
        self._check_end(number)

    def _decoded(self, after: SeekPoint | None) -> tuple[int, Iterator[Decoded]]:
        """Return the frames from a point or from the start on, and how many are before them."""
        self._reopen()
        if after is None:
            return 0, decode(self._container, self._stream)
        found = seek_to(self._container, self._stream, after)
        if found is None:
            self._reopen()
            found = islice(decode(self._container, self._stream), after.number - 1, None)
        return after.number - 1, found

    def _picture(
        self, convert: PictureConverter, frame: VideoFrame, place: Place
    ) -> Frame | UnreadFrame:
        aspect = self._stream.sample_aspect_ratio or self._stream.codec_context.sample_aspect_ratio
        size = square_pixel_size(frame.width, frame.height, aspect)
        require_size(self._path, *size, self._max_pixels)
        try:
            image = convert(frame, size)
        except av.FFmpegError as error:
            cause = f"pixels of the kind {frame.format.name} cannot be read: {error.strerror}"
            return self._unread(cause, place)
        return Frame(image, place[0], place[1], str(self._path))

    def _unread(self, cause: str, place: Place) -> UnreadFrame:
        reason = f"{self._path}: {cause} ({self._codec}). Copy or convert the video again."
        return UnreadFrame(reason, place[0], place[1], str(self._path))

    def _reopen(self) -> None:
        self._container.close()
        self._container, self._stream = self._opened()

    def _opened(self) -> tuple[InputContainer, VideoStream]:
        container, stream = open_video(self._descriptor, self._head, self._path, self._fallback_fps)
        try:
            context = stream.codec_context
            require_size(self._path, context.width, context.height, self._max_pixels)
        except BaseException:
            container.close()
            raise
        prepare(stream, self._threads, self._max_pixels)
        return container, stream

    def _check_end(self, number: int) -> None:
        size, whole = os.fstat(self._descriptor).st_size, announced_size(self._head)
        if whole and size < whole:
            raise UnreadableError(
                f"{self._path}: the video is damaged: it ends behind frame {number}, after {size} "
                f"of {whole} bytes. Copy it again."
            )
        if number == 0:
            raise UnreadableError(
                f"{self._path}: the video is damaged: it has no frame that can be decoded "
                f"({self._codec}). Copy or convert it again."
            )

    def _stop_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None


class _Clock:
    """Times of frames in seconds from the start of their source."""

    def __init__(self, container: InputContainer, stream: VideoStream, fps: float) -> None:
        self._unit, self._step = stream.time_base or 0, 1 / fps
        self._start = (container.start_time or 0) / av.time_base
        self._pts: int | None = None
        self._last = -self._step

    def seconds(self, pts: int | None) -> float:
        """Return the time of the next frame; one step later if the container's does not grow."""
        if pts is None or (self._pts is not None and pts <= self._pts):
            self._last += self._step
        else:
            self._last = max(0.0, float(pts * self._unit) - self._start)
            self._pts = pts
        return self._last


def _frame_rate(container: InputContainer, stream: VideoStream) -> float | None:
    # The guess knows what a stream without a container says. It comes second otherwise: of a
    # varying rate, it is the smallest step between two frames.
    rates = (stream.average_rate, stream.guessed_rate)
    for rate in rates[::-1] if container.start_time is None else rates:
        if rate and 0.1 <= rate <= 1000:
            return float(rate)
    return None
