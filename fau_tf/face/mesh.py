"""A face as the landmark network gives it: 478 mesh points, and the 68 iBUG landmarks in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf import facs
from fau_tf.face.regions import Region
from fau_tf.face.tiling import Mesh, kept

MESH_POINTS: Final = 478
NO_FACE: Final = "no face found"
"""Reason of a row if a landmarker returns no face."""


@dataclass(frozen=True, eq=False)
class Face:
    """One face of an image; points are (x, y) px, pixel centers on integers.

    Attributes:
        mesh: (478, 2) points.
        presence: Probability, by the landmark network, that its crop shows a face, 0 to 1; NaN if
            the landmarker does not tell.
        region: What the landmark network saw; None if the landmarker does not tell.
        keypoints: (6, 2) of the detector: the person's right eye, left eye, tip of the nose,
            mouth, right and left ear tragion; None if the face was tracked.
    """

    mesh: Mesh
    presence: float = float("nan")
    region: Region | None = None
    keypoints: Mesh | None = None


def largest(faces: Sequence[Face], most: int) -> list[Face]:
    """Return the `most` largest of the distinct faces, left to right; see `tiling.kept`."""
    return [faces[i] for i in kept([face.mesh for face in faces], most)]


def ibug68(mesh: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    """Return the (..., 68, 2) iBUG landmarks among the (..., 478, 2) mesh points.

    On 43 annotated faces the mean distance of the 51 inner landmarks from their annotations is
    4.1 % of the outer eye distance; the jaw is less exact (docs/reference/face.md).

    Raises:
        ValueError: If the mesh is not (..., 478, 2).
    """
    points: npt.NDArray[np.float64] = np.asarray(mesh, np.float64)
    if points.shape[-2:] != (MESH_POINTS, 2):
        raise ValueError(f"The mesh must be (..., {MESH_POINTS}, 2), got {points.shape}.")
    return points[..., list(facs.IBUG_FROM_MEDIAPIPE), :]
