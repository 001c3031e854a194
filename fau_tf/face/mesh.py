"""A face as the landmark network gives it: 478 mesh points, and the 68 iBUG landmarks in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf import facs
from fau_tf.face import bundle
from fau_tf.face.align import Image, transform
from fau_tf.face.regions import Region, fast_cut
from fau_tf.face.tiling import Mesh, kept

MESH_POINTS: Final = 478
SIDE: Final = 256
"""Of the landmark network's input, px."""
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


class LandmarkNetwork:
    """478 mesh points of the face in a region, and the probability that there is one.

    Input: the region in 256 px (`regions.cut` with a replicated border), v / 255. Outputs: x, y, z
    of each point in px of that crop, and the logit of the presence. Not for two threads at once.
    """

    def __init__(self, content: bytes) -> None:
        """Load the network.

        Args:
            content: Of the bundle.
        """
        self._network = bundle.Network(content, bundle.LANDMARKS)

    def __call__(self, image: Image, region: Region) -> Face:
        """Return the face of an (H, W, 3) RGB uint8 image, whatever its presence."""
        return self.read(fast_cut(image, region, SIDE, "replicate"), region)

    def read(self, crop: Image, region: Region) -> Face:
        """Return the face in the (256, 256, 3) crop of a region."""
        outputs = self._network(network_input(crop))
        points = outputs["Identity"].reshape(MESH_POINTS, 3)[:, :2].astype(np.float64)
        presence = 1 / (1 + np.exp(-float(outputs["Identity_1"].item())))
        return Face(transform(region.matrix(SIDE), points), float(presence), region)


def network_input(crop: Image) -> npt.NDArray[np.float32]:
    """Return the (1, 256, 256, 3) float32 input of the landmark network, 0 to 1."""
    return crop[None].astype(np.float32) / np.float32(255)


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
