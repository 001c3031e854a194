import numpy as np
import pytest

from fau_tf.metrics import agreement, bootstrap
from tests.helpers.study import LABELS, study

UNKNOWN = {name: [np.nan, np.nan] for name in agreement.METRICS}


def resampled(y, p, subjects, draws, seed=0):
    """Return `agreement.summary` of each draw's frames, laid end to end."""
    names, subjects = sorted(set(subjects)), np.array(subjects)
    parts = [np.flatnonzero(subjects == name) for name in names]
    share = [1 / len(names)] * len(names)
    found = []
    for counts in np.random.default_rng(seed).multinomial(len(names), share, draws):
        rows = np.concatenate([np.tile(part, n) for part, n in zip(parts, counts, strict=True)])
        found.append(agreement.summary(y[rows], p[rows], LABELS[: y.shape[1]]))
    return found


def check_percentiles(y, p, subjects, draws=40):
    """The interval of every figure is that of resampled frames; return the latter's summaries."""
    labels = LABELS[: y.shape[1]]
    found = bootstrap.confidence_intervals(y, p, subjects, labels, draws=draws, level=0.8)
    summaries = resampled(y, p, subjects, draws)
    for name in agreement.METRICS:
        rows = [(found["mean"][name], [one["mean"][name] for one in summaries])]
        rows += [
            (found["per_au"][label][name], [one["per_au"][label][name] for one in summaries])
            for label in labels
        ]
        for interval, values in rows:
            known = np.array(values)[np.isfinite(values)]
            # Sums in another order: some 1e-16 for each of a few hundred frames.
            np.testing.assert_allclose(interval, np.percentile(known, [10, 90]), atol=1e-9)
    return found, summaries


def test_intervals_are_percentiles_over_draws_of_subjects():
    found, _ = check_percentiles(*study())
    assert (found["draws"], found["subjects"], found["level"]) == (40, 8, 0.8)
    for low, high in (*found["mean"].values(), *found["per_au"]["AU06"].values()):
        assert 0.05 < low < high


def test_draws_without_a_figure_leave_the_interval():
    y, p, subjects = study(subjects=3, missing=0)
    y[np.array(subjects) != "SN000", 0] = 0.1  # a draw without SN000 has no PCC of AU01
    _, summaries = check_percentiles(y, p, subjects)
    assert 0 < sum(np.isnan(one["per_au"]["AU01"]["pcc"]) for one in summaries) < 40


def test_draws_whose_coding_does_not_vary_have_no_icc_whatever_is_predicted():
    y, p, subjects = study(subjects=3, missing=0)
    y[np.array(subjects) != "SN000", 0] = 0  # a draw without SN000, but p varies in it
    found, summaries = check_percentiles(y, p, subjects)
    unknown = [np.isnan(one["per_au"]["AU01"]["icc"]) for one in summaries]
    assert 0 < sum(unknown) < 40
    assert found["per_au"]["AU01"]["icc"][0] > 0
    y[:, 0] = 0
    found = bootstrap.confidence_intervals(y, p, subjects, LABELS, draws=20)
    np.testing.assert_equal(found["per_au"]["AU01"]["icc"], [np.nan, np.nan])


def test_rounding_is_not_variation():
    # The mean of 13 times 0.1 isn't always 0.1: a draw without "c" has no ICC and no PCC.
    subjects = ["a"] * 13 + ["b"] * 15 + ["c"] * 6
    y, p = np.full((34, 1), 0.1), np.full((34, 1), 0.3)
    p[28:, 0] = [1, 2, 3, 4, 5, 5]
    y[28:, 0] = [1, 2, 3, 4, 4, 5]
    _, summaries = check_percentiles(y, p, subjects)
    assert 0 < sum(np.isnan(one["mean"]["icc"]) for one in summaries) < 40


def test_a_figure_and_its_interval_are_undefined_together():
    y, p, subjects = study(missing=0)
    p[:, 0] = 0.3 + 1e-6 * p[:, 0]  # float32 predictions of a network that has learned nothing
    found = bootstrap.confidence_intervals(y, p, subjects, LABELS, draws=20)
    point = agreement.summary(y, p, LABELS)
    np.testing.assert_equal(found["per_au"]["AU01"]["pcc"], [np.nan, np.nan])
    assert np.isnan(point["per_au"]["AU01"]["pcc"])
    low, high = found["mean"]["pcc"]
    assert low < point["mean"]["pcc"] < high


def test_infinity_leaves_one_frame_of_one_au():
    y, p, subjects = study(missing=0)
    p[5, 0] = np.inf
    infinite = bootstrap.confidence_intervals(y, p, subjects, LABELS, draws=9)
    y[5, 0], p[5, 0] = np.nan, 1.0
    assert infinite == bootstrap.confidence_intervals(y, p, subjects, LABELS, draws=9)


def test_an_interval_holds_the_figure_and_narrows_with_subjects():
    width = {}
    for subjects in (10, 160):
        y, p, names = study(subjects)
        found = bootstrap.confidence_intervals(y, p, names, LABELS)
        point = agreement.summary(y, p, LABELS)
        rows = [(found["mean"], point["mean"])]
        rows += [(found["per_au"][label], point["per_au"][label]) for label in LABELS]
        for interval, figures in rows:
            for name in agreement.METRICS:
                assert interval[name][0] < figures[name] < interval[name][1]
        width[subjects] = {name: np.ptp(found["mean"][name]) for name in agreement.METRICS}
    for name in agreement.METRICS:
        # Sixteen times the subjects quarter the width; half leaves room for chance.
        assert 0 < width[160][name] < width[10][name] / 2


def test_the_seed_decides_the_draws_and_the_order_of_frames_does_not():
    y, p, subjects = study()
    first = bootstrap.confidence_intervals(y, p, subjects, LABELS)
    assert first == bootstrap.confidence_intervals(y, p, subjects, LABELS, seed=0)
    other = bootstrap.confidence_intervals(y, p, subjects, LABELS, seed=1)
    assert first["mean"] != other["mean"]
    back = bootstrap.confidence_intervals(y[::-1], p[::-1], subjects[::-1], LABELS)
    np.testing.assert_allclose(first["mean"]["icc"], back["mean"]["icc"], atol=1e-9)


@pytest.mark.parametrize("frames", [0, 1, 9])
def test_fewer_than_two_subjects_have_no_interval(frames):
    y, p = np.random.default_rng(0).uniform(0, 5, (2, frames, 2))
    found = bootstrap.confidence_intervals(y, p, ["SN001"] * frames, LABELS[:2], draws=10)
    assert found["subjects"] == min(frames, 1)
    np.testing.assert_equal(found["mean"], UNKNOWN)
    np.testing.assert_equal(found["per_au"], {"AU01": UNKNOWN, "AU06": UNKNOWN})


def test_an_au_coded_for_one_subject_has_no_interval():
    y, p, subjects = study(missing=0)
    y[np.array(subjects) != "SN002", 1] = np.nan
    found = bootstrap.confidence_intervals(y, p, subjects, LABELS, draws=50)
    np.testing.assert_equal(found["per_au"]["AU06"], UNKNOWN)
    assert found["mean"]["icc"][0] < found["mean"]["icc"][1]
    y[np.array(subjects) != "SN002"] = np.nan
    found = bootstrap.confidence_intervals(y, p, subjects, LABELS, draws=50)
    np.testing.assert_equal(found["mean"], UNKNOWN)


@pytest.mark.parametrize("options", [{"draws": 0}, {"level": 0}, {"level": 1}, {"level": np.nan}])
def test_draws_and_level_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match=r"1 or more draws and a level between 0 and 1: got"):
        bootstrap.confidence_intervals([[0]], [[0]], ["a"], ["AU06"], **options)


def test_intervals_of_any_figures_are_those_of_resampled_subjects():
    _, p, subjects = study(missing=0.0)
    names = np.array(subjects)
    found = bootstrap.figure_intervals(lambda of: p[of].mean(axis=0), subjects, draws=60, level=0.8)
    parts = [np.flatnonzero(names == name) for name in sorted(set(subjects))]
    share = [1 / len(parts)] * len(parts)
    drawn = []
    for counts in np.random.default_rng(0).multinomial(len(parts), share, 60):
        rows = np.concatenate([np.tile(part, n) for part, n in zip(parts, counts, strict=True)])
        drawn.append(p[rows].mean(axis=0))
    assert found.shape == (len(LABELS), 2)
    # Sums over the same rows in another order: rounding only.
    np.testing.assert_allclose(found.T, np.percentile(drawn, [10, 90], axis=0), rtol=1e-12)
    assert (found[:, 0] < found[:, 1]).all()


def test_a_figure_of_one_subject_has_no_interval():
    values = np.arange(3.0)
    for names in (["a"] * 3, []):
        found = bootstrap.figure_intervals(lambda of: values[of].sum(), names)
        assert np.isnan(found).all()
        assert found.shape == (2,)


def test_draws_without_the_figure_are_left_out():
    values = np.array([1.0, np.nan, 1.0])
    found = bootstrap.figure_intervals(lambda of: values[of].mean(), ["a", "b", "c"], draws=50)
    assert found.tolist() == [1.0, 1.0]
    found = bootstrap.figure_intervals(lambda of: values[of] * np.nan, ["a", "b", "c"], draws=5)
    assert np.isnan(found).all()


def test_the_interval_of_a_difference_is_that_of_the_same_resampled_subjects():
    y, p, subjects = study()
    others = [p + np.random.default_rng(seed).normal(0, 0.5, p.shape) for seed in (1, 2)]
    found = bootstrap.difference_intervals(y, [p], others, subjects, LABELS, draws=40, level=0.8)
    a, b, c = (resampled(y, one, subjects, 40) for one in (p, *others))
    for name in agreement.METRICS:
        drawn = np.array([
            [(two["per_au"][label][name] + three["per_au"][label][name]) / 2
             - one["per_au"][label][name] for label in LABELS]
            for one, two, three in zip(a, b, c, strict=True)
        ])  # fmt: skip
        assert np.isfinite(drawn).all()
        rows = [found["per_au"][label][name] for label in LABELS]
        # Sums in another order: some 1e-16 for each of a few hundred frames.
        np.testing.assert_allclose(rows, np.percentile(drawn, [10, 90], axis=0).T, atol=1e-9)
        want = np.percentile(drawn.mean(axis=1), [10, 90])
        np.testing.assert_allclose(found["mean"][name], want, atol=1e-9)


def test_what_is_hard_for_both_leaves_the_difference():
    y, p, subjects = study(missing=0)  # each subject has a bias
    better = y + 0.9 * (p - y)
    paired = bootstrap.difference_intervals(y, [p], [better], subjects, LABELS)["mean"]["mae"]
    alone = bootstrap.confidence_intervals(y, p, subjects, LABELS)["mean"]["mae"]
    # The errors are a tenth smaller, so the difference is a tenth of the error of the same draw.
    np.testing.assert_allclose(paired, [-0.1 * alone[1], -0.1 * alone[0]], atol=1e-9)
    same = bootstrap.difference_intervals(y, [p], [p], subjects, LABELS)
    assert same["mean"] == {name: [0, 0] for name in agreement.METRICS}


def test_frames_that_one_model_lacks_count_for_neither():
    y, p, subjects = study(missing=0)
    other = p + 1.0
    lacking = p.copy()
    lacking[::3, 0] = np.nan
    found = bootstrap.difference_intervals(y, [p], [np.where(np.isnan(lacking), np.nan, other)],
                                           subjects, LABELS, draws=20)  # fmt: skip
    want = bootstrap.difference_intervals(y, [lacking], [other], subjects, LABELS, draws=20)
    assert found == want
    y[np.array(subjects) != "SN002", 1] = np.nan
    found = bootstrap.difference_intervals(y, [p], [other], subjects, LABELS, draws=20)
    np.testing.assert_equal(found["per_au"]["AU06"], UNKNOWN)
