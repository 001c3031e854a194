"""How edited AUs rise: what counts as risen, which faces count, and the figures of a row."""

import numpy as np
import pytest

from fau_tf.evaluation.real_faces.edits.edit import EditRow
from fau_tf.evaluation.real_faces.edits.rises import EditReadings, edited_rises, rises_per_au

AUS = (1, 2, 12, 25)
ROWS = (EditRow("brows up", (1, 2), ()), EditRow("corners up", (12,), (25,)))
NAN = np.nan


@pytest.fixture
def readings():
    """Return five faces before and after both edits."""
    before = np.array([(0, 0, 0, 0), (0, 1, 1, 0), (0, 3, 2.5, 0), (0, 0, 2.6, 0), (0, 0, 0, 0.0)])
    brows = np.array([(1, 1, 0, 0), (2, 0.9, 0, 0), (2, 2, 0, 0), (3, 3, 1, 0), (0, 0, 0, 0)])
    corners = np.array(
        [(0, 0, 1, 5), (0, 0.5, 0.99, 5), (0, 0, 2, 5), (0, 0, 2, 5), (NAN, NAN, NAN, NAN)]
    )
    after = before[:, None] + np.stack([brows, corners], axis=1)
    return EditReadings(list("abcde"), AUS, ROWS, before, after)


def test_all_aus_of_an_edit_must_rise_by_1_on_faces_that_have_room(readings):
    # c's AU2 is above half the scale, and so is d's AU12; e is not found after the second edit.
    np.testing.assert_array_equal(readings.risen(0), [1, 0, NAN, 1, 0])
    np.testing.assert_array_equal(readings.risen(1), [1, 0, 1, NAN, NAN])


def test_the_figures_of_a_row_are_of_the_faces_that_count(readings):
    brows, corners = edited_rises(readings)
    assert (brows["edit"], brows["aus"], brows["faces"]) == ("brows up", [1, 2], 4)
    assert brows["median_rise"] == {"AU01": 1.5, "AU02": pytest.approx(0.95)}
    assert brows["share_risen_by_1"] == 0.5
    assert corners["faces"] == 3
    assert corners["share_risen_by_1"] == pytest.approx(2 / 3)
    # AU25 is related. Of the others AU2 rises on b only: on no face in the median.
    assert corners["largest_other"] == ["AU01", 0]
    assert corners["largest_other_of_a_face"] == 0
    assert brows["largest_other"] == ["AU12", 0]
    assert brows["share_above_others"] == 0.75


def test_the_largest_other_of_a_face_may_be_another_on_each(readings):
    after = readings.after.copy()
    after[[0, 1, 2], 1, [0, 1, 1]] += 2.0
    _, corners = edited_rises(EditReadings(readings.subjects, AUS, ROWS, readings.before, after))
    assert corners["largest_other_of_a_face"] == 2
    assert corners["largest_other"] == ["AU02", 2]


def test_figures_per_au_are_of_edits_of_one_au(readings):
    rows = edited_rises(readings)
    assert list(rises_per_au(rows)) == ["AU12"]
    found = rises_per_au(rows)["AU12"]
    assert found["value"] == rows[1]["share_risen_by_1"]
    assert found["interval"] == rows[1]["risen_interval"]
    assert (found["median_rise"], found["faces"]) == (1, 3)


def test_an_edit_has_figures_where_no_au_is_unrelated(readings):
    both = readings.before[:, 2:], readings.after[:, 1:, 2:]
    (row,) = edited_rises(EditReadings(readings.subjects, (12, 25), ROWS[1:], *both))
    assert (row["faces"], row["share_risen_by_1"]) == (3, pytest.approx(2 / 3))
    assert row["largest_other"] is None
    assert np.isnan([row["largest_other_of_a_face"], row["share_above_others"]]).all()
    assert rises_per_au([row])["AU12"]["largest_other"] is None


def test_an_edit_without_faces_has_no_row(readings):
    full = np.full_like(readings.before, 4.0)
    assert edited_rises(EditReadings(readings.subjects, AUS, ROWS, full, readings.after)) == []
