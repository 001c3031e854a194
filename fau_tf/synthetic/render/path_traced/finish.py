"""From few samples to a calm picture, and light that spreads in skin.

What the tracer returns is divided by what is known exactly, the color of the surface and the light
that would fall on it if nothing stood in the way. What is left, shadows and bounces, is smooth
and can be averaged over neighbors without blurring brows, pores or furrows.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fau_tf.synthetic.render.path_traced.lights import reflected
from fau_tf.synthetic.render.path_traced.material import SHARP
from fau_tf.synthetic.rigs.rig import Floats
from fau_tf.synthetic.textures import uv_atlas

SCATTER = (0.0080, 0.0045, 0.0030)
"""How far red, green and blue light spreads in skin, in parts of the width of a face's picture."""
SCATTERED = 0.6
"""Share of the light on skin that has spread."""
STEPS = (1, 2)
"""Distances in px of the taps of each pass over neighbors."""
ALIKE = 0.30
"""How far normals of neighbors may differ that are averaged."""
FLOOR = 0.05
"""Reflectance added to all surfaces, so that shine on black does not divide by nothing."""
FIREFLY = 6.0
"""More light than this, relative to a matt surface in the open, is a stray path and no shadow."""


@dataclass(frozen=True, eq=False)
class Traced:
    """What the tracer returns, (S, S, ...) float32; means over a pixel.

    Attributes:
        color: (S, S, 3) light, 0 where nothing was hit.
        alpha: (S, S) share of the pixel that is covered.
        albedo: (S, S, 3).
        normal: (S, S, 3) of the geometry.
        uv: (S, S, 2) texels.
    """

    color: Floats
    alpha: Floats
    albedo: Floats
    normal: Floats
    uv: Floats


def finished(traced: Traced, skin: Floats, panorama: Floats, turn: Floats) -> Floats:
    """Return (S, S, 3) the light of a picture, calmed, with skin that light enters.

    Args:
        traced: the tracer's picture.
        skin: (SIZE, SIZE, 6) the atlas.
        panorama: (HEIGHT, WIDTH, 3) radiance of the lights.
        turn: (3, 3) rotation of the head.
    """
    texel = _texels(skin, traced.uv)
    normal = _tilted(traced.normal, texel[..., 4:], traced.uv, turn)
    bare_light = _at_least(reflected(panorama, traced.normal))
    open_light = _at_least(reflected(panorama, normal))
    surface = traced.albedo + FLOOR * traced.alpha[..., None]
    ratio = np.minimum(traced.color / np.maximum(surface * open_light, 1e-4), FIREFLY)
    blunt = (traced.alpha > 0) & (texel[..., 3] < SHARP)
    for step in STEPS:
        ratio = _averaged(ratio, normal, blunt, step)
    inside = blunt & (traced.alpha > 0.99) & _is_skin(traced.uv)
    # light spreads along the skin as if it were smooth: furrows stay what the bare light makes them
    return _spread(ratio * bare_light, inside) * surface * open_light / bare_light


def _at_least(light: Floats, least: float = 0.05) -> Floats:
    """Return light that can be divided by."""
    return np.asarray(np.maximum(light, least), np.float32)


def _texels(skin: Floats, uv: Floats) -> Floats:
    column, row = np.clip(uv + 0.5, 0, uv_atlas.SIZE - 1).astype(np.int64).transpose(2, 0, 1)
    return np.asarray(skin[row, column])


def _is_skin(uv: Floats) -> NDArray[np.bool_]:
    out = uv[..., 1] < uv_atlas.HEAD_ROWS
    for name in ("ear", "neck", "hand"):
        rows, columns = uv_atlas.patch(name)
        across = (uv[..., 0] >= columns.start) & (uv[..., 0] < columns.stop)
        out |= across & (uv[..., 1] >= rows.start) & (uv[..., 1] < rows.stop)
    return np.asarray(out)


def _tilted(normal: Floats, slope: Floats, uv: Floats, turn: Floats) -> Floats:
    """Return unit normals, tilted against the slope of the skin on its cylinder."""
    angle = (uv[..., :1] - uv_atlas.SIZE / 2) / (uv_atlas.RADIUS * uv_atlas.TEXELS)
    right, up, front = turn.T
    across = np.cos(angle) * right - np.sin(angle) * front
    tilted = normal - slope[..., :1] * across + slope[..., 1:] * up
    return np.asarray(tilted / np.sqrt((tilted**2).sum(-1, keepdims=True) + 1e-9))


def _averaged(ratio: Floats, normal: Floats, alike: NDArray[np.bool_], step: int) -> Floats:
    """Return means over 5 x 5 taps of neighbors on the same surface."""
    reach = 2 * step
    pad = ((reach, reach), (reach, reach), (0, 0))
    wide = np.pad(np.dstack([ratio, normal, alike]).astype(np.float32), pad)
    size = len(ratio)
    total, weights = np.zeros_like(ratio), np.zeros((size, size, 1), np.float32)
    for down in range(-2, 3):
        for right in range(-2, 3):
            top, left = reach + down * step, reach + right * step
            part = wide[top : top + size, left : left + size]
            apart = ((part[..., 3:6] - normal) ** 2).sum(-1, keepdims=True)
            near = np.float32(np.exp(-(down * down + right * right) / 4.5))
            weight = near * np.exp(-apart / np.float32(ALIKE**2)) * part[..., 6:]
            total += weight * part[..., :3]
            weights += weight
    return np.where(alike[..., None], total / np.maximum(weights, 1e-6), ratio)


def _spread(light: Floats, inside: NDArray[np.bool_]) -> Floats:
    """Return light after a part of it has spread in the skin, red furthest."""
    out = light.copy()
    weight = inside.astype(np.float32)
    for channel, part in enumerate(SCATTER):
        sigma = part * len(light)
        total = ndimage.gaussian_filter(light[..., channel] * weight, sigma)
        around = total / np.maximum(ndimage.gaussian_filter(weight, sigma), 1e-3)
        moved = (1 - SCATTERED) * light[..., channel] + SCATTERED * around
        out[..., channel] = np.where(inside, moved, light[..., channel])
    return out
