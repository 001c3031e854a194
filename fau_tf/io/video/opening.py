"""Opening of a video container by FFmpeg, without another file or a host."""

import os
import re
from pathlib import Path
from typing import Any, Final

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from fau_tf.io.frames import UnreadableError
from fau_tf.io.video.containers import NAMES, container_format

_COVER: Final = Disposition.attached_pic


def open_container(descriptor: int, head: bytes, path: Path, fps: float = 25.0) -> InputContainer:
    """Return a container.

    FFmpeg gets an open descriptor, the one reader that fits the file, and no protocol but that of
    descriptors. So a playlist, or a reference in a file, leads to no other file and no host, and no
    file name is interpreted.

    Args:
        descriptor: Of a regular file; it must stay open, and its position changes.
        head: First `HEAD_BYTES` bytes of the file.
        path: For messages.
        fps: Frames per second of a stream without a container that does not say it.

    Raises:
        UnreadableError: If it is no video, or its beginning or index is damaged.
    """
    found = container_format(head)
    if found is None:
        raise UnreadableError(
            f"{path}: not a video file ({NAMES}). Convert it to one of these formats."
        )
    options = {"fd": str(descriptor), "protocol_whitelist": "fd", "format_whitelist": found.demuxer}
    if found.demuxer in ("h264", "hevc"):
        options["framerate"] = str(fps)
    os.lseek(descriptor, 0, os.SEEK_SET)
    try:
        return av.open("fd:", "r", found.demuxer, options, metadata_errors="replace")
    except av.FFmpegError as error:
        raise UnreadableError(
            f"{path}: the {found.name} file is damaged or not complete: {error.strerror}. Copy or "
            "convert it again."
        ) from error


def open_video(
    descriptor: int, head: bytes, path: Path, fps: float
) -> tuple[InputContainer, VideoStream]:
    """Return a container, as `open_container` does, and its video.

    Raises:
        UnreadableError: Also if it has no moving picture, or one of an unknown codec.
    """
    container = open_container(descriptor, head, path, fps)
    try:
        return container, _moving_picture(container, path)
    except BaseException:
        container.close()
        raise


def require_size(path: Path, width: int, height: int, max_pixels: int) -> None:
    """Refuse frames that are too large.

    Raises:
        UnreadableError: If they are.
    """
    if width * height > max_pixels:
        raise UnreadableError(
            f"{path}: frames of {width} x {height} px exceed the limit of "
            f"{max_pixels / 1e6:.0f} million pixels. Shrink the video."
        )


def _moving_picture(container: InputContainer, path: Path) -> VideoStream:
    """Return the default video stream, or the first."""
    streams = [one for one in container.streams.video if not one.disposition & _COVER]
    if not streams:
        has = "sound and a cover picture" if container.streams.video else "sound"
        has = has if container.streams.audio else "other data"
        raise UnreadableError(
            f"{path}: the file has no moving picture, only {has}. Choose another file."
        )
    stream = next((one for one in streams if one.disposition & Disposition.default), streams[0])
    if stream.codec_context is None:
        raise UnreadableError(
            f"{path}: the codec of the video, {_codec_code(container, stream)}, cannot be decoded. "
            "Convert it, for example to H.264 in MP4."
        )
    return stream


def _codec_code(container: Any, stream: VideoStream) -> str:
    """Return what is known of a codec for which there is no decoder."""
    # PyAV gives it nowhere but in FFmpeg's description of the file.
    av.logging.set_level(av.logging.INFO)
    try:
        description = container.dumps_format()
    finally:
        av.logging.set_level(None)
    found = re.search(rf"Stream #0:{stream.index}\b.*?Video: ([^,\n]+)", description)
    return found[1].strip() if found else "unknown"
