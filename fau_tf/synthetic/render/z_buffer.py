"""A z-buffer in array operations: the nearest triangle at each pixel."""

from dataclasses import dataclass

import numpy as np

from fau_tf.synthetic.rigs.rig import Floats, Ints

EDGE = 1e-7
"""Overlap of triangles in px: without it, rounding would leave pinholes along shared edges."""


@dataclass(frozen=True, eq=False)
class Hits:
    """The visible triangles.

    Attributes:
        pixel: (N,) flat index y * size + x of the pixels that show a triangle.
        face: (N,) triangle.
        weight: (N, 3) barycentric weights of its vertices, float32.
    """

    pixel: Ints
    face: Ints
    weight: Floats


def rasterize(points: Floats, faces: Ints, size: int, *, mirrored: bool = False) -> Hits:
    """Return the nearest front-facing triangle at each pixel center.

    Args:
        points: (V, 3) x and y in px, and a third value that is larger nearer the camera and
            linear on the screen, e.g. 1 / depth.
        faces: (F, 3), counter-clockwise in a y-up view when seen from their front.
        size: side of the square picture in px.
        mirrored: the projection flips the picture, so that front faces turn the other way.
    """
    corner = points[faces]
    x, y, z = corner[..., 0], corner[..., 1], corner[..., 2]
    area = (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (x[:, 2] - x[:, 0]) * (y[:, 1] - y[:, 0])
    front = area > EDGE if mirrored else area < -EDGE
    inside = (_most(x) >= 0) & (_most(y) >= 0) & (_least(x) < size) & (_least(y) < size)
    kept = np.flatnonzero(front & inside)
    x, y, z, area = x[kept], y[kept], z[kept], area[kept]
    pixel, local = _covered(x, y, area, size)
    weight = _planes(x, y, area)
    offset_x, offset_y = pixel % size - x[local, 0], pixel // size - y[local, 0]
    plane = weight[local]  # (N, 4): change of weights 1 and 2 along x and y
    second = plane[:, 0] * offset_x + plane[:, 1] * offset_y
    third = plane[:, 2] * offset_x + plane[:, 3] * offset_y
    rise = np.stack([z[:, 0], z[:, 1] - z[:, 0], z[:, 2] - z[:, 0]], 1)[local]
    depth = rise[:, 0] + second * rise[:, 1] + third * rise[:, 2]
    winner = _nearest(pixel, depth, size)
    pixel, second, third = pixel[winner], second[winner], third[winner]
    barycentric = np.stack([1 - second - third, second, third], 1).astype(np.float32)
    return Hits(pixel, kept[local[winner]], barycentric)


def _covered(x: Floats, y: Floats, area: Floats, size: int) -> tuple[Ints, Ints]:
    """Return (pixel, triangle) of every pixel center inside a triangle, row by row."""
    first = np.maximum(np.ceil(_least(y) - EDGE), 0).astype(np.int64)
    last = np.minimum(np.floor(_most(y) + EDGE), size - 1).astype(np.int64)
    triangle, step = _expand(np.maximum(last - first + 1, 0))
    row = first[triangle] + step
    low, high = np.full(len(row), 0.0), np.full(len(row), size - 1.0)
    for i, j in ((0, 1), (1, 2), (2, 0)):
        rise = (y[:, j] - y[:, i]) * np.sign(area)
        flat = np.abs(rise) < 1e-12
        slope = np.where(flat, 0, (x[:, j] - x[:, i]) / np.where(flat, 1, y[:, j] - y[:, i]))
        cut = (x[:, i] - slope * y[:, i])[triangle] + slope[triangle] * row
        sign = np.where(flat, 0, np.sign(rise))[triangle]
        low = np.where(sign < 0, np.maximum(low, cut), low)
        high = np.where(sign > 0, np.minimum(high, cut), high)
    start = np.ceil(low - EDGE).astype(np.int64)
    stop = np.floor(high + EDGE).astype(np.int64)
    line, step = _expand(np.maximum(stop - start + 1, 0))
    return row[line] * size + start[line] + step, triangle[line]


def _least(corners: Floats) -> Floats:
    """Return (F,) minima over three corners; a reduction over a short axis is much slower."""
    return np.asarray(np.minimum(np.minimum(corners[:, 0], corners[:, 1]), corners[:, 2]))


def _most(corners: Floats) -> Floats:
    return np.asarray(np.maximum(np.maximum(corners[:, 0], corners[:, 1]), corners[:, 2]))


def _expand(counts: Ints) -> tuple[Ints, Ints]:
    """Return, for counts (2, 0, 3), the owners (0, 0, 2, 2, 2) and the steps (0, 1, 0, 1, 2)."""
    owner = np.repeat(np.arange(len(counts)), counts)
    before = np.cumsum(counts) - counts
    return owner, np.arange(len(owner)) - before[owner]


def _planes(x: Floats, y: Floats, area: Floats) -> Floats:
    """Return (F, 4), the slopes in x and y of the barycentric weights of corners 1 and 2."""
    return np.stack([
        (y[:, 2] - y[:, 0]) / area, -(x[:, 2] - x[:, 0]) / area,
        -(y[:, 1] - y[:, 0]) / area, (x[:, 1] - x[:, 0]) / area,
    ], 1)  # fmt: skip


def _nearest(pixel: Ints, depth: Floats, size: int) -> Ints:
    """Return the nearest candidate at each pixel; of equal ones the last."""
    buffer = np.full(size * size, -np.inf)
    np.maximum.at(buffer, pixel, depth)
    front = np.flatnonzero(depth == buffer[pixel])
    owner = np.full(size * size, -1)
    owner[pixel[front]] = front
    return owner[owner >= 0]
