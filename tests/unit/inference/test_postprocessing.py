from dataclasses import asdict

import numpy as np
import pytest
from PIL import Image

from fau_tf.inference.estimator import Estimate
from fau_tf.inference.postprocessing import (
    NeutralFaceError,
    Postprocessing,
    above_neutral,
    neutral_face,
)
from fau_tf.inference.smoothing import OneEuro
from tests.helpers.faces import TURNED, small_face

NAN = float("nan")


def test_intensities_above_neutral_are_the_difference_within_0_to_5():
    face = small_face(intensity={"AU06": 3.0, "AU12": 1.0, "AU15": NAN})
    found = above_neutral(face, {"AU06": 0.5, "AU12": 2.0, "AU15": 1.0}).above_neutral
    assert (found["AU06"], found["AU12"]) == (2.5, 0.0)
    assert np.isnan(found["AU15"])


def test_the_neutral_baseline_is_subtracted_from_the_smoothed_intensities_and_both_are_named():
    processing = Postprocessing(OneEuro(0.5, 0.25), "in/rest.png", {"AU06": 1.0, "AU12": 0.0})
    assert processing.name == "smooth=one-euro:0.5Hz,0.25 neutral=rest.png"
    process = processing.begin()
    process(Estimate((small_face(0.0),)), 0.0)
    (face,) = process(Estimate((small_face(4.0),)), 0.5).faces
    assert face.intensity == {"AU06": 4.0, "AU12": 4.0}
    assert face.shown == face.smoothed
    assert face.above_neutral["AU06"] == pytest.approx(face.smoothed["AU06"] - 1.0)
    assert Postprocessing.of_entries(asdict(processing)) == processing
    assert Postprocessing.of_entries(asdict(Postprocessing())) == Postprocessing()
    raw = Estimate((small_face(),))
    assert Postprocessing().begin()(raw, 0.0) is raw


def test_a_frame_that_could_not_be_read_ends_smoothing_and_counts_for_the_eyes():
    process = Postprocessing(OneEuro(0.5, 0.25), eye_closure=0.75).begin()
    frames = {0.0: 5.0, 0.25: 0.0, 0.5: None, 0.75: 5.0, 1.0: None, 1.25: None, 1.5: 5.0}
    faces = {}
    for time, level in frames.items():
        if level is None:
            process.skip(time)
        else:
            estimate = Estimate((small_face(intensity={"AU45": level}),))
            (faces[time],) = process(estimate, time).faces
    smoothed = {time: face.smoothed == face.intensity for time, face in faces.items()}
    assert smoothed == {0.0: True, 0.25: False, 0.75: True, 1.5: True}
    assert faces[0.75].eye_closure == 0.5  # two of three frames were read
    assert np.isnan(faces[1.5].eye_closure)  # one of three
    Postprocessing(neutral="rest.png", neutral_intensity={"AU45": 0.0}).begin().skip(0.0)


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
