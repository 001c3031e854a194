"""AU centers from 68 landmarks, by a rule set of `facs`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fau_tf import facs

_INNER_EYE_CORNERS = (39, 42)


def au_centers(
    landmarks: npt.NDArray[np.floating[Any]], aus: Sequence[int], rule: str = "fau"
) -> npt.NDArray[np.float32]:
    """Return the (..., K, 2) AU centers in the px of the landmarks, in the order of `facs.centers`.

    A rule's `down` is perpendicular to the line between the inner eye corners, so the centers
    follow a face that is rotated, scaled or moved.

    Args:
        landmarks: (..., 68, 2) iBUG landmarks.
        aus: Numbers of the AUs.
        rule: A key of `facs.RULES`.

    Raises:
        ValueError: If the landmarks are not (..., 68, 2), or the rule set lacks one of the AUs.
    """
    points = np.asarray(landmarks, np.float64)
    if points.shape[-2:] != (68, 2):
        raise ValueError(f"Landmarks must be (..., 68, 2) iBUG points, got {points.shape}.")
    rows = [center.point for center in facs.centers(aus, rule)]
    right, left = (points[..., i, :] for i in _INNER_EYE_CORNERS)
    across = left - right  # (..., 2)
    down = np.stack((-across[..., 1], across[..., 0]), axis=-1)
    place = [points[..., list(row.landmarks), :].mean(axis=-2) + row.down * down for row in rows]
    return np.stack(place, axis=-2).astype(np.float32)
