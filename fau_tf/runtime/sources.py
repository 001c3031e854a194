"""Files -> frames: RGB uint8 arrays with their place in time."""

import stat
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageOps, UnidentifiedImageError

from fau_tf.face.align import Image

MAX_PIXELS: Final = 64_000_000
"""Larger pictures are refused before they are decoded."""

FORMATS: Final = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
"""Pillow's readers that run no other program and need no further file."""


class UnreadableImageError(ValueError):
    """A file is not an image that can be read."""


@dataclass(frozen=True)
class Frame:
    """One picture of a source.

    Attributes:
        image: (H, W, 3) RGB uint8.
        number: Counts from 1 within the source.
        timestamp: Seconds from the start of the source.
    """

    image: Image
    number: int = 1
    timestamp: float = 0.0


def frames(path: Path, max_pixels: int = MAX_PIXELS) -> Iterator[Frame]:
    """Yield the frames of a source: for an image file, its one picture.

    Raises:
        UnreadableImageError: If the file can't be read as an image.
    """
    yield Frame(read_image(path, max_pixels))


def read_image(path: Path, max_pixels: int = MAX_PIXELS) -> Image:
    """Return the picture in an image file, (H, W, 3) RGB uint8, upright.

    The EXIF orientation is applied, transparency is put on white, 16-bit greys keep their upper
    byte, and of several pictures in a file the first is read.

    Args:
        path: JPEG, PNG, WebP, BMP, GIF, TIFF or PPM.
        max_pixels: Larger pictures are refused from their header, before they are decoded.

    Raises:
        UnreadableImageError: If the file is missing, no image, truncated or too large.
    """
    size = _size(path)
    with warnings.catch_warnings():
        # Our own cap is lower than the one that Pillow warns about.
        warnings.simplefilter("ignore")
        try:
            with PillowImage.open(path, formats=FORMATS) as picture:
                if picture.width * picture.height > max_pixels:
                    raise _too_large(path, max_pixels, f"{picture.width} x {picture.height} px")
                return _rgb(path, ImageOps.exif_transpose(picture))
        except UnreadableImageError:
            raise
        except PillowImage.DecompressionBombError as error:
            raise _too_large(path, max_pixels, "many times that") from error
        except UnidentifiedImageError as error:
            kinds = "an image (" + ", ".join(FORMATS) + ")"
            received = f"{size} bytes of something else"
            raise _unreadable(path, kinds, received, "Convert it") from error
        # Pillow's decoders raise whatever a broken file leads them to.
        except Exception as error:
            received = str(error) or type(error).__name__
            raise _unreadable(path, "an intact image", received, "Save it again") from error


def _size(path: Path) -> int:
    """Return the bytes of a regular file: a pipe would block, a device could be endless."""
    try:
        found = path.stat()
    # Also a name that is too long, a folder that may not be entered, a zero in the name.
    except (OSError, ValueError) as error:
        received = error.strerror if isinstance(error, OSError) else str(error)
        raise _unreadable(path, "a regular file", f"{received}", "Check the path") from error
    if not stat.S_ISREG(found.st_mode):
        raise _unreadable(path, "a regular file", "something else", "Check the path")
    return found.st_size


def _rgb(path: Path, picture: PillowImage.Image) -> Image:
    if picture.mode.startswith("I"):
        grey = np.asarray(picture)
        if grey.min() < 0 or grey.max() > 0xFFFF:
            span = f"{grey.min()} to {grey.max()}"
            raise _unreadable(path, "an image of 8 or 16 bits", span, "Convert it to 8 bits")
        return np.repeat((grey // 256).astype(np.uint8)[..., None], 3, axis=-1)
    if picture.mode == "F":
        raise _unreadable(path, "an image of whole numbers", "floats", "Convert it to 8 bits")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = PillowImage.new("RGBA", picture.size, "white")
        picture = PillowImage.alpha_composite(white, picture)
    return np.array(picture.convert("RGB"))


def _too_large(path: Path, max_pixels: int, received: str) -> UnreadableImageError:
    return _unreadable(
        path, f"an image of at most {max_pixels / 1e6:.0f} million pixels", received, "Shrink it"
    )


def _unreadable(path: Path, rule: str, received: str, step: str) -> UnreadableImageError:
    return UnreadableImageError(f"{path}: must be {rule}. Received: {received}. {step}.")
