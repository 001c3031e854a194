"""Intensity of each side of the face, from the heatmaps of AUs with one center on each side.

Left and right are those of the face, not of the image: in a picture that is not mirrored, the
face's left is on the image's right. Whether a file was mirrored can't be seen in it.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf import facs

Sides = tuple[float, float]
"""Intensities of the face's left and right."""

FLOOR: Final = 0.5
"""Intensity that one side must reach for an asymmetry index: the ratio of two near zeros is
noise."""


def side_channels(aus: Sequence[int], rule: str) -> dict[str, tuple[int, int]]:
    """Return AU label -> heatmap channels of the face's left and right.

    Only AUs with exactly these two centers: their intensity is the mean of both sides. AU centers
    are named by the side of the image.

    Args:
        aus: The model's AUs.
        rule: A key of `facs.RULES`.
    """
    channels = [(center.au, center.point.side) for center in facs.centers(aus, rule)]
    return {
        facs.AUS[au].label: (channels.index((au, "right")), channels.index((au, "left")))
        for au in aus
        if facs.has_sides(au, rule)
    }


def side_intensities(
    heatmaps: npt.NDArray[np.floating[Any]], channels: Mapping[str, tuple[int, int]]
) -> dict[str, Sides]:
    """Return AU label -> intensities of the face's left and right: maxima of their heatmaps.

    The graph cuts each heatmap at 0 and 5 before it takes the mean of an AU's maxima, so the mean
    of both sides is the AU's intensity, also where one side is cut: to the rounding of float32 or,
    in an int8 model, of its two outputs.

    Args:
        heatmaps: (h, w, K) in 0 to 5; NaN of a face that was not read gives NaN.
        channels: From `side_channels`.
    """
    peaks = heatmaps.max(axis=(0, 1)).tolist()  # K
    return {label: (peaks[left], peaks[right]) for label, (left, right) in channels.items()}


def asymmetry(sides: Sides) -> float:
    """Return (L - R) / (L + R), -1 to 1: positive if the face's left is stronger.

    NaN if both sides are below `FLOOR`, or one is NaN.
    """
    left, right = sides
    if not max(left, right) >= FLOOR or math.isnan(left + right):
        return math.nan
    return (left - right) / (left + right)
