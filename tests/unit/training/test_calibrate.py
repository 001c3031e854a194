import json

import keras
import numpy as np
import pytest

from fau_tf import facs
from fau_tf.codec import HeatmapCodec
from fau_tf.models import heatmap_net
from fau_tf.models.presets import net_spec
from fau_tf.models.rescale_head import rescale
from fau_tf.training import calibrate
from fau_tf.training.run_dir import RunDir
from fau_tf.training.run_state import BEST, CALIBRATION

SPEC = net_spec("tiny")
WHO = [f"person{i // 4:05d}" for i in range(400)]
OWNER = facs.au_of_center(SPEC.au_numbers, SPEC.rule)


@pytest.fixture(scope="module")
def net():
    keras.utils.set_random_seed(3)
    return heatmap_net.build(SPEC)


def shrunk(seed=0):
    """Peaks that a squared error leaves: .3 where nothing acts, and 65 % of the grade above it."""
    rng = np.random.default_rng(seed)
    people = len(WHO)
    coded = rng.integers(0, 6, (people, len(SPEC.labels))) * (rng.random((people, 1)) < 0.4) * 1.0
    peaks = 0.3 + 0.65 * coded[:, OWNER] + rng.normal(0, 0.05, (people, len(OWNER)))
    return coded, peaks


def test_a_stretched_network_answers_gain_times_map_less_threshold(net):
    rng = np.random.default_rng(1)
    images = rng.uniform(0, 255, (2, SPEC.image_size, SPEC.image_size, 3)).astype(np.float32)
    gain = rng.uniform(0.7, 2, len(OWNER)).astype(np.float32)
    threshold = rng.uniform(0, 0.5, len(OWNER)).astype(np.float32)
    other = keras.models.clone_model(net)
    other.set_weights(net.get_weights())
    before = np.asarray(net(images))
    rescale(other, gain, threshold)
    after = np.asarray(other(images))
    assert np.ptp(before) > 0
    # float32: sums in another order.
    np.testing.assert_allclose(after, gain * (before - threshold), atol=1e-5)


def test_bad_gains_are_refused(net):
    k = len(OWNER)
    with pytest.raises(ValueError, match="positive gains"):
        rescale(net, np.zeros(k), np.zeros(k))
    with pytest.raises(ValueError, match=r"Received: \(2,\) gains"):
        rescale(net, np.ones(2), np.zeros(k))


def test_shrunken_answers_are_stretched_back():
    coded, peaks = shrunk()
    found = calibrate.learn(coded, peaks, WHO, SPEC, stretch=True)
    # 1 / .65 = 1.54 and .3, found on a grid of .02 with noise of .05.
    np.testing.assert_allclose(found.gain, 1.54, atol=0.05)
    np.testing.assert_allclose(found.threshold, 0.3, atol=0.1)
    for row in found.figures.values():
        assert row["mae_after"] < 0.5 * row["mae_before"]
        assert row["icc_after"] > row["icc_before"] > 0.5
    assert (found.intervals.above - found.intervals.below < 1).all()


def test_without_stretching_answers_stay_and_have_intervals():
    coded, peaks = shrunk()
    found = calibrate.learn(coded, peaks, WHO, SPEC, stretch=False)
    np.testing.assert_array_equal(found.gain, 1)
    np.testing.assert_array_equal(found.threshold, 0)
    assert (found.intervals.above[:, 3] > 0.5).all()


def test_an_au_that_is_hardly_coded_stays_as_it_is():
    coded, peaks = shrunk()
    coded[50:, 0] = np.nan
    coded[:, 1] = 0
    found = calibrate.learn(coded, peaks, WHO, SPEC, stretch=True)
    assert found.gain[:2].tolist() == [1, 1]
    assert found.threshold[:2].tolist() == [0, 0]
    assert found.gain[2] > 1.4


def test_the_network_of_a_run_is_the_stretched_one(net, tmp_path):
    coded, peaks = shrunk()
    net.save(tmp_path / BEST)
    images = np.full((1, SPEC.image_size, SPEC.image_size, 3), 90, np.float32)
    plain = np.asarray(calibrate.best_network(tmp_path, SPEC)(images))
    found = calibrate.learn(coded, peaks, WHO, SPEC, stretch=True)
    with RunDir(tmp_path) as run:
        found.save(run)
    stretched = np.asarray(calibrate.best_network(tmp_path, SPEC)(images))
    unit = HeatmapCodec(SPEC.image_size, SPEC.heatmap_size, SPEC.sigma).unit
    expected = found.gain[OWNER] * (plain - found.threshold[OWNER] * unit)
    assert np.abs(plain).max() > 0
    np.testing.assert_allclose(stretched, expected, atol=1e-5)  # float32
    assert calibrate.facts(tmp_path)["intervals"]["level"] == 0.9


@pytest.mark.parametrize("stretch", [False, True])
def test_coverage_of_new_people_is_told(tmp_path, stretch):
    coded, peaks = shrunk()
    with RunDir(tmp_path) as run:
        learned = calibrate.learn(coded, peaks, WHO, SPEC, stretch=stretch)
        learned.save(run)
    others, theirs = shrunk(seed=1)
    to_au = facs.center_to_au(SPEC.au_numbers, SPEC.rule)
    read = np.clip(learned.gain[OWNER] * (theirs - learned.threshold[OWNER]), 0, 5) @ to_au
    found = calibrate.coverage(tmp_path, others, read, SPEC.labels)
    # Exchangeable with 400 faces and 400 more: .9, the standard deviation of a mean of 14 AUs that
    # share no noise is below .01; ends inside the answer widen it.
    assert 0.87 < found["mean"]["covered"] < 0.97
    assert "90% of the truths hold" in calibrate.coverage_line(found)


def test_nobodys_error_is_judged_by_a_stretch_that_it_chose():
    """Two halves that need other gains: each is off by as much as the other half misleads it."""
    coded, peaks = shrunk()
    odd = np.isin(WHO, sorted(set(WHO))[1::2])
    peaks[odd] = 0.3 + 1.3 * (peaks[odd] - 0.3)
    found = calibrate.learn(coded, peaks, WHO, SPEC, stretch=True)
    answers = calibrate._cross_fitted(
        coded, peaks, facs.center_to_au(SPEC.au_numbers, SPEC.rule).astype(float), WHO
    )
    # Gains of 1 / .65 and 1 / .845, each applied to the other's maxima; a grade of 3 is no maximum.
    for half, expected in ((odd, 3 * 1.3), (~odd, 3 / 1.3)):
        middle = answers[half][coded[half] == 3]
        assert len(middle) > 20
        assert abs(np.median(middle) - expected) < 0.1
    assert (found.intervals.below[:, 4] < -0.5).all()
    assert (found.intervals.above[:, 2] > 0.5).all()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "must be a JSON object"),
        ("[1]", "must be a JSON object"),
        ('{"contract_version": 99}', "must be of contract"),
        ('{"contract_version": 1, "stretch": {}}', "a gain and a threshold"),
    ],
)
def test_a_damaged_reading_is_refused(net, tmp_path, content, message):
    net.save(tmp_path / BEST)
    (tmp_path / CALIBRATION).write_text(content)
    with pytest.raises(ValueError, match=message):
        calibrate.best_network(tmp_path, SPEC)


def test_a_reading_is_plain_json(tmp_path):
    coded, peaks = shrunk()
    with RunDir(tmp_path) as run:
        calibrate.learn(coded, peaks, WHO, SPEC, stretch=True).save(run)
    entry = json.loads((tmp_path / CALIBRATION).read_text())
    assert set(entry) == {"contract_version", "stretch", "intervals", "validation"}
    assert set(entry["stretch"]) == set(SPEC.labels)
