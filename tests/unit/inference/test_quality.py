from dataclasses import replace

import numpy as np
import pytest

from fau_tf.codec import HeatmapCodec
from fau_tf.face.head_pose import _POINTS, _SHAPE, head_pose
from fau_tf.inference.quality import FLAG_BELOW, LIMITS, Quality, peakedness

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
        ({"eye_distance_px": 31.0}, ("small face",)),
        ({"sharpness": 0.22}, ("soft",)),
        ({"yaw": -28.0}, ("turned",)),
        ({"pitch": 30.0, "eye_distance_px": 16.0}, ("small face", "turned")),
        ({"roll": 170.0}, ()),
        ({"presence_logit": 8.0}, ("unclear face",)),
        ({"noise": 0.5}, ("noisy",)),
        ({"brightness": 30.0}, ("dark",)),
        ({"contrast": 6.0}, ("low contrast",)),
        ({"clipped": 0.7}, ("overexposed",)),
        ({"color": 0.0}, ("no color",)),
        ({"eyes_covered": 0.6}, ("eyes covered",)),
        ({"mouth_covered": 1.0}, ("mouth covered",)),
        ({"face": 0.3}, ("unlike a face",)),
        ({"alignment": 0.12}, ("landmarks fit badly",)),
        ({"peakedness": 0.5}, ("scattered heatmaps",)),
    ],
)
def test_flags_name_what_lowers_the_score_the_smallest_share_first(changes, flags):
    quality = replace(GOOD, **changes)
    assert quality.flags == flags
    assert (quality.score < FLAG_BELOW) == bool(flags)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, ""),
        ({"yaw": 44.9}, ""),
        ({"yaw": 45.1}, "turned more than 45 degrees"),
        ({"pitch": -45.1}, "turned more than 45 degrees"),
        ({"pitch": -45.1, "sharpness": 0.0}, "turned more than 45 degrees"),
        ({"sharpness": 0.11}, ""),
        ({"sharpness": 0.09}, "too blurred"),
        ({"presence_logit": 2.9}, "hardly a face"),
        ({"face": 0.0}, ""),
        ({"noise": 0.8}, "too noisy"),
        ({"brightness": 11.0}, "too dark"),
        ({"contrast": 2.0}, "too little contrast"),
        ({"clipped": 0.96}, "too overexposed"),
        ({"eye_distance_px": 7.0}, "too small"),
        ({"mouth_covered": 1.0}, ""),
        ({"peakedness": 0.1}, ""),
        ({"alignment": 0.2}, ""),
    ],
)
def test_a_face_that_must_not_be_read_has_a_reason_and_score_0(changes, reason):
    quality = replace(GOOD, **changes)
    assert quality.reason == reason
    if reason:
        assert quality.score == 0.0


def test_the_score_is_the_smallest_share():
    # Half way between 8 and 34 px.
    assert replace(GOOD, eye_distance_px=21.0).score == 0.5
    assert replace(GOOD, eye_distance_px=21.0, alignment=0.152).score == pytest.approx(0.1)


def test_what_was_not_measured_lowers_nothing():
    unknown = dict.fromkeys(set(LIMITS) - {"turn", "nod"}, float("nan"))
    assert replace(GOOD, **unknown).score == 1.0
    assert replace(GOOD, **unknown).reason == ""
