"""Colors to sRGB: embedded ICC profiles, and the color codes of HEIC, AVIF and PNG with HDR.

HDR is tone-mapped as an SDR display would show it: the white of a page is close to white, and what
is brighter is compressed.
"""

from functools import cache, lru_cache
from io import BytesIO
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from PIL import ImageCms

from fau_tf.face.align import Image
from fau_tf.io.color_codes import (
    HDR,
    HLG,
    LINEAR,
    ColorCode,
    Light,
    display_light,
    light_of,
    to_bt709,
)

# Of a page's white; brighter light is compressed. On the sample photo in HLG, whose forehead is
# bright, the AUs are off by at most 0.37 with 0.75, 0.29 with 0.8, 0.12 with 0.9, 0.11 with 0.95.
_KNEE: Final = 0.9

_NO_CHANGE: Final = 2
"""Levels that a conversion may change of a color and count as none: most profiles are sRGB."""
_BLACK_POINT_AND_NO_CACHE: Final = 0x2000 | 0x0040  # a transform with a cache is not thread-safe


class ProfileError(ValueError):
    """An embedded profile can't be used."""


def icc_to_srgb(picture: PillowImage.Image, profile: bytes) -> PillowImage.Image:
    """Return a picture converted to sRGB by its profile: relative colorimetric, black point kept.

    Args:
        picture: Mode RGB, L or CMYK.
        profile: An ICC profile; unchanged colors stay exact if it is sRGB in effect.

    Raises:
        ProfileError: If the profile is damaged or of another kind of picture.
    """
    try:
        transform = _icc_transform(profile, picture.mode)
    # Damaged profiles also give OSError and TypeError.
    except Exception as error:
        raise ProfileError(str(error)) from error
    return picture.convert("RGB") if transform is None else transform.apply(picture)


@lru_cache(maxsize=8)
def _icc_transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the conversion; None if it changes no color of a grid visibly."""
    transform = ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags(_BLACK_POINT_AND_NO_CACHE),
    )
    if mode == "CMYK":
        return transform
    steps = np.linspace(0, 255, 9).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3)
    colors = PillowImage.fromarray(grid).convert(mode)
    converted = np.asarray(transform.apply(colors)).astype(np.int16)
    change = converted - np.asarray(colors.convert("RGB"))
    return None if np.abs(change).max() <= _NO_CHANGE else transform


def lab_to_rgb(picture: PillowImage.Image) -> PillowImage.Image:
    """Return a picture of mode LAB as sRGB."""
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.buildTransform(lab, srgb, "LAB", "RGB").apply(picture)


def code_to_srgb(samples: Image | npt.NDArray[np.uint16], code: ColorCode) -> Image:
    """Return samples of a color code as sRGB; PQ and HLG are tone-mapped.

    Args:
        samples: (H, W, 3) uint8 or uint16 over its full range, RGB.
        code: Their color code; unknown primaries and transfers count as those of sRGB.

    Returns:
        The samples themselves if they are 8-bit sRGB.
    """
    matrix = to_bt709(code.primaries)
    if matrix is None and code.transfer not in (LINEAR, *HDR):
        deep = samples.dtype == np.uint16
        return (samples >> 8 if deep else samples).astype(np.uint8, copy=False)
    light = _light_table(code.transfer, int(np.iinfo(samples.dtype).max))[samples]
    if code.transfer == HLG:
        light = display_light(light)
    if matrix is not None:
        light = np.maximum(light @ matrix.T, 0)
    if code.transfer in HDR:
        light = _tone_mapped(light)
    return _srgb_table()[np.round(np.clip(light, 0, 1) * _STEPS).astype(np.uint16)]


def gamma_to_srgb(samples: Image, gamma: float) -> Image:
    """Return samples that are linear light to the power of `gamma`, as sRGB."""
    light = np.linspace(0, 1, 256) ** (1 / gamma)
    return _srgb_table()[np.round(light * _STEPS).astype(np.uint16)][samples]


def _tone_mapped(light: Light) -> Light:
    """Compress what is above the knee; ratios of the channels, and so the hue, stay."""
    peak = light.max(axis=-1, keepdims=True)
    room = 1 - _KNEE
    compressed = _KNEE + room * -np.expm1(-(peak - _KNEE) / room)
    gain = np.where(peak > _KNEE, compressed / np.maximum(peak, _KNEE), 1)
    mapped: Light = light * gain.astype(np.float32)
    return mapped


@cache
def _light_table(transfer: int, top: int) -> Light:
    return light_of(transfer, np.linspace(0, 1, top + 1))


_STEPS: Final = 65_535


@cache
def _srgb_table() -> npt.NDArray[np.uint8]:
    """Return the 8-bit sRGB level of each 16-bit linear value."""
    x = np.linspace(0, 1, _STEPS + 1)
    coded = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)
    return np.round(coded * 255).astype(np.uint8)
