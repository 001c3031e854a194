"""Pose and scale of a face in a picture: the canonical face, rotated and scaled onto its mesh."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf.portraits.fields import FaceShape
from fau_tf.synthetic.rigs import canonical_topology as topology
from fau_tf.synthetic.rigs.rig import Floats

_MOVES: Final = (
    *topology.UPPER_LIP, *topology.LOWER_LIP, *topology.LIP_CORNERS, *topology.RIGHT_EYE,
    *topology.LEFT_EYE,
)  # fmt: skip
_LOWEST: Final = -3.0
"""Height in cm below which the jaw and the mouth move the skin."""


@dataclass(frozen=True, eq=False)
class Pose:
    """A scaled orthographic view of the canonical face.

    Attributes:
        scale: px per cm.
        rotation: (3, 3) from the canonical axes to the camera's: x right, y up, z to the camera.
    """

    scale: float
    rotation: npt.NDArray[np.float64]

    def on_picture(self, vectors: Floats) -> Floats:
        """Return displacements (..., 3) in cm as (..., 2) px, y down."""
        return np.asarray(vectors @ (self.scale * self.rotation[:2] * [[1.0], [-1.0]]).T)

    def depth(self, points: Floats) -> Floats:
        """Return (...,) how near points (..., 3) are to the camera, cm; larger is nearer."""
        return np.asarray(points @ self.rotation[2])

    def turned(self, vectors: Floats) -> Floats:
        """Return vectors (..., 3) in the camera's axes."""
        return np.asarray(vectors @ self.rotation.T)


def fit_pose(mesh: npt.NDArray[np.floating[Any]], shape: FaceShape) -> Pose:
    """Return the pose that brings the canonical face nearest to a mesh.

    Vertices of lips, eyelids and the lower face, which expressions move, do not count.

    Args:
        mesh: (478, 2) or (468, 2) mesh points, px.
        shape: The canonical face.

    Raises:
        ValueError: If the mesh has another shape or a value that is not finite.
    """
    points = np.asarray(mesh, np.float64)[: topology.FACE_VERTICES]
    if points.shape != (topology.FACE_VERTICES, 2) or not np.isfinite(points).all():
        raise ValueError(f"A mesh must be finite and (478, 2). Received: {np.shape(mesh)}")
    used = _rigid(shape)
    model = shape.points[used] - shape.points[used].mean(0)
    seen = (points[used] - points[used].mean(0)) * (1, -1)
    linear, *_ = np.linalg.lstsq(model, seen, rcond=None)  # (3, 2)
    left, _, right = np.linalg.svd(linear.T, full_matrices=False)
    rows = left @ right  # (2, 3), the closest two rows of a rotation
    rotation = np.vstack([rows, np.cross(rows[0], rows[1])])
    placed = model @ rows.T
    scale = float((placed * seen).sum() / (placed**2).sum())
    return Pose(scale, rotation)


def _rigid(shape: FaceShape) -> npt.NDArray[np.intp]:
    still = shape.points[:, 1] > _LOWEST
    still[list(_MOVES)] = False
    return np.flatnonzero(still)
