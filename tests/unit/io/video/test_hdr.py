"""HDR and wide-gamut colors on a standard screen."""

import numpy as np
import pytest

from fau_tf.io.color_codes import WHITE, ColorCode
from fau_tf.io.stills.color import code_to_srgb
from fau_tf.io.video.hdr import to_sdr, wide_color

PQ, HLG, BT2020, P3 = 16, 18, 9, 12


def deep(level):
    """Return gray pixels of signal levels from 0 to 1, (n, 1, 3) uint16."""
    level = np.atleast_1d(np.asarray(level, float))[:, None, None]
    return np.rint(np.repeat(level, 3, -1) * 65535).astype(np.uint16)


def gray(shown):
    return (np.asarray(shown, float) / 255) ** 2.4


@pytest.mark.parametrize(
    ("transfer", "signal", "light"),
    [
        # ITU-R BT.2408, table 1: a gray card of 18 % has 26 cd/m2.
        (PQ, 0.38, 26 / WHITE),
        (HLG, 0.38, 26 / WHITE),
    ],
)
def test_published_levels_keep_their_light(transfer, signal, light):
    shown = to_sdr(deep(signal), ColorCode(BT2020, transfer))[0, 0]
    assert len(set(shown.tolist())) == 1  # gray stays gray
    # The table gives whole percents of the signal: 3 % of the light.
    assert gray(shown[0]) == pytest.approx(light, rel=0.06)


@pytest.mark.parametrize(("transfer", "white"), [(PQ, 0.58), (HLG, 0.75)])
def test_white_is_bright_and_brighter_light_is_still_brighter(transfer, white):
    shown = to_sdr(deep([0.0, white, white + 0.05, 1.0]), ColorCode(BT2020, transfer))[:, 0, 0]
    assert shown[0] == 0
    assert 235 <= shown[1] < shown[2] <= shown[3] == 255


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_a_photo_and_a_frame_of_the_same_code_look_alike(transfer):
    """The photo's curve is that of sRGB, the video's that of BT.1886, as for SDR."""
    level = np.linspace(0, 0.56, 50)  # below the shoulders
    video = gray(to_sdr(deep(level), ColorCode(BT2020, transfer))[:, 0, 0])
    photo = code_to_srgb(deep(level), ColorCode(BT2020, transfer))[:, 0, 0] / 255
    photo = np.where(photo <= 0.04045, photo / 12.92, ((photo + 0.055) / 1.055) ** 2.4)
    np.testing.assert_allclose(video, photo, atol=0.012)


def test_wide_colors_that_a_screen_can_show_are_converted():
    color = ColorCode(P3, 0)
    gray_levels = to_sdr(deep([0.0, 0.25, 0.5]), color)[:, 0]
    np.testing.assert_allclose(gray_levels, np.array([[0] * 3, [64] * 3, [128] * 3]), atol=1)
    # Red of sRGB is (0.9175, 0.2003, 0.1386) in Display P3; here with the curve of BT.1886.
    linear = np.array([0.8225, 0.0332, 0.0171])
    red = np.rint(linear ** (1 / 2.4) * 65535).astype(np.uint16)[None, None]
    shown = to_sdr(red, color)[0, 0].astype(int)
    assert shown[0] >= 254
    assert shown[1:].max() <= 12


def test_standard_video_is_left_alone():
    for primaries in (1, 2, 5, 6):
        for transfer in (1, 2, 6, 13):
            assert wide_color(primaries, transfer) is None
    assert wide_color(2, HLG) == ColorCode(BT2020, HLG)  # HLG without primaries is BT.2020
    assert wide_color(BT2020, 14) == ColorCode(BT2020, 0)
