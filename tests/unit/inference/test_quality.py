from dataclasses import replace

import numpy as np
import pytest

from fau_tf.codec import HeatmapCodec
from fau_tf.face.head_pose import _POINTS, _SHAPE, head_pose
from fau_tf.inference.quality import Quality, peakedness, sharpness

GOOD = Quality(80, alignment=0.03, sharpness=0.6, peakedness=0.9, yaw=3, pitch=-5, roll=30)


def turned(yaw, pitch, roll):
    """Return the mesh of the canonical face after a pitch, then a yaw, then a roll; in px."""
    y, p, r = np.radians((yaw, pitch, roll))
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    points = _SHAPE @ (about_z @ about_y @ about_x).T
    mesh = np.zeros((478, 2))
    mesh[_POINTS] = points[:, :2] * (1, -1) * 11.0 + (300, 200)
    return mesh


@pytest.mark.parametrize(
    "angles", [(0, 0, 0), (30, 0, 0), (0, 25, 0), (0, 0, -70), (-50, 20, 15), (20, -40, 120)]
)
def test_the_pose_of_the_canonical_face_is_exact(angles):
    np.testing.assert_allclose(head_pose(turned(*angles)), angles, atol=1e-6)


def test_a_nose_to_the_right_is_a_positive_yaw_and_one_that_points_down_a_positive_pitch():
    tip, root = 4, 168
    assert turned(30, 0, 0)[tip, 0] > turned(30, 0, 0)[root, 0]
    lowered, level = turned(0, 30, 0), turned(0, 0, 0)
    assert (lowered[tip] - lowered[root])[1] > (level[tip] - level[root])[1]


def plain_sharpness(gray):
    """The measure of Crete et al. pixel by pixel."""
    height, width = gray.shape
    shares = []
    for rows in (1, 0):
        pairs = [
            ((y, x), (y + rows, x + 1 - rows))
            for y in range(height - rows)
            for x in range(width - 1 + rows)
        ]
        again = np.empty(gray.shape)
        for y in range(height):
            for x in range(width):
                at = [(y, x + k) if not rows else (y + k, x) for k in range(-4, 5)]
                # OpenCV mirrors about the border's pixel.
                at = [
                    (
                        abs(i) if i < height else 2 * height - 2 - i,
                        abs(j) if j < width else 2 * width - 2 - j,
                    )
                    for i, j in at
                ]
                again[y, x] = np.mean([gray[place] for place in at])
        before = [abs(float(gray[a]) - float(gray[b])) for a, b in pairs]
        after = [abs(again[a] - again[b]) for a, b in pairs]
        lost = sum(max(0.0, d - e) for d, e in zip(before, after, strict=True))
        shares.append(lost / sum(before))
    return min(shares)


def test_sharpness_is_the_published_measure():
    gray = np.random.default_rng(0).integers(0, 256, (14, 17), np.uint8)
    expected = plain_sharpness(gray)
    assert 0.3 < expected < 0.95
    # float32 sums.
    assert sharpness(gray) == pytest.approx(expected, abs=1e-4)


def test_sharpness_ignores_brightness_and_contrast_and_is_0_without_any():
    gray = np.random.default_rng(0).integers(0, 100, (30, 30), np.uint8)
    assert sharpness(gray * 2 + 20) == pytest.approx(sharpness(gray), abs=1e-4)
    assert sharpness(np.full((30, 30), 7, np.uint8)) == 0.0


def test_a_target_is_peaked_and_a_smear_is_not():
    codec = HeatmapCodec(128, 32, 1.5)
    target = codec.encode(np.array([[60.0, 50.0]]), np.array([3.0], np.float32)).astype(np.float32)
    # 97 % of a Gaussian lie within 2.67 sigma.
    assert peakedness(target) == pytest.approx(0.97, abs=0.02)
    flat = np.full((32, 32, 1), 3.0, np.float32)
    # The maximum is in the corner, where a quarter of the circle is.
    assert peakedness(flat) == pytest.approx(17 / 1024, abs=0.01)
    both = np.concatenate((target, flat), axis=-1)
    assert peakedness(flat) < peakedness(both) < peakedness(target)


def test_dark_heatmaps_have_no_shape():
    dark = np.full((32, 32, 4), 0.49, np.float32)
    assert np.isnan(peakedness(dark))
    assert replace(GOOD, peakedness=float("nan")).score == 1.0


@pytest.mark.parametrize(
    ("changes", "flags"),
    [
        ({}, ()),
        ({"eye_distance_px": 47.9}, ("small face",)),
        ({"sharpness": 0.41}, ("soft",)),
        ({"yaw": -23.0}, ("turned",)),
        ({"pitch": 30.0, "eye_distance_px": 20.0}, ("small face", "turned")),
        ({"roll": 170.0}, ()),
    ],
)
def test_flags_name_what_lowers_the_score(changes, flags):
    quality = replace(GOOD, **changes)
    assert quality.flags == flags
    assert (quality.score < 1.0) == bool(flags)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, ""),
        ({"yaw": 45.0}, ""),
        ({"yaw": 45.1}, "turned more than 45 degrees"),
        ({"pitch": -45.1}, "turned more than 45 degrees"),
        ({"sharpness": 0.3}, ""),
        ({"sharpness": 0.29}, "too blurred"),
    ],
)
def test_a_face_that_must_not_be_read_has_a_reason_and_score_0(changes, reason):
    quality = replace(GOOD, **changes)
    assert quality.reason == reason
    if reason:
        assert quality.score == 0.0


def test_the_score_is_the_smallest_share():
    # Half way between 8 and 48 px.
    assert replace(GOOD, eye_distance_px=28.0).score == 0.5
    assert replace(GOOD, eye_distance_px=28.0, alignment=0.152).score == pytest.approx(0.1)
