"""Pillow pictures of any mode to upright RGB arrays in sRGB."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from PIL import ImageOps, TiffImagePlugin

from fau_tf.face.align import Image
from fau_tf.io.color_codes import HDR, ColorCode
from fau_tf.io.stills.color import (
    ProfileError,
    code_to_srgb,
    gamma_to_srgb,
    icc_to_srgb,
    lab_to_rgb,
)
from fau_tf.io.stills.sample_depth import Samples, floats_to_8_bits, integers_to_8_bits, png_bits

TONE_MAPPED: Final = "tone-mapped"
"""Flag: an HDR picture, shown as on an SDR display."""

PROFILE_UNUSABLE: Final = "color profile unusable"
"""Flag: the embedded ICC profile is damaged or of another kind of picture; read as sRGB."""

FLOATS_ASSUMED: Final = "floats taken as sRGB"
"""Flag: floating-point samples without a profile, which may be linear light."""

_BITS_PER_SAMPLE: Final = 258
_ORIENTATION: Final = 274
_MAX_SAMPLE_VALUES: Final = (281, 341)  # TIFF 6.0: MaxSampleValue, SMaxSampleValue


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture that was read.

    Attributes:
        image: (H, W, 3) RGB uint8, sRGB, upright.
        flags: Assumptions that it was read with, e.g. `bit depth assumed`; usually none.
    """

    image: Image
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Coding:
    """What a file says about its samples beyond Pillow's mode.

    Attributes:
        color: Its color code, if it has one.
        deep: (H, W, 3) colors as stored, uint16 where Pillow's picture has their upper bytes, or
            floating-point.
        bits: Bits in use, if the format defines them.
        significant: Significant bits of a PNG file, if it has an `sBIT` chunk.
        gamma: Exponent from light to samples of a PNG file, if it is not that of sRGB.
    """

    color: ColorCode | None = None
    deep: npt.NDArray[Any] | None = None
    bits: int | None = None
    significant: int | None = None
    gamma: float | None = None


def is_hdr(code: ColorCode | None) -> bool:
    """Return whether the colors of a code need tone mapping."""
    return code is not None and code.transfer in HDR


def to_rgb(picture: PillowImage.Image, coding: Coding | None = None) -> Picture:
    """Return a Pillow picture as RGB: EXIF orientation, bit depth, profile, then alpha over white.

    Args:
        picture: Of any mode.
        coding: What its file says.

    Raises:
        SampleError: If the scale of its samples isn't known.
        OSError: If its file is damaged.
    """
    coding = coding or Coding()
    if coding.deep is not None and coding.color and is_hdr(coding.color):
        # before their lower bits are cut: PQ spends few levels on a face
        picture = _replaced(picture, code_to_srgb(coding.deep, coding.color), coding.deep)
        return Picture(_shown(picture, Coding()).image, (TONE_MAPPED,))
    picture, flags = _with_8_bits(picture, coding)
    shown = _shown(picture, coding)
    return Picture(shown.image, flags + shown.flags)


def _shown(picture: PillowImage.Image, coding: Coding) -> Picture:
    """Return a picture of 8 bits upright, in sRGB and over white."""
    picture = ImageOps.exif_transpose(picture)
    if not picture.has_transparency_data:
        return Picture(*_srgb(picture, coding))
    alpha = picture.convert("RGBA").getchannel("A")
    rgb, flags = _srgb(_without_alpha(picture), coding)
    shown = PillowImage.fromarray(rgb)
    shown.putalpha(alpha)
    white = PillowImage.new("RGBA", shown.size, "white")
    return Picture(np.array(PillowImage.alpha_composite(white, shown).convert("RGB")), flags)


def _with_8_bits(
    picture: PillowImage.Image, coding: Coding
) -> tuple[PillowImage.Image, tuple[str, ...]]:
    samples = coding.deep
    if samples is None and (picture.mode == "F" or picture.mode.startswith("I")):
        samples = np.asarray(picture)
    if samples is None:
        return picture, ()
    if samples.dtype.kind == "f":
        values, flags = floats_to_8_bits(samples)
        flags += () if picture.info.get("icc_profile") else (FLOATS_ASSUMED,)
    else:
        values, flags = integers_to_8_bits(samples, _declared_bits(picture, samples, coding))
    return _replaced(picture, values, samples), flags


def _replaced(
    picture: PillowImage.Image, values: npt.NDArray[np.uint8], samples: npt.NDArray[Any]
) -> PillowImage.Image:
    """Return `values` of `samples` with a picture's profile, orientation and transparency."""
    made = PillowImage.fromarray(values)
    if alpha := _alpha(picture, samples):
        made.putalpha(alpha)
    exif = PillowImage.Exif()
    exif[_ORIENTATION] = picture.getexif().get(_ORIENTATION, 1)
    made.info = {"exif": exif.tobytes(), "icc_profile": picture.info.get("icc_profile")}
    return made


def _alpha(picture: PillowImage.Image, samples: npt.NDArray[Any]) -> PillowImage.Image | None:
    """Return the alpha channel, also of one transparent color; None for an opaque picture."""
    if picture.mode == "RGBA":
        return picture.getchannel("A")
    color = picture.info.get("transparency")
    if color is None or samples.dtype.kind == "f":
        return None
    opaque = (np.atleast_3d(samples) != color).any(axis=-1)
    return PillowImage.fromarray(opaque.astype(np.uint8) * 255)


def _declared_bits(picture: PillowImage.Image, samples: Samples, coding: Coding) -> int | None:
    """Return the bits in use by what the file declares; None if it doesn't."""
    if coding.bits:
        return coding.bits
    if picture.format == "PPM":  # Pillow scales by the maximum that the header gives
        return 16
    if picture.format == "PNG":
        return png_bits(samples, coding.significant)
    if not isinstance(picture, TiffImagePlugin.TiffImageFile):
        return None
    for tag in _MAX_SAMPLE_VALUES:
        top = max(map(int, np.atleast_1d(picture.tag_v2.get(tag, 0))))
        if 0xFF <= top < 0xFFFF:
            return top.bit_length()
    bits = max(map(int, np.atleast_1d(picture.tag_v2.get(_BITS_PER_SAMPLE, 0))))
    return bits if 8 <= bits < 16 else None


def _without_alpha(picture: PillowImage.Image) -> PillowImage.Image:
    rgba = picture.convert("RGBA")  # a transparent color becomes a channel
    opaque = rgba.convert("L" if picture.mode in ("L", "LA", "La") else "RGB")
    opaque.info = dict(picture.info)
    opaque.info.pop("transparency", None)
    return opaque


def _srgb(picture: PillowImage.Image, coding: Coding) -> tuple[Image, tuple[str, ...]]:
    """Return the colors as sRGB, and flags."""
    profile = picture.info.get("icc_profile")
    if profile and picture.mode != "LAB" and not is_hdr(coding.color):  # no profile describes HDR
        return _by_profile(picture, profile)
    rgb = np.array(_plain_rgb(picture))
    if coding.color is not None:
        rgb = code_to_srgb(rgb, coding.color)
    elif coding.gamma is not None:
        rgb = gamma_to_srgb(rgb, coding.gamma)
    return rgb, (TONE_MAPPED,) if is_hdr(coding.color) else ()


def _by_profile(picture: PillowImage.Image, profile: bytes) -> tuple[Image, tuple[str, ...]]:
    modes = (picture.mode, "RGB") if picture.mode in ("L", "CMYK") else ("RGB",)
    for mode in modes:  # gray pictures also come with RGB profiles
        try:
            source = picture if picture.mode == mode else _plain_rgb(picture)
            return np.array(icc_to_srgb(source, profile)), ()
        except ProfileError:
            continue
    return np.array(_plain_rgb(picture)), (PROFILE_UNUSABLE,)


def _plain_rgb(picture: PillowImage.Image) -> PillowImage.Image:
    return lab_to_rgb(picture) if picture.mode == "LAB" else picture.convert("RGB")
