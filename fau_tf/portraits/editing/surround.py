"""The face mesh with rings around it, which fade its movement out over hair and background."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from fau_tf.portraits.fields import FaceShape
from fau_tf.synthetic.rigs import canonical_topology as topology
from fau_tf.synthetic.rigs import mesh
from fau_tf.synthetic.rigs.rig import Floats, Ints

RINGS: Final = ((1.12, 0.6), (1.3, 0.22), (1.6, 0.0))
"""Distance from the middle of the rim, relative to the rim, and the share of its movement."""


@dataclass(frozen=True, eq=False)
class WarpMesh:
    """The mesh that edits of one portrait move.

    Attributes:
        points: (468 + rings, 2) px.
        faces: (F, 3) triangles, the farthest first.
    """

    points: Floats
    faces: Ints


def warp_mesh(points: Floats, depth: Floats, shape: FaceShape) -> WarpMesh:
    """Return the mesh of a face.

    Args:
        points: (468, 2) mesh points, px.
        depth: (468,) of the canonical face in this pose; larger is nearer.
        shape: The canonical face.
    """
    rim = np.array(topology.FACE_OVAL)
    middle = points[rim].mean(0)
    rings = [middle + reach * (points[rim] - middle) for reach, _ in RINGS]
    order = np.argsort(depth[shape.faces].mean(1), kind="stable")
    faces = np.vstack([_ring_faces(), shape.closing, shape.faces[order]])
    return WarpMesh(np.vstack([points, *rings]), faces)


def extended(offset: Floats) -> Floats:
    """Return the movement (468, C) of the face continued over the rings."""
    rim = offset[list(topology.FACE_OVAL)]
    # Neighbors on the outer rings move alike, so that hair and background do not shear.
    rings = []
    for _, share in RINGS:
        rim = 0.25 * np.roll(rim, 1, 0) + 0.5 * rim + 0.25 * np.roll(rim, -1, 0)
        rings.append(share * rim)
    return np.vstack([offset, *rings])


@lru_cache(maxsize=1)
def _ring_faces() -> Ints:
    rim = np.array(topology.FACE_OVAL)
    count = len(rim)
    rings = [topology.FACE_VERTICES + count * i + np.arange(count) for i in range(len(RINGS))]
    # The outermost first: what is nearer the face covers it.
    return np.vstack(
        [
            mesh.grid_faces(np.stack([inner, outer]), closed=True)
            for inner, outer in reversed(list(zip([rim, *rings[:-1]], rings, strict=True)))
        ]
    )
