"""Landmarks shipped with data sets, as the 68 of iBUG.

DISFA has 66 points, iBUG's without the inner mouth corners; BP4D has 49, also without the jaw.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf.face.align import similarity, transform

Points = npt.NDArray[np.float64]

_INNER_MOUTH_CORNERS: Final = (60, 64)
_DISFA: Final = tuple(i for i in range(68) if i not in _INNER_MOUTH_CORNERS)
_BP4D: Final = tuple(i for i in range(17, 68) if i not in _INNER_MOUTH_CORNERS)
_INWARD: Final = 0.07
"""Distance of an inner mouth corner from the outer one, as a fraction of the mouth's width. On 43
annotated faces, points placed so are 3 % of the width away from the annotation."""


@dataclass(frozen=True)
class LandmarkFiles:
    """Files with the landmarks of a clip.

    Attributes:
        by_frame: DISFA: frame -> MATLAB file with `pts` (66, 2).
        table: BP4D: one MATLAB file with 49 points for each image of the folder.
        frames: BP4D: frame numbers of those images, ascending.
    """

    by_frame: Mapping[int, Path] | None = None
    table: Path | None = None
    frames: tuple[int, ...] = ()

    def read(self) -> dict[int, Points]:
        """Return frame -> (68, 2) px, for frames with usable landmarks; BP4D's jaw is NaN.

        Raises:
            ValueError: If a file has another content than expected.
        """
        if self.by_frame is not None:
            return {n: _read_disfa(path) for n, path in self.by_frame.items() if path.is_file()}
        if self.table is None:
            return {}
        tracked = zip(self.frames, _read_bp4d(self.table, len(self.frames)), strict=True)
        return {n: _ibug68(_BP4D, points) for n, points in tracked if np.isfinite(points).all()}


def with_jaw(points: Points, detected: Points) -> Points:
    """Return points whose missing jaw is that of detected landmarks, aligned to the others.

    Args:
        points: (68, 2) px, NaN for the jaw.
        detected: (68, 2) px, complete, e.g. those of the face landmarker.
    """
    known = np.asarray(np.isfinite(points).all(axis=1))
    aligned = transform(similarity(detected[known], points[known]), detected)
    return np.where(known[:, None], points, aligned)


def _ibug68(indices: tuple[int, ...], known: npt.NDArray[np.floating[Any]]) -> Points:
    points = np.full((68, 2), np.nan)
    points[list(indices)] = known
    for inner, outer, opposite in ((60, 48, 54), (64, 54, 48)):
        points[inner] = points[outer] + _INWARD * (points[opposite] - points[outer])
    return points


def _read_disfa(path: Path) -> Points:
    points = np.asarray(_load_mat(path).get("pts", ()), np.float64)
    if points.shape != (66, 2) or not np.isfinite(points).all():
        raise ValueError(f"{path}: must hold `pts`, 66 points. Received: shape {points.shape}")
    return _ibug68(_DISFA, points)


def _read_bp4d(path: Path, count: int) -> Points:
    """Return (N, 49, 2); NaN where a frame was not tracked."""
    variables = {name: value for name, value in _load_mat(path).items() if name[:2] != "__"}
    for value in variables.values():
        fields = [_stack(value[field]) for field in value.dtype.names or ()]
        for points in (_as_points(value), *fields):
            if points is not None and len(points) == count:
                return points
    shapes = {name: value.shape for name, value in variables.items()}
    raise ValueError(
        f"{path}: must hold 49 points for each of the {count} images of its folder. "
        f"Received: {shapes}. Use data.landmarks=litert."
    )


def _as_points(value: npt.NDArray[Any]) -> Points | None:
    """Return (N, 49, 2) of a plain array with these axes in any order, else None."""
    if value.dtype.names or value.dtype == object or value.ndim != 3:
        return None
    orders = ((0, 1, 2), (2, 0, 1), (2, 1, 0), (0, 2, 1))
    candidates = (value.transpose(order) for order in orders)
    fitting = (points for points in candidates if points.shape[1:] == (49, 2))
    return next((points.astype(np.float64) for points in fitting), None)


def _stack(cells: npt.NDArray[Any]) -> Points | None:
    """Return (N, 49, 2) of cells with one frame each, empty where not tracked, else None."""
    frames = []
    for cell in cells.ravel():
        points = np.asarray(cell)
        points = points.T if points.shape == (2, 49) else points
        if points.size and points.shape != (49, 2):
            return None
        frames.append(points if points.size else np.full((49, 2), np.nan))
    return np.array(frames, np.float64) if frames else None


def _load_mat(path: Path) -> dict[str, Any]:
    from scipy.io import loadmat

    try:
        content: dict[str, Any] = loadmat(path)
    except Exception as error:  # SciPy raises many kinds of errors on a broken file
        raise ValueError(
            f"{path}: must be a MATLAB file. Received: {error or type(error).__name__}"
        ) from error
    return content
