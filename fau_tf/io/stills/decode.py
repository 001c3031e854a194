"""Image files to pictures: formats, size limit, and what a file says that Pillow doesn't keep."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Final

import numpy as np
from PIL import Image as PillowImage
from PIL import UnidentifiedImageError

from fau_tf.io.frames import UnreadableError
from fau_tf.io.stills import isobmff
from fau_tf.io.stills.coding import FloatColors, coding_of
from fau_tf.io.stills.pixels import Picture, to_rgb
from fau_tf.io.stills.sample_depth import SampleError
from fau_tf.utils import optional_imports
from fau_tf.utils.shared_context import SharedContext

FORMATS: Final = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "BMP", "GIF", "TIFF", "PPM")
"""Readers that start no other program and open no second file."""

MAX_PIXELS: Final = 64_000_000
"""Larger images are refused before they are decoded."""

ONE_OF_SEVERAL: Final = "one of several pictures"
"""Flag: the file holds further pictures, which were not read."""

LARGEST_HEIF: Final = 256 << 20
"""Bytes of a HEIC or AVIF file, which is read whole; 64 million pixels need less."""

_TIFF: Final = (b"II*\0", b"MM\0*")
_SIGNATURES: Final = {b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG", b"GIF8": "GIF"}
_MULTI_FRAME: Final = "Multi-Frame"  # MPO: panorama, disparity, multi-angle; not previews
_NEXT_JPEG: Final = b"\xff\xd9\xff\xd8\xff"  # the end of one and the start of another


@contextmanager
def _without_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


NO_WARNINGS: Final = SharedContext(_without_warnings)
"""Block without Pillow's warnings: of files that it reads all the same or that an error reports,
and above a limit that is higher than `MAX_PIXELS`. Warning filters are those of the process."""


def decode(file: BinaryIO, name: str, max_pixels: int) -> Picture:
    """Return the main image of a file.

    Args:
        file: At its start.
        name: Of the image in error messages.
        max_pixels: A larger image is refused by its header, before it is decoded.

    Raises:
        UnreadableError: If it is not an image, damaged or too large.
    """
    with explained(file, name), open_picture(file, name, max_pixels) as picture:
        found = to_rgb(picture, coding_of(file, picture))
        flags = (ONE_OF_SEVERAL,) if _has_others(file, picture) else ()
        return Picture(found.image, found.flags + flags)


def check(file: BinaryIO, name: str, max_pixels: int) -> None:
    """Raise `UnreadableError` for a file that `decode` would refuse by its header."""
    with explained(file, name), open_picture(file, name, max_pixels) as picture:
        picture.verify()


@contextmanager
def open_picture(file: BinaryIO, name: str, max_pixels: int) -> Iterator[PillowImage.Image]:
    """Open an image file by its first bytes; its pixels are not decoded yet.

    Raises:
        UnreadableError: If it is too large; other errors are Pillow's.
    """
    head = file.read(256)
    file.seek(0)
    if isobmff.brands(head) and file.seek(0, os.SEEK_END) > LARGEST_HEIF:
        raise UnreadableError(
            f"{name}: more than {LARGEST_HEIF >> 20} MiB. Save the image again, smaller."
        )
    file.seek(0)
    if isobmff.is_still(head) and not isobmff.is_avif(head):
        yield _open_heif(file, name, max_pixels)
        return
    formats = [one for one in FORMATS if one != "HEIF"]
    opened: PillowImage.Image
    try:
        opened = PillowImage.open(file, formats=formats)
    except UnidentifiedImageError:
        if head[:4] not in _TIFF:
            raise
        opened = _open_float_tiff(file, name, max_pixels)
    with opened as picture:
        require_size(name, picture.size, max_pixels)
        yield picture


def require_size(name: str, size: tuple[int, int], max_pixels: int) -> None:
    """Refuse an image of more pixels.

    Raises:
        UnreadableError: If it has more.
    """
    if size[0] * size[1] > max_pixels:
        raise _too_large(f"{name}: {size[0]} x {size[1]} px", max_pixels)


@contextmanager
def explained(file: BinaryIO, name: str) -> Iterator[None]:
    """Turn what Pillow and its codecs raise into `UnreadableError` with cause and next step."""
    with NO_WARNINGS:
        try:
            yield
        except (UnreadableError, optional_imports.MissingLibraryError):
            raise
        except SampleError as error:
            raise UnreadableError(f"{name}: {error}.") from error
        except PillowImage.DecompressionBombError:
            raise _too_large(f"{name}: the image", MAX_PIXELS) from None
        except UnidentifiedImageError:
            raise UnreadableError(f"{name}: {_not_an_image(file)}") from None
        # Pillow's decoders raise many types of exceptions on damaged files.
        except Exception as error:
            cause = (str(error) or type(error).__name__).rstrip(".")
            raise UnreadableError(
                f"{name}: the image is damaged: {cause}. Save it again."
            ) from error


def _too_large(what: str, max_pixels: int) -> UnreadableError:
    limit = f"{max_pixels / 1e6:.0f} million pixels"
    return UnreadableError(f"{what} exceeds the limit of {limit}. Shrink the image.")


def _not_an_image(file: BinaryIO) -> str:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(8)
    if head[:4] in _TIFF:
        return (
            "a damaged TIFF, or one whose kind of samples is not read. Save it again, with 8 or 16 "
            "bits."
        )
    for signature, kind in _SIGNATURES.items():
        if head.startswith(signature) and size > len(signature):
            return f"a damaged {kind}: its header cannot be read. Save it again."
    return (
        f"{size} bytes that are not an image ({', '.join(FORMATS)}). Convert the file to one of "
        "these formats."
    )


def _open_heif(file: BinaryIO, name: str, max_pixels: int) -> PillowImage.Image:
    heif = _library().open_heif(file, convert_hdr_to_8bit=False)
    require_size(name, heif.size, max_pixels)
    if heif.mode.endswith(";16"):
        samples = np.asarray(heif)
        picture = PillowImage.fromarray((samples >> 8).astype(np.uint8))
        picture.info = {"icc_profile": heif.info.get("icc_profile"), "deep": samples}
    else:
        picture = heif.to_pillow()
    picture.info |= {"nclx": heif.info.get("nclx_profile"), "pictures": len(heif)}
    return picture


def _open_float_tiff(file: BinaryIO, name: str, max_pixels: int) -> PillowImage.Image:
    try:
        header = FloatColors(file)
    except Exception as error:  # damaged, or of another kind that Pillow doesn't read
        raise UnidentifiedImageError(str(error)) from error
    require_size(name, header.size, max_pixels)
    return header.picture()


def _library() -> Any:
    """Return pillow-heif, set to one thread: pictures are read in parallel by processes."""
    with optional_imports.explain_import_errors("pillow-heif"):
        import pillow_heif
    pillow_heif.options.DECODE_THREADS = 1
    return pillow_heif


def _has_others(file: BinaryIO, picture: PillowImage.Image) -> bool:
    """Return whether the file holds further pictures; previews and gain maps don't count."""
    if picture.format == "MPO":
        entries = getattr(picture, "mpinfo", {}).get(0xB002, ())
        return any(one["Attribute"]["MPType"].startswith(_MULTI_FRAME) for one in entries)
    if picture.format == "JPEG":
        file.seek(0)
        return _NEXT_JPEG in file.read()
    return picture.info.get("pictures", 1) > 1 or getattr(picture, "is_animated", False)
