"""Image files and bytes -> RGB uint8 arrays, upright; whatever they hold."""

import os
import stat
import warnings
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final, NoReturn

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageOps, UnidentifiedImageError

from fau_tf.face.align import Image

MAX_PIXELS: Final = 64_000_000
"""Larger pictures are refused before they are decoded."""

FORMATS: Final = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
"""Pillow's readers that run no other program and need no further file."""


class UnreadableError(ValueError):
    """A source can't be read, or not to its end."""


class UnreadableImageError(UnreadableError):
    """A file is not an image that can be read."""


def read_image(path: Path, max_pixels: int = MAX_PIXELS) -> Image:
    """Return the picture in an image file, (H, W, 3) RGB uint8, upright.

    The EXIF orientation is applied, transparency is put on white, 16-bit grays keep their upper
    byte, and of several pictures in a file the first is read.

    Args:
        path: JPEG, PNG, WebP, BMP, GIF, TIFF or PPM.
        max_pixels: Larger pictures are refused from their header, before they are decoded.

    Raises:
        UnreadableImageError: If the file is missing, no image, truncated or too large.
    """
    name = str(path)
    try:
        # Without waiting for the other end of a pipe; what is looked at is what is read.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    # Also a name that is too long, a folder that may not be entered, a zero in the name.
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or str(error)
        _refuse(name, "a regular file", cause, "Check the path")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        _refuse(name, "a regular file", "something else", "Check the path")
    with os.fdopen(descriptor, "rb") as file:
        return _decoded(file, name, max_pixels)


def decode_image(content: bytes, name: str, max_pixels: int = MAX_PIXELS) -> Image:
    """Return the picture that the bytes of an image file hold; see `read_image`.

    Args:
        content: Of the file.
        name: What errors call it.
        max_pixels: Larger pictures are refused from their header, before they are decoded.

    Raises:
        UnreadableImageError: If it is no image, truncated or too large.
    """
    return _decoded(BytesIO(content), name, max_pixels)


def _decoded(file: BinaryIO, name: str, max_pixels: int) -> Image:
    with warnings.catch_warnings():
        # Our own cap is lower than the one that Pillow warns about.
        warnings.simplefilter("ignore")
        try:
            with PillowImage.open(file, formats=FORMATS) as picture:
                if picture.width * picture.height > max_pixels:
                    _refuse_size(name, max_pixels, f"{picture.width} x {picture.height} px")
                return _rgb(name, ImageOps.exif_transpose(picture))
        except UnreadableImageError:
            raise
        except PillowImage.DecompressionBombError:
            _refuse_size(name, max_pixels, "many times that")
        except UnidentifiedImageError:
            kinds = "an image (" + ", ".join(FORMATS) + ")"
            size = file.seek(0, os.SEEK_END)
            _refuse(name, kinds, f"{size} bytes of something else", "Convert it")
        # Pillow's decoders raise whatever a broken file leads them to.
        except Exception as error:
            _refuse(name, "an intact image", str(error) or type(error).__name__, "Save it again")


def _refuse(name: str, rule: str, received: str, step: str) -> NoReturn:
    raise UnreadableImageError(f"{name}: must be {rule}. Received: {received}. {step}.") from None


def _rgb(name: str, picture: PillowImage.Image) -> Image:
    if picture.mode.startswith("I"):
        gray = np.asarray(picture)
        if gray.min() < 0 or gray.max() > 0xFFFF:
            span = f"{gray.min()} to {gray.max()}"
            _refuse(name, "an image of 8 or 16 bits", span, "Convert it to 8 bits")
        return np.repeat((gray // 256).astype(np.uint8)[..., None], 3, axis=-1)
    if picture.mode == "F":
        _refuse(name, "an image of whole numbers", "floats", "Convert it to 8 bits")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = PillowImage.new("RGBA", picture.size, "white")
        picture = PillowImage.alpha_composite(white, picture)
    return np.array(picture.convert("RGB"))


def _refuse_size(name: str, max_pixels: int, received: str) -> NoReturn:
    _refuse(
        name, f"an image of at most {max_pixels / 1e6:.0f} million pixels", received, "Shrink it"
    )
