import math

import numpy as np
import pytest

from fau_tf.face import detector
from fau_tf.face.bundle import read_bundle
from fau_tf.face.detector import FaceDetector, anchors, decode, merge, overlap
from fau_tf.io.images import read_image
from tests.helpers.face_videos import PHOTO


def box(x0, y0, x1, y1, keypoints=0.0):
    return np.array([(x0, y0), (x1, y1), *[(keypoints, keypoints)] * 6], float)


def test_anchors_are_cell_centers_row_by_row():
    found = anchors()
    assert found.shape == (896, 2)
    # Cells of 8 px, two anchors each; then cells of 16 px, six each.
    np.testing.assert_array_equal(found[:4], ((4, 4), (4, 4), (12, 4), (12, 4)))
    np.testing.assert_array_equal(found[32], (4, 12))
    np.testing.assert_array_equal(found[512:519], [(8, 8)] * 6 + [(24, 8)])
    np.testing.assert_array_equal(found[-1], (120, 120))


def test_outputs_are_relative_to_their_anchors():
    regressors, logits = np.zeros((896, 16)), np.full((896, 1), -1e9)
    regressors[3] = (1, 2, 10, 20, *range(12))  # anchor (12, 4)
    logits[3] = math.log(3)
    scores, points = decode(logits, regressors)
    assert scores[3] == pytest.approx(0.75)
    assert 0 < scores[0] < 1e-43
    np.testing.assert_allclose(points[3, :3], ((8, -4), (18, 16), (12, 5)))
    np.testing.assert_allclose(points[3, -1], (22, 15))


def test_boxes_of_one_face_are_averaged_by_score():
    scores = np.array((0.6, 0.9, 0.8))
    points = np.stack((box(0, 0, 10, 10, 4), box(1, 0, 11, 10, 1), box(40, 40, 50, 50, 7)))
    (first, mean), (second, alone) = merge(scores, points)
    assert (first, second) == (0.9, 0.8)
    np.testing.assert_allclose(mean, (0.6 * points[0] + 0.9 * points[1]) / 1.5)
    np.testing.assert_array_equal(alone, points[2])


def test_only_the_best_box_decides_who_belongs_to_it():
    # Each overlaps the next by a half, the first and the last not at all.
    points = np.stack((box(0, 0, 8, 8), box(4, 0, 12, 8), box(8, 0, 16, 8)))
    assert [score for score, _ in merge(np.array((0.9, 0.8, 0.7)), points)] == [0.9, 0.7]
    assert [score for score, _ in merge(np.array((0.7, 0.9, 0.8)), points)] == [0.9]


def test_a_box_without_an_area_is_a_face_of_its_own():
    points = np.stack((box(5, 5, 5, 5), box(5, 5, 5, 5)))
    assert len(merge(np.array((0.9, 0.8)), points)) == 2
    assert merge(np.zeros(0), np.zeros((0, 8, 2))) == []


def test_overlap_is_intersection_over_union():
    others = np.stack((box(0, 0, 10, 10), box(5, 0, 15, 10), box(20, 0, 30, 10), box(3, 3, 3, 3)))
    np.testing.assert_allclose(overlap(box(0, 0, 10, 10), others), (1, 1 / 3, 0, 0))


def test_the_sample_photo_has_one_face_with_its_key_points():
    photo = read_image(PHOTO)
    detect = FaceDetector(read_bundle())
    (found,) = detect(photo, 0.6)
    assert found.score > 0.9
    # Eyes, tip of the nose and mouth by eye; the detector is within a twentieth of the box.
    by_eye = ((104, 100), (149, 102), (127, 126), (126, 146))
    np.testing.assert_allclose(found.keypoints[:4], by_eye, atol=5)
    assert (found.low < found.keypoints[:4]).all()
    assert (found.high > found.keypoints[:4]).all()
    assert detect(photo, 0.9999) == []
    # A doubtful face counts only where there is no other.
    assert [one.score for one in detect(photo, 0.6, 0.5)] == [found.score]
    assert [one.score for one in detect(photo, 0.9999, 0.6)] == [found.score]
    moved = found.moved((100, -5))
    np.testing.assert_allclose(moved.keypoints - found.keypoints, [(100, -5)] * 6)
    assert moved.region.x == pytest.approx(found.region.x + 100)


def test_the_input_of_the_network_is_within_one():
    crop = np.array((0, 255), np.uint8).repeat(detector.SIDE**2 * 3 // 2)
    values = detector.network_input(crop.reshape(detector.SIDE, detector.SIDE, 3))
    assert values.shape == (1, 128, 128, 3)
    assert values.dtype == np.float32
    assert (values.min(), values.max()) == (-1, 1)
