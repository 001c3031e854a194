"""Profiles and color codes against their definitions, computed here in another way."""

import numpy as np
import pytest
from PIL import Image

from fau_tf.io.color_codes import HLG, PQ, ColorCode
from fau_tf.io.stills.color import (
    ProfileError,
    code_to_srgb,
    icc_to_srgb,
    lab_to_rgb,
)
from tests.helpers import icc_profiles
from tests.helpers.still_files import bt2020_of, hlg_of, pq_of

DARK_TO_LIGHT = np.arange(0, 256, 5, dtype=np.uint8)


def test_an_rgb_profile_is_applied():
    """Gamma 1.8 with sRGB's primaries: each channel by itself, in closed form."""
    profile = icc_profiles.rgb_profile(icc_profiles.SRGB, 1.8)
    levels = np.repeat(DARK_TO_LIGHT[None, :, None], 3, axis=-1)
    found = np.asarray(icc_to_srgb(Image.fromarray(levels), profile))[0, :, 1]
    value = (DARK_TO_LIGHT / 255) ** (round(1.8 * 256) / 256)
    srgb = np.where(value <= 0.0031308, 12.92 * value, 1.055 * value ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(found, srgb * 255, atol=1.5)  # two roundings


def test_adobe_rgb_green_leaves_srgb_and_gray_stays_gray():
    profile = icc_profiles.rgb_profile(icc_profiles.ADOBE_RGB, 2.2)
    colors = Image.fromarray(np.array([[[60, 200, 60], [128, 128, 128]]], np.uint8))
    (green, gray) = np.asarray(icc_to_srgb(colors, profile))[0].astype(int)
    assert green[0] == 0  # less red than sRGB can show
    assert np.ptp(gray) <= 1


def test_a_profile_that_is_srgb_in_effect_changes_nothing():
    """As cameras embed it: a table of 64 steps, with which single levels are off by one."""
    steps = np.linspace(0, 1, 64)
    table = np.where(steps <= 0.04045, steps / 12.92, ((steps + 0.055) / 1.055) ** 2.4)
    profile = icc_profiles.rgb_profile(icc_profiles.SRGB, table)
    noise = np.random.default_rng(1).integers(0, 256, (16, 16, 3), np.uint8)
    np.testing.assert_array_equal(icc_to_srgb(Image.fromarray(noise), profile), noise)


def test_a_profile_of_colors_does_not_fit_a_gray_picture():
    profile = icc_profiles.rgb_profile(icc_profiles.ADOBE_RGB, 2.2)
    with pytest.raises(ProfileError):
        icc_to_srgb(Image.new("L", (2, 2)), profile)


def test_a_damaged_profile_is_refused():
    for profile in (b"", b"junk", icc_profiles.gray_profile(2.2)[:140]):
        with pytest.raises(ProfileError):
            icc_to_srgb(Image.new("RGB", (2, 2)), profile)


def test_lab_white_black_and_gray():
    lab = np.array([[[255, 0, 0], [0, 0, 0], [136, 0, 0]]], np.uint8)  # L* 100, 0, 53.3
    found = np.asarray(lab_to_rgb(Image.frombytes("LAB", (3, 1), lab.tobytes()))).astype(int)
    np.testing.assert_allclose(found[0], [[255] * 3, [0] * 3, [127] * 3], atol=2)


@pytest.mark.parametrize(("transfer", "coded"), [(PQ, pq_of), (HLG, hlg_of)])
def test_hdr_grays_below_the_knee_are_those_of_srgb(transfer, coded):
    levels = np.arange(20, 242, 7)  # linear 0.9, the knee, is level 243
    grays = np.repeat(levels[None, :, None], 3, -1)
    samples = np.round(coded(bt2020_of(grays)) * 65535).astype(np.uint16)
    found = code_to_srgb(samples, ColorCode(9, transfer))[0]
    np.testing.assert_allclose(found, np.repeat(levels[:, None], 3, -1), atol=1)


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_hdr_keeps_order_and_never_clips_to_one_value(transfer):
    ramp = np.linspace(0, 1, 600)
    samples = np.round(np.repeat(ramp[None, :, None], 3, -1) * 65535).astype(np.uint16)
    found = code_to_srgb(samples, ColorCode(9, transfer))[0, :, 0].astype(int)
    assert (np.diff(found) >= 0).all()
    assert found[0] == 0
    assert found[-1] == 255


def test_the_reference_white_is_close_to_white():
    samples = np.full((1, 1, 3), round(float(pq_of(1.0)) * 65535), np.uint16)
    # 1 is compressed to 0.9 + 0.1 (1 - 1 / e) = 0.963, level 251.
    np.testing.assert_array_equal(code_to_srgb(samples, ColorCode(9, PQ)), 251)


def test_display_p3_primaries_are_converted():
    # sRGB red in Display P3, by its definition (CSS Color 4): 0.9175, 0.2003, 0.1386.
    samples = np.array([[[234, 51, 35]]], np.uint8)
    found = code_to_srgb(samples, ColorCode(12, 13))[0, 0]
    np.testing.assert_allclose(found, (255, 0, 0), atol=3)  # 8-bit samples near a steep curve


def test_srgb_samples_stay():
    samples = np.random.default_rng(0).integers(0, 256, (4, 4, 3), np.uint8)
    for code in (ColorCode(1, 13), ColorCode(1, 1), ColorCode(2, 2), ColorCode(6, 6)):
        np.testing.assert_array_equal(code_to_srgb(samples, code), samples)
    deep = samples.astype(np.uint16) * 257
    np.testing.assert_array_equal(code_to_srgb(deep, ColorCode(1, 13)), samples)


def test_linear_samples_are_coded():
    samples = np.full((1, 1, 3), round(0.2140 * 65535), np.uint16)  # linear of level 127.5
    np.testing.assert_allclose(code_to_srgb(samples, ColorCode(1, 8)), 127.5, atol=1)
