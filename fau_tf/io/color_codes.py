"""Color codes of ITU-T H.273: what primaries and transfer characteristics mean, as linear light.

Sources: ITU-R BT.2100 (PQ and HLG), BT.2408 (the white of a page is 203 cd/m2).
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

PQ: Final = 16
HLG: Final = 18
LINEAR: Final = 8
HDR: Final = frozenset((PQ, HLG))
"""Transfer characteristics that need tone mapping."""

WHITE: Final = 203.0
"""Luminance of a page's white, cd/m2."""

_HLG_PEAK: Final = 1000.0  # cd/m2 of the screen for which HLG's display gamma is 1.2

# x, y of red, green and blue; white is D65. Other primaries (BT.601) are close to BT.709's.
_BT709: Final = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
_WIDE: Final = {
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),  # BT.2020
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),  # Display P3
}
_D65: Final = (0.3127, 0.3290)

Light = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ColorCode:
    """Coding-independent code points.

    Attributes:
        primaries: 1 for those of sRGB, 9 for BT.2020, 12 for Display P3.
        transfer: 13 for sRGB, 16 for PQ, 18 for HLG.
    """

    primaries: int
    transfer: int


def light_of(transfer: int, levels: npt.NDArray[np.floating]) -> Light:
    """Return the linear light of coded levels.

    Args:
        transfer: PQ, HLG or LINEAR; others count as sRGB.
        levels: 0 to 1.

    Returns:
        1 is the white of a page; for HLG, the peak of the scene: see `display_light`.
    """
    if transfer == PQ:
        power = levels ** (1 / 78.84375)
        light = np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)
        light = light ** (1 / 0.1593017578125) * (10_000 / WHITE)
    elif transfer == HLG:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        light = np.where(levels <= 0.5, levels**2 / 3, (np.exp((levels - c) / a) + b) / 12)
    elif transfer == LINEAR:
        light = levels
    else:
        light = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    found: Light = light.astype(np.float32)
    return found


def display_light(scene: Light) -> Light:
    """Return the light that an HLG screen of 1000 cd/m2 shows; 1 is the white of a page.

    Args:
        scene: (..., 3) linear light of the scene in BT.2020, 0 to 1.
    """
    luminance = scene @ np.array((0.2627, 0.6780, 0.0593), np.float32)
    shown: Light = scene * (luminance**0.2)[..., None] * np.float32(_HLG_PEAK / WHITE)
    return shown


@cache
def to_bt709(primaries: int) -> Light | None:
    """Return (3, 3) linear light in other primaries -> that in BT.709, the primaries of sRGB.

    Returns:
        None if the primaries are those of BT.709, or close.
    """
    if primaries not in _WIDE:
        return None
    matrix = np.linalg.solve(_to_xyz(_BT709), _to_xyz(_WIDE[primaries]))
    return matrix.astype(np.float32)


def _to_xyz(primaries: tuple[tuple[float, float], ...]) -> npt.NDArray[np.float64]:
    columns = np.array([(x / y, 1, (1 - x - y) / y) for x, y in primaries]).T
    x, y = _D65
    white = np.linalg.solve(columns, (x / y, 1, (1 - x - y) / y))
    return columns * white
