import numpy as np
import pytest
from PIL import Image

from fau_tf.inference.estimator import Estimate
from fau_tf.inference.postprocessing import (
    ExponentialSmoother,
    NeutralFaceError,
    Postprocessing,
    above_neutral,
    neutral_face,
)
from tests.helpers.faces import TURNED, small_face

NAN = float("nan")


def smoothed(smoother, time, *faces):
    return {face_id: x["AU12"] for face_id, x in smoother(Estimate(faces), time).items()}


def test_intensities_above_neutral_are_the_difference_within_0_to_5():
    face = small_face(intensity={"AU06": 3.0, "AU12": 1.0, "AU15": NAN})
    found = above_neutral(face, {"AU06": 0.5, "AU12": 2.0, "AU15": 1.0}).above_neutral
    assert (found["AU06"], found["AU12"]) == (2.5, 0.0)
    assert np.isnan(found["AU15"])


def test_a_step_is_followed_to_1_less_1_over_e_after_the_time_constant():
    smoother = ExponentialSmoother(0.5)
    assert smoothed(smoother, 0.0, small_face(0.0)) == {0: 0.0}
    for i in range(1, 6):
        found = smoothed(smoother, i / 10, small_face(4.0))
    assert found[0] == pytest.approx(4 * (1 - np.exp(-1)))
    # However the time is divided.
    again = ExponentialSmoother(0.5)
    smoothed(again, 0.0, small_face(0.0))
    assert smoothed(again, 0.5, small_face(4.0))[0] == pytest.approx(found[0])


def test_each_face_is_smoothed_by_itself_and_afresh_after_a_gap():
    smoother = ExponentialSmoother(1.0)
    other = small_face(5.0, face_id=1)
    smoothed(smoother, 0.0, small_face(0.0), other)
    found = smoothed(smoother, 0.1, small_face(1.0), other)
    assert 0 < found[0] < 0.2
    assert found[1] == 5.0
    assert smoothed(smoother, 0.2, small_face(NAN, quality=TURNED), other) == {1: 5.0}
    assert smoothed(smoother, 0.3, small_face(3.0), other) == {0: 3.0, 1: 5.0}


@pytest.mark.parametrize("seconds", [0.0, -1.0, NAN, float("inf")])
def test_a_time_constant_must_be_positive(seconds):
    with pytest.raises(ValueError, match="must be above 0 seconds: got"):
        ExponentialSmoother(seconds)


def test_the_neutral_baseline_is_subtracted_from_the_smoothed_intensities_and_both_are_named():
    processing = Postprocessing(0.5, "in/rest.png", {"AU06": 1.0, "AU12": 0.0})
    assert processing.name == "smooth=exponential:0.5s neutral=rest.png"
    process = processing.begin()
    process(Estimate((small_face(0.0),)), 0.0)
    (face,) = process(Estimate((small_face(4.0),)), 0.5).faces
    assert face.intensity == {"AU06": 4.0, "AU12": 4.0}
    assert face.shown == face.smoothed
    assert face.above_neutral["AU06"] == pytest.approx(face.smoothed["AU06"] - 1.0)
    raw = Estimate((small_face(),))
    assert Postprocessing().begin()(raw, 0.0) is raw


class Reader:
    def __init__(self, *faces):
        self.faces = faces

    def estimate(self, _photo):
        return Estimate(self.faces)


@pytest.mark.parametrize(
    ("faces", "found"),
    [
        ((), "got 0 faces"),
        ((small_face(), small_face()), "got 2 faces"),
        ((small_face(NAN, quality=TURNED),), "got a face that is turned more than 45 degrees"),
    ],
)
def test_a_neutral_photo_must_show_one_face_that_can_be_read(faces, found):
    with pytest.raises(NeutralFaceError, match=rf"--neutral: rest\.png must show.*{found}"):
        neutral_face(Reader(*faces), Image.new("RGB", (4, 4)), "rest.png")
    assert neutral_face(Reader(small_face(1.5)), "rest.png", "rest.png")["AU06"] == 1.5
