"""What each degradation does to a picture, and that the same generator does the same."""

import numpy as np
import pytest

from fau_tf.evaluation.quality import degradations, painted_occluders
from fau_tf.evaluation.quality.degradations import DEGRADATIONS
from tests.helpers.faces import PHOTO, _landmarks, photo

LANDMARKS = _landmarks(0)


def rng():
    return np.random.default_rng(3)


@pytest.fixture(scope="module")
def image():
    return photo(0)


@pytest.mark.parametrize("row", DEGRADATIONS, ids=lambda row: row.name)
def test_each_strength_changes_the_picture_more_than_the_one_before(image, row):
    changes = []
    for strength in row.strengths:
        found = row.change(image, LANDMARKS, strength, rng())
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, row.change(image, LANDMARKS, strength, rng()))
        if found.shape == image.shape:
            changes.append(np.abs(found.astype(float) - image).mean())
    assert changes == sorted(changes)
    assert not changes or changes[0] > 0
    assert row.strengths == tuple(sorted(row.strengths))


def test_half_the_light_is_half_of_what_srgb_encodes():
    levels = np.full((4, 4, 3), 188, np.uint8)  # half of white, as sRGB encodes it
    darker = degradations.dark(levels, LANDMARKS, 1.0, rng())
    assert darker.mean() == pytest.approx(137, abs=1)  # a quarter
    assert degradations.overexposed(levels, LANDMARKS, 1.0, rng()).mean() > 253


def test_a_smaller_picture_has_the_eye_distance_that_its_strength_says(image):
    eyes = degradations.outer_eye_distance(LANDMARKS)
    small = degradations.smaller(image, LANDMARKS, 4.0, rng())
    assert len(small) == pytest.approx(PHOTO * 24 / eyes, abs=1)
    assert degradations.enlarged(image, LANDMARKS, 4.0, rng()).shape == image.shape


def test_noise_has_its_deviation():
    gray = np.full((100, 100, 3), 128, np.uint8)
    noise = degradations.noisy(gray, LANDMARKS, 10.0, rng()).astype(float)
    assert noise.std() == pytest.approx(10, rel=0.02)  # 30,000 values, and rounding


@pytest.mark.parametrize(
    ("paint", "covered", "free"),
    [
        (painted_occluders.mask, range(48, 60), range(36, 48)),
        (painted_occluders.sunglasses, range(36, 48), range(48, 60)),
    ],
)
def test_a_mask_covers_the_mouth_and_sunglasses_the_eyes(image, paint, covered, free):
    for seed in range(5):
        found = paint(image, LANDMARKS, 1.0, np.random.default_rng(seed))
        columns, rows = np.round(LANDMARKS).astype(int).T
        assert found.cover[rows, columns][list(covered)].min() > 0.8
        assert found.cover[rows, columns][list(free)].max() < 0.2
        assert (found.cover.min(), found.cover.max()) == pytest.approx((0, 1), abs=0.01)


def test_what_is_not_covered_keeps_its_pixels(image):
    for paint in (painted_occluders.mask, painted_occluders.hand, painted_occluders.patch):
        found = paint(image, LANDMARKS, 0.7, rng())
        outside = found.cover == 0
        assert outside.mean() > 0.3
        np.testing.assert_array_equal(found.image[outside], image[outside])
