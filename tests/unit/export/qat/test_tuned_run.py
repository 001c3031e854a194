"""Quantization-aware training of a whole run, the child process included."""

import json
from dataclasses import replace

import keras
import numpy as np
import pytest

from export import variants
from export.qat import tuned_run as module
from export.qat.fine_tune import QatSettings
from export.qat.tuned_run import tuned_run
from export.run import labeled, load_run, run_part
from export.specs import EXPORT_SPECS, VariantUnavailableError
from export.variants import Source
from fau_tf.training import calibrate, setup
from fau_tf.training.config import dump_toml, load_config
from fau_tf.training.fit import training_batches
from fau_tf.training.model import HeatmapRegressor
from tests.helpers.qat_case import needs_packages
from tests.helpers.tiny_network import tiny_network
from tests.helpers.tiny_run import SETTINGS, SUBJECTS

pytestmark = pytest.mark.integration  # a process with TensorFlow

MORE = (
    "training.level_balance=0.5",
    "training.calibrate=true",
    "training.batch_size=4",
    "data.faces_per_subject=3",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return a run whose calibration changes its heatmaps much."""
    folder = tmp_path_factory.mktemp("run")
    config = load_config(None, [*SETTINGS, *MORE])
    (folder / "config.toml").write_text(dump_toml(config))
    (folder / "versions.json").write_text('{"contract_version": 1}')
    (folder / "people.json").write_text(json.dumps(SUBJECTS))
    tiny_network(config.model).save(folder / "best.keras")
    curves = {label: {"gain": 1.9, "threshold": 0.7} for label in config.model.labels}
    entry = {"contract_version": 1, "curves": curves, "intervals": {}}
    (folder / "calibration.json").write_text(json.dumps(entry))
    return load_run(folder)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def validation(run, data):
    return labeled(run_part(run, "validation", 6, data, log=print), run.config, "validation")


@pytest.fixture(scope="module")
def done(run, validation, data):
    """Return the tuned run, and what the fine-tuning returned before it was calibrated."""
    kept = {}

    def keep(*given, **options):
        found = whole(*given, **options)
        head = [np.array(part) for part in found.net.get_layer("heatmaps").get_weights()]
        kept.update(peaks=found.peaks, head=head)
        return found

    whole = module.fine_tune
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "fine_tune", keep)
        patch.setattr(calibrate, "_MIN_FRAMES", 2)
        tuned = tuned_run(run, validation, data, settings=QatSettings(pictures=8), log=print)
    return tuned, kept


@needs_packages
def test_fine_tuning_starts_with_the_loss_of_the_trained_network(run, data, done):
    config = run.config
    train = run_part(run, "train", 8, data, log=print)
    loss = setup.make_loss(config, train.labels(setup.make_targets(config)))
    assert loss.level_weight is not None
    images, targets = next(iter(training_batches(config, train)))
    trained = keras.saving.load_model(run.path / "best.keras")
    want, calibrated = (
        float(HeatmapRegressor(net, loss).loss_of(targets, net(np.rint(images))))
        for net in (trained, run.net)
    )
    found = done[0].facts["fine_tuning"]
    # targets are handed over as float16: 5e-4 of a value, less on average
    assert found["float_loss"] == pytest.approx(want, rel=1e-3)
    assert calibrated != pytest.approx(want, rel=0.1)


@needs_packages
def test_it_is_calibrated_afterwards_by_its_own_maxima(run, data, done, monkeypatch):
    tuned, kept = done
    monkeypatch.setattr(calibrate, "_MIN_FRAMES", 2)
    config = run.config
    faces = calibrate.calibration_faces(config, run_part(run, "validation", 6, data, log=print))
    want = faces.calibrate(kept["peaks"], config)
    assert ((want.gain != 1) | (want.threshold != 0)).any()
    owner = config.model.to_au.argmax(axis=1)
    kernel, bias = tuned.net.get_layer("heatmaps").get_weights()
    gain, threshold = want.gain[owner], want.threshold[owner] * config.model.codec.unit
    np.testing.assert_allclose(kernel, kept["head"][0] * gain, rtol=1e-6)
    np.testing.assert_allclose(bias, gain * (kept["head"][1] - threshold), rtol=1e-5, atol=1e-6)
    assert tuned.facts["intervals"] == want.intervals.as_json(config.model.labels)


@needs_packages
def test_the_variant_is_static_int8_of_the_tuned_network(run, validation, done):
    source = Source(run.net, run.config.model, validation.images, lambda: done[0])
    made = variants.make(source, EXPORT_SPECS["qat_int8"])
    other = Source(done[0].net, run.config.model, validation.images)
    assert made.content == variants.make(other, EXPORT_SPECS["static_int8"]).content
    assert variants.facts(source, EXPORT_SPECS["qat_int8"]) == done[0].facts
    assert variants.facts(source, EXPORT_SPECS["static_int8"]) == {}


def test_without_its_portraits_the_run_can_not_be_fine_tuned(run, validation, data, tmp_path):
    portraits = replace(run.config.data, portraits=(str(tmp_path / "gone"),))
    lacking = replace(run, config=replace(run.config, data=portraits))
    with pytest.raises(VariantUnavailableError, match=r"needs the portraits .*or omit qat_int8"):
        tuned_run(lacking, validation, data, settings=QatSettings(pictures=8), log=print)


def test_a_run_without_validation_subjects_can_not_be_fine_tuned(run, validation, data):
    lacking = replace(run, subjects={**run.subjects, "validation": []})
    with pytest.raises(VariantUnavailableError, match="has none"):
        tuned_run(lacking, validation, data, log=print)
