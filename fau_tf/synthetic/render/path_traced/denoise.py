"""Denoising of a path-traced picture with few samples, and subsurface scattering in skin.

The traced light is divided by two factors that are known exactly: the color of the surface, and the
light that would fall on it if nothing stood in the way. The remaining ratio, shadows and bounces,
is smooth and can be averaged over neighbors without blurring brows, pores or furrows.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fau_tf.synthetic.render.path_traced.environment_map import irradiance
from fau_tf.synthetic.render.path_traced.material import EYE_GLOSS
from fau_tf.synthetic.rigs.rig import Floats
from fau_tf.synthetic.textures import uv_atlas

SCATTER = (0.0080, 0.0045, 0.0030)
"""Spread (sigma) of red, green and blue light in skin, in parts of the picture's width."""
SCATTERED = 0.6
"""Share of the light on skin that scatters."""
STEPS = (1, 2)
"""Distances in px between the taps of each averaging pass."""
NORMAL_SIGMA = 0.30
"""Difference of normals up to which neighbors are averaged."""
FLOOR = 0.05
"""Reflectance added to all surfaces, so that highlights on black do not divide by 0."""
DARKEST = 0.05
"""Lower limit of irradiance, so that it can be divided by."""
FIREFLY = 6.0
"""Upper limit of the ratio to a matt surface in the open; more is a stray path."""


@dataclass(frozen=True, eq=False)
class TracedImage:
    """A traced picture and its auxiliary layers, (S, S, ...) float32, means over a pixel.

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


def denoise(traced: TracedImage, atlas: Floats, lights: Floats, turn: Floats) -> Floats:
    """Return (S, S, 3) the light of a picture, denoised, with subsurface scattering in skin.

    Args:
        traced: the tracer's picture.
        atlas: (SIZE, SIZE, 6) the person's atlas.
        lights: (HEIGHT, WIDTH, 3) environment map.
        turn: (3, 3) rotation of the head.
    """
    texel = texels(atlas, traced.uv)
    normal = tilt(traced.normal, texel[..., 4:], traced.uv, turn)
    bare_light = np.maximum(irradiance(lights, traced.normal), DARKEST).astype(np.float32)
    open_light = np.maximum(irradiance(lights, normal), DARKEST).astype(np.float32)
    surface = traced.albedo + FLOOR * traced.alpha[..., None]
    ratio = np.minimum(traced.color / np.maximum(surface * open_light, 1e-4), FIREFLY)
    matt = (traced.alpha > 0) & (texel[..., 3] < EYE_GLOSS)
    for step in STEPS:
        ratio = _average(ratio, normal, matt, step)
    inside = matt & (traced.alpha > 0.99) & is_skin(traced.uv)
    # light scatters as in smooth skin; furrows keep the ratio of the two lights
    return _scatter(ratio * bare_light, inside) * surface * open_light / bare_light


def texels(atlas: Floats, uv: Floats) -> Floats:
    """Return the atlas (SIZE, SIZE, C) at texels (S, S, 2)."""
    column, row = np.clip(uv + 0.5, 0, uv_atlas.SIZE - 1).astype(np.int64).transpose(2, 0, 1)
    return np.asarray(atlas[row, column])


def is_skin(uv: Floats) -> NDArray[np.bool_]:
    """Return which texels (S, S, 2) show skin."""
    out = uv[..., 1] < uv_atlas.HEAD_ROWS
    for name in ("ear", "neck", "hand"):
        rows, columns = uv_atlas.patch(name)
        across = (uv[..., 0] >= columns.start) & (uv[..., 0] < columns.stop)
        out |= across & (uv[..., 1] >= rows.start) & (uv[..., 1] < rows.stop)
    return np.asarray(out)


def tilt(normal: Floats, slope: Floats, uv: Floats, turn: Floats) -> Floats:
    """Return unit normals (S, S, 3), tilted against the slope of the skin on its cylinder."""
    angle = (uv[..., :1] - uv_atlas.SIZE / 2) / (uv_atlas.RADIUS * uv_atlas.TEXELS)
    right, up, front = turn.T
    across = np.cos(angle) * right - np.sin(angle) * front
    tilted = normal - slope[..., :1] * across + slope[..., 1:] * up
    return np.asarray(tilted / np.sqrt((tilted**2).sum(-1, keepdims=True) + 1e-9))


def _average(ratio: Floats, normal: Floats, matt: NDArray[np.bool_], step: int) -> Floats:
    """Return means over 5 x 5 taps of neighbors on the same surface."""
    reach = 2 * step
    pad = ((reach, reach), (reach, reach), (0, 0))
    wide = np.pad(np.dstack([ratio, normal, matt]).astype(np.float32), pad)
    size = len(ratio)
    total, weights = np.zeros_like(ratio), np.zeros((size, size, 1), np.float32)
    for down in range(-2, 3):
        for right in range(-2, 3):
            top, left = reach + down * step, reach + right * step
            part = wide[top : top + size, left : left + size]
            apart = ((part[..., 3:6] - normal) ** 2).sum(-1, keepdims=True)
            near = np.float32(np.exp(-(down * down + right * right) / 4.5))
            weight = near * np.exp(-apart / np.float32(NORMAL_SIGMA**2)) * part[..., 6:]
            total += weight * part[..., :3]
            weights += weight
    return np.where(matt[..., None], total / np.maximum(weights, 1e-6), ratio)


def _scatter(light: Floats, inside: NDArray[np.bool_]) -> Floats:
    """Return light after a part of it has scattered in the skin, red furthest."""
    out = light.copy()
    weight = inside.astype(np.float32)
    for channel, part in enumerate(SCATTER):
        sigma = part * len(light)
        total = ndimage.gaussian_filter(light[..., channel] * weight, sigma)
        around = total / np.maximum(ndimage.gaussian_filter(weight, sigma), 1e-3)
        moved = (1 - SCATTERED) * light[..., channel] + SCATTERED * around
        out[..., channel] = np.where(inside, moved, light[..., channel])
    return out
