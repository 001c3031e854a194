import math

import numpy as np
import pytest

from fau_tf.inference.derived import EyeClosure, pspi
from fau_tf.inference.estimator import Estimate
from tests.helpers.faces import TURNED, small_face

NAN = float("nan")
FACE = {"AU04": 1.0, "AU06": 2.0, "AU07": 3.0, "AU09": 0.5, "AU10": 0.25, "AU45": 2.5}


def test_pspi_is_the_sum_of_prkachin_and_solomon_with_au45_for_au43():
    assert pspi(FACE) == 1.0 + 3.0 + 0.5 + 0.5
    # The other AU of each pair.
    assert pspi(FACE | {"AU06": 4.0, "AU10": 5.0}) == 1.0 + 4.0 + 5.0 + 0.5


def test_pspi_is_0_to_16():
    assert pspi(dict.fromkeys(FACE, 0.0)) == 0
    assert pspi(dict.fromkeys(FACE, 5.0)) == 16


@pytest.mark.parametrize("label", FACE)
def test_pspi_is_nan_without_one_of_its_aus(label):
    assert math.isnan(pspi(FACE | {label: NAN}))
    assert math.isnan(pspi({name: x for name, x in FACE.items() if name != label}))


def blinks(levels, step, seconds):
    """Return the shares of a face whose AU45 is `levels`; None is a frame that was not read."""
    closure, out = EyeClosure(seconds), []
    for i, level in enumerate(levels):
        face = small_face(intensity={"AU45": NAN if level is None else level})
        if level is None:
            face = small_face(intensity={"AU45": NAN}, quality=TURNED)
        out.append(closure(Estimate((face,)), i * step)[0])
    return out


def by_a_loop(levels, step, seconds):
    out = []
    for i in range(len(levels)):
        now = i * step
        window = [levels[j] for j in range(i + 1) if j * step > now - seconds]
        read = [level for level in window if level is not None]
        full = now >= seconds and len(read) * 2 >= len(window) and read
        out.append(sum(level >= 4 for level in read) / len(read) if full else NAN)
    return out


def test_the_share_is_that_of_a_loop_over_the_window():
    rng = np.random.default_rng(3)
    levels = [None if rng.random() < 0.45 else float(rng.uniform(2, 5)) for _ in range(200)]
    # A binary fraction, so that both sides see the same times.
    found, wanted = blinks(levels, 0.125, 2.0), by_a_loop(levels, 0.125, 2.0)
    assert np.nanmin(wanted) < np.nanmax(wanted)
    assert 16 < np.isnan(wanted).sum() < 120
    np.testing.assert_array_equal(found, wanted)


def test_eyes_count_as_closed_from_80_percent():
    assert blinks([3.99] * 9, 0.25, 1.0)[4:] == [0.0] * 5
    assert blinks([4.0] * 9, 0.25, 1.0)[4:] == [1.0] * 5
    assert blinks([4.0, 1.0] * 5, 0.25, 1.0)[4:] == [0.5] * 6


def test_there_is_no_share_before_the_window_is_full_or_where_half_of_it_is_missing():
    found = blinks([5.0] * 4 + [5.0, None, None, 5.0, None, None, None], 0.25, 1.0)
    assert np.isnan(found).tolist() == [True] * 4 + [False] * 4 + [True] * 3


def test_frames_that_could_not_be_read_are_in_the_window_of_each_face():
    closure, found = EyeClosure(1.0), []
    for i, level in enumerate([5.0, 5.0, 0.0, 5.0, 5.0, None, None, 5.0, None, None, None, 5.0]):
        if level is None:
            closure.skip(i / 4)
        else:
            found.append(closure(Estimate((small_face(intensity={"AU45": level}),)), i / 4)[0])
    # The last three windows of four frames have four, two and one that were read.
    np.testing.assert_array_equal(found, [NAN] * 4 + [0.75, 1.0, NAN])


def test_a_new_id_starts_afresh_and_faces_are_apart():
    closure = EyeClosure(0.5)
    for time in (0.0, 0.25, 0.5):
        open_, shut = (
            small_face(intensity={"AU45": level}, face_id=i) for i, level in enumerate((0.0, 5.0))
        )
        found = closure(Estimate((open_, shut)), time)
    assert found == {0: 0.0, 1: 1.0}
    found = closure(Estimate((small_face(intensity={"AU45": 0.0}, face_id=2),)), 0.75)
    assert found.keys() == {2}
    assert math.isnan(found[2])


def test_a_model_without_au45_has_no_share():
    closure = EyeClosure(0.5)
    for time in (0.0, 0.5, 1.0):
        found = closure(Estimate((small_face(),)), time)
    assert math.isnan(found[0])


@pytest.mark.parametrize("seconds", [0.0, -1.0, NAN, float("inf")])
def test_the_window_must_be_positive(seconds):
    with pytest.raises(ValueError, match="window must be above 0 seconds: got"):
        EyeClosure(seconds)
