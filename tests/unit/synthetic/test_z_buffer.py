"""The z-buffer against a loop over all pixels and triangles."""

import numpy as np
import pytest

from fau_tf.synthetic.render.z_buffer import rasterize


def _slow(points, faces, size):
    """Nearest front-facing triangle per pixel, by testing each pixel against each triangle."""
    owner, best = np.full((size, size), -1), np.full((size, size), -np.inf)
    for number, face in enumerate(faces):
        (x0, y0, z0), (x1, y1, z1), (x2, y2, z2) = points[face]
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if area >= 0:
            continue
        for y in range(size):
            for x in range(size):
                w0 = ((x1 - x) * (y2 - y) - (x2 - x) * (y1 - y)) / area
                w1 = ((x2 - x) * (y0 - y) - (x0 - x) * (y2 - y)) / area
                depth = w0 * z0 + w1 * z1 + (1 - w0 - w1) * z2
                if min(w0, w1, 1 - w0 - w1) >= 0 and depth > best[y, x]:
                    owner[y, x], best[y, x] = number, depth
    return owner


@pytest.fixture
def soup():
    rng = np.random.default_rng(3)
    points = rng.uniform(-6, 30, (60, 3))
    return points, rng.permutation(60).reshape(20, 3)


def test_agrees_with_a_loop_over_pixels_and_triangles(soup):
    points, faces = soup
    owner = _slow(points, faces, 24)
    hits = rasterize(points, faces, 24)
    found = np.full(24 * 24, -1)
    found[hits.pixel] = hits.face
    assert 5 < len(set(hits.face)) <= 20
    np.testing.assert_array_equal(found.reshape(24, 24), owner)


def test_weights_reproduce_the_pixel_center(soup):
    points, faces = soup
    hits = rasterize(points, faces, 24)
    place = (points[faces[hits.face], :2] * hits.weight[..., None]).sum(1)
    assert len(place) > 100
    # weights are float32, coordinates up to 36 px
    np.testing.assert_allclose(place, np.stack([hits.pixel % 24, hits.pixel // 24], 1), atol=1e-4)


def test_mirrored_pictures_show_the_other_winding(soup):
    points, faces = soup
    plain = rasterize(points, faces, 24)
    flipped = rasterize(points * [-1, 1, 1] + [23, 0, 0], faces, 24, mirrored=True)
    expected = np.full((24, 24), -1)
    expected[plain.pixel // 24, 23 - plain.pixel % 24] = plain.face
    found = np.full(24 * 24, -1)
    found[flipped.pixel] = flipped.face
    assert (expected >= 0).sum() > 100
    np.testing.assert_array_equal(found.reshape(24, 24), expected)


def test_a_shared_edge_through_pixel_centers_leaves_no_hole():
    points = np.array([[0, 0, 1], [8, 0, 1], [8, 8, 1], [0, 8, 1.0]])
    faces = np.array([[0, 2, 1], [0, 3, 2]])
    hits = rasterize(points, faces, 9)
    assert len(hits.pixel) == 81


def test_nothing_in_view_gives_no_hits():
    points = np.array([[100, 100, 1], [110, 100, 1], [100, 110, 1.0]])
    hits = rasterize(points, np.array([[0, 2, 1]]), 16)
    assert hits.pixel.shape == (0,)
    assert hits.weight.shape == (0, 3)
