"""The fast renderer: z-buffer, shading in NumPy, background."""

import numpy as np
from scipy import ndimage

from fau_tf.synthetic.render.geometry import Surface, project, surface
from fau_tf.synthetic.render.z_buffer import Hits, rasterize
from fau_tf.synthetic.rigs.rig import Floats, Ints
from fau_tf.synthetic.scene.background import background
from fau_tf.synthetic.scene.camera_noise import Image, capture
from fau_tf.synthetic.scene.scene import Light, Scene
from fau_tf.synthetic.textures import uv_atlas
from fau_tf.synthetic.textures.albedo import CHANNELS, Appearance, appearance, wrinkled_atlas

OVERSAMPLING = 2
EYE_GLOSS = 1.5
"""Gloss from which a surface is an eye."""
GLINT, GLINT_TILT = 1.3, 16.0
"""Brightness of the highlight on an eye; largest angle of its normal from the camera, degrees."""


def rasterized(scene: Scene, size: int, view: Floats) -> Image:
    """Return the (size, size, 3) uint8 RGB picture of a scene.

    Args:
        scene: what to show.
        size: side of the picture in px.
        view: (2, 3) affine map from px of the nominal photo to px of the picture.
    """
    look = appearance(scene.rig, scene.person)
    body = surface(scene, look)
    side = size * OVERSAMPLING
    fine = _oversampled(project(body.points, scene), view)
    hits = rasterize(fine, body.faces, side, mirrored=float(np.linalg.det(view[:, :2])) < 0)
    color = np.zeros((side * side, 3), np.float32)
    cover = np.zeros(side * side, np.float32)
    cover[hits.pixel] = 1
    color[hits.pixel] = _shade(scene, look, body, hits)
    color[hits.pixel] *= _open_sky(hits, body, side)[:, None]
    alpha = _mean_pool(cover.reshape(side, side, 1), OVERSAMPLING)
    head = _mean_pool(color.reshape(side, side, 3), OVERSAMPLING)
    return capture(scene.camera, head + (1 - alpha) * background(scene, size, view))


def _oversampled(points: Floats, view: Floats) -> Floats:
    """Return projected points (V, 3) in px of the oversampled picture."""
    x, y, depth = points.T
    factor, shift = OVERSAMPLING, (OVERSAMPLING - 1) / 2
    u = (view[0, 0] * x + view[0, 1] * y + view[0, 2]) * factor + shift
    v = (view[1, 0] * x + view[1, 1] * y + view[1, 2]) * factor + shift
    return np.stack([u, v, depth], 1)


def _shade(scene: Scene, look: Appearance, body: Surface, hits: Hits) -> Floats:
    """Return (N, 3) linear light of the visible pixels."""
    vertex = np.concatenate([body.normals, body.uv, body.shade[:, None]], 1).astype(np.float32)
    corner = body.faces[hits.face]
    seen = vertex[corner[:, 0]] * hits.weight[:, :1]
    for i in (1, 2):
        seen += vertex[corner[:, i]] * hits.weight[:, i : i + 1]
    column = (seen[:, 3] + 0.5).astype(np.int64)
    row = (seen[:, 4] + 0.5).astype(np.int64)
    atlas = wrinkled_atlas(look, scene.wrinkle_depth)
    texel = atlas.reshape(-1, CHANNELS)[row * uv_atlas.SIZE + column]
    normal = _bump(seen[:, :3], texel[:, 4:], column, body.turn)
    return reflected_light(scene.light, normal, texel[:, :3], texel[:, 3], seen[:, 5])


def _bump(normal: Floats, slope: Floats, column: Ints, turn: Floats) -> Floats:
    """Return unit normals tilted against the slope of the skin."""
    angle = (column - uv_atlas.SIZE / 2).astype(np.float32) / np.float32(
        uv_atlas.RADIUS * uv_atlas.TEXELS
    )
    sine, cosine = np.sin(angle)[:, None], np.cos(angle)[:, None]
    axes = turn.T.astype(np.float32)
    across = cosine * axes[0] - sine * axes[2]
    tilted = normal - slope[:, :1] * across + slope[:, 1:] * axes[1]
    x, y, z = tilted[:, 0], tilted[:, 1], tilted[:, 2]
    return np.asarray(tilted / np.sqrt(x * x + y * y + z * z + np.float32(1e-12))[:, None])


def reflected_light(
    light: Light, normal: Floats, color: Floats, gloss: Floats, shade: Floats
) -> Floats:
    """Return (N, 3) reflected light: ambient, diffuse with wrapped lights, and highlights.

    Args:
        light: the lights.
        normal: (N, 3) unit.
        color: (N, 3) reflectance.
        gloss: (N,) strength of the highlight; EYE_GLOSS and more is an eye.
        shade: (N,) share of light that reaches the place.
    """
    key = np.array(light.key, np.float32)
    half = key + np.array([0, 0, 1], np.float32)
    half /= np.sqrt((half * half).sum())
    sky = np.float32(light.ambient) * (0.80 + 0.25 * normal[:, 1] + 0.15 * normal[:, 2])
    toward = _cosine(normal, key)
    diffuse = _wrapped(toward) * (np.float32(light.strength) * np.array(light.color, np.float32))
    if any(light.fill_light):
        second = _wrapped(_cosine(normal, np.array(light.fill, np.float32)))
        diffuse += second * np.array(light.fill_light, np.float32)
    total = color * (diffuse + sky[:, None] * np.array(light.sky, np.float32))
    shine = np.float32(light.shine * light.strength) * gloss * (toward > 0)
    shine *= np.maximum(_cosine(normal, half), 0) ** 16 * shade
    eye = np.flatnonzero(gloss >= EYE_GLOSS)
    bright = np.float32(GLINT * light.strength * (light.key[2] > 0))
    shine[eye] = bright * np.maximum(_cosine(normal[eye], _glint_normal(half)), 0) ** 240
    return np.asarray(total * shade[:, None] + shine[:, None])


def _cosine(normal: Floats, axis: Floats) -> Floats:
    return np.asarray(normal[:, 0] * axis[0] + normal[:, 1] * axis[1] + normal[:, 2] * axis[2])


def _wrapped(toward: Floats) -> Floats:
    """Return (N, 3) the share of a light that skin reflects: red light travels furthest in it."""
    wrap = np.array([0.34, 0.20, 0.16], np.float32)
    return np.asarray(np.clip((toward[:, None] + wrap) / (1 + wrap), 0, 1))


def _glint_normal(half: Floats) -> Floats:
    """Return the normal at the highlight on an eye: on the cornea, however high the light.

    A cornea ends GLINT_TILT from its center; beyond, an eye mirrors another window or the sky.
    """
    aside = np.hypot(half[0], half[1])
    tilt = np.float32(min(np.arctan2(aside, half[2]), np.radians(GLINT_TILT)))
    x, y = half[:2] / np.maximum(aside, np.float32(1e-6)) * np.sin(tilt)
    return np.array([x, y, np.cos(tilt)], np.float32)


def _open_sky(hits: Hits, body: Surface, side: int) -> Floats:
    """Return (N,) ambient visibility: surfaces in front of their surroundings block light."""
    corner = body.points[:, 2].astype(np.float32)[body.faces[hits.face]] * hits.weight
    z = corner[:, 0] + corner[:, 1] + corner[:, 2]
    depth = np.full(side * side, z.min(), np.float32)
    depth[hits.pixel] = z
    step = 4
    coarse = _mean_pool(depth.reshape(side, side), step)
    around = ndimage.gaussian_filter(coarse, side / 50 / step * 1.5, mode="nearest")
    wide = np.repeat(np.repeat(around, step, 0), step, 1).reshape(-1)
    return np.asarray(1 - np.clip((wide[hits.pixel] - z) * 0.16, 0, 0.55))


def _mean_pool(image: Floats, factor: int) -> Floats:
    """Return the means of factor x factor blocks of (side, side, ...)."""
    rows = image[0::factor].copy()
    for i in range(1, factor):
        rows += image[i::factor]
    out = rows[:, 0::factor].copy()
    for i in range(1, factor):
        out += rows[:, i::factor]
    return np.asarray(out / np.float32(factor * factor))
