"""Piecewise affine warps of a picture by the movement of a triangle mesh."""

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from fau_tf.synthetic.rigs.rig import Floats, Ints

Map = npt.NDArray[np.float32]


def source_map(before: Floats, after: Floats, faces: Ints, size: int) -> Map:
    """Return (size, size, 2), the place in the old picture that each new pixel shows.

    Pixels outside the triangles stay where they are. Of several triangles over a pixel the last
    counts.

    Args:
        before: (V, 2) vertices in the old picture, px.
        after: (V, 2) vertices in the new one.
        faces: (F, 3) triangles, the farthest first.
        size: Rows and columns of both.
    """
    out = identity_map(size)
    _fill(out, after[faces], before[faces])
    return out


def interpolate(
    points: Floats, values: Floats, faces: Ints, shape: tuple[int, int], empty: float = 0.0
) -> Map:
    """Return (*shape, C), vertex values (V, C) interpolated over the triangles.

    Args:
        points: (V, 2) px.
        values: (V, C).
        faces: (F, 3) triangles, the farthest first.
        shape: Rows and columns.
        empty: Value of pixels outside.
    """
    out = np.full((*shape, values.shape[1]), empty, np.float32)
    _fill(out, points[faces], values[faces])
    return out


def _fill(out: Map, corners: Floats, values: Floats) -> None:
    """Set the pixels of `out` (H, W, C) in triangles to their corners' values (F, 3, C)."""
    row, column, triangle = covered(corners, out.shape[:2])
    plane = _planes(corners, values)
    pixel = row * out.shape[1] + column
    x, y = column.astype(np.float32), row.astype(np.float32)
    flat = out.reshape(-1, values.shape[2])
    for c, (along_x, along_y, constant) in enumerate(plane):
        flat[pixel, c] = along_x[triangle] * x + along_y[triangle] * y + constant[triangle]


def identity_map(size: int) -> Map:
    """Return (size, size, 2), each pixel's own place."""
    return _identity(size).copy()


@lru_cache(maxsize=4)
def _identity(size: int) -> Map:
    line = np.arange(size, dtype=np.float32)
    return np.stack(np.meshgrid(line, line), axis=-1)


def covered(corners: Floats, shape: tuple[int, ...]) -> tuple[Ints, Ints, Ints]:
    """Return (row, column, triangle) of the pixel centers in triangles, one after another.

    A center on an edge belongs to the triangle below or to its right, so neighbors leave no gap
    and share no pixel.

    Args:
        corners: (F, 3, 2) px.
        shape: Rows and columns of the picture.
    """
    height, width = shape
    x, y = (np.ascontiguousarray(corners[..., i], np.float64) for i in (0, 1))
    first = np.clip(np.ceil(np.minimum(np.minimum(y[:, 0], y[:, 1]), y[:, 2])), 0, height)
    stop = np.clip(np.ceil(np.maximum(np.maximum(y[:, 0], y[:, 1]), y[:, 2])), 0, height)
    triangle, step = _expand((stop - first).astype(np.int32))
    row = first[triangle] + step
    left, right = np.full(len(row), np.inf), np.full(len(row), -np.inf)
    above = [y[:, i][triangle] <= row for i in range(3)]
    for i, j in ((0, 1), (1, 2), (2, 0)):
        rise = y[:, j] - y[:, i]
        slope = (x[:, j] - x[:, i]) / np.where(rise == 0, 1.0, rise)
        start = x[:, i] - slope * y[:, i]
        cut = start[triangle] + slope[triangle] * row
        crossing = above[i] != above[j]
        left = np.where(crossing, np.minimum(left, cut), left)
        right = np.where(crossing, np.maximum(right, cut), right)
    begin = np.clip(np.ceil(left), 0, width)
    end = np.clip(np.ceil(right), 0, width)
    line, step = _expand(np.maximum(end - begin, 0).astype(np.int32))
    column = begin.astype(np.int32)[line] + step
    return row.astype(np.int32)[line], column, triangle[line]


def _planes(corners: Floats, values: Floats) -> npt.NDArray[np.float32]:
    """Return (C, 3, F): the factors of x and y and the constant of each value in each triangle.

    Args:
        corners: (F, 3, 2).
        values: (F, 3, C) at the corners.
    """
    x, y = corners[..., 0].T, corners[..., 1].T  # (3, F)
    value = values.transpose(2, 1, 0)  # (C, 3, F)
    x1, y1, x2, y2 = x[1] - x[0], y[1] - y[0], x[2] - x[0], y[2] - y[0]
    first, second = value[:, 1] - value[:, 0], value[:, 2] - value[:, 0]
    area = x1 * y2 - x2 * y1
    safe = np.where(np.abs(area) < 1e-9, 1.0, area)
    along_x = (y2 * first - y1 * second) / safe
    along_y = (x1 * second - x2 * first) / safe
    constant = value[:, 0] - along_x * x[0] - along_y * y[0]
    return np.stack([along_x, along_y, constant], 1).astype(np.float32)


def _expand(counts: Ints) -> tuple[Ints, Any]:
    """Return, for counts (2, 0, 3), the owners (0, 0, 2, 2, 2) and the steps (0, 1, 0, 1, 2)."""
    owner = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    before = (np.cumsum(counts) - counts).astype(np.int32)
    return owner, np.arange(len(owner), dtype=np.int32) - before[owner]
