"""Piecewise affine warps: exact on affine movements, watertight, as a plain loop computes them."""

import numpy as np
import pytest

from fau_tf.portraits.editing import warp

SIZE = 24


@pytest.fixture(scope="module")
def grid():
    """Vertices with random inner points, and triangles that tile the picture."""
    rng = np.random.default_rng(0)
    side = np.linspace(-2, SIZE + 1, 7)
    points = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
    inner = (np.abs(points - (SIZE - 1) / 2) < 10).all(1)
    points[inner] += rng.uniform(-1.2, 1.2, (inner.sum(), 2))
    ids = np.arange(49).reshape(7, 7)
    a, b, c, d = ids[:-1, :-1], ids[1:, :-1], ids[:-1, 1:], ids[1:, 1:]
    faces = np.concatenate([np.stack(q, -1).reshape(-1, 3) for q in ((a, b, c), (c, b, d))])
    return points, faces


def test_triangles_that_tile_a_picture_share_no_pixel_and_leave_none(grid):
    points, faces = grid
    row, column, _ = warp.covered(points[faces], (SIZE, SIZE))
    counts = np.bincount(row * SIZE + column, minlength=SIZE * SIZE)
    assert (counts == 1).all()


def test_pixel_centers_on_edges_belong_to_one_triangle():
    points = np.array([[0, 0], [8, 0], [0, 8], [8, 8]], float)
    faces = np.array([[0, 2, 1], [1, 2, 3]])
    row, column, _ = warp.covered(points[faces], (12, 12))
    assert np.bincount(row * 12 + column).max() == 1
    assert len(row) == 64


def test_an_affine_movement_is_undone_exactly(grid):
    points, faces = grid
    matrix, shift = np.array([[1.1, 0.2], [-0.1, 0.9]]), np.array([0.7, -0.4])
    place = warp.source_map(points, points @ matrix.T + shift, faces, SIZE)
    row, column, _ = warp.covered((points @ matrix.T + shift)[faces], (SIZE, SIZE))
    new = np.stack([column, row], -1).astype(float)
    expected = (new - shift) @ np.linalg.inv(matrix).T
    # float32 at coordinates up to 25
    assert np.abs(place[row, column] - expected).max() < 1e-4


def test_pixels_outside_the_triangles_stay():
    points = np.array([[2.0, 2.0], [8.0, 2.0], [2.0, 8.0]])
    place = warp.source_map(points, points + 3, np.array([[0, 2, 1]]), SIZE)
    outside = np.ones((SIZE, SIZE), bool)
    row, column, _ = warp.covered((points + 3)[None], (SIZE, SIZE))
    outside[row, column] = False
    assert (place[outside] == warp.identity_map(SIZE)[outside]).all()


def test_the_map_is_that_of_a_plain_loop_over_pixels(grid):
    points, faces = grid
    rng = np.random.default_rng(1)
    moved = points + rng.normal(0, 0.4, points.shape)
    fast = warp.source_map(points, moved, faces, SIZE)
    slow = plain_map(points, moved, faces)
    assert np.isfinite(fast).all()
    assert np.abs(slow - warp.identity_map(SIZE)).max() > 0.5  # not trivially the identity
    # Pixels on an edge may go to either neighbor, on which both maps agree; float32.
    assert np.abs(fast - slow).max() < 1e-4


def test_of_overlapping_triangles_the_last_counts():
    points = np.array([[0, 0], [10, 0], [0, 10], [0, 0], [10, 0], [0, 10]], float)
    moved = points.copy()
    before = points.copy()
    before[3:] += 5
    place = warp.source_map(before, moved, np.array([[0, 2, 1], [3, 5, 4]]), 12)
    assert np.allclose(place[2, 3], (8, 7))


def test_interpolated_values_are_linear(grid):
    points, faces = grid
    values = np.stack([2 * points[:, 0] + 1, points[:, 1] - points[:, 0]], 1)
    image = warp.interpolate(points, values, faces, (SIZE, SIZE))
    y, x = np.mgrid[:SIZE, :SIZE]
    assert np.abs(image - np.stack([2 * x + 1, y - x], -1)).max() < 1e-4


def plain_map(before, after, faces):
    out = warp.identity_map(SIZE).astype(np.float64)
    for a, b, c in faces:
        inverse = np.linalg.inv(np.column_stack([after[b] - after[a], after[c] - after[a]]))
        for y in range(SIZE):
            for x in range(SIZE):
                u, v = inverse @ ((x, y) - after[a])
                if u >= 0 and v >= 0 and u + v <= 1:
                    out[y, x] = (
                        before[a] + u * (before[b] - before[a]) + v * (before[c] - before[a])
                    )
    return out
