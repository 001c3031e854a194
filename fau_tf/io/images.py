"""Image files and bytes, decoded to upright RGB arrays in sRGB."""

import os
import stat
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from fau_tf.face.align import Image, require_image
from fau_tf.io.frames import Frame, UnreadableError, UnreadFrame
from fau_tf.io.stills.decode import FORMATS, MAX_PIXELS, check, decode, explained
from fau_tf.io.stills.pixels import Picture, to_rgb

__all__ = [
    "FORMATS",
    "MAX_PIXELS",
    "Frame",
    "ImageSource",
    "Picture",
    "UnreadFrame",
    "UnreadableError",
    "as_image",
    "as_picture",
    "check_image",
    "decode_image",
    "decode_picture",
    "open_regular",
    "read_image",
    "read_picture",
]

ImageSource = Image | PillowImage.Image | str | os.PathLike[str]
"""What `as_image` takes: an (H, W, 3) RGB uint8 array, a Pillow image or a path."""


def read_image(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS) -> Image:
    """Return the image in a file, (H, W, 3) RGB uint8, sRGB, upright.

    The EXIF orientation and an embedded color profile are applied, HDR is tone-mapped, transparency
    is blended with white, and of more than 8 bits the upper 8 of those in use are kept. Of a file
    with several images it is the main one. `read_picture` also returns what was assumed.

    Args:
        path: JPEG, PNG, WebP, HEIC, AVIF, BMP, GIF, TIFF or PPM file.
        max_pixels: A larger image is refused by its header, before it is decoded.

    Raises:
        UnreadableError: If the file is missing, not an image, truncated or too large.
    """
    return read_picture(path, max_pixels).image


def read_picture(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS) -> Picture:
    """Return the image in a file as `read_image` does, and the assumptions it was read with."""
    with os.fdopen(open_regular(Path(path)), "rb") as file:
        return decode(file, str(path), max_pixels)


def check_image(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS) -> None:
    """Read the header of an image file.

    Raises:
        UnreadableError: If `read_image` would refuse it by its header.
    """
    with os.fdopen(open_regular(Path(path)), "rb") as file:
        check(file, str(path), max_pixels)


def as_image(source: ImageSource) -> Image:
    """Return a picture as an (H, W, 3) RGB uint8 array, upright; see `as_picture`."""
    return as_picture(source).image


def as_picture(source: ImageSource) -> Picture:
    """Return a picture as an (H, W, 3) RGB uint8 array, upright, and its flags.

    Args:
        source: A path, a Pillow image, or such an array.

    Raises:
        TypeError: If it is anything else.
        UnreadableError: If it is a path or Pillow image that `read_image` would refuse.
        ValueError: If it is another array.
    """
    if isinstance(source, str | os.PathLike):
        return read_picture(source)
    if isinstance(source, PillowImage.Image):
        with explained(BytesIO(), "The Pillow image"):
            return to_rgb(source)
    if not isinstance(source, np.ndarray):
        raise TypeError(
            "An image must be a path, a Pillow image or an (H, W, 3) RGB uint8 array: got "
            f"{type(source).__name__}."
        )
    require_image(source)
    return Picture(source)


def decode_image(content: bytes, name: str, max_pixels: int = MAX_PIXELS) -> Image:
    """Return the image that the bytes of an image file hold, as `read_image` does.

    Args:
        content: Bytes of the file.
        name: Name of the image in error messages.
        max_pixels: A larger image is refused by its header, before it is decoded.

    Raises:
        UnreadableError: If the content is not an image, truncated or too large.
    """
    return decode_picture(content, name, max_pixels).image


def decode_picture(content: bytes, name: str, max_pixels: int = MAX_PIXELS) -> Picture:
    """Return the image in bytes as `decode_image` does, and the assumptions it was read with."""
    return decode(BytesIO(content), name, max_pixels)


def open_regular(path: Path) -> int:
    """Return a read-only descriptor of a regular file; never waits for the writer of a pipe.

    Raises:
        UnreadableError: If the file cannot be opened or is a folder, a pipe or a device.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    # ValueError: a null byte in the path.
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or str(error)
        raise UnreadableError(f"{path}: cannot be opened: {cause}. Check the path.") from error
    # The open descriptor is checked, so nobody can swap the file between the check and the read.
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UnreadableError(f"{path}: not a regular file. Check the path.")
    return descriptor
