"""Neck and shoulders of the ICT rig."""

import numpy as np

from fau_tf.synthetic.rigs import canonical_head, mesh
from fau_tf.synthetic.rigs.rig import Floats, Ints
from fau_tf.synthetic.textures import uv_atlas

_AXIS_Z = -5.5
_STEPS = ((1.18, 1.25), (1.38, 2.9), (1.56, 6.0), (1.72, 20.0))
"""Rings below the bust's rim: factor on its half width, how far down in cm."""


def head_weight(points: Floats) -> Floats:
    """Return (V,) 1 where points turn with the head, falling to 0 down and away from the neck."""
    out = np.hypot(points[:, 0], points[:, 2] - _AXIS_Z)
    height = points[:, 1] - 0.5 * np.clip(out - 6.5, 0, None) * (points[:, 1] < -8)
    return np.asarray(np.interp(height, [-16.5, -10.2], [0.0, 1.0]))


def neck_uv(points: Floats) -> Floats:
    """Return the (V, 2) texels of neck and clothes."""
    return uv_atlas.patch_uv("neck", 0.5 + points[:, 0] / 41, (-3.0 - points[:, 1]) / 31)


def shoulders(points: Floats, faces: Ints, start: int) -> canonical_head.HeadPart:
    """Return shoulders and chest, attached to the rim of the bust.

    Args:
        points: (V, 3) at rest.
        faces: (F, 3) of the lower neck and bust.
        start: number of the first vertex of the part.

    Raises:
        ValueError: if the bust has no rim.
    """
    rings = mesh.borders(faces)
    if not rings:
        raise ValueError(
            "The neck of the ICT head must have an open lower rim. Convert the download again."
        )
    rim = min(rings, key=lambda ring: float(points[ring, 1].mean()))
    rim = _counter_clockwise(points, rim)
    edge = points[rim]
    below = []
    for wide, down in _STEPS:
        side = np.abs(edge[:, 0]) / np.abs(edge[:, 0]).max()
        drop = down * (0.4 + 0.6 * side if down < 6 else 1.0)
        front = 0.12 * down * (edge[:, 2] > _AXIS_Z) * (1 - side)
        below.append(np.stack([edge[:, 0] * wide, edge[:, 1] - drop, edge[:, 2] + front], 1))
    new = np.vstack(below)
    n = len(rim)
    ids = np.vstack([rim, start + np.arange(len(below) * n).reshape(-1, n)])
    faces = mesh.grid_faces(ids, closed=True)
    return canonical_head.HeadPart(new, faces, neck_uv(new), head_weight=head_weight(new))


def _counter_clockwise(points: Floats, ring: Ints) -> Ints:
    """Return the ring in the direction from the front to the image's right, seen from above."""
    x, z = points[ring, 0], points[ring, 2]
    area = (x * np.roll(z, -1) - np.roll(x, -1) * z).sum()
    return ring if area < 0 else ring[::-1]
