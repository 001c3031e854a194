"""Image files and bytes, decoded to upright RGB arrays; frames of a source."""

import os
import stat
import warnings
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageOps, UnidentifiedImageError

from fau_tf.face.align import Image, require_image

MAX_PIXELS: Final = 64_000_000
"""Larger images are refused before they are decoded."""

FORMATS: Final = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
"""Pillow's readers that start no other program and open no second file."""


@dataclass(frozen=True)
class Frame:
    """One image of a source.

    Attributes:
        image: (H, W, 3) RGB uint8.
        number: Counts from 1 within the source.
        timestamp: Seconds from the start of the source.
        name: File or camera that the image comes from.
    """

    image: Image
    number: int = 1
    timestamp: float = 0.0
    name: str = ""


@dataclass(frozen=True)
class UnreadFrame:
    """The place in a source of an image that cannot be read.

    Attributes:
        reason: Error message.
        number: Counts from 1 within the source, along with the frames.
        timestamp: Seconds from the start of the source.
        name: File that should hold the image.
    """

    reason: str
    number: int = 1
    timestamp: float = 0.0
    name: str = ""


ImageSource = Image | PillowImage.Image | str | os.PathLike[str]
"""What `as_image` takes: an (H, W, 3) RGB uint8 array, a Pillow image or a path."""


class UnreadableError(ValueError):
    """A source cannot be read, or not to its end."""


def read_image(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS) -> Image:
    """Return the image in a file, (H, W, 3) RGB uint8, upright.

    The EXIF orientation is applied, transparency is blended with white, 16-bit gray keeps its upper
    byte, and a file with several images gives its first.

    Args:
        path: JPEG, PNG, WebP, BMP, GIF, TIFF or PPM file.
        max_pixels: A larger image is refused by its header, before it is decoded.

    Raises:
        UnreadableError: If the file is missing, not an image, truncated or too large.
    """
    with os.fdopen(open_regular(Path(path)), "rb") as file:
        return _decode(file, str(path), max_pixels)


def as_image(source: ImageSource) -> Image:
    """Return a picture as an (H, W, 3) RGB uint8 array, upright.

    Args:
        source: A path, a Pillow image, or such an array.

    Raises:
        TypeError: If it is anything else.
        UnreadableError: If it is a path or Pillow image that `read_image` would refuse.
        ValueError: If it is another array.
    """
    if isinstance(source, str | os.PathLike):
        return read_image(source)
    if isinstance(source, PillowImage.Image):
        return _rgb("The Pillow image", ImageOps.exif_transpose(source))
    if not isinstance(source, np.ndarray):
        raise TypeError(
            "An image must be a path, a Pillow image or an (H, W, 3) RGB uint8 array: got "
            f"{type(source).__name__}."
        )
    require_image(source)
    return source


def decode_image(content: bytes, name: str, max_pixels: int = MAX_PIXELS) -> Image:
    """Return the image that the bytes of an image file hold, as `read_image` does.

    Args:
        content: Bytes of the file.
        name: Name of the image in error messages.
        max_pixels: A larger image is refused by its header, before it is decoded.

    Raises:
        UnreadableError: If the content is not an image, truncated or too large.
    """
    return _decode(BytesIO(content), name, max_pixels)


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


def _decode(file: BinaryIO, name: str, max_pixels: int) -> Image:
    with warnings.catch_warnings():
        # Pillow warns above a limit that is higher than MAX_PIXELS.
        warnings.simplefilter("ignore")
        try:
            with PillowImage.open(file, formats=FORMATS) as picture:
                if picture.width * picture.height > max_pixels:
                    raise _too_large(f"{name}: {picture.width} x {picture.height} px", max_pixels)
                return _rgb(name, ImageOps.exif_transpose(picture))
        except UnreadableError:
            raise
        except PillowImage.DecompressionBombError:
            raise _too_large(f"{name}: the image", max_pixels) from None
        except UnidentifiedImageError:
            size = file.seek(0, os.SEEK_END)
            raise UnreadableError(
                f"{name}: {size} bytes that are not an image ({', '.join(FORMATS)}). Convert the "
                "file to one of these formats."
            ) from None
        # Pillow's decoders raise many types of exceptions on damaged files.
        except Exception as error:
            cause = str(error) or type(error).__name__
            raise UnreadableError(
                f"{name}: the image is damaged: {cause}. Save it again."
            ) from error


def _too_large(what: str, max_pixels: int) -> UnreadableError:
    limit = f"{max_pixels / 1e6:.0f} million pixels"
    return UnreadableError(f"{what} exceeds the limit of {limit}. Shrink the image.")


def _rgb(name: str, picture: PillowImage.Image) -> Image:
    if picture.mode.startswith("I"):
        gray = np.asarray(picture)
        if gray.min() < 0 or gray.max() > 0xFFFF:
            raise UnreadableError(
                f"{name}: values from {gray.min()} to {gray.max()} exceed 16 bits. Convert the "
                "image to 8 bits."
            )
        return np.repeat((gray // 256).astype(np.uint8)[..., None], 3, axis=-1)
    if picture.mode == "F":
        raise UnreadableError(
            f"{name}: floating-point pixels are not supported. Convert the image to 8 bits."
        )
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = PillowImage.new("RGBA", picture.size, "white")
        picture = PillowImage.alpha_composite(white, picture)
    return np.array(picture.convert("RGB"))
