import numpy as np
import pytest

from fau_tf.conformal import ENOUGH, Intervals, covered, fit_intervals
from fau_tf.facs import LEVELS

LABELS = ["AU06", "AU12"]


def made(subjects, seed):
    """Coded intensities and predictions whose error grows with them, 4 faces a subject."""
    rng = np.random.default_rng(seed)
    coded = rng.integers(0, 6, (4 * subjects, 2)).astype(float)
    coded[rng.random(coded.shape) < 0.5] = 0
    predicted = np.clip(coded + rng.normal(0, 0.1 + 0.15 * coded) + [0.2, -0.3], 0, 5)
    return coded, predicted


def test_coverage_of_new_faces_is_near_the_level():
    intervals = fit_intervals(*made(1000, 1), 0.9)
    share, width = covered(intervals, *made(3000, 2))
    # Exchangeable, so at least .9 in expectation, and close to it where errors differ; the standard
    # deviation of the share over draws of 4,000 faces in 6 groups is below .01. Predictions beyond
    # the scale are clipped, so many errors are equal and more than .9 may lie inside.
    assert (share > 0.88).all()
    assert (share < 0.97).all()
    assert (width > 0.1).all()
    assert (width < 2).all()


def test_a_high_prediction_has_a_wider_interval_where_its_errors_are_larger():
    intervals = fit_intervals(*made(1000, 1))
    low, high = intervals.around([[0.1, 0.1], [3.0, 3.0]])
    assert ((high - low)[1] > 1.5 * (high - low)[0]).all()
    assert (low >= 0).all()
    assert (high <= 5).all()


def test_ends_are_the_order_statistics_of_the_errors():
    coded = np.arange(1.0, 100.0)[:, None] / 1000  # n = 99, so the places are exact
    found = fit_intervals(coded, np.zeros_like(coded), 0.9)
    # floor(100 * .05) = 5th smallest, 0.005, is above the prediction itself; the 95th is 0.095.
    np.testing.assert_allclose(found.around([[0.0]]), [[[0.0]], [[0.095]]], atol=1e-12)


def test_a_prediction_lies_in_its_interval():
    coded, predicted = made(100, 3)
    shifted = np.clip(predicted + 1.5, 0, 5)  # errors of one sign
    low, high = fit_intervals(coded, shifted).around(shifted)
    assert (low <= shifted).all()
    assert (shifted <= high).all()


def test_rare_levels_share_the_errors_of_the_nearest_levels():
    coded, predicted = np.zeros((500, 1)), np.zeros((500, 1))
    predicted[:300, 0], coded[:300, 0] = 3.0, 2.0
    predicted[300:305, 0], coded[300:305, 0] = 4.0, 0.0  # far fewer than ENOUGH
    found = fit_intervals(coded, predicted)
    assert 5 < ENOUGH < 300
    assert found.below[0, 3] == -1.0
    assert found.below[0, 4] == found.below[0, 3]


def test_too_few_faces_give_the_whole_scale():
    low, high = fit_intervals(np.zeros((10, 1)), np.ones((10, 1))).around([[1.0]])
    assert (low, high) == (0.0, 5.0)


def test_nan_is_left_out():
    coded, predicted = made(200, 4)
    holes = coded.copy()
    holes[::2, 0] = np.nan
    found = fit_intervals(holes, predicted)
    np.testing.assert_array_equal(
        found.below[:1], fit_intervals(coded[1::2], predicted[1::2]).below[:1]
    )
    low, high = found.around([[np.nan, 1.0]])
    assert np.isnan([low[0, 0], high[0, 0]]).all()
    assert low[0, 1] < 1.0 < high[0, 1]
    share, _ = covered(found, np.full((3, 2), np.nan), predicted[:3])
    assert np.isnan(share).all()


def test_json_and_back():
    found = fit_intervals(*made(50, 5))
    again = Intervals.of_json(found.as_json(LABELS), LABELS)
    assert again.level == found.level
    assert np.ptp(found.below) > 0
    np.testing.assert_array_equal(again.below, found.below)
    np.testing.assert_array_equal(again.above, found.above)


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: entry.pop("level"),
        lambda entry: entry.update(level=1.5),
        lambda entry: entry["per_au"].pop("AU12"),
        lambda entry: entry["per_au"]["AU12"].update(below=[0.0]),
        lambda entry: entry["per_au"]["AU12"].update(below=["a"] * LEVELS),
        lambda entry: entry["per_au"]["AU12"].update(below=[0.1] * LEVELS),
        lambda entry: entry["per_au"]["AU12"].update(above=[float("nan")] * LEVELS),
    ],
)
def test_malformed_intervals_are_refused(change):
    entry = fit_intervals(*made(50, 5)).as_json(LABELS)
    change(entry)
    with pytest.raises(ValueError, match=r"got .*Export the model again"):
        Intervals.of_json(entry, LABELS)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match=r"level=1\.0"):
        fit_intervals(np.zeros((3, 1)), np.zeros((3, 1)), 1.0)
    with pytest.raises(ValueError, match=r"\(3, 1\), \(3, 2\)"):
        fit_intervals(np.zeros((3, 1)), np.zeros((3, 2)))
