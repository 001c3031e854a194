"""Response of blendshapes to AUs, on invented scores: no face is rendered or scored."""

import numpy as np
import pytest

from fau_tf import facs
from fau_tf.evaluation import blendshape_response
from fau_tf.evaluation.blendshape_response import LEVELS, response
from fau_tf.evaluation.blendshapes import AU_BLENDSHAPES

NAMES = [name for groups in AU_BLENDSHAPES.values() for group in groups for name in group]
AU = 12
LEFT, RIGHT = (NAMES.index(f"mouthSmile{side}") for side in ("Left", "Right"))


def scores(subjects, *levels):
    """Return (subjects, levels, blendshapes): AU12's two sides at these means, all else still."""
    found = np.zeros((subjects, len(LEVELS), len(NAMES)))
    found[..., LEFT] = found[..., RIGHT] = levels
    return found


def test_every_au_has_blendshapes_of_its_own():
    assert set(AU_BLENDSHAPES) == set(facs.AUS)
    assert len(set(NAMES)) == len(NAMES)


def test_a_score_that_rises_in_every_subject_passes():
    found = response(AU, NAMES, scores(3, 0.1, 0.2, 0.4, 0.7))
    assert found.passed
    np.testing.assert_allclose(found.mean, (0.1, 0.2, 0.4, 0.7))
    assert (found.risen, found.missed) == (1.0, 0)


def test_left_and_right_count_equally():
    one_sided = scores(2, 0, 0, 0, 0)
    one_sided[:, -1, LEFT] = 0.8
    assert response(AU, NAMES, one_sided).mean[-1] == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("means", "error", "risen", "passed"),
    [
        ((0.0, 0.0, 0.1, 0.2), 0.09, 0.7, True),
        ((0.0, 0.0, 0.1, 0.2), 0.10, 0.7, False),  # not more than twice the error
        ((0.0, 0.0, 0.1, 0.2), 0.09, 0.6, False),  # rises in too few subjects
        ((0.0, 0.0, 0.3, 0.2), 0.09, 1.0, False),  # falls from 3 to 5
        ((0.1, 0.1, 0.0, 0.4), 0.09, 1.0, False),  # falls from 0 to 3
        ((0.1, 0.0, 0.1, 0.4), 0.09, 1.0, True),  # may fall at 1, a trace
        ((1e-6, 1e-6, 2e-6, 3e-6), 1e-7, 1.0, False),  # a blendshape that never moves
    ],
)
def test_passing_needs_every_rule(means, error, risen, passed):
    assert blendshape_response.passes(means, error, risen) is passed


def test_the_error_is_that_of_the_rise_within_each_subject():
    # Subjects differ far more than any score rises, which is no error.
    found = scores(4, 0, 0, 0.1, 0.2) + np.array([0.0, 0.2, 0.4, 0.6])[:, None, None]
    assert response(AU, NAMES, found).error == pytest.approx(0, abs=1e-12)
    rises = scores(3, 0, 0, 0, 0)
    rises[:, -1, LEFT] = rises[:, -1, RIGHT] = [0.1, 0.2, 0.3]
    assert response(AU, NAMES, rises).error == pytest.approx(0.1 / np.sqrt(3))


def test_subjects_with_a_picture_without_a_face_are_left_out_and_counted():
    found = scores(5, 0.1, 0.2, 0.4, 0.7)
    found[2, 1] = found[2, 3] = np.nan
    found = response(AU, NAMES, found)
    assert (found.missed, found.passed) == (2, True)


def test_one_subject_is_too_few():
    found = scores(3, 0.1, 0.2, 0.4, 0.7)
    found[1:] = np.nan
    found = response(AU, NAMES, found)
    assert not found.passed
    assert np.isnan(found.error)


def test_a_whole_measurement_renders_each_au_of_each_subject(monkeypatch):
    class Reader:
        names = tuple(NAMES)

        def scores(self, picture):
            return picture

    def picture(_rig, _renderer, _size, subject, intensity):
        ((au, level),) = intensity.items() or ((None, 0),)
        found = np.full(len(NAMES), 0.01 * subject)
        for group in AU_BLENDSHAPES.get(au, ()):
            found[[NAMES.index(name) for name in group]] += level / 10 * (au != 9)
        return found

    class Rig:
        name = "rig"

    monkeypatch.setattr(blendshape_response, "_picture", picture)
    monkeypatch.setattr(blendshape_response, "COUNT", len(NAMES))
    log = []
    rows = blendshape_response.measure(Reader(), Rig(), "fast", subjects=3, log=log.append)
    assert log[-1] == "rig, fast: subject 3 of 3"
    assert [row.au for row in rows if not row.passed] == [9]
    text = blendshape_response.table(rows)
    assert "13 of 14 AUs pass." in text
    assert text.count("| no |") == 1
