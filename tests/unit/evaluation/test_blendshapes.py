"""The verdict on how blendshapes react, on made-up scores; no face is drawn or read."""

import numpy as np
import pytest

from fau_tf import facs
from fau_tf.evaluation import blendshapes

NAMES = [name for au in facs.AUS for name in blendshapes.columns(au)]
AU = 12
LEFT, RIGHT = (NAMES.index(f"mouthSmile{side}") for side in ("Left", "Right"))


def scores(people, *levels):
    """Return (people, levels, shapes) of AU12's two sides at these means; the rest is still."""
    read = np.zeros((people, len(blendshapes.LEVELS), len(NAMES)))
    read[..., LEFT] = read[..., RIGHT] = levels
    return read


def test_every_action_unit_of_the_table_has_a_sign():
    assert set(blendshapes.SIGNS) == set(facs.AUS)
    assert len(set(NAMES)) == len(NAMES)  # and no blendshape speaks for two


def test_a_score_that_rises_in_everybody_moves_the_right_way():
    found = blendshapes.reaction(AU, NAMES, scores(3, 0.1, 0.2, 0.4, 0.7))
    assert found.right
    np.testing.assert_allclose(found.mean, (0.1, 0.2, 0.4, 0.7))
    assert found.rise == pytest.approx(0.6)
    assert (found.risen, found.missed) == (1.0, 0)
    assert found.spearman == pytest.approx(1.0)
    assert found.most[0].startswith("mouthSmile")
    assert found.most[1] == pytest.approx(0.6)


def test_left_and_right_count_alike():
    read = scores(2, 0, 0, 0, 0)
    read[:, -1, LEFT] = 0.8
    assert blendshapes.reaction(AU, NAMES, read).rise == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("means", "error", "risen", "right"),
    [
        ((0.0, 0.0, 0.1, 0.2), 0.09, 0.7, True),
        ((0.0, 0.0, 0.1, 0.2), 0.10, 0.7, False),  # not more than twice the error
        ((0.0, 0.0, 0.1, 0.2), 0.09, 0.6, False),  # too few people rise
        ((0.0, 0.0, 0.3, 0.2), 0.09, 1.0, False),  # falls from 3 to 5
        ((0.1, 0.1, 0.0, 0.4), 0.09, 1.0, False),  # falls from 0 to 3
        ((0.1, 0.0, 0.1, 0.4), 0.09, 1.0, True),  # 1 is a trace, not judged
        ((0.4, 0.3, 0.2, 0.1), 0.01, 0.0, False),
        ((1e-6, 1e-6, 2e-6, 3e-6), 1e-7, 1.0, False),  # a shape that the reader never raises
    ],
)
def test_the_verdict_needs_every_rule(means, error, risen, right):
    assert blendshapes.right_way(means, error, risen) is right


def test_what_never_moves_is_not_the_right_way():
    found = blendshapes.reaction(AU, NAMES, scores(4, 0.2, 0.2, 0.2, 0.2))
    assert not found.right
    assert found.risen == 0
    assert found.spearman == 0


def test_the_error_is_that_of_the_rise_in_each_person():
    # people differ far more than any rises, which is no error: each is compared with himself
    read = scores(4, 0, 0, 0.1, 0.2) + np.array([0.0, 0.2, 0.4, 0.6])[:, None, None]
    found = blendshapes.reaction(AU, NAMES, read)
    assert found.error == pytest.approx(0, abs=1e-12)
    rises = np.array([0.1, 0.2, 0.3])
    read = scores(3, 0, 0, 0, 0)
    read[:, -1, LEFT] = read[:, -1, RIGHT] = rises
    assert blendshapes.reaction(AU, NAMES, read).error == pytest.approx(0.1 / np.sqrt(3))


def test_people_with_a_photo_without_a_face_are_left_out_and_counted():
    read = scores(5, 0.1, 0.2, 0.4, 0.7)
    read[2, 1] = read[2, 3] = np.nan
    found = blendshapes.reaction(AU, NAMES, read)
    assert found.missed == 2
    assert found.right
    assert found.rise == pytest.approx(0.6)


@pytest.mark.parametrize("people", [0, 1])
def test_too_few_faces_give_no_verdict(people):
    read = scores(3, 0.1, 0.2, 0.4, 0.7)
    read[people:] = np.nan
    found = blendshapes.reaction(AU, NAMES, read)
    assert not found.right
    assert np.isnan(found.rise)


def test_rank_correlation_is_that_of_the_definition():
    rows = np.array([[0.1, 0.3, 0.2, 0.4], [0.5, 0.5, 0.6, 0.7]])
    # 1 - 6 sum d^2 / (n (n^2 - 1)) = 0.8 without ties; with a tie, Pearson's r of 1.5, 1.5, 3, 4
    tied = np.corrcoef([1.5, 1.5, 3, 4], [1, 2, 3, 4])[0, 1]
    assert blendshapes.spearman(rows[:1]) == pytest.approx(0.8)
    assert blendshapes.spearman(rows) == pytest.approx((0.8 + tied) / 2)


def test_the_table_counts_what_moves_the_right_way():
    rows = [blendshapes.reaction(AU, NAMES, scores(2, *means))
            for means in ((0, 0, 0.1, 0.2), (0.2, 0.1, 0.1, 0))]  # fmt: skip
    text = blendshapes.table(rows)
    assert "1 of 2 AUs move the right way." in text
    assert text.count("| NO |") == 1
