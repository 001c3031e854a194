import numpy as np
import pytest

from fau_tf.metrics import agreement, bootstrap

LABELS = ["AU01", "AU06", "AU12"]
UNKNOWN = {name: [np.nan, np.nan] for name in agreement.METRICS}


def study(subjects=8, frames=40, seed=0, missing=0.2):
    """Frames of unequal, interleaved subjects; each subject has a bias."""
    rng = np.random.default_rng(seed)
    subject = rng.permutation(np.repeat(np.arange(subjects), rng.integers(2, frames, subjects)))
    y = rng.integers(0, 6, (len(subject), len(LABELS))).astype(float)
    bias = rng.normal(0, 0.5, (subjects, len(LABELS)))
    p = 0.7 * y + bias[subject] + rng.normal(0, 0.8, y.shape)
    for table in (y, p):
        table[rng.random(y.shape) < missing] = np.nan
    return y, p, [f"SN{s:03d}" for s in subject]


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


def test_rounding_is_not_variation():
    # The mean of 13 times 0.1 isn't always 0.1: a draw without "c" has no ICC and no PCC.
    subjects = ["a"] * 13 + ["b"] * 15 + ["c"] * 6
    y, p = np.full((34, 1), 0.1), np.full((34, 1), 0.3)
    p[28:, 0] = [1, 2, 3, 4, 5, 5]
    y[28:, 0] = [1, 2, 3, 4, 4, 5]
    _, summaries = check_percentiles(y, p, subjects)
    assert 0 < sum(np.isnan(one["mean"]["icc"]) for one in summaries) < 40


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


def test_each_subject_has_the_summary_of_its_frames():
    y, p, subjects = study()
    found = bootstrap.by_subject(y, p, subjects, LABELS)
    assert list(found) == [f"SN{s:03d}" for s in range(8)]
    for name, figures in found.items():
        rows = [i for i, subject in enumerate(subjects) if subject == name]
        np.testing.assert_equal(figures, agreement.summary(y[rows], p[rows], LABELS))
    frames = sum(figures["per_au"]["AU01"]["frames"] for figures in found.values())
    assert frames == agreement.per_au(y, p)["frames"][0] > 0


def test_levels_round_the_coded_intensity_and_keep_it_for_the_error():
    y = [[0], [0], [3], [3.4], [2.5], [5.7], [5], [np.nan]]
    p = [[1], [2], [3], [2.4], [2.0], [5.0], [np.nan], [2]]
    found = bootstrap.by_level(y, p, ["AU06"])["AU06"]
    empty = {"frames": 0, "predicted": np.nan, "mae": np.nan, "bias": np.nan}
    np.testing.assert_equal([found[i] for i in (1, 4)], [{"level": i} | empty for i in (1, 4)])
    wanted = {0: (2, 1.5, 1.5, 1.5), 2: (1, 2.0, 0.5, -0.5), 3: (2, 2.7, 0.5, -0.5),
              5: (1, 5.0, 0.7, -0.7)}  # fmt: skip
    for level, (frames, predicted, mae, bias) in wanted.items():
        row = {"level": level, "frames": frames, "predicted": predicted, "mae": mae, "bias": bias}
        assert found[level] == pytest.approx(row)


@pytest.mark.parametrize("function", [bootstrap.confidence_intervals, bootstrap.by_subject])
def test_each_frame_needs_a_subject(function):
    with pytest.raises(ValueError, match=r"Each of 3 frames needs a subject: got 2 names\."):
        function(np.zeros((3, 1)), np.zeros((3, 1)), ["a", "b"], ["AU06"])


@pytest.mark.parametrize(
    ("coded", "predicted", "labels"),
    [((3, 1), (2, 1), 1), ((3, 2), (3, 2), 1), ((3,), (3,), 3), ((3, 2, 1), (3, 2, 1), 2)],
)
def test_shapes_and_labels_must_agree(coded, predicted, labels):
    with pytest.raises(ValueError, match=r"must both be \(N, A\).* got \(3,.*one label a column"):
        bootstrap.by_level(np.zeros(coded), np.zeros(predicted), LABELS[:labels])


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
