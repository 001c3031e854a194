"""Colors to sRGB: embedded ICC profiles, and the color codes of HEIC, AVIF and PNG with HDR.

HDR is tone-mapped as an SDR display would show it: the reference white of 203 cd/m2 (ITU-R
BT.2408) is close to white, and what is brighter is compressed. PQ and HLG are those of ITU-R
BT.2100, HLG for a display of 1000 cd/m2.
"""

from functools import cache, lru_cache
from io import BytesIO
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from PIL import ImageCms

from fau_tf.face.align import Image
from fau_tf.io.stills.isobmff import ColorCode

PQ: Final = 16
HLG: Final = 18
HDR: Final = frozenset((PQ, HLG))
"""Transfer characteristics of ITU-T H.273 that need tone mapping."""

_LINEAR: Final = 8
_REFERENCE_WHITE: Final = 203.0  # cd/m2
_HLG_PEAK: Final = 1000.0  # cd/m2
_KNEE: Final = 0.8  # linear, of the reference white; above it highlights are compressed

# x, y of red, green and blue; white is D65. Other primaries (BT.601) are close to sRGB's.
_SRGB_PRIMARIES: Final = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
_PRIMARIES: Final = {
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
_D65: Final = (0.3127, 0.3290)

_NO_CHANGE: Final = 2
"""Levels that a conversion may change of a color and count as none: most profiles are sRGB."""
_BLACK_POINT_AND_NO_CACHE: Final = 0x2000 | 0x0040  # a transform with a cache is not thread-safe

Linear = npt.NDArray[np.float32]


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
    matrix = _to_srgb(code.primaries)
    if matrix is None and code.transfer not in (_LINEAR, *HDR):
        deep = samples.dtype == np.uint16
        return (samples >> 8 if deep else samples).astype(np.uint8, copy=False)
    linear = _linear_table(code.transfer, int(np.iinfo(samples.dtype).max))[samples]
    if code.transfer == HLG:
        # The luminance of BT.2020 in cd/m2 decides the gain of an HLG display.
        luminance = linear @ np.array((0.2627, 0.6780, 0.0593), np.float32)
        linear *= (luminance**0.2)[..., None] * np.float32(_HLG_PEAK / _REFERENCE_WHITE)
    if matrix is not None:
        linear = np.maximum(linear @ matrix.T, 0)
    if code.transfer in HDR:
        linear = _tone_mapped(linear)
    return _srgb_table()[np.round(np.clip(linear, 0, 1) * _STEPS).astype(np.uint16)]


def _tone_mapped(linear: Linear) -> Linear:
    """Compress what is above the knee; ratios of the channels, and so the hue, stay."""
    peak = linear.max(axis=-1, keepdims=True)
    room = 1 - _KNEE
    compressed = _KNEE + room * -np.expm1(-(peak - _KNEE) / room)
    gain = np.where(peak > _KNEE, compressed / np.maximum(peak, _KNEE), 1)
    mapped: Linear = linear * gain.astype(np.float32)
    return mapped


@cache
def _linear_table(transfer: int, top: int) -> Linear:
    """Return the linear value of each sample; of PQ, 1 is the reference white."""
    x = np.linspace(0, 1, top + 1)
    if transfer == PQ:
        m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
        power = x ** (1 / m2)
        nits = 10_000 * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)
        return (nits / _REFERENCE_WHITE).astype(np.float32)
    if transfer == HLG:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        return np.where(x <= 0.5, x**2 / 3, (np.exp((x - c) / a) + b) / 12).astype(np.float32)
    if transfer == _LINEAR:
        return x.astype(np.float32)
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4).astype(np.float32)


_STEPS: Final = 65_535


@cache
def _srgb_table() -> npt.NDArray[np.uint8]:
    """Return the 8-bit sRGB level of each 16-bit linear value."""
    x = np.linspace(0, 1, _STEPS + 1)
    coded = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)
    return np.round(coded * 255).astype(np.uint8)


@cache
def _to_srgb(primaries: int) -> Linear | None:
    """Return (3, 3) linear RGB -> linear sRGB; None if the primaries are sRGB's or close."""
    if primaries not in _PRIMARIES:
        return None
    to_xyz = [_to_xyz(xy) for xy in (_SRGB_PRIMARIES, _PRIMARIES[primaries])]
    matrix: Linear = np.linalg.solve(*to_xyz).astype(np.float32)
    return matrix


def _to_xyz(primaries: tuple[tuple[float, float], ...]) -> npt.NDArray[np.float64]:
    columns = np.array([(x / y, 1, (1 - x - y) / y) for x, y in primaries]).T
    x, y = _D65
    white = np.linalg.solve(columns, (x / y, 1, (1 - x - y) / y))
    return columns * white
