"""Color codes against published numbers."""

import numpy as np
import pytest

from fau_tf.io.color_codes import HLG, LINEAR, PQ, WHITE, display_light, light_of, to_bt709


@pytest.mark.parametrize(
    ("transfer", "level", "light"),
    [
        # BT.2408-7, table 1: HDR reference white is 58 % PQ and 75 % HLG, and is 203 cd/m2.
        (PQ, 0.58, 203),
        (HLG, 0.75, 203),
        # BT.2408-7, table 2: 18 % gray card, 26 cd/m2, 38 % PQ and 38 % HLG.
        (PQ, 0.38, 26),
        (HLG, 0.38, 26),
        (PQ, 1.0, 10_000),
        (HLG, 1.0, 1000),
    ],
)
def test_levels_of_hdr_have_the_luminance_of_the_recommendation(transfer, level, light):
    found = light_of(transfer, np.full((1, 3), level))
    found = display_light(found) if transfer == HLG else found
    # The table's levels are whole percents: 1 % of PQ is 9 % of the light there.
    np.testing.assert_allclose(found * WHITE, light, rtol=0.09)


def test_levels_of_srgb_and_linear_light():
    # IEC 61966-2-1: level 0.5 is 0.21404.
    np.testing.assert_allclose(light_of(13, np.array([0.0, 0.5, 1.0])), [0, 0.21404, 1], atol=1e-5)
    np.testing.assert_array_equal(light_of(LINEAR, np.array([0.0, 0.5])), [0, 0.5])


def test_matrices_to_bt709():
    bt2020 = [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
    np.testing.assert_allclose(to_bt709(9), bt2020, atol=1e-4)  # ITU-R BT.2407
    for primaries in (9, 12):
        np.testing.assert_allclose(to_bt709(primaries) @ np.ones(3), 1, atol=1e-6)
    assert to_bt709(1) is None
    assert to_bt709(2) is None
