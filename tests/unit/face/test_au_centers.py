import numpy as np
import pytest

from fau_tf import facs
from fau_tf.face.au_centers import au_centers


@pytest.fixture
def landmarks():
    return np.random.default_rng(3).integers(20, 230, (68, 2)).astype(float)


def test_the_published_sample_row_implies_landmarks_at_whole_pixels():
    """Fan's rule on the annotation that comes with the paper's code (method notes: BP4D sample).

    Marked landmarks are whole pixels; so must be the ones that the rule's means imply.
    """
    row = {
        6: ((55, 105.5), (198.5, 104.5)),
        10: ((102, 166), (158, 165)),
        12: ((84, 164), (174, 164)),
        14: ((61, 156.5), (192.5, 155)),
        17: ((131, 191), (130.5, 210.5)),
    }
    placed = {48: row[12][0], 54: row[12][1], 49: row[10][0], 53: row[10][1], 57: row[17][0]}
    for jaw, known, mean in ((3, 48, row[14][0]), (13, 54, row[14][1]), (8, 57, row[17][1])):
        placed[jaw] = tuple(2 * np.array(mean) - placed[known])
    for eyelid, jaw, mean in ((41, 2, row[6][0]), (46, 14, row[6][1])):
        # Two unknown landmarks: only their sum is implied.
        placed[eyelid], placed[jaw] = np.floor(mean), 2 * np.array(mean) - np.floor(mean)
    assert all(float(value).is_integer() for point in placed.values() for value in point)
    landmarks = np.zeros((68, 2))
    for index, point in placed.items():
        landmarks[index] = point
    landmarks[[39, 42]] = ((100, 100), (150, 100))
    found = au_centers(landmarks, facs.BP4D, "fan")
    np.testing.assert_array_equal(found.reshape(5, 2, 2), [row[au] for au in facs.BP4D])


def test_a_center_on_one_landmark_is_that_landmark(landmarks):
    np.testing.assert_array_equal(au_centers(landmarks, (12,)), landmarks[[48, 54]])


def test_a_center_of_three_landmarks_is_their_mean(landmarks):
    expected = landmarks[[21, 22, 27]].mean(axis=0, keepdims=True)
    np.testing.assert_allclose(au_centers(landmarks, (4,)), expected, rtol=1e-6)


def test_down_is_in_units_of_the_inner_eye_corners(landmarks):
    landmarks[[39, 42]] = ((100, 90), (140, 90))
    below = landmarks[[41, 46]] + (0, 40)
    above = landmarks[[21, 22]] - (0, 20)
    np.testing.assert_array_equal(au_centers(landmarks, (6,), "jaanet"), below)
    np.testing.assert_array_equal(au_centers(landmarks, (1,), "jaanet"), above)


@pytest.mark.parametrize("rule", sorted(facs.RULES))
def test_a_batch_gives_what_each_face_gives(rule):
    aus = tuple(facs.RULES[rule].points)
    batch = np.random.default_rng(0).uniform(0, 200, (2, 3, 68, 2)).astype(np.float32)
    together = au_centers(batch, aus, rule)
    assert together.shape == (2, 3, len(facs.centers(aus, rule)), 2)
    assert together.dtype == np.float32
    np.testing.assert_array_equal(together[1, 2], au_centers(batch[1, 2], aus, rule))


def test_wrong_landmarks_are_refused_with_their_shape():
    with pytest.raises(ValueError, match=r"got \(5, 2\)"):
        au_centers(np.zeros((5, 2)), (12,))


def test_an_au_that_the_rule_lacks_is_named(landmarks):
    with pytest.raises(ValueError, match="AU05"):
        au_centers(landmarks, (5, 12), "jaanet")
