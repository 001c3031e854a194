"""Colors of HDR and wide-gamut video as those of a standard screen.

Source of the screen's curve: ITU-R BT.1886 (gamma 2.4). `color_codes` has those of HDR.
"""

import functools
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf.face.align import Image
from fau_tf.io.color_codes import HDR, HLG, ColorCode, Light, display_light, light_of, to_bt709

_KNEE: Final = 0.75  # lighter than any skin; brighter light is compressed
_BRIGHTEST: Final = 4.0  # all light from here on is shown white
_GAMMA: Final = 2.4

_LEVELS: Final = 1 << 12
"""Steps of the tables, more than the 10 bits of HDR video."""


def wide_color(primaries: int, transfer: int) -> ColorCode | None:
    """Return the encoding of a frame by its code points; None if it is that of a standard screen.

    Args:
        primaries: Color primaries of ITU-T H.273.
        transfer: Transfer characteristics of ITU-T H.273.
    """
    if transfer in HDR:
        return ColorCode(primaries if to_bt709(primaries) is not None else 9, transfer)
    return ColorCode(primaries, 0) if to_bt709(primaries) is not None else None


def to_sdr(pixels: npt.NDArray[np.uint16], color: ColorCode) -> Image:
    """Return a picture for a standard screen, (H, W, 3) RGB uint8.

    Light up to 0.75 of a page's white stays as it is, so that a face looks as in an SDR video;
    brighter light of HDR is compressed. The curve of the screen is that for which SDR video is
    made (BT.1886), not that of photos.

    Args:
        pixels: (H, W, 3) RGB in 16 bits, of the encoding.
        color: The encoding.
    """
    light = _linear_table(color.transfer)[pixels >> 4]
    if color.transfer == HLG:
        light = display_light(light)
    matrix = to_bt709(color.primaries)
    light = light if matrix is None else light @ matrix.T
    # 12 bits of the square root are fine enough for dark tones.
    index = np.sqrt(np.clip(light, 0.0, _BRIGHTEST)) * ((_LEVELS - 1) / _BRIGHTEST**0.5)
    index += 0.5  # rounds
    shown: Image = _screen_table(color.transfer in HDR)[index.astype(np.uint16)]
    return shown


@functools.cache
def _linear_table(transfer: int) -> Light:
    """Return the light of each level; 1 is the white of a page, for HLG the peak of the scene."""
    level = (np.arange(_LEVELS) * 16 + 7.5) / 65535  # the middle of the 16-bit levels of a step
    level[0] = 0.0
    return light_of(transfer, level) if transfer in HDR else (level**_GAMMA).astype(np.float32)


@functools.cache
def _screen_table(hdr: bool) -> Image:
    """Return the gray level of each step of the square root of light, 0 to `_BRIGHTEST`."""
    light: Any = np.linspace(0.0, _BRIGHTEST**0.5, _LEVELS) ** 2
    room = 1 - _KNEE
    shoulder = _KNEE + room * (1 - np.exp(-(np.maximum(light, _KNEE) - _KNEE) / room))
    shown = np.where(light > _KNEE, shoulder, light) if hdr else np.minimum(light, 1)
    table: Image = np.rint(255 * shown ** (1 / _GAMMA)).astype(np.uint8)
    return table
