"""AU centers from 68 landmarks, by a rule set of `facs`."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fau_tf import facs

_INNER_EYE_CORNERS = (39, 42)

_Array = npt.NDArray[Any]


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
    right, left = (points[..., i, :] for i in _INNER_EYE_CORNERS)
    across = left - right  # (..., 2)
    down = np.stack((-across[..., 1], across[..., 0]), axis=-1)
    places, by_count = _table(tuple(aus), rule)
    centers = places * down[..., None, :]  # (..., K, 2)
    for rows, landmarks_of in by_count:
        centers[..., rows, :] += points[..., landmarks_of, :].mean(axis=-2)
    return centers.astype(np.float32)


@functools.cache
def _table(aus: tuple[int, ...], rule: str) -> tuple[_Array, list[tuple[_Array, _Array]]]:
    """Return how far down each center lies, (K, 1), and rows with the same number of landmarks.

    Each of these has the rows' numbers (n,) and their landmarks (n, count): one indexing for all,
    because NumPy takes as long for one point as for thirty.
    """
    points = [center.point for center in facs.centers(aus, rule)]
    down = np.array([[point.down] for point in points])
    counts = [len(point.landmarks) for point in points]
    by_count = []
    for count in sorted(set(counts)):
        rows = [row for row, n in enumerate(counts) if n == count]
        by_count.append((np.array(rows), np.array([points[row].landmarks for row in rows])))
    return down, by_count
