"""What a file is by its content: a photo, several pictures in one file, or a video."""

import os
from enum import Enum
from pathlib import Path
from typing import BinaryIO, Final

from PIL import Image as PillowImage

from fau_tf.io.frames import UnreadableError
from fau_tf.io.image_sequences import MJPEG_ENDINGS, page_numbers
from fau_tf.io.images import open_regular
from fau_tf.io.stills import isobmff
from fau_tf.io.stills.decode import NO_WARNINGS
from fau_tf.io.video.containers import is_video

_IMAGE_ENDINGS: Final = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".bmp", ".gif", ".tif"),
    *(".tiff", ".ppm", ".pgm", ".pbm", ".heic", ".heif", ".hif", ".avif"),
)
_VIDEO_ENDINGS: Final = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ogv", ".wmv", ".asf", ".flv", ".mpg"),
    *(".mpeg", ".m2v", ".vob", ".ts", ".mts", ".m2ts", ".3gp", ".y4m", ".dv", ".mxf", ".ivf"),
    *(".h264", ".264", ".h265", ".265", ".hevc"),
)
_JPEG: Final = b"\xff\xd8\xff"
_IMAGE_SIGNATURES: Final = (
    *(_JPEG, b"\x89PNG", b"GIF8", b"BM", b"P4", b"P5", b"P6"),
    *(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
)
_WEBP_ANIMATION: Final = 0x02  # in byte 20, the flags of the chunk VP8X


class FileKind(Enum):
    """Kind of a media file; SEQUENCE is several pictures in one file, which follow each other."""

    PHOTO = "photo"
    SEQUENCE = "sequence"
    VIDEO = "video"


def file_kind(path: Path) -> FileKind | None:
    """Return the kind of a file by its content, else by its ending, else None."""
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            head = file.read(256)
            found = _kind_of(head, file, path)
    except (OSError, UnreadableError):
        found = None
    ending = path.suffix.lower()
    if found is None and ending in (*_VIDEO_ENDINGS, *_IMAGE_ENDINGS):
        return FileKind.VIDEO if ending in _VIDEO_ENDINGS else FileKind.PHOTO
    return found


def _kind_of(head: bytes, file: BinaryIO, path: Path) -> FileKind | None:
    if isobmff.is_still(head):
        return FileKind.PHOTO
    if isobmff.is_avif(head):
        return FileKind.SEQUENCE
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        animated = head[12:16] == b"VP8X" and len(head) > 20 and head[20] & _WEBP_ANIMATION
        return FileKind.SEQUENCE if animated else FileKind.PHOTO
    if head.startswith(_JPEG):
        # Further JPEGs in other files are mostly previews; the reader flags those that aren't.
        several = path.suffix.lower() in MJPEG_ENDINGS
        return FileKind.SEQUENCE if several else FileKind.PHOTO
    if head.startswith(_IMAGE_SIGNATURES):
        return FileKind.SEQUENCE if _has_several(file) else FileKind.PHOTO
    return FileKind.VIDEO if is_video(head) else None


def _has_several(file: BinaryIO) -> bool:
    """Return whether a PNG, GIF or TIFF file holds several pictures; reads no pixels."""
    file.seek(0)
    with NO_WARNINGS:  # reading a damaged one as a photo gives the error
        try:
            with PillowImage.open(file, formats=("PNG", "GIF", "TIFF")) as picture:
                return len(page_numbers(picture)) > 1
        except Exception:
            return False
