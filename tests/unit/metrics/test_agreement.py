import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fau_tf.metrics import agreement

# Shrout and Fleiss 1979, table 2: six targets, four raters.
RATERS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
INTENSITIES = st.lists(st.integers(0, 5), min_size=3, max_size=30).filter(lambda x: len(set(x)) > 1)


def test_published_example_of_four_raters():
    # Table 4 prints .71; tables 3 and 4 give BMS 11.24 and EMS 1.02.
    value = agreement.icc31(RATERS)
    assert round(value, 2) == 0.71
    assert value == pytest.approx((11.24 - 1.02) / (11.24 + 3 * 1.02), abs=1e-3)


@given(INTENSITIES, st.integers(0, 2**32 - 1))
def test_two_raters_have_the_closed_form(coded, seed):
    y = np.array(coded, float)
    p = y + np.random.default_rng(seed).normal(0, 1, len(y))
    covariance = np.cov(y, p, ddof=1)
    want = 2 * covariance[0, 1] / np.trace(covariance)
    assert agreement.icc31(np.stack([y, p], 1)) == pytest.approx(want, abs=1e-9)


@given(INTENSITIES, st.floats(-2, 2))
def test_a_constant_offset_costs_nothing(coded, offset):
    y = np.array(coded, float)
    assert agreement.icc31(np.stack([y, y + offset], 1)) == pytest.approx(1.0)


def test_an_error_of_scale_costs():
    y = np.arange(6.0)
    assert agreement.icc31(np.stack([y, 0.5 * y], 1)) == pytest.approx(2 * 0.5 / 1.25)


@pytest.mark.parametrize("table", [[[1, 2]], [[1], [2]], [[0, 0], [0, 0]], [[3, 1], [3, 1]]])
def test_too_few_ratings_or_no_variation_is_nan(table):
    assert np.isnan(agreement.icc31(table))


def test_values_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="1 values not finite"):
        agreement.icc31([[1, np.nan], [2, 2]])


def test_uncoded_labels_are_left_out_for_that_au_only():
    rng = np.random.default_rng(0)
    y, p = rng.uniform(0, 5, (50, 2)), rng.uniform(0, 5, (50, 2))
    full = agreement.per_au(y, p)
    y[:20, 1] = np.nan
    p[45:, 1] = np.nan
    part = agreement.per_au(y, p)
    for name in agreement.METRICS:
        assert part[name][0] == full[name][0]
        assert part[name][1] == pytest.approx(agreement.METRICS[name](y[20:45, 1], p[20:45, 1]))
    np.testing.assert_array_equal(part["frames"], [50, 25])


def test_an_au_without_coding_is_nan_and_leaves_the_mean():
    y = np.array([[1, np.nan], [2, np.nan], [4, np.nan]])
    p = np.array([[1, 1], [2, 2], [3, 3.0]])
    found = agreement.summary(y, p, ["AU01", "AU02"])
    assert np.isnan(found["per_au"]["AU02"]["icc"])
    assert found["mean"]["icc"] == found["per_au"]["AU01"]["icc"]


@pytest.mark.parametrize("intensity", [0.0, 3.0, 0.1])  # the mean of many 0.1 isn't always 0.1
@pytest.mark.parametrize("predicted", [0.0, 0.01, 1.0])
def test_an_au_whose_coding_never_varies_leaves_the_means_whatever_is_predicted(
    intensity, predicted
):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 6, (400, 2)).astype(float)
    p = y + rng.normal(0, 0.5, y.shape)
    want = agreement.summary(y, p, ["AU01", "AU06"])["mean"]
    assert 0.8 < want["icc"] < 1
    constant, flicker = np.full((400, 1), intensity), np.zeros((400, 1))
    flicker[7] = predicted
    found = agreement.summary(
        np.hstack([y, constant]), np.hstack([p, flicker]), ["AU01", "AU06", "AU15"]
    )
    for name in ("icc", "pcc"):
        assert np.isnan(found["per_au"]["AU15"][name])
        assert found["mean"][name] == want[name]


def test_a_prediction_that_never_varies_has_an_icc_of_0():
    found = agreement.per_au([[0], [2], [4]], [[1], [1], [1]])
    assert found["icc"][0] == 0
    assert np.isnan(found["pcc"][0])


def test_errors_by_hand():
    found = agreement.per_au([[0], [2], [4]], [[1], [2], [2]])
    assert found["mae"][0] == pytest.approx(1.0)
    assert found["rmse"][0] == pytest.approx(np.sqrt(5 / 3))
    assert found["pcc"][0] == pytest.approx(np.corrcoef([0, 2, 4], [1, 2, 2])[0, 1])


@given(
    st.lists(st.tuples(st.floats(0, 5), st.floats(0, 5)), min_size=1, max_size=30),
    st.sampled_from([0, 1.9999, 2, 2.5]),
)
def test_f1_counts_intensities_of_2_and_more(pairs, more):
    pairs = [*pairs, (more, 2.0), (2.0, more)]  # at and beside the threshold
    both = only_coded = only_predicted = 0
    for coded, predicted in pairs:
        if coded >= 2 and predicted >= 2:
            both += 1
        elif coded >= 2:
            only_coded += 1
        elif predicted >= 2:
            only_predicted += 1
    precision = both / (both + only_predicted)
    recall = both / (both + only_coded)
    want = 2 * precision * recall / (precision + recall) if both else 0.0
    found = agreement.f1(*np.array(pairs).T)
    assert found == pytest.approx(want, abs=1e-12)


def test_f1_is_nan_where_no_frame_is_coded_as_present_and_leaves_the_mean():
    y, p = np.array([[1.9, 3], [0, 0]]), np.array([[4, 2], [0, 5.0]])
    found = agreement.summary(y, p, ["AU01", "AU02"])
    assert np.isnan(found["per_au"]["AU01"]["f1"])
    assert found["mean"]["f1"] == found["per_au"]["AU02"]["f1"] == pytest.approx(2 / 3)
    assert agreement.f1(np.array([2.0]), np.array([1.9])) == 0


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"\(3, 1\) and \(2, 1\)"):
        agreement.per_au(np.zeros((3, 1)), np.zeros((2, 1)))
