"""What lies behind the head."""

import numpy as np
from scipy import ndimage

from fau_tf.synthetic.rig import Floats
from fau_tf.synthetic.scene import NOMINAL, Scene


def behind(scene: Scene, size: int, view: Floats) -> Floats:
    """Return (size, size, 3) what lies behind, fixed to the nominal photo: blurred boxes."""
    rng = np.random.default_rng(np.random.SeedSequence((scene.background, 3)))
    cells = 48
    down = np.linspace(0, 1, cells)[:, None, None]
    wall = (1 - down) * _muted(rng) + down * _muted(rng)
    coarse = np.broadcast_to(wall, (cells, cells, 3)).copy()
    for _ in range(int(rng.integers(0, 12))):
        left, top = rng.integers(-8, cells, 2)
        width, height = rng.integers(3, 30, 2)
        box = coarse[max(top, 0) : top + height, max(left, 0) : left + width]
        box += rng.uniform(0.3, 1.0) * (_muted(rng) - box)
    blur = float(rng.uniform(0.4, 3.0))
    coarse = ndimage.gaussian_filter(coarse, (blur, blur, 0), mode="nearest")
    inverse = np.linalg.inv(np.vstack([view, [0, 0, 1]]))
    v, u = np.mgrid[:size, :size]
    x = inverse[0, 0] * u + inverse[0, 1] * v + inverse[0, 2]
    y = inverse[1, 0] * u + inverse[1, 1] * v + inverse[1, 2]
    place = np.stack([y, x]) * (cells / NOMINAL)
    layers = [
        ndimage.map_coordinates(coarse[..., i], place, order=1, mode="nearest") for i in range(3)
    ]
    return np.stack(layers, -1).astype(np.float32)


def _muted(rng: np.random.Generator) -> Floats:
    """Return a colour in linear light, seldom saturated."""
    grey = rng.beta(1.2, 1.8)
    return np.asarray(np.clip(grey * (1 + rng.beta(1, 4) * rng.uniform(-1, 1, 3)), 0, 1))
