"""Measures of a picture: plain-loop references, and what must not change them."""

import numpy as np
import pytest
from scipy import ndimage

from fau_tf.inference.picture_quality import noise_level, picture_quality, sharpness


def natural(finest=1.0, side=80):
    """Return a picture with as much detail at every scale from `finest` px on, as nature has it.

    Gray levels have a deviation of 30 around 120.
    """
    rng = np.random.default_rng(0)
    gray = np.zeros((side, side))
    for sigma in finest * 2.0 ** np.arange(4):
        blobs = ndimage.gaussian_filter(rng.standard_normal((side, side)), sigma)
        gray += blobs / blobs.std()
    return (120 + 30 * gray / gray.std()).astype(np.float32)


def noisy(gray, deviation, seed=1):
    return gray + np.random.default_rng(seed).normal(0, deviation, gray.shape).astype(np.float32)


def plain_noise(gray):
    """Immerkaer's kernel pixel by pixel, with the median of its absolute values."""
    found = []
    for y in range(1, len(gray) - 1):
        for x in range(1, len(gray[0]) - 1):
            around = [[gray[y + i][x + j] for j in (-1, 0, 1)] for i in (-1, 0, 1)]
            kernel = ((1, -2, 1), (-2, 4, -2), (1, -2, 1))
            found.append(
                abs(sum(kernel[i][j] * around[i][j] for i in range(3) for j in range(3))) / 6
            )
    return 1.4826 * float(np.median(found))


def plain_sharpness(gray, noise):
    def means(rows):
        return [
            [
                sum(rows[2 * y + i][2 * x + j] for i in (0, 1) for j in (0, 1)) / 4
                for x in range(len(rows[0]) // 2)
            ]
            for y in range(len(rows) // 2)
        ]

    def power(rows, down, right):
        pairs = [
            (rows[y][x] - rows[y + down][x + right]) ** 2
            for y in range(len(rows) - down)
            for x in range(len(rows[0]) - right)
        ]
        return sum(pairs) / len(pairs)

    half = means(gray.tolist())
    quarter = means(half)
    ratios = [
        ((power(half, *step) - noise**2 / 2) / (power(quarter, *step) - noise**2 / 8)) ** 0.5
        for step in ((1, 0), (0, 1))
    ]
    return 2 * min(ratios) - 1


def test_both_measures_are_those_of_a_plain_loop():
    gray = noisy(natural(side=23), 2.0)
    assert noise_level(gray) == pytest.approx(plain_noise(gray), rel=1e-4)  # float32 sums
    expected = plain_sharpness(gray, 1.5)
    assert 0.1 < expected < 0.9
    assert sharpness(gray, 1.5) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("deviation", [2.0, 8.0, 20.0])
def test_the_noise_level_is_that_of_the_noise(deviation):
    # 4 % by the median of 6,000 values, and a little of the picture.
    flat = np.full((80, 80), 120, np.float32)
    assert noise_level(noisy(flat, deviation)) == pytest.approx(deviation, rel=0.04)
    assert noise_level(noisy(natural(3.0), deviation)) == pytest.approx(deviation, rel=0.05)


def test_sharpness_falls_with_blur_and_not_with_noise_or_contrast():
    sharp = natural()
    before = sharpness(sharp, 0.0)
    blurred = ndimage.gaussian_filter(sharp, 2.0)
    assert sharpness(blurred, 0.0) < 0.3 * before
    for gray in (sharp, blurred):
        # The noise of 8 levels is as large as the detail that the blur left.
        with_noise = noisy(gray, 8.0)
        level = noise_level(with_noise)
        assert sharpness(with_noise, level) == pytest.approx(sharpness(gray, 0.0), abs=0.06)
        assert sharpness(with_noise, 0.0) > sharpness(gray, 0.0) + 0.03
        assert sharpness(gray / 5 + 40, 0.0) == pytest.approx(sharpness(gray, 0.0), abs=1e-3)


def test_a_picture_blurred_in_one_direction_is_not_sharp():
    before = sharpness(natural(), 0.0)
    for axis in (0, 1):
        shaken = ndimage.gaussian_filter1d(natural(), 3.0, axis=axis)
        assert sharpness(shaken, 0.0) < 0.5 * before


def test_a_uniform_picture_has_no_detail_no_noise_and_no_contrast():
    found = picture_quality(np.full((20, 20, 3), 90, np.uint8))
    assert (found.sharpness, found.contrast, found.clipped) == (0.0, 0.0, 0.0)
    assert found.noise < 1e-5  # float32 sums
    assert (found.brightness, found.color) == (90, 0.0)


def test_brightness_clipping_and_color_are_counted():
    face = np.zeros((10, 10, 3), np.uint8)
    face[:3] = (255, 120, 60)  # 30 % with a clipped red
    face[3:] = (60, 60, 60)
    found = picture_quality(face)
    assert found.clipped == pytest.approx(0.3)
    gray = 0.299 * 255 + 0.587 * 120 + 0.114 * 60
    assert found.brightness == pytest.approx(gray, abs=0.6)  # whole levels
    mean = 0.3 * round(gray) + 0.7 * 60
    assert found.color == pytest.approx(0.3 * 195 / mean, rel=1e-3)
    assert found.contrast == pytest.approx(np.sqrt(0.3 * 0.7) * (round(gray) - 60), rel=1e-3)
