import math

import cv2
import numpy as np
import pytest

from fau_tf.face.detector import Detection
from fau_tf.face.head_pose import head_pose
from fau_tf.face.landmarker import FaceLandmarker
from fau_tf.face.mesh import MESH_POINTS, Face
from fau_tf.face.regions import Region
from fau_tf.face.upright import SURE_DISTANCE, SURE_SCORE, is_doubtful, turned_region
from fau_tf.io.images import read_image
from tests.helpers.face_videos import PHOTO


@pytest.fixture(scope="module")
def photo():
    return read_image(PHOTO)


@pytest.fixture(scope="module")
def landmarker():
    with FaceLandmarker(divisions=(1,)) as landmarker:
        yield landmarker


def turned(photo, degrees):
    """Return the photo turned counter-clockwise, and the (2, 3) matrix of that."""
    matrix = cv2.getRotationMatrix2D((127.5, 127.5), degrees, 1.0)
    return cv2.warpAffine(photo, matrix, (256, 256), borderMode=cv2.BORDER_REPLICATE), matrix


@pytest.mark.parametrize("degrees", [45, 90, 135, 180, 225, 270, 315])
def test_the_mesh_turns_with_the_photo(landmarker, photo, degrees):
    (upright,) = landmarker.find(photo)
    image, matrix = turned(photo, degrees)
    (mesh,) = landmarker.find(image)
    expected = upright @ matrix[:, :2].T + matrix[:, 2]
    # An inverted mesh would be off by up to two eye distances of 60 px; measured: 0.6 to 1.6 px.
    assert np.hypot(*(mesh - expected).T).mean() < 3
    apart = head_pose(mesh)[2] - head_pose(upright)[2] - degrees
    assert abs((apart + 180) % 360 - 180) < 6


def test_an_upright_face_keeps_the_region_of_its_detection(landmarker, photo):
    (face,) = landmarker.find_faces(photo)
    (found,) = landmarker._detector(photo, 0.6)
    assert face.region == found.region


def mesh_with(eye=100.0):
    """Return a mesh whose eyes, nose and mouth lie at (0, 0), (100, 0), (50, 40), (50, 80)."""
    mesh = np.zeros((MESH_POINTS, 2))
    mesh[[33, 133]], mesh[[362, 263]] = (0, 0), (eye, 0)
    mesh[4], mesh[[13, 14]] = (50, 40), (50, 80)
    return mesh


@pytest.mark.parametrize(
    ("score", "apart", "doubtful"),
    [(0.99, 0.0, False), (SURE_SCORE - 0.01, 0.0, True), (0.99, SURE_DISTANCE - 0.001, False),
     (0.99, SURE_DISTANCE + 0.001, True)],
)  # fmt: skip
def test_a_low_score_or_distant_key_points_make_a_detection_doubtful(score, apart, doubtful):
    keypoints = np.array([(0, 0), (100, 0), (50, 40), (50, 80), (0, 0), (0, 0)], float)
    found = Detection(score, np.zeros(2), np.ones(2), keypoints + np.array((100 * apart, 0)))
    assert is_doubtful(found, Face(mesh_with())) == doubtful


class Detector:
    """Finds one face that is upright where the white corner of the crop is at its upper left."""

    def __init__(self, scores):
        self.scores, self.turns = scores, []

    def __call__(self, image, min_score):
        corners = image[[8, 8, -9, -9], [8, -9, -9, 8]].mean(axis=-1)
        self.turns.append(int(corners.argmax()))
        score = self.scores[self.turns[-1]]
        keypoints = np.array([(100, 100), (150, 100), *[(0, 0)] * 4], float)
        face = Detection(score, np.array((78.0, 78.0)), np.array((178.0, 178.0)), keypoints)
        return [face] if score >= min_score else []


def marked():
    """Return a picture of 100 px with a white upper left corner."""
    image = np.zeros((100, 100, 3), np.uint8)
    image[:30, :30] = 255
    return image


@pytest.mark.parametrize(("best", "angle"), [(0, 0.0), (1, -90.0), (2, 180.0), (3, 90.0)])
def test_the_turn_with_the_best_score_tells_where_up_is(best, angle):
    scores = [0.7, 0.7, 0.7, 0.7]
    scores[best] = 0.9
    detector, region = Detector(scores), Region(49.5, 49.5, 80.0, 0.0)
    chosen = turned_region(detector, marked(), region, 0.6)
    assert sorted(detector.turns) == [0, 1, 2, 3]
    if not best:
        assert chosen == region  # as it was: this is its turn already
        return
    assert abs(math.remainder(math.degrees(chosen.angle) - angle, 360)) < 1e-6
    # The box of 100 of 256 px in the middle of a square of 1.2 * 80 px, with half as much around.
    assert chosen.size == pytest.approx(1.5 * 100 * 96 / 256)
    assert (chosen.x, chosen.y) == pytest.approx((49.5, 49.5), abs=0.3)


def test_a_face_that_no_turn_shows_keeps_its_region():
    region = Region(49.5, 49.5, 80.0, 1.0)
    assert turned_region(Detector([0.5] * 4), marked(), region, 0.6) == region
