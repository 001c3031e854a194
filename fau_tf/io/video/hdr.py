"""Colors of HDR and wide-gamut video as those of a standard screen.

Sources: ITU-R BT.2100 (PQ and HLG), BT.2408 (a page's white is 203 cd/m2), BT.1886 (gamma 2.4).
"""

import functools
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf.face.align import Image

Floats = npt.NDArray[np.float32]

WHITE: Final = 203.0
"""Luminance of a page's white, cd/m2; light is measured in it here."""

_PQ, _HLG = 16, 18  # transfer functions, in H.273
_HLG_PEAK: Final = 1000.0  # cd/m2 of the screen for which HLG's display gamma is 1.2
_KNEE: Final = 0.75  # lighter than any skin; brighter light is compressed
_BRIGHTEST: Final = 4.0  # all light from here on is shown white
_GAMMA: Final = 2.4
_LUMINANCE: Final = np.array((0.2627, 0.6780, 0.0593), np.float32)  # of BT.2020
_TO_BT709: Final = {
    9: ((1.6605, -0.5876, -0.0728), (-0.1246, 1.1329, -0.0083), (-0.0182, -0.1006, 1.1187)),
    12: ((1.2249, -0.2247, 0.0), (-0.0420, 1.0419, 0.0), (-0.0197, -0.0786, 1.0979)),
}
"""Primaries in H.273 (BT.2020, Display P3) -> matrix from their linear light to that of BT.709."""

_LEVELS: Final = 1 << 12
"""Steps of the tables, more than the 10 bits of HDR video."""


@dataclass(frozen=True)
class WideColor:
    """A color encoding that a standard screen can't show as it is.

    Attributes:
        primaries: Key of the matrices to BT.709; another one if they fit already.
        transfer: PQ, HLG, or another one for a standard curve.
    """

    primaries: int
    transfer: int


def wide_color(primaries: int, transfer: int) -> WideColor | None:
    """Return the encoding of a frame by its code points; None if it is that of a standard screen.

    Args:
        primaries: Color primaries of ITU-T H.273.
        transfer: Transfer characteristics of ITU-T H.273.
    """
    if transfer in (_PQ, _HLG):
        return WideColor(primaries if primaries in _TO_BT709 else 9, transfer)
    return WideColor(primaries, 0) if primaries in _TO_BT709 else None


def to_sdr(pixels: npt.NDArray[np.uint16], color: WideColor) -> Image:
    """Return a picture for a standard screen, (H, W, 3) RGB uint8.

    Light up to 0.75 of a page's white stays as it is, so that a face looks as in an SDR video;
    brighter light of HDR is compressed. The curve of the screen is that for which SDR video is
    made (BT.1886), not that of photos.

    Args:
        pixels: (H, W, 3) RGB in 16 bits, of the encoding.
        color: The encoding.
    """
    light = _linear_table(color.transfer)[pixels >> 4]
    if color.transfer == _HLG:
        scene = light @ _LUMINANCE
        light *= (np.maximum(scene, 1e-6) ** 0.2)[..., None]
        light *= _HLG_PEAK / WHITE
    light = light @ np.array(_TO_BT709[color.primaries], np.float32).T
    # 12 bits of the square root are fine enough for dark tones.
    index = np.sqrt(np.clip(light, 0.0, _BRIGHTEST)) * ((_LEVELS - 1) / _BRIGHTEST**0.5)
    index += 0.5  # rounds
    shown: Image = _screen_table(color.transfer in (_PQ, _HLG))[index.astype(np.uint16)]
    return shown


@functools.cache
def _linear_table(transfer: int) -> Floats:
    """Return the light of each level; 1 is the white of a page, for HLG the peak of the scene."""
    level = (np.arange(_LEVELS) * 16 + 7.5) / 65535  # the middle of the 16-bit levels of a step
    level[0] = 0.0
    if transfer == _PQ:
        power = level ** (1 / 78.84375)
        light = np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)
        return (light ** (1 / 0.1593017578125) * (10_000 / WHITE)).astype(np.float32)
    if transfer == _HLG:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        light = np.where(level <= 0.5, level**2 / 3, (np.exp((level - c) / a) + b) / 12)
        return light.astype(np.float32)
    return (level**_GAMMA).astype(np.float32)


@functools.cache
def _screen_table(hdr: bool) -> Image:
    """Return the gray level of each step of the square root of light, 0 to `_BRIGHTEST`."""
    light: Any = np.linspace(0.0, _BRIGHTEST**0.5, _LEVELS) ** 2
    room = 1 - _KNEE
    shoulder = _KNEE + room * (1 - np.exp(-(np.maximum(light, _KNEE) - _KNEE) / room))
    shown = np.where(light > _KNEE, shoulder, light) if hdr else np.minimum(light, 1)
    table: Image = np.rint(255 * shown ** (1 / _GAMMA)).astype(np.uint8)
    return table
