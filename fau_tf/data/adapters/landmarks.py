"""Landmarks that data sets ship -> the 68 of iBUG.

DISFA has 66 points, iBUG's without the inner mouth corners; BP4D has 49, without the jaw too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf.face.align import similarity, transform

Points = npt.NDArray[np.float64]

_MOUTH_CORNERS: Final = (60, 64)
_DISFA: Final = tuple(i for i in range(68) if i not in _MOUTH_CORNERS)
_BP4D: Final = tuple(i for i in range(17, 68) if i not in _MOUTH_CORNERS)
_INWARD: Final = 0.07
"""Inner mouth corners lie this part of the mouth's width inside the outer ones: on 43 annotated
faces the points made so are 3 % of the width from a person's marks."""
JAW: Final = slice(0, 17)


@dataclass(frozen=True)
class PointFiles:
    """Where the landmarks of a clip lie.

    Attributes:
        files: Frame -> MATLAB file with `pts` (66, 2); or
        table: One MATLAB file with 49 points of every picture of the folder, and
        order: the numbers of those pictures, ascending.
    """

    files: Mapping[int, Path] | None = None
    table: Path | None = None
    order: tuple[int, ...] = ()

    def read(self) -> dict[int, Points]:
        """Return frame -> (68, 2) px; NaN where the data set has no point (the jaw, of BP4D).

        A frame without usable landmarks is not in it.

        Raises:
            ValueError: If a file is not what the data set describes.
        """
        if self.files is not None:
            return {number: _disfa(path) for number, path in self.files.items() if path.is_file()}
        if self.table is None:
            return {}
        rows = _bp4d(self.table, len(self.order))
        found = zip(self.order, rows, strict=True)
        return {number: _from(_BP4D, row) for number, row in found if np.isfinite(row).all()}


def with_jaw(points: Points, other: Points) -> Points:
    """Return points whose missing jaw is that of another reading of the same face, moved along.

    Args:
        points: (68, 2) px, NaN for the jaw.
        other: (68, 2) px, complete, e.g. MediaPipe's.
    """
    known = np.asarray(np.isfinite(points).all(axis=1))
    moved = transform(similarity(other[known], points[known]), other)
    return np.where(known[:, None], points, moved)


def _from(indices: tuple[int, ...], rows: npt.NDArray[np.floating[Any]]) -> Points:
    points = np.full((68, 2), np.nan)
    points[list(indices)] = rows
    for inner, outer, opposite in ((60, 48, 54), (64, 54, 48)):
        points[inner] = points[outer] + _INWARD * (points[opposite] - points[outer])
    return points


def _disfa(path: Path) -> Points:
    rows = np.asarray(_mat(path).get("pts", ()), np.float64)
    if rows.shape != (66, 2) or not np.isfinite(rows).all():
        raise ValueError(f"{path}: must hold `pts`, 66 points. Received: shape {rows.shape}")
    return _from(_DISFA, rows)


def _bp4d(path: Path, count: int) -> Points:
    """Return (N, 49, 2); NaN where a frame was not tracked."""
    content = {name: value for name, value in _mat(path).items() if not name.startswith("__")}
    for value in content.values():
        for rows in (_array(value), *(_cells(value, name) for name in value.dtype.names or ())):
            if rows is not None and len(rows) == count:
                return rows
    shapes = {name: value.shape for name, value in content.items()}
    raise ValueError(
        f"{path}: must hold 49 points for each of the {count} pictures of its folder. "
        f"Received: {shapes}. Use data.landmarks=mediapipe."
    )


def _array(value: npt.NDArray[Any]) -> Points | None:
    """Return (N, 49, 2) of an array in which 49 points stand in some order of axes."""
    if value.dtype.names or value.dtype == object or value.ndim != 3:
        return None
    orders = ((0, 1, 2), (2, 0, 1), (2, 1, 0), (0, 2, 1))
    turned = [value.transpose(order) for order in orders]
    fitting = (rows for rows in turned if rows.shape[1:] == (49, 2))
    return next((rows.astype(np.float64) for rows in fitting), None)


def _cells(value: npt.NDArray[Any], name: str) -> Points | None:
    """Return (N, 49, 2) of a struct array, one frame an element, empty where not tracked."""
    rows = []
    for cell in value[name].ravel():
        points = np.asarray(cell)
        points = points.T if points.shape == (2, 49) else points
        if points.size and points.shape != (49, 2):
            return None
        rows.append(points if points.size else np.full((49, 2), np.nan))
    return np.array(rows, np.float64) if rows else None


def _mat(path: Path) -> dict[str, Any]:
    from scipy.io import loadmat

    try:
        content: dict[str, Any] = loadmat(path)
    except Exception as error:  # SciPy raises whatever a broken file leads it to
        raise ValueError(
            f"{path}: must be a MATLAB file. Received: {error or type(error).__name__}"
        ) from error
    return content
