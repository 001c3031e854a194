import numpy as np
import pytest

from fau_tf.io.stills.sample_depth import (
    DEPTH_ASSUMED,
    SampleError,
    floats_to_8_bits,
    integers_to_8_bits,
    png_bits,
)

LEVELS = np.arange(256, dtype=np.uint16)
ODD = np.array([0, 3, 77, 1001], np.uint16)


@pytest.mark.parametrize(("bits", "values"), [(10, 4), (12, 16), (14, 64), (16, 256)])
def test_a_full_range_gives_its_8_upper_bits(bits, values):
    found, flags = integers_to_8_bits(LEVELS * values + 1, None)
    np.testing.assert_array_equal(found, LEVELS)
    assert flags == ((DEPTH_ASSUMED,) if bits < 16 else ())


def test_8_bit_values_in_wider_integers_stay():
    found, flags = integers_to_8_bits(LEVELS.astype(np.int32), None)
    np.testing.assert_array_equal(found, LEVELS)
    assert flags == (DEPTH_ASSUMED,)


@pytest.mark.parametrize("factor", [256, 257])
def test_a_dark_picture_that_was_widened_from_8_bits_stays_dark(factor):
    found, flags = integers_to_8_bits(LEVELS[:16] * factor, None)
    np.testing.assert_array_equal(found, LEVELS[:16])
    assert flags == ()


def test_a_dark_picture_of_16_bits_is_brightened_by_a_power_of_two_and_flagged():
    """It can't be told from 12 bits; its ratios stay."""
    dark = np.array([1, 500, 1000, 2000, 4000], np.uint16)
    found, flags = integers_to_8_bits(dark, None)
    np.testing.assert_array_equal(found, dark // 16)
    assert flags == (DEPTH_ASSUMED,)


def test_declared_bits_decide():
    found, flags = integers_to_8_bits(ODD, 16)
    np.testing.assert_array_equal(found, ODD // 256)
    assert flags == ()
    np.testing.assert_array_equal(integers_to_8_bits(ODD, 12)[0], ODD // 16)


@pytest.mark.parametrize(
    ("values", "declared", "message"),
    [
        ([-1, 5], None, "from -1 to 5 exceed 16 bits"),
        ([0, 70_000], None, "from 0 to 70000 exceed 16 bits"),
        ([0, 5000], 12, "from 0 to 5000 exceed 12 bits"),
    ],
)
def test_values_beyond_the_bits_are_refused(values, declared, message):
    with pytest.raises(SampleError, match=message):
        integers_to_8_bits(np.array(values, np.int32), declared)


def test_floats_from_0_to_1_and_from_0_to_255():
    exact = LEVELS.astype(np.float32)
    for samples, expected in ((exact / 255, ()), (exact, (DEPTH_ASSUMED,))):
        found, flags = floats_to_8_bits(samples)
        np.testing.assert_array_equal(found, LEVELS)
        assert flags == expected
    found, _ = floats_to_8_bits(np.array([-0.03, 0.5, 1.04], np.float32))
    np.testing.assert_array_equal(found, [0, 128, 255])


@pytest.mark.parametrize("top", [1.2, 20.0, 300.0, np.nan, np.inf])
@pytest.mark.parametrize("low", [0.0, -1.0])
def test_floats_of_another_range_are_refused(top, low):
    with pytest.raises(SampleError, match=r"neither 0 to 1 nor 0 to 255. Scale"):
        floats_to_8_bits(np.array([low, top], np.float32))


def test_the_significant_bits_of_a_png_are_the_upper_ones_unless_the_lower_ones_are_used():
    assert png_bits(ODD, None) is None
    assert png_bits(ODD, 16) is None
    assert png_bits(ODD, 12) == 12  # 77 is no multiple of 16
    assert png_bits(ODD * 16, 12) == 16
    assert png_bits(np.array([0, 160, 320], np.uint16), 12) is None  # either
