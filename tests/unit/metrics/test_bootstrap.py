import numpy as np
import pytest

from fau_tf.metrics import agreement
from fau_tf.metrics import bootstrap as detail

LABELS = ["AU01", "AU06", "AU12"]
NOTHING = {name: [np.nan, np.nan] for name in agreement.METRICS}


def study(subjects=8, frames=40, seed=0, missing=0.2):
    """Frames of unequal, interleaved subjects; each subject has a bias of its own."""
    rng = np.random.default_rng(seed)
    subject = rng.permutation(np.repeat(np.arange(subjects), rng.integers(2, frames, subjects)))
    y = rng.integers(0, 6, (len(subject), len(LABELS))).astype(float)
    own = rng.normal(0, 0.5, (subjects, len(LABELS)))
    p = 0.7 * y + own[subject] + rng.normal(0, 0.8, y.shape)
    for table in (y, p):
        table[rng.random(y.shape) < missing] = np.nan
    return y, p, [f"SN{s:03d}" for s in subject]


def drawn(y, p, subjects, counts):
    """What `_figures` gives, as {metric: (D, A)}."""
    pair = detail._pair(y, p, np.shape(y)[1])
    place = detail._subjects(subjects, len(y))[1]
    return detail._figures(detail._moments(*pair, place), np.asarray(counts))


def resampled(y, p, subjects, counts):
    """`agreement.summary` of each draw's frames, laid end to end."""
    names, subjects = sorted(set(subjects)), np.array(subjects)
    for row in counts:
        parts = [np.flatnonzero(subjects == name) for name in names]
        rows = np.concatenate([np.tile(part, n) for part, n in zip(parts, row, strict=True)])
        yield agreement.summary(y[rows], p[rows], LABELS[: y.shape[1]])


def check_draws(y, p, subjects, counts):
    found = drawn(y, p, subjects, counts)
    assert list(found) == list(agreement.METRICS)
    for d, want in enumerate(resampled(y, p, subjects, counts)):
        for name, values in found.items():
            wanted = [row[name] for row in want["per_au"].values()]
            # Sums in another order: some 1e-16 for each of a few hundred frames.
            np.testing.assert_allclose(values[d], wanted, rtol=0, atol=1e-9)
            np.testing.assert_allclose(
                detail._mean(values)[d], want["mean"][name], rtol=0, atol=1e-9
            )
    return found


def assert_informative(figures):
    for values in figures.values():
        assert np.isfinite(values).all()
        assert (np.abs(values) > 0.05).all()


def test_every_subject_once_is_the_summary():
    y, p, subjects = study()
    assert_informative(check_draws(y, p, subjects, np.ones((1, 8), int)))


def test_a_draw_is_the_frames_of_its_subjects():
    y, p, subjects = study()
    counts = detail._counts(8, 20, seed=3)
    assert len(np.unique(counts, axis=0)) == 20
    assert_informative(check_draws(y, p, subjects, counts))


def test_nan_and_infinity_leave_one_frame_of_one_au():
    y, p, subjects = study(missing=0)
    p[5, 0] = np.inf
    whole = drawn(y, p, subjects, np.ones((1, 8), int))
    y[5, 0], p[5, 0] = np.nan, 1.0
    part = check_draws(y, p, subjects, np.ones((1, 8), int))
    for name, values in part.items():
        np.testing.assert_array_equal(values, whole[name])


def test_draws_of_frames_that_give_no_figure():
    subjects = ["a", "a", "b", "b", "c", "d", "d"]
    # a varies in neither, b in the prediction only, c has one frame, d none that counts.
    y = np.array([[3.1, 3.1, 0.1, 0.1, 2.0, 1.0, np.nan]]).T
    p = np.array([[3.3, 3.3, 0.7, 0.2, 4.0, np.nan, 2.0]]).T
    found = check_draws(y, p, subjects, [*(4 * np.eye(4, dtype=int)), [2, 1, 1, 0], [0, 0, 2, 2]])
    np.testing.assert_array_equal(np.isnan(found["icc"][:, 0]), [1, 0, 1, 1, 0, 1])
    np.testing.assert_array_equal(np.isnan(found["pcc"][:, 0]), [1, 1, 1, 1, 0, 1])
    for name in ("mae", "rmse"):
        np.testing.assert_array_equal(np.isnan(found[name][:, 0]), [0, 0, 0, 1, 0, 0])


def test_rounding_is_no_variation():
    # 0.1 added up and divided again isn't always 0.1: the variance comes out above 0.
    subjects = ["a"] * 13 + ["b"] * 15 + ["c"] * 6
    y, p = np.full((34, 1), 0.1), np.full((34, 1), 0.3)
    p[28:, 0] = [1, 2, 3, 4, 5, 5]
    place = detail._subjects(subjects, 34)[1]
    assert (detail._moments(y, p, place).sums[0] > 0).all()
    found = check_draws(y, p, subjects, [[3, 0, 0], [1, 2, 0], [1, 1, 1]])
    np.testing.assert_array_equal(np.isnan(found["icc"][:, 0]), [1, 1, 0])
    assert np.isnan(found["pcc"]).all()


def test_small_variation_far_from_the_other_subjects_is_kept():
    rng = np.random.default_rng(0)
    y = np.concatenate([rng.normal(0, 1, 50), 5e4 + rng.normal(0, 1e-3, 50)])[:, None]
    p = y + np.concatenate([rng.normal(0, 1, 50), rng.normal(0, 1e-3, 50)])[:, None]
    found = drawn(y, p, ["a"] * 50 + ["b"] * 50, [[0, 2]])
    want = agreement.summary(y[50:], p[50:], LABELS[:1])["mean"]["icc"]
    # 5e4 in float64 is exact to 7e-12, 1e-8 of the variation.
    assert 0.3 < want < 0.9
    assert found["icc"][0, 0] == pytest.approx(want, abs=1e-6)


def test_intervals_are_percentiles_of_the_draws():
    y, p, subjects = study()
    found = detail.intervals(y, p, subjects, LABELS, draws=20, seed=5, level=0.8)
    draws = list(resampled(y, p, subjects, detail._counts(8, 20, seed=5)))
    for name in agreement.METRICS:
        want = np.percentile([draw["mean"][name] for draw in draws], [10, 90])
        assert want[0] < want[1]
        np.testing.assert_allclose(found["mean"][name], want, atol=1e-9)
        for label in LABELS:
            want = np.percentile([draw["per_au"][label][name] for draw in draws], [10, 90])
            assert want[0] < want[1]
            np.testing.assert_allclose(found["per_au"][label][name], want, atol=1e-9)
    assert (found["draws"], found["subjects"], found["level"]) == (20, 8, 0.8)


def test_draws_without_a_figure_leave_the_interval():
    y, p, subjects = study(subjects=3, missing=0)
    subjects = np.array(subjects)
    y[subjects != "SN000", 0] = 2.0  # a draw without SN000 has no PCC of AU01
    found = detail.intervals(y, p, list(subjects), LABELS, draws=50)
    draws = list(resampled(y, p, subjects, detail._counts(3, 50, seed=0)))
    values = np.array([draw["per_au"]["AU01"]["pcc"] for draw in draws])
    assert 0 < np.isnan(values).sum() < 50
    want = np.percentile(values[~np.isnan(values)], [2.5, 97.5])
    assert want[0] < want[1]
    np.testing.assert_allclose(found["per_au"]["AU01"]["pcc"], want, atol=1e-9)


def test_an_interval_holds_the_figure_and_narrows_with_subjects():
    width = {}
    for subjects in (10, 160):
        y, p, names = study(subjects)
        found = detail.intervals(y, p, names, LABELS)
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


def test_a_wider_level_gives_a_wider_interval():
    data = (*study(), LABELS)
    half, most = (detail.intervals(*data, level=level)["mean"]["icc"] for level in (0.5, 0.99))
    assert most[0] < half[0] < half[1] < most[1]


def test_the_seed_decides_the_draws_and_the_order_of_frames_does_not():
    y, p, subjects = study()
    first = detail.intervals(y, p, subjects, LABELS)
    assert first == detail.intervals(y, p, subjects, LABELS, seed=0)
    assert first["mean"] != detail.intervals(y, p, subjects, LABELS, seed=1)["mean"]
    back = detail.intervals(y[::-1], p[::-1], subjects[::-1], LABELS)
    np.testing.assert_allclose(first["mean"]["icc"], back["mean"]["icc"], atol=1e-9)


def test_an_offset_moves_the_error_and_not_the_agreement():
    y, p, subjects = study()
    before = detail.intervals(y, p, subjects, LABELS)["mean"]
    after = detail.intervals(y, p + 7, subjects, LABELS)["mean"]
    for name in ("icc", "pcc"):
        assert 0.3 < before[name][0] < before[name][1] < 1
        np.testing.assert_allclose(after[name], before[name], atol=1e-9)
    # p + 7 is above y everywhere, so that its error is 7 and the mean bias, which is below 1.
    assert np.all(np.array(after["mae"]) > np.array(before["mae"]) + 4)


@pytest.mark.parametrize("frames", [0, 1, 9])
def test_fewer_than_two_subjects_have_no_interval(frames):
    rng = np.random.default_rng(0)
    y, p = rng.uniform(0, 5, (2, frames, 2))
    found = detail.intervals(y, p, ["SN001"] * frames, LABELS[:2], draws=10)
    assert found["subjects"] == min(frames, 1)
    np.testing.assert_equal(found["mean"], NOTHING)
    np.testing.assert_equal(found["per_au"], {"AU01": NOTHING, "AU06": NOTHING})


def test_an_au_of_one_subject_has_no_interval():
    y, p, subjects = study(missing=0)
    y[np.array(subjects) != "SN002", 1] = np.nan
    found = detail.intervals(y, p, subjects, LABELS, draws=50)
    np.testing.assert_equal(found["per_au"]["AU06"], NOTHING)
    assert found["mean"]["icc"][0] < found["mean"]["icc"][1]
    y[np.array(subjects) != "SN002"] = np.nan
    found = detail.intervals(y, p, subjects, LABELS, draws=50)
    np.testing.assert_equal(found["mean"], NOTHING)


def test_each_subject_has_the_summary_of_its_frames():
    y, p, subjects = study()
    found = detail.by_subject(y, p, subjects, LABELS)
    assert list(found) == [f"SN{s:03d}" for s in range(8)]
    for name, figures in found.items():
        rows = [i for i, subject in enumerate(subjects) if subject == name]
        np.testing.assert_equal(figures, agreement.summary(y[rows], p[rows], LABELS))
        assert figures["mean"]["mae"] > 0.05
    frames = sum(figures["per_au"]["AU01"]["frames"] for figures in found.values())
    assert frames == agreement.per_au(y, p)["frames"][0] > 0


def test_each_level_has_the_frames_coded_so():
    y, p, _ = study()
    y += np.random.default_rng(1).uniform(-0.7, 0.7, y.shape)  # in part outside 0..5
    found = detail.by_level(y, p, LABELS)
    assert list(found) == LABELS
    for a, label in enumerate(LABELS):
        for level, row in enumerate(found[label]):
            pairs = [
                (coded, predicted)
                for coded, predicted in zip(y[:, a], p[:, a], strict=True)
                if np.isfinite(coded + predicted) and min(max(round(coded), 0), 5) == level
            ]
            errors = [predicted - coded for coded, predicted in pairs]
            assert (row["level"], row["frames"]) == (level, len(pairs))
            assert len(pairs) > 1
            assert row["predicted"] == pytest.approx(np.mean([pair[1] for pair in pairs]))
            assert row["mae"] == pytest.approx(np.mean(np.abs(errors)))
            assert row["bias"] == pytest.approx(np.mean(errors))
            assert row["mae"] > 0.05
        frames = sum(row["frames"] for row in found[label])
        assert frames == agreement.per_au(y, p)["frames"][a]
    # The study's model shrinks: too much at 0, too little at 5.
    assert found["AU06"][0]["bias"] > found["AU06"][5]["bias"]


def test_levels_by_hand():
    y, p = [[0], [0], [3], [3.4], [5], [np.nan]], [[1], [2], [3], [2.4], [np.nan], [2]]
    found = detail.by_level(y, p, ["AU06"])["AU06"]
    nothing = {"frames": 0, "predicted": np.nan, "mae": np.nan, "bias": np.nan}
    np.testing.assert_equal(
        [found[i] for i in (1, 2, 4, 5)], [{"level": i} | nothing for i in (1, 2, 4, 5)]
    )
    assert found[0] == {"level": 0, "frames": 2, "predicted": 1.5, "mae": 1.5, "bias": 1.5}
    assert found[3] == pytest.approx(
        {"level": 3, "frames": 2, "predicted": 2.7, "mae": 0.5, "bias": -0.5}
    )


@pytest.mark.parametrize("function", [detail.intervals, detail.by_subject])
def test_each_frame_needs_a_subject(function):
    with pytest.raises(ValueError, match=r"Each of 3 frames needs a subject. Received: 2\."):
        function(np.zeros((3, 1)), np.zeros((3, 1)), ["a", "b"], ["AU06"])


@pytest.mark.parametrize(
    ("coded", "predicted", "labels"),
    [((3, 1), (2, 1), 1), ((3, 2), (3, 2), 1), ((3,), (3,), 3), ((3, 2, 1), (3, 2, 1), 2)],
)
def test_shapes_and_labels_must_agree(coded, predicted, labels):
    data, labels = (np.zeros(coded), np.zeros(predicted)), LABELS[:labels]
    with pytest.raises(ValueError, match=r"must both be \(N, A\).*Received: \(3,.*Give a label"):
        detail.by_level(*data, labels)
    with pytest.raises(ValueError, match=r"must both be \(N, A\)"):
        detail.by_subject(*data, ["a"] * 3, labels)
    with pytest.raises(ValueError, match=r"must both be \(N, A\)"):
        detail.intervals(*data, ["a"] * 3, labels)


@pytest.mark.parametrize("options", [{"draws": 0}, {"level": 0}, {"level": 1}, {"level": np.nan}])
def test_draws_and_level_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match=r"1 or more draws and a level between 0 and 1\. Received"):
        detail.intervals([[0]], [[0]], ["a"], ["AU06"], **options)
