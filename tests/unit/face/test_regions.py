import math

import numpy as np
import pytest

from fau_tf.face.mesh import MESH_POINTS
from fau_tf.face.regions import Region, cut, fast_cut, letterbox, next_region, region_of_box

BORDERS = ("replicate", "zero")


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_a_region_of_whole_pixels_is_those_pixels():
    image = noise(20, 30)
    for border in BORDERS:
        np.testing.assert_array_equal(cut(image, Region(15, 10, 8), 8, border), image[6:14, 11:19])


def test_a_quarter_turn_is_a_turn_of_the_pixels():
    image = noise(16, 16)
    # By 90 degrees, crop position (u, v) is image position (16 - v, u): one pixel beside rot90.
    turned = cut(image, Region(8, 8, 16, math.pi / 2), 16, "replicate")
    np.testing.assert_array_equal(turned[1:], np.rot90(image)[:-1])
    np.testing.assert_array_equal(turned[0], image[:, -1])


def test_a_crop_begins_at_the_corner_of_its_region():
    region = Region(50.0, 40.0, 20.0, 0.0)
    at = region.matrix(256) @ np.array(((0, 128, 256), (0, 128, 256), (1, 1, 1)))
    np.testing.assert_allclose(at.T, ((40, 30), (50, 40), (60, 50)), atol=1e-12)


@pytest.mark.parametrize("border", BORDERS)
def test_cut_is_bilinear_between_four_pixels(border):
    image, side = noise(7, 9), 12
    region = Region(4.3, 2.6, 11.0, 0.4)
    height, width = image.shape[:2]
    matrix = region.matrix(side)

    def pixel(x, y):
        inside = 0 <= x < width and 0 <= y < height
        if not inside and border == "zero":
            return np.zeros(3)
        return image[min(max(y, 0), height - 1), min(max(x, 0), width - 1)].astype(float)

    expected = np.zeros((side, side, 3))
    for v in range(side):
        for u in range(side):
            x, y = matrix @ (u, v, 1)
            x0, y0 = math.floor(x), math.floor(y)
            for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
                weight = (1 - abs(x - x0 - dx)) * (1 - abs(y - y0 - dy))
                expected[v, u] += weight * pixel(x0 + dx, y0 + dy)
    found = cut(image, region, side, border)
    # 0.5 by rounding, 0.01 for sums near a half.
    np.testing.assert_allclose(found, expected, atol=0.51)


@pytest.mark.parametrize("border", BORDERS)
def test_opencv_agrees_within_one_gray_level(border):
    rng = np.random.default_rng(1)
    for _ in range(12):
        height, width = rng.integers(1, 700, 2)
        image = noise(height, width)
        x, y = rng.uniform(0, 1, 2) * (width, height)
        region = Region(x, y, rng.uniform(20, 900), rng.uniform(-math.pi, math.pi))
        exact, fast = (f(image, region, 128, border).astype(int) for f in (cut, fast_cut))
        assert np.abs(exact - fast).max() <= 1
        # Positions are in float32 there: 0.4 % of the values of noise at most were rounded
        # otherwise.
        assert (exact != fast).mean() < 0.01


@pytest.mark.parametrize("x", [-400.0, 700.0])
def test_a_region_beyond_the_image_shows_its_replicated_border(x):
    image, region = noise(60, 90), Region(x, 30, 100, 0.3)
    exact, fast = (f(image, region, 64, "replicate") for f in (cut, fast_cut))
    assert np.abs(exact.astype(int) - fast).max() <= 1
    edge = image[:, 0] if x < 0 else image[:, -1]
    assert set(fast[..., 0].ravel()) <= set(range(int(edge[:, 0].min()), int(edge[:, 0].max()) + 1))


def test_a_letterbox_has_the_whole_image_in_its_middle():
    image = np.full((50, 100, 3), 200, np.uint8)
    crop = cut(image, letterbox(50, 100), 128, "zero")
    rows, columns = (np.flatnonzero((line == 200).all(axis=-1)) for line in (crop[:, 64], crop[64]))
    # 128 px for 100 make 64 for 50; the last px of each is blended with zeros.
    assert (rows[0], len(rows)) == (32, 63)
    assert (columns[0], len(columns)) == (0, 127)
    assert not crop[:31].any()  # row 31 is blended with the first of the image
    assert not crop[96:].any()


def test_the_region_of_a_box_is_half_again_as_large_and_turns_with_the_eyes():
    low, high = np.array((10.0, 20.0)), np.array((50.0, 40.0))
    region = region_of_box(low, high, np.array(((20.0, 30.0), (30.0, 40.0))))
    assert region == Region(30, 30, 60, pytest.approx(math.pi / 4))
    upside_down = region_of_box(low, high, np.array(((30.0, 30.0), (20.0, 30.0))))
    assert abs(upside_down.angle) == pytest.approx(math.pi)


def mesh_with_level_eyes(seed=2):
    mesh = np.random.default_rng(seed).uniform(100, 200, (MESH_POINTS, 2))
    mesh[33], mesh[263] = (120, 150), (180, 150)
    return mesh


def test_the_next_region_follows_the_mesh():
    region = next_region(mesh_with_level_eyes())
    # 1.5 times the box from 100 to 200, on the grid.
    assert region.size == pytest.approx(150, rel=0.011)
    assert (region.x, region.y) == pytest.approx((150, 150), abs=region.size / 128 + 0.3)
    assert region.angle == 0
    twice = next_region(mesh_with_level_eyes() * 2)
    assert (twice.x, twice.y, twice.size) == (2 * region.x, 2 * region.y, 2 * region.size)


def test_the_next_region_is_on_a_grid():
    mesh = mesh_with_level_eyes()
    region = next_region(mesh)
    assert math.log2(region.size) * 32 == round(math.log2(region.size) * 32)
    for value in (region.x / region.size, region.y / region.size, region.angle):
        assert value * 64 == pytest.approx(round(value * 64), abs=1e-9)
    noise = np.random.default_rng(3).normal(0, 0.05, (200, 1, 2))
    assert len({next_region(mesh + shift) for shift in noise}) <= 4
    assert next_region(np.full((MESH_POINTS, 2), 7.0)) == Region(7, 7, 0)
