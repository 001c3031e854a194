"""Hair strands: roots on a rig's skin, curves, and ribbons of triangles.

The path tracer's own curves crash now and then.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fau_tf.synthetic.render.geometry import Surface
from fau_tf.synthetic.render.z_buffer import Hits, rasterize
from fau_tf.synthetic.rigs.rig import FaceRig, Floats, Ints
from fau_tf.synthetic.textures import uv_atlas

POINTS = 4
"""Of each strand."""
TAPER = np.array([1.0, 0.95, 0.75, 0.2])
"""Relative radius at each point."""


@dataclass(frozen=True, eq=False)
class Roots:
    """The roots of n strands.

    Attributes:
        points: (n, 3) cm in the camera's axes.
        normals: (n, 3) unit.
        right: (n, 3) step on the skin of one texel to the right, cm.
        down: (n, 3) step of one texel down.
        texel: (n, 2) column, row.
    """

    points: Floats
    normals: Floats
    right: Floats
    down: Floats
    texel: Floats


def sample_roots(
    rig: FaceRig, body: Surface, density: Floats, count: int, rng: np.random.Generator
) -> Roots:
    """Return roots on the moved skin: `count`, or none where the density is 0.

    Args:
        rig: the face model.
        body: the surface of a scene, whose first vertices are the rig's.
        density: (HEAD_ROWS, SIZE) relative number of strands per area.
        count: number of strands.
        rng: decides the places.
    """
    hits, area = _skin(rig)
    chance = np.cumsum(density.reshape(-1)[hits.pixel] * area)
    if not count or not chance[-1] > 0:
        count = 0
    pick = np.searchsorted(chance, rng.random(count) * chance[-1], side="right")
    pick = np.minimum(pick, len(chance) - 1)
    corner, weight = rig.faces[hits.face[pick]], hits.weight[pick]
    edge = body.points[corner[:, 1:]] - body.points[corner[:, :1]]
    right, down = _per_texel(rig.uv[corner], edge)
    off = rng.uniform(-0.5, 0.5, (2, count, 1))
    points = _interpolate(body.points, corner, weight) + off[0] * right + off[1] * down
    pixel = hits.pixel[pick]
    texel = np.stack([pixel % uv_atlas.SIZE, pixel // uv_atlas.SIZE], 1).astype(float)
    return Roots(points, _unit(_interpolate(body.normals, corner, weight)), right, down, texel)


def comb(roots: Roots, across: Floats, down: Floats) -> Floats:
    """Return (n, 3) unit directions along the skin, from components (n,) in the atlas."""
    along = across[:, None] * _unit(roots.right) + down[:, None] * _unit(roots.down)
    return _unit(along - roots.normals * (along * roots.normals).sum(1, keepdims=True))


def curve(start: Floats, along: Floats, up: Floats, length: Floats, lift: float) -> Floats:
    """Return strands as curves (n, POINTS, 3).

    Args:
        start: (n, 3) roots.
        along: (n, 3) direction at the tip.
        up: (n, 3) direction at the root.
        length: (n,) cm.
        lift: 0 lies on the skin, 1 stands up.
    """
    t = np.linspace(0, 1, POINTS)[None, :, None]
    size = length[:, None, None]
    rise = lift * size * (t - 0.45 * t * t) * up[:, None]
    return np.asarray(start[:, None] + rise + size * (1 - 0.4 * lift) * t * along[:, None])


def ribbons(strands: Floats, radius: float, uv: Floats, turn: Floats) -> Surface:
    """Return strands as ribbons that face the camera, with the normals of round hairs.

    Args:
        strands: (n, POINTS, 3) in cm.
        radius: at the root, cm.
        uv: (n, 2) texel that colors each strand.
        turn: (3, 3) rotation of the head.
    """
    count = len(strands)
    along = np.gradient(strands, axis=1)
    side = _unit(np.cross(along, [0.0, 0.0, 1.0]))
    front = _unit(np.cross(side, along))
    wide = side * radius * TAPER[:, None]
    points = np.stack([strands - wide, strands + wide], 2).reshape(-1, 3)
    normals = _unit(np.stack([front - 0.7 * side, front + 0.7 * side], 2)).reshape(-1, 3)
    first = (2 * np.arange(count * POINTS)).reshape(count, POINTS)[:, :-1].reshape(-1, 1)
    quad = np.array([[0, 1, 2], [1, 3, 2]])
    faces: Ints = np.vstack([first + half for half in quad])
    shade = np.ones(len(points))
    return Surface(points, faces, normals, np.repeat(uv, 2 * POINTS, 0), shade, turn)


@lru_cache(maxsize=2)
def _skin(rig: FaceRig) -> tuple[Hits, Floats]:
    """Return the triangle of the head at each texel, and the area of the texel in cm2."""
    chart = np.column_stack([rig.uv, np.zeros(len(rig.uv))])
    head = (rig.uv[:, 1] < uv_atlas.HEAD_ROWS) & ~rig.curtain
    kept = np.flatnonzero(head[rig.faces].all(1))
    hits = rasterize(chart, rig.faces[kept], uv_atlas.SIZE)
    hits = Hits(hits.pixel, kept[hits.face], hits.weight)
    inside = hits.pixel < uv_atlas.HEAD_ROWS * uv_atlas.SIZE
    hits = Hits(hits.pixel[inside], hits.face[inside], hits.weight[inside])
    corner = rig.faces[hits.face]
    edge = rig.neutral[corner[:, 1:]] - rig.neutral[corner[:, :1]]
    right, down = _per_texel(rig.uv[corner], edge)
    area = np.sqrt((np.cross(right, down) ** 2).sum(1))
    return hits, np.minimum(area, 4 / uv_atlas.TEXELS**2)


def _per_texel(uv: Floats, edge: Floats) -> tuple[Floats, Floats]:
    """Return (n, 3) and (n, 3), the steps of one texel right and down, on triangles.

    Args:
        uv: (n, 3, 2) texels of the corners.
        edge: (n, 2, 3) from the first corner to the others.
    """
    (a, b), (c, d) = (uv[:, 1] - uv[:, 0]).T, (uv[:, 2] - uv[:, 0]).T
    turn = a * d - b * c
    turn = np.where(np.abs(turn) < 1e-9, 1e-9, turn)[:, None]
    right = (d[:, None] * edge[:, 0] - b[:, None] * edge[:, 1]) / turn
    down = (a[:, None] * edge[:, 1] - c[:, None] * edge[:, 0]) / turn
    return right, down


def _interpolate(values: Floats, corner: Ints, weight: Floats) -> Floats:
    return np.asarray((values[corner] * weight[..., None]).sum(1))


def _unit(vectors: Floats) -> Floats:
    length = np.sqrt((vectors**2).sum(-1, keepdims=True))
    return np.asarray(vectors / np.maximum(length, 1e-9))
