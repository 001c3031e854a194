import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fau_tf import facs
from fau_tf.codec import HeatmapCodec
from fau_tf.inference.sides import FLOOR, asymmetry, side_channels, side_intensities

NAN = float("nan")
NAMES = [center.name for center in facs.centers(facs.ALL, "fau")]
CHANNELS = side_channels(facs.ALL, "fau")
CODEC = HeatmapCodec(128, 32, 1.5)


def heatmaps(levels):
    """Return (32, 32, K) maps with these maxima, each at another place."""
    rng = np.random.default_rng(1)
    centers = rng.uniform(5, 120, (len(levels), 2))
    return CODEC.encode(centers, np.asarray(levels, np.float32)).astype(np.float32)


def test_the_faces_left_is_the_center_on_the_images_right():
    for label, (left, right) in CHANNELS.items():
        assert (NAMES[left], NAMES[right]) == (f"{label}_right", f"{label}_left")


def test_aus_with_a_center_on_the_midline_have_no_sides():
    without = {au.label for au in facs.AUS.values()} - CHANNELS.keys()
    assert without == {"AU04", "AU09", "AU17", "AU25"}
    assert "AU04" in side_channels((4,), "jaanet")
    assert side_channels((25, 26), "libreface") == {}


@pytest.mark.parametrize("rule", sorted(facs.RULES))
def test_a_mirrored_image_swaps_the_sides(rule):
    aus = tuple(facs.RULES[rule].points)
    centers = facs.centers(aus, rule)
    for left, right in side_channels(aus, rule).values():
        assert (centers[left].mirror, centers[right].mirror) == (right, left)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0, 5, width=32), min_size=len(NAMES), max_size=len(NAMES)))
def test_the_mean_of_both_sides_is_the_decoded_intensity(levels):
    maps = heatmaps(levels)
    decoded = CODEC.decode(maps, facs.center_to_au(facs.ALL, "fau"))
    sides = side_intensities(maps, CHANNELS)
    for au, intensity in zip(facs.ALL, decoded, strict=True):
        label = facs.AUS[au].label
        if label in sides:
            # float32 sums
            assert np.mean(sides[label]) == pytest.approx(intensity, abs=1e-6)


def test_each_side_is_the_maximum_of_its_own_heatmap():
    levels = np.linspace(0.1, 4.9, len(NAMES))
    for label, (left, right) in side_intensities(heatmaps(levels), CHANNELS).items():
        by_name = dict(zip(NAMES, levels, strict=True))
        assert left == pytest.approx(by_name[f"{label}_right"], abs=1e-6)
        assert right == pytest.approx(by_name[f"{label}_left"], abs=1e-6)


def test_a_face_that_was_not_read_has_nan_on_both_sides():
    sides = side_intensities(np.full((4, 4, len(NAMES)), np.nan), CHANNELS)
    assert all(math.isnan(level) for both in sides.values() for level in both)


@pytest.mark.parametrize(
    ("sides", "index"),
    [((3, 1), 0.5), ((1, 3), -0.5), ((2, 2), 0.0), ((4, 0), 1.0), ((0, FLOOR), -1.0)],
)
def test_the_index_is_the_difference_by_the_sum(sides, index):
    assert asymmetry(sides) == index


@pytest.mark.parametrize("sides", [(0, 0), (0.49, 0.49), (NAN, 3.0), (3.0, NAN), (NAN, NAN)])
def test_there_is_no_index_of_sides_below_the_floor_or_unknown(sides):
    assert math.isnan(asymmetry(sides))
