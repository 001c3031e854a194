"""The depth of a face's skin, and strands of hair that lie on it."""

from functools import lru_cache

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from fau_tf.synthetic.rigs.rig import FaceRig, Floats, Ints
from fau_tf.synthetic.scene.occluders.accessory_mesh import AccessoryMesh, band, concatenate
from fau_tf.synthetic.textures import uv_atlas

STRAND_POINTS = 14


class FaceSurface:
    """The front of one person's head with its expression, (V, 3)."""

    def __init__(self, rig: FaceRig, head: Floats) -> None:
        # this person's skin: on the mean face, strands would sink into a broad forehead
        self._points = head[_front(rig)]
        self._tree = cKDTree(self._points[:, :2])

    def depth(self, plane: Floats) -> Floats:
        """Return (n,) z of the skin at places (n, 2); it falls off beside the face."""
        distance, near = self._tree.query(plane, k=3)
        fall = 0.25 * np.clip(distance.mean(1) - 1, 0, 4) ** 2
        return np.asarray(self._points[near, 2].mean(1) - fall)


def build_strands(seed: int, skin: FaceSurface, hairline: float) -> AccessoryMesh:
    """Return locks of hair that hang from the hairline across forehead, temple or cheek."""
    rng = np.random.default_rng((seed, 13))
    side, strands = float(rng.choice((-1.0, 1.0))), []
    for _ in range(int(rng.integers(1, 3))):
        root = rng.uniform(1.0, 4.5) * side
        end = np.array([root + side * rng.uniform(0.5, 3.0), rng.uniform(-3.0, 4.0)])
        bend = side * rng.uniform(0.2, 1.4)
        for _ in range(int(rng.integers(3, 8))):
            start = np.array([root, hairline + 0.8]) + rng.normal(0, (0.45, 0.15))
            stop = end + rng.normal(0, (0.35, 0.8))
            middle = (start + stop) / 2 + [bend + rng.normal(0, 0.15), 0]
            strands.append(_strand(skin, (start, middle, stop), rng))
    return concatenate(strands)


def _strand(
    skin: FaceSurface, control: tuple[Floats, Floats, Floats], rng: np.random.Generator
) -> AccessoryMesh:
    """Return one strand along a quadratic Bezier curve on the face."""
    start, middle, stop = control
    t = np.linspace(0, 1, STRAND_POINTS)[:, None]
    plane = (1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * stop
    depth = skin.depth(plane)
    # hair is stiff: it bridges hollows and lies on bulges
    smooth = np.maximum(ndimage.gaussian_filter1d(depth, 2.0, mode="nearest"), depth)
    line = np.column_stack([plane, smooth + 0.22 + 0.25 * np.sin(np.pi * t[:, 0])])
    along = np.gradient(plane, axis=0)
    across = np.column_stack([along[:, 1], -along[:, 0], np.zeros(STRAND_POINTS)])
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    # thinner ones would fall between the samples of a 128 px picture, and look dashed
    half = -across * (rng.uniform(0.08, 0.14) * np.sqrt(1.1 - t))
    s = np.full(STRAND_POINTS, rng.uniform(0.1, 0.9))
    uv = np.vstack([uv_atlas.patch_uv("hair", s + d, t[:, 0]) for d in (0.0, 0.06)])
    return band(line + half, line - half, uv)


@lru_cache(maxsize=2)
def _front(rig: FaceRig) -> Ints:
    front = (rig.uv[:, 1] < uv_atlas.HEAD_ROWS) & (rig.neutral[:, 2] > -1) & ~rig.curtain
    skin = np.flatnonzero(front)
    return skin[:: max(1, len(skin) // 4000)]
