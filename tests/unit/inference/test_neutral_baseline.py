"""Neutral calibration and smoothing."""

import numpy as np
import pytest

from fau_tf.inference.estimator import Estimate, FaceResult, Quality
from fau_tf.inference.neutral_baseline import calibrated
from fau_tf.inference.smoothing import ExponentialSmoother
from fau_tf.outputs.csv_jsonl import Reading
from fau_tf.outputs.median_spool import MedianSpool

QUALITY = Quality(60.0, 0.03, 0.6, 0.8, 1.0, 2.0, 3.0, ("soft",), 0.9)


def reading(number, face_id, values, **changes):
    entries = {
        "frame": number,
        "face_id": face_id,
        "timestamp": number / 10,
        "source": "caf\udce9 \n.mp4",
        "success": values is not None,
        "confidence": 0.9,
        "flags": ("soft",),
        "intensity": values and dict(zip(("AU06", "AU12"), values, strict=True)),
        "box": (1.0, 2.0, 3.5, 4.0),
        "landmarks": np.arange(136.0).reshape(68, 2) / 3,
        "quality": QUALITY,
    }
    return Reading(**(entries | changes))


def test_calibrated_is_the_difference_within_0_to_5():
    found = calibrated({"AU06": 3.0, "AU12": 1.0}, {"AU06": 0.5, "AU12": 2.0})
    assert found == {"AU06": 2.5, "AU12": 0.0}
    assert np.isnan(calibrated({"AU06": float("nan")}, {"AU06": 1.0})["AU06"])


def test_each_face_has_the_median_of_its_own_readings():
    rows = [
        reading(1, 0, (1.0, 0.0)),
        reading(1, 1, (4.0, 4.0)),
        reading(2, 0, (3.0, 0.5)),
        reading(3, 0, None, reason="no face found", box=None, landmarks=None, quality=None),
        reading(4, 0, (2.0, 5.0)),
    ]
    with MedianSpool() as spool:
        for row in rows:
            spool.add(row)
        found = list(spool.readings())
    assert [row.calibrated for row in found] == [
        {"AU06": 0.0, "AU12": 0.0},
        {"AU06": 0.0, "AU12": 0.0},
        {"AU06": 1.0, "AU12": 0.0},
        None,
        {"AU06": 0.0, "AU12": 4.5},
    ]


def test_readings_come_back_as_they_were():
    kept = [reading(1, 0, (1.25, 0.1)), reading(2, 0, None, box=None, landmarks=None)]
    with MedianSpool() as spool:
        for row in kept:
            spool.add(row)
        found = list(spool.readings())
    for before, after in zip(kept, found, strict=True):
        names = set(vars(before)) - {"landmarks", "calibrated"}
        assert {name: getattr(after, name) for name in names} == {
            name: getattr(before, name) for name in names
        }
    np.testing.assert_array_equal(found[0].landmarks, kept[0].landmarks)
    assert found[1].landmarks is None


def face(face_id, value, reason=""):
    empty = np.zeros((68, 2))
    return FaceResult(
        box=(0, 0, 1, 1),
        landmarks=empty,
        centers=empty,
        intensity={"AU12": value},
        heatmaps=np.zeros((1, 1, 1), np.float32),
        matrix=np.eye(2, 3),
        crop_size=8,
        quality=QUALITY,
        reason=reason,
        face_id=face_id,
    )


def smoothed(smoother, time, *faces):
    return {number: values["AU12"] for number, values in smoother(Estimate(faces), time).items()}


def test_a_step_is_followed_to_1_less_1_over_e_after_the_time_constant():
    smoother = ExponentialSmoother(0.5)
    assert smoother.name == "exponential:0.5s"
    assert smoothed(smoother, 0.0, face(0, 0.0)) == {0: 0.0}
    for i in range(1, 6):
        found = smoothed(smoother, i / 10, face(0, 4.0))
    # However the time is divided.
    assert found[0] == pytest.approx(4 * (1 - np.exp(-1)))
    again = ExponentialSmoother(0.5)
    smoothed(again, 0.0, face(0, 0.0))
    assert smoothed(again, 0.5, face(0, 4.0))[0] == pytest.approx(found[0])


def test_faces_are_smoothed_by_themselves_and_afresh_after_a_gap():
    smoother = ExponentialSmoother(1.0)
    smoothed(smoother, 0.0, face(0, 0.0), face(1, 5.0))
    found = smoothed(smoother, 0.1, face(0, 1.0), face(1, 5.0))
    assert 0 < found[0] < 0.2
    assert found[1] == 5.0
    assert smoothed(smoother, 0.2, face(0, float("nan"), "blurred"), face(1, 5.0)) == {1: 5.0}
    assert smoothed(smoother, 0.3, face(0, 3.0), face(1, 5.0)) == {0: 3.0, 1: 5.0}


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_a_time_constant_that_is_none_is_refused(seconds):
    with pytest.raises(ValueError, match=r"seconds must be above 0\. Received"):
        ExponentialSmoother(seconds)
