"""How a file stores its samples, beyond what Pillow keeps: color code, bits, lower bytes."""

from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from PIL import TiffImagePlugin

from fau_tf.io.color_codes import ColorCode
from fau_tf.io.stills import isobmff, png_chunks
from fau_tf.io.stills.pixels import Coding, is_hdr
from fau_tf.io.stills.sample_depth import SampleError
from fau_tf.utils import optional_imports

_WIDTH, _HEIGHT, _BITS, _SAMPLES, _ORIENTATION, _FORMAT, _PROFILE = (
    *(256, 257, 258, 277, 274, 339, 34675),
)
_FLOAT: Final = 3  # SampleFormat
_MODES: Final = ("RGB", "RGBA", "RGBX")


def coding_of(file: BinaryIO, picture: PillowImage.Image, page: int = 0) -> Coding:
    """Return what a file says about the samples of an open picture.

    Args:
        file: Of the picture; its position stays.
        picture: As `open_picture` gives it.
        page: Number of the picture in the file, from 0.

    Raises:
        OSError: If lower bytes are needed and can't be decoded.
    """
    place = file.tell()
    try:
        return _coding(file, picture, page)
    finally:
        file.seek(place)


def _coding(file: BinaryIO, picture: PillowImage.Image, page: int) -> Coding:
    if (floats := picture.info.get("floats")) is not None:
        return Coding(deep=floats)
    if nclx := picture.info.get("nclx"):
        color = ColorCode(nclx["color_primaries"], nclx["transfer_characteristics"])
        deep = picture.info.get("deep")
        return Coding(color, None if deep is None else deep[..., :3], bits=16)
    if picture.format == "AVIF":
        return Coding(_avif_color(file, picture))
    chunks = png_chunks.header_chunks(file) if picture.format == "PNG" else {}
    code = png_chunks.color_code(chunks)
    deep = None
    if _has_16_bit_colors(picture, chunks):
        # A transparent color has 16 bits, too.
        transparent = "transparency" in picture.info and not _is_animated(picture)
        deep = _lower_bytes(file, picture, page, needed=transparent or is_hdr(code))
    if (gray := png_chunks.transparent_gray(chunks)) is not None:
        picture.info["transparency"] = gray
    significant, gamma = png_chunks.significant_bits(chunks), png_chunks.gamma(chunks)
    return Coding(code, deep, significant=significant, gamma=gamma)


def _avif_color(file: BinaryIO, picture: PillowImage.Image) -> ColorCode | None:
    if "color_code" not in picture.info:  # once for all pictures of a sequence
        file.seek(0)
        picture.info["color_code"] = isobmff.color_code(file.read())
    found: ColorCode | None = picture.info["color_code"]
    return found


def _lower_bytes(
    file: BinaryIO, picture: PillowImage.Image, page: int, *, needed: bool
) -> npt.NDArray[Any] | None:
    """Return 16-bit colors of which Pillow keeps the upper bytes, if the lower ones matter."""
    brightest = int(np.asarray(picture)[..., :3].max())
    if brightest >= 128 and not needed:  # all 16 bits are in use
        return None
    if picture.format == "PNG" and _is_animated(picture):
        raise SampleError(
            "an animation of 16-bit colors that are dark, or of 12 bits. Convert it to 8 bits"
        )
    samples = decoded_colors(file, page)
    if samples.dtype != np.uint16 or samples.shape[:2] != (picture.height, picture.width):
        raise OSError("its 16-bit colors can't be decoded")
    return samples


def _is_animated(picture: PillowImage.Image) -> bool:
    return bool(getattr(picture, "is_animated", False))


def _has_16_bit_colors(picture: PillowImage.Image, chunks: dict[bytes, bytes]) -> bool:
    bits = np.atleast_1d(8)
    if picture.format == "PNG":
        bits = np.atleast_1d(png_chunks.bit_depth(chunks))
    elif picture.format == "TIFF":
        bits = np.atleast_1d(getattr(picture, "tag_v2", {}).get(_BITS, 8))
    return picture.mode in _MODES and int(bits.max()) == 16


def decoded_colors(file: BinaryIO, page: int = 0) -> npt.NDArray[Any]:
    """Return (H, W, 3) RGB samples of a PNG or TIFF as stored, by OpenCV.

    Raises:
        OSError: If it can't be decoded, or has no colors.
    """
    cv2 = optional_imports.cv2()
    file.seek(0)
    content = np.frombuffer(file.read(), np.uint8)
    if page:
        done, pages = cv2.imdecodemulti(content, cv2.IMREAD_UNCHANGED, None, (page, page + 1))
        samples = pages[0] if done and len(pages) == 1 else None
    else:
        samples = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
    if samples is None or samples.ndim != 3 or samples.shape[2] < 3:
        raise OSError("its colors can't be decoded")
    rgb: npt.NDArray[Any] = samples[..., 2::-1]
    return rgb


class FloatColors:
    """The header of a TIFF of floating-point colors, which Pillow doesn't open.

    Attributes:
        size: Columns and rows.
    """

    def __init__(self, file: BinaryIO) -> None:
        """Read the header.

        Raises:
            ValueError: If it is no such TIFF; damaged ones raise other errors, too.
        """
        file.seek(0)
        tags = TiffImagePlugin.ImageFileDirectory_v2(file.read(8))
        file.seek(tags.next)
        tags.load(file)
        kind = max(np.atleast_1d(tags.get(_FORMAT, 1)).tolist())
        if kind != _FLOAT or int(tags.get(_SAMPLES, 1)) not in (3, 4):
            raise ValueError("no TIFF of floating-point colors")
        self.size = int(tags[_WIDTH]), int(tags[_HEIGHT])
        self._tags, self._file = tags, file

    def picture(self) -> PillowImage.Image:
        """Return a black picture whose `info` has the samples, orientation and profile."""
        picture = PillowImage.new("RGB", self.size)
        exif = PillowImage.Exif()
        exif[_ORIENTATION] = self._tags.get(_ORIENTATION, 1)
        samples = decoded_colors(self._file)
        if samples.shape[:2] != self.size[::-1] or samples.dtype.kind != "f":
            raise OSError("its floating-point colors can't be decoded")
        profile = self._tags.get(_PROFILE)
        picture.info = {"exif": exif.tobytes(), "icc_profile": profile, "floats": samples}
        return picture
