import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fau_tf.inference.estimator import Estimate
from fau_tf.inference.smoothing import FaceSmoother, OneEuro, OneEuroFilter
from tests.helpers.faces import TURNED, small_face

NAN = float("nan")

# The first rows of the test vectors that Casiez et al. publish with their implementations
# (github.com/casiez/OneEuroFilter, groundTruth.csv): 120 Hz, 1 Hz, beta 0.1, derivative 1 Hz.
NOISY = (
    *(-0.0385099, -0.0280664, 0.048622, 0.111498, 0.053026, 0.120548, 0.00972308, 0.074193),
    *(-0.0236801, 0.0462396),
)
FILTERED = (
    *(-0.0385099, -0.0379872, -0.0334427, -0.0252696, -0.0207099, -0.0119912, -0.0106507),
    *(-0.00526521, -0.00641239, -0.00308863),
)


def filtered(euro, values, times):
    step = OneEuroFilter(euro)
    return np.array([step([value], time)[0] for value, time in zip(values, times, strict=True)])


def by_the_paper(euro, values, times):
    """Algorithm 1 of the paper, in its own terms."""
    out, edx = [values[0]], 0.0
    for x, te in zip(values[1:], np.diff(times), strict=True):

        def alpha(cutoff, te=te):
            tau = 1 / (2 * math.pi * cutoff)
            return 1 / (1 + tau / te)

        dx = (x - out[-1]) / te
        edx = alpha(1.0) * dx + (1 - alpha(1.0)) * edx
        cutoff = euro.min_cutoff + euro.beta * abs(edx)
        out.append(alpha(cutoff) * x + (1 - alpha(cutoff)) * out[-1])
    return np.array(out)


def test_the_published_test_vectors_are_met():
    times = np.arange(len(NOISY)) / 120
    # Their values have six digits.
    np.testing.assert_allclose(
        filtered(OneEuro(1.0, 0.1), NOISY, times), FILTERED, atol=1e-6, rtol=2e-5
    )


def test_a_step_by_hand():
    """At 1 / 2 pi s, 1 Hz: alpha 1/2, speed 4 pi, cutoff 2 Hz with beta 1 / 4 pi, alpha 2/3."""
    found = filtered(OneEuro(1.0, 1 / (4 * math.pi)), [0.0, 4.0], [0.0, 1 / (2 * math.pi)])
    assert found.tolist() == pytest.approx([0.0, 8 / 3])


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.floats(0, 5), min_size=2, max_size=20),
    st.floats(0.01, 10),
    st.floats(0, 5),
    st.integers(0, 1000),
)
def test_it_is_the_papers_algorithm_for_any_track_and_times(values, cutoff, beta, seed):
    times = np.cumsum(np.random.default_rng(seed).uniform(0.001, 0.5, len(values)))
    euro = OneEuro(cutoff, beta)
    found, wanted = filtered(euro, values, times), by_the_paper(euro, values, times)
    # The same sums in another order.
    np.testing.assert_allclose(found, wanted, atol=1e-9)
    assert min(values) - 1e-9 <= found.min() <= found.max() <= max(values) + 1e-9


def test_a_constant_track_stays_exactly_as_it_is():
    assert filtered(OneEuro(), [3.7] * 9, np.arange(9) / 25).tolist() == [3.7] * 9


def test_a_higher_beta_lags_less_and_a_lower_cutoff_is_steadier():
    rng, times = np.random.default_rng(1), np.arange(200) / 25
    step = np.where(times < 4, 0.0, 4.0)
    lag = [step.sum() - filtered(OneEuro(0.5, beta), step, times).sum() for beta in (0, 0.5, 2)]
    assert lag[0] > lag[1] > lag[2] > 0
    noise = rng.normal(0, 0.1, 200)
    spread = [filtered(OneEuro(cutoff, 0.5), noise, times).std() for cutoff in (2, 1, 0.5)]
    assert noise.std() > spread[0] > spread[1] > spread[2] > 0


def test_nan_stays_and_the_value_after_it_is_taken_as_it_is():
    values = np.array([1.0, 4.0, NAN, 2.0, 3.0])
    found = filtered(OneEuro(), values, np.arange(5) / 25)
    afresh = filtered(OneEuro(), values[3:], np.arange(3, 5) / 25)
    assert np.isnan(found[2])
    assert found[3:].tolist() == afresh.tolist()
    assert found[3] == 2.0
    # AU by AU.
    both = OneEuroFilter(OneEuro())
    rows = np.array([both([x, 1.0], i / 25) for i, x in enumerate(values)])
    np.testing.assert_array_equal(rows[:, 0], found)
    assert rows[:, 1].tolist() == [1.0] * 5


def test_where_the_time_does_not_grow_the_value_before_is_kept():
    step = OneEuroFilter(OneEuro())
    step([1.0], 1.0)
    assert step([5.0], 1.0).tolist() == [1.0]
    assert step([5.0], 0.5).tolist() == [1.0]
    # The limit of ever shorter steps.
    near = filtered(OneEuro(), [1.0, 5.0], [1.0, 1.0 + 1e-9])
    assert near[1] == pytest.approx(1.0, abs=1e-6)


def smoothed(smoother, time, *faces):
    return {face_id: x["AU12"] for face_id, x in smoother(Estimate(faces), time).items()}


def test_each_face_is_smoothed_by_itself_and_afresh_after_a_gap():
    smoother = FaceSmoother(OneEuro(0.1, 0.0))
    other = small_face(5.0, face_id=1)
    smoothed(smoother, 0.0, small_face(0.0), other)
    found = smoothed(smoother, 0.1, small_face(1.0), other)
    assert 0 < found[0] < 0.2
    assert found[1] == 5.0
    assert smoothed(smoother, 0.2, small_face(NAN, quality=TURNED), other) == {1: 5.0}
    assert smoothed(smoother, 0.3, small_face(3.0), other) == {0: 3.0, 1: 5.0}


@pytest.mark.parametrize("cutoff", [0.0, -1.0, NAN, float("inf")])
def test_a_cutoff_must_be_positive(cutoff):
    with pytest.raises(ValueError, match="minimal cutoff must be above 0 Hz: got"):
        OneEuro(cutoff)


@pytest.mark.parametrize("beta", [-0.1, NAN, float("inf")])
def test_beta_must_not_be_negative(beta):
    with pytest.raises(ValueError, match="Beta must be 0 or more: got"):
        OneEuro(1.0, beta)


def test_settings_are_read_and_named():
    assert OneEuro.parse("1.5,0.25") == OneEuro(1.5, 0.25)
    assert str(OneEuro(1.5, 0.25)) == "one-euro:1.5Hz,0.25"


@pytest.mark.parametrize("text", ["0.3", "", "1,2,3", "slow,fast", "1;2"])
def test_other_text_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match=r"must be MIN_CUTOFF,BETA.*such as 0\.5,0\.5"):
        OneEuro.parse(text)
