import json

import keras
import numpy as np
import pytest

from fau_tf import conformal, facs
from fau_tf.models import heatmap_net
from fau_tf.models.presets import net_spec
from fau_tf.training import calibrate
from fau_tf.training.run_dir import RunDir
from fau_tf.training.run_state import BEST, CALIBRATION

SPEC = net_spec("tiny", {"aus": "bp4d"})
SUBJECTS = [f"person{i // 4:05d}" for i in range(400)]
OWNER = facs.au_of_center(SPEC.au_numbers, SPEC.rule)


@pytest.fixture(scope="module")
def net():
    keras.utils.set_random_seed(3)
    return heatmap_net.build(SPEC)


def shrunken(seed=0):
    """Peaks as a squared error leaves them: 0.3 for absent AUs, and 65 % of the rest above it."""
    rng = np.random.default_rng(seed)
    frames = len(SUBJECTS)
    coded = rng.integers(0, 6, (frames, len(SPEC.labels))) * (rng.random((frames, 1)) < 0.4) * 1.0
    peaks = 0.3 + 0.65 * coded[:, OWNER] + rng.normal(0, 0.05, (frames, len(OWNER)))
    return coded, peaks


def fit(coded, peaks, fit_curves=True):
    return calibrate.calibrate(coded, peaks, SUBJECTS, SPEC, fit_curves=fit_curves)


@pytest.fixture(scope="module")
def calibration():
    return fit(*shrunken())


def test_shrunken_predictions_are_scaled_back(calibration):
    # 1 / 0.65 = 1.54 and 0.3, found on a grid of 0.02 with noise of 0.05.
    np.testing.assert_allclose(calibration.gain, 1.54, atol=0.05)
    np.testing.assert_allclose(calibration.threshold, 0.3, atol=0.1)
    for row in calibration.validation.values():
        assert row["mae_after"] < 0.5 * row["mae_before"]
        assert row["icc_after"] > row["icc_before"] > 0.5
    assert (calibration.intervals.above - calibration.intervals.below < 1).all()


def test_the_threshold_hides_hardly_any_movement_of_faces_without_the_au():
    coded, peaks = shrunken()
    rng = np.random.default_rng(5)
    # A third of the absent AUs hover at 1: a threshold of .8 would suit the concordance best.
    peaks = np.where(coded[:, OWNER] == 0, rng.uniform(0.1, 1.0, peaks.shape), peaks)
    found = fit(coded, peaks)
    for a in range(len(SPEC.labels)):
        absent = peaks[:, a == OWNER].mean(axis=1)[coded[:, a] == 0]
        assert (absent < found.threshold[a]).mean() <= 0.1
    assert (found.threshold > 0.1).any()


def test_without_curves_predictions_stay_and_have_intervals():
    found = fit(*shrunken(), fit_curves=False)
    np.testing.assert_array_equal(found.gain, 1)
    np.testing.assert_array_equal(found.threshold, 0)
    assert (found.intervals.above[:, 3] > 0.5).all()


def test_an_au_that_is_hardly_coded_keeps_gain_1():
    coded, peaks = shrunken()
    coded[50:, 0] = np.nan
    coded[:, 1] = 0
    found = fit(coded, peaks)
    assert found.gain[:2].tolist() == [1, 1]
    assert found.threshold[:2].tolist() == [0, 0]
    assert found.gain[2] > 1.4


def covered(found):
    """Return (A,) coverage of intervals on other faces of the law of `shrunken`."""
    coded, peaks = shrunken(seed=1)
    predicted = np.clip(found.gain[OWNER] * (peaks - found.threshold[OWNER]), 0, 5) @ SPEC.to_au
    return conformal.covered(found.intervals, coded, predicted)[0]


@pytest.mark.parametrize("others", [0, 90])  # faces of a second subject
def test_without_two_halves_that_can_be_fitted_nothing_is_calibrated(others):
    coded, peaks = shrunken()
    subjects = ["one"] * (len(coded) - others) + ["two"] * others
    found = calibrate.calibrate(coded, peaks, subjects, SPEC, fit_curves=True)
    assert not found.fitted.any()
    # Errors of the plain network around predictions of a calibrated one covered 0.6.
    assert (covered(found) > 0.85).all()


def test_an_au_that_only_half_of_the_subjects_show_is_not_calibrated():
    coded, peaks = shrunken()
    odd = np.isin(SUBJECTS, sorted(set(SUBJECTS))[1::2])
    coded[odd, 0] = 0
    peaks[np.ix_(odd, OWNER == 0)] = 0.3
    found = fit(coded, peaks)
    assert found.fitted.tolist() == [False] + [True] * (len(SPEC.labels) - 1)
    assert (found.gain[0], found.threshold[0]) == (1, 0)
    assert found.gain[1] > 1.4


def test_a_runs_network_predicts_gain_times_heatmap_less_threshold(net, calibration, tmp_path):
    net.save(tmp_path / BEST)
    rng = np.random.default_rng(1)
    images = rng.uniform(0, 255, (2, SPEC.image_size, SPEC.image_size, 3)).astype(np.float32)
    plain = np.asarray(calibrate.calibrated_network(tmp_path, SPEC)(images))
    with RunDir(tmp_path) as run:
        calibration.save(run)
    entry = json.loads((tmp_path / CALIBRATION).read_text())
    assert set(entry) == {"contract_version", "curves", "intervals", "validation"}
    assert set(entry["curves"]) == set(SPEC.labels)
    calibrated = np.asarray(calibrate.calibrated_network(tmp_path, SPEC)(images))
    expected = calibration.gain[OWNER] * (plain - calibration.threshold[OWNER] * SPEC.codec.unit)
    assert np.ptp(plain) > 0
    np.testing.assert_allclose(calibrated, expected, atol=1e-5)  # float32
    assert calibrate.model_json_entries(tmp_path)["intervals"]["level"] == 0.9


@pytest.mark.parametrize(
    ("gain", "message"), [(np.zeros(10), "positive gains"), (np.ones(2), r"gains of shape \(2,\)")]
)
def test_bad_gains_are_refused(net, gain, message):
    with pytest.raises(ValueError, match=message):
        heatmap_net.rescale_heatmaps(net, gain, np.zeros(len(OWNER)))


@pytest.mark.parametrize("fit_curves", [False, True])
def test_the_intervals_cover_test_subjects(calibration, tmp_path, fit_curves):
    found = calibration if fit_curves else fit(*shrunken(), fit_curves=False)
    with RunDir(tmp_path) as run:
        found.save(run)
    coded, peaks = shrunken(seed=1)
    predicted = np.clip(found.gain[OWNER] * (peaks - found.threshold[OWNER]), 0, 5) @ SPEC.to_au
    covered = calibrate.coverage(tmp_path, coded, predicted, SPEC.labels)
    # Exchangeable with 400 faces and 400 more: 0.9, the standard deviation of a mean of 5 AUs that
    # share no noise is below 0.01; a prediction is always inside, which widens some intervals.
    assert 0.87 < covered["mean"]["covered"] < 0.97
    assert "90% prediction intervals: coverage" in calibrate.coverage_line(covered)


def test_the_lowest_coverage_is_of_an_au_that_is_coded(calibration, tmp_path):
    with RunDir(tmp_path) as run:
        calibration.save(run)
    coded, peaks = shrunken(seed=1)
    predicted = peaks @ SPEC.to_au
    coded[:, 0] = np.nan  # first in order, which `min` would keep
    coded[:, 2] = 5 - predicted[:, 2]
    line = calibrate.coverage_line(calibrate.coverage(tmp_path, coded, predicted, SPEC.labels))
    assert f"(lowest {SPEC.labels[2]}, " in line
    found = calibrate.coverage(tmp_path, np.full_like(coded, np.nan), predicted, SPEC.labels)
    assert np.isnan(found["mean"]["covered"])
    assert calibrate.coverage_line(found).endswith("no test face is coded")


def test_intervals_come_from_curves_fitted_to_the_other_half_of_the_subjects():
    """Two halves that need other gains: each is off by as much as the other half misleads it."""
    coded, peaks = shrunken()
    odd = np.isin(SUBJECTS, sorted(set(SUBJECTS))[1::2])
    peaks[odd] = 0.3 + 1.3 * (peaks[odd] - 0.3)
    found = fit(coded, peaks)
    # Gains of 1 / 0.65 and 1 / 0.845, each applied to the other half: 3 becomes 3.9 or 2.3.
    assert (found.intervals.below[:, 4] < -0.5).all()
    assert (found.intervals.above[:, 2] > 0.5).all()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "must be a JSON object"),
        ("[1]", "must be a JSON object"),
        ('{"contract_version": 99}', "must be of contract"),
        ('{"contract_version": 1, "curves": {}}', "a gain and a threshold"),
    ],
)
def test_a_damaged_calibration_is_refused(net, tmp_path, content, message):
    net.save(tmp_path / BEST)
    (tmp_path / CALIBRATION).write_text(content)
    with pytest.raises(ValueError, match=message):
        calibrate.calibrated_network(tmp_path, SPEC)
