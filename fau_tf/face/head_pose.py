"""Head pose from mesh points: a least-squares fit of MediaPipe's canonical face."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

RIGID: Final = (
    (10, 0.00, 8.26, 4.48), (67, -3.52, 8.01, 3.73), (297, 3.52, 8.01, 3.73),
    (54, -6.28, 6.62, 1.43), (284, 6.28, 6.62, 1.43), (127, -7.74, 2.36, -2.01),
    (356, 7.74, 2.36, -2.01), (234, -7.66, 0.67, -2.44), (454, 7.66, 0.67, -2.44),
    (168, 0.00, 3.27, 5.24), (6, 0.00, 2.47, 5.79), (197, 0.00, 1.73, 6.32),
    (195, 0.00, 1.06, 6.77), (5, 0.00, 0.37, 7.24), (4, 0.00, -0.46, 7.59),
    (1, 0.00, -1.13, 7.48), (129, -1.79, -0.98, 4.85), (358, 1.79, -0.98, 4.85),
    (33, -4.45, 2.66, 3.17), (133, -1.86, 2.59, 3.76), (362, 1.86, 2.59, 3.76),
    (263, 4.45, 2.66, 3.17), (117, -5.26, 0.95, 2.97), (346, 5.26, 0.95, 2.97),
    (93, -7.54, -1.05, -2.43), (323, 7.54, -1.05, -2.43), (151, 0.00, 6.55, 5.03),
    (9, 0.00, 4.89, 5.39),
)  # fmt: skip
"""Mesh point, and its position on the canonical MediaPipe face: x right, y up, z to the camera, cm.

Forehead, temples, nose, eye corners and cheeks, which the jaw, lips and brows hardly move.
"""

_POINTS: Final = [row[0] for row in RIGID]
_SHAPE: Final = np.array([row[1:] for row in RIGID]) - np.mean([row[1:] for row in RIGID], axis=0)


def head_pose(mesh: npt.NDArray[np.floating[Any]]) -> tuple[float, float, float]:
    """Return yaw, pitch and roll in degrees; 0, 0, 0 faces the camera.

    Yaw is positive if the nose points to the right of the image, pitch if it points down, roll if
    the head leans counter-clockwise as the viewer sees it. The rotations are pitch, then yaw, then
    roll in the image plane, so yaw and pitch are those of the upright crop.

    The projection is scaled orthographic. On rendered faces of six synthetic subjects, a yaw of 30
    is estimated as 34, of 45 as 50 (3 to 4 degrees between subjects), a pitch of 30 as 21 up and 30
    down. MediaPipe's own matrix estimates a yaw of 45 as 40 and the same pitches; it also depends
    on the tile that was searched.

    Args:
        mesh: (478, 2) mesh points, px.
    """
    points = np.asarray(mesh, np.float64)[_POINTS] * (1.0, -1.0)
    linear, *_ = np.linalg.lstsq(_SHAPE, points - points.mean(axis=0), rcond=None)  # (3, 2)
    left, _, right = np.linalg.svd(linear.T, full_matrices=False)
    across, up = left @ right  # the closest two rows of a rotation
    toward = np.cross(across, up)
    yaw = np.arcsin(np.clip(-toward[0], -1.0, 1.0))
    pitch = np.arctan2(toward[1], toward[2])
    roll = np.arctan2(up[0], across[0])
    in_degrees = np.degrees((yaw, pitch, roll))
    return float(in_degrees[0]), float(in_degrees[1]), float(in_degrees[2])
