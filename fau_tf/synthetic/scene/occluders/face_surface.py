"""How deep the skin of a face lies, and strands of hair that fall onto it."""

from functools import lru_cache

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from fau_tf.synthetic.rigs.rig import FaceRig, Floats, Ints
from fau_tf.synthetic.scene.occluders.accessory_mesh import Piece, strip
from fau_tf.synthetic.textures import uv_atlas

POINTS = 14
"""Of a strand."""


class Skin:
    """The front of one person's head with its expression, (V, 3)."""

    def __init__(self, rig: FaceRig, head: Floats) -> None:
        self._points = head[_front(rig)]
        # places are this person's: on the mean face, a broad forehead would swallow its strands
        self._tree = cKDTree(self._points[:, :2])

    def depth(self, plane: Floats) -> Floats:
        """Return (n,) z of the skin behind places (n, 2); it falls off beside the face."""
        distance, near = self._tree.query(plane, k=3)
        fall = 0.25 * np.clip(distance.mean(1) - 1, 0, 4) ** 2
        return np.asarray(self._points[near, 2].mean(1) - fall)


def strands(seed: int, skin: Skin, hairline: float) -> Piece:
    """Return locks of hair that hang from the hairline across forehead, temple or cheek."""
    rng = np.random.default_rng(np.random.SeedSequence((seed, 13)))
    side, pieces = float(rng.choice((-1.0, 1.0))), []
    for _ in range(int(rng.integers(1, 3))):
        root = rng.uniform(1.0, 4.5) * side
        end = np.array([root + side * rng.uniform(0.5, 3.0), rng.uniform(-3.0, 4.0)])
        bend = side * rng.uniform(0.2, 1.4)
        for _ in range(int(rng.integers(3, 8))):
            start = np.array([root, hairline + 0.8]) + rng.normal(0, (0.45, 0.15))
            stop = end + rng.normal(0, (0.35, 0.8))
            middle = (start + stop) / 2 + [bend + rng.normal(0, 0.15), 0]
            pieces.append(_strand(skin, start, middle, stop, rng))
    return Piece.joined(pieces)


def _strand(
    skin: Skin, start: Floats, middle: Floats, stop: Floats,
    rng: np.random.Generator,
) -> Piece:  # fmt: skip
    t = np.linspace(0, 1, POINTS)[:, None]
    plane = (1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * stop
    depth = skin.depth(plane)
    # hair is stiff: it bridges the hollows, and lies on what stands out
    smooth = np.maximum(ndimage.gaussian_filter1d(depth, 2.0, mode="nearest"), depth)
    line = np.column_stack([plane, smooth + 0.22 + 0.25 * np.sin(np.pi * t[:, 0])])
    along = np.gradient(plane, axis=0)
    across = np.column_stack([along[:, 1], -along[:, 0], np.zeros(POINTS)])
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    # thinner ones would fall between the samples of a 128 px picture, and be dashed
    half = -across * (rng.uniform(0.08, 0.14) * np.sqrt(1.1 - t))
    s = np.full(POINTS, rng.uniform(0.1, 0.9))
    uv = np.vstack([uv_atlas.patch_uv("hair", s + d, t[:, 0]) for d in (0.0, 0.06)])
    return Piece(np.vstack([line + half, line - half]), strip(POINTS), uv)


@lru_cache(maxsize=2)
def _front(rig: FaceRig) -> Ints:
    front = (rig.uv[:, 1] < uv_atlas.HEAD_ROWS) & (rig.neutral[:, 2] > -1) & ~rig.curtain
    skin = np.flatnonzero(front)
    return skin[:: max(1, len(skin) // 4000)]
