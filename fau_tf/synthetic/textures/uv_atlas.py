"""The layout of the UV atlas, one image for all surfaces of a head.

The skin of face and skull is unrolled on a cylinder around the head, so that texels have nearly the
same size everywhere on the face; the other surfaces have rectangular patches below it.
"""

import numpy as np

from fau_tf.synthetic.rigs.rig import Floats

SIZE = 512
TOP = 13.5
"""Height in cm of the first row."""
HEAD_ROWS = 346
AXIS_Z = -3.5
RADIUS = 8.5
TEXELS = SIZE / (RADIUS * np.radians(240))
"""Texels per centimeter on the cylinder; it shows 240 degrees of the head."""

PATCHES = {
    "eye": (0, 352, 128, 128),
    "mouth": (128, 352, 60, 60),
    "lid": (128, 416, 60, 8),
    "teeth": (192, 352, 128, 48),
    "hair": (352, 352, 160, 160),
    "neck": (132, 428, 216, 84),
    "ear": (196, 402, 60, 24),
    "frame": (262, 402, 40, 24),
    "hand": (306, 402, 40, 24),
}
"""Name -> first column, first row, width, height."""


def angle(points: Floats) -> Floats:
    """Return (V,) angle around the head's axis, 0 at the nose."""
    return np.asarray(np.arctan2(points[:, 0], points[:, 2] - AXIS_Z))


def head_uv(points: Floats) -> Floats:
    """Return the (V, 2) texels of points (V, 3) on the skin of the neutral head."""
    u = SIZE / 2 + angle(points) * RADIUS * TEXELS
    v = (TOP - points[:, 1]) * TEXELS
    return np.stack([np.clip(u, 1, SIZE - 2), np.clip(v, 1, HEAD_ROWS - 2)], 1)


def patch_uv(name: str, s: Floats, t: Floats) -> Floats:
    """Return the (V, 2) texels at fractions s (across) and t (down) of a patch."""
    x, y, width, height = PATCHES[name]
    u = x + 1 + np.clip(s, 0, 1) * (width - 3)
    v = y + 1 + np.clip(t, 0, 1) * (height - 3)
    return np.stack([u, v], 1)


def patch(name: str) -> tuple[slice, slice]:
    """Return the rows and columns of a patch."""
    x, y, width, height = PATCHES[name]
    return slice(y, y + height), slice(x, x + width)
