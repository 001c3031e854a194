"""Samples of more than 8 bits, brought to 8: which bits a picture uses, and what is assumed.

The bits in use are what the file declares: TIFF's BitsPerSample below 16 or MaxSampleValue, PNG's
`sBIT`, the maximum of a PGM. Files of 12-bit cameras often declare nothing and hold values up to
4095 in 16 bits. Then the bit length of the largest value decides, rounded up to 8, 10, 12, 14 or
16, and the picture is flagged: a dark picture of 16 bits looks the same and is brightened by a
power of two. Two kinds of pictures are known to be of 16 bits however dark they are: 8-bit values
times 257, and times 256.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

DEPTH_ASSUMED: Final = "bit depth assumed"
"""Flag: the largest value decided which bits are in use."""

_DEPTHS: Final = (8, 10, 12, 14, 16)
_FLOAT_ROOM: Final = 0.05
"""How far resampling may overshoot the range of floating-point samples."""

Samples = npt.NDArray[np.integer]
Eight = npt.NDArray[np.uint8]


class SampleError(ValueError):
    """Samples whose scale isn't known."""


def integers_to_8_bits(samples: Samples, declared: int | None) -> tuple[Eight, tuple[str, ...]]:
    """Return integer samples as uint8, their upper 8 of the bits in use, and flags.

    Args:
        samples: Any shape.
        declared: Bits in use by the file, counted from the lowest; None if it doesn't say.

    Raises:
        SampleError: If a value is negative or exceeds the declared bits or 16 bits.
    """
    low, high = int(samples.min()), int(samples.max())
    if low < 0 or high >= 1 << (declared or 16):
        raise SampleError(
            f"values from {low} to {high} exceed {declared or 16} bits. Convert the image to 8 bits"
        )
    bits = declared or _bits_in_use(samples, high)
    flags = () if declared or bits == _DEPTHS[-1] or samples.dtype == np.uint8 else (DEPTH_ASSUMED,)
    return (samples >> (bits - 8) if bits > 8 else samples).astype(np.uint8), flags


def floats_to_8_bits(samples: npt.NDArray[np.floating]) -> tuple[Eight, tuple[str, ...]]:
    """Return floating-point samples as uint8, and flags.

    They are 0 to 1, or 0 to 255, which is flagged; both may overshoot by 5 %.

    Raises:
        SampleError: If they are neither.
    """
    low, high = float(samples.min()), float(samples.max())
    for top, flags in ((1.0, ()), (255.0, (DEPTH_ASSUMED,))):
        room = top * _FLOAT_ROOM
        # Between both ranges lies what fits neither: 20 is no white.
        if -room <= low and (top == 1.0 or high >= 32) and high <= top + room:
            return np.round(np.clip(samples * (255 / top), 0, 255)).astype(np.uint8), flags
    raise SampleError(
        f"floating-point values from {low:g} to {high:g} are neither 0 to 1 nor 0 to 255. Scale "
        "the image to 0 to 1, or convert it to 8 bits"
    )


def png_bits(samples: Samples, significant: int | None) -> int | None:
    """Return the bits in use, from the lowest, of PNG samples with an `sBIT` chunk; None if unsure.

    By the PNG specification the significant bits are the upper ones. Some writers leave them
    below, which shows: values below 2 ** significant that the upper bits can't hold.
    """
    if significant is None or not 8 <= significant < 16:
        return None
    if int(samples.max()) >= 1 << significant:
        return 16
    lower = (1 << (16 - significant)) - 1
    return significant if bool((samples & lower).any()) else None


def _bits_in_use(samples: Samples, high: int) -> int:
    if high and any(not (samples % n).any() for n in (257, 256)):
        return 16
    return next(bits for bits in _DEPTHS if high < 1 << bits)
