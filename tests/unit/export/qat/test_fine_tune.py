"""Fine-tuning with rounding in the graph; the child process is the real one unless stated."""

import dataclasses
import json

import numpy as np
import pytest

from export.convert import convert
from export.keras_parity import run_tflite
from export.qat import fine_tune as module
from export.qat.describe import describe
from export.qat.fine_tune import QatLoss, QatSettings, fine_tune
from export.qat.launch import QatError
from export.quantize import quantize
from export.run import LabeledFaces
from fau_tf.models import heatmap_net
from fau_tf.models.presets import net_spec
from fau_tf.training.losses import PairLoss
from fau_tf.training.model import HeatmapRegressor
from tests.helpers.qat_case import (
    LOSS,
    SPEC,
    batches,
    labeled_faces,
    needs_packages,
    network,
    paper_layers,
)
from tests.helpers.tiny_network import smooth_faces, tiny_network

pytestmark = pytest.mark.integration  # a process with TensorFlow each


@pytest.fixture(scope="module")
def net():
    return network(SPEC)


@pytest.fixture(scope="module")
def faces():
    return labeled_faces(8)


def tuned(net, faces, *, spec=SPEC, loss=LOSS, pairs=None, training=None, **settings):
    return fine_tune(
        net,
        spec,
        batches(size=4) if training is None else training,
        faces,
        [(faces.images[:3], {}), (faces.images[3:], {})],
        loss=QatLoss(loss, pairs),
        settings=QatSettings(**{"pictures": 16} | settings),
    )


def loss_of_training(net, loss, batch, pairs=None):
    """Return what the training computes for a batch of whole gray levels."""
    images, targets = np.rint(batch[0]), batch[1]
    features = heatmap_net.branch_features(net)
    predicted = (
        net(images) if features is None else heatmap_net.branch_heatmaps(net, features(images))
    )
    return float(HeatmapRegressor(net, loss, pair_loss=pairs).loss_of(targets, predicted))


@pytest.fixture(scope="module")
def still(net, faces):
    return tuned(net, faces, learning_rate=0.0)


@needs_packages
def test_the_twin_computes_what_the_network_does(still):
    # float32 sums in another order
    assert 0 < still.facts["twin_difference"] < 1e-5


@needs_packages
def test_fine_tuning_starts_with_the_loss_of_the_training(still, net):
    want = loss_of_training(net, LOSS, next(batches(size=4)))
    assert want > 0.01
    # targets are handed over as float16: 5e-4 of a value, less on average
    assert still.facts["float_loss"] == pytest.approx(want, rel=1e-3)
    # rounding to 8 bits in ten layers of a random network is noise, not another loss
    assert still.facts["history"][0]["loss"] == pytest.approx(want, rel=0.1)


@needs_packages
def test_rounding_is_that_of_the_exported_static_int8(still, net, faces):
    file = quantize(convert(net, SPEC), "static_int8", faces.images)
    maps = run_tflite(file, faces.images)[1]
    want = maps.max(axis=(1, 2))
    floats = np.clip(SPEC.codec.peaks(np.asarray(net(faces.images))), 0, 5)
    got = np.clip(still.peaks, 0, 5)
    rounding = np.abs(want - floats).mean()
    assert rounding > 5e-4
    # The same grids; kernels round their sums, which the twin doesn't. Measured: .0007 of .0013,
    # and .84; other grids leave errors of their own, twice as large and uncorrelated.
    assert np.abs(got - want).mean() < 0.75 * rounding
    errors = (want - floats).ravel(), (got - floats).ravel()
    assert np.corrcoef(*errors)[0, 1] > 0.6


@needs_packages
def test_without_learning_the_network_stays(still, net, faces):
    want = np.asarray(net(faces.images))
    got = np.asarray(still.net(faces.images))
    np.testing.assert_allclose(got, want, atol=1e-4 * np.abs(want).max())
    icc = [row["icc"] for row in still.facts["history"]]
    np.testing.assert_array_equal(icc, icc[0])
    assert still.facts["kept_step"] == 0


@needs_packages
def test_training_lowers_the_loss_and_keeps_the_best_step(net, faces):
    training = [next(batches(size=4))] * 40
    found = tuned(net, faces, training=training, pictures=160, learning_rate=1e-2).facts
    assert found["history"][-1]["step"] == 40
    assert found["history"][-1]["loss"] < 0.7 * found["history"][0]["loss"]
    best = max(row["icc"] for row in found["history"])
    assert {row["step"]: row["icc"] for row in found["history"]}[found["kept_step"]] == best


@needs_packages
def test_the_layers_of_the_paper_are_supported(faces):
    found = tuned(paper_layers(), faces, learning_rate=1e-3, pictures=4)
    assert 0 < found.facts["twin_difference"] < 1e-5
    assert np.isfinite(found.peaks).all()


@needs_packages
@pytest.mark.slow  # FaceMesh's trunk at 256 px
def test_two_branches_train_apart_with_pairs_and_a_frozen_trunk():
    spec = net_spec("small_mesh", {"backbone": "tiny", "decoder": (16, 16)})
    net, images = tiny_network(spec), smooth_faces(4, 1, spec.image_size)
    # The opposite of what it predicts: any step is better than the start, and kept.
    opposite = 5 - spec.codec.decode(np.asarray(net(images)), spec.to_au)
    faces = LabeledFaces(images, opposite.astype(np.float32), "random", 4)
    loss = dataclasses.replace(LOSS, codec=spec.codec)
    settings = {name: getattr(LOSS, name) for name in ("to_au", "au_weight")}
    pairs = PairLoss(codec=spec.codec, difference_weight=200.0, ranking_weight=50.0, **settings)
    batch = pair_batch(spec)
    found = tuned(
        net, faces, spec=spec, loss=loss, pairs=pairs, training=[batch], learning_rate=1e-3
    )
    assert 0 < found.facts["twin_difference"] < 1e-4
    want = loss_of_training(net, loss, batch, pairs)
    assert want != pytest.approx(loss_of_training(net, loss, batch), rel=0.01)
    assert found.facts["float_loss"] == pytest.approx(want, rel=1e-3)
    assert found.facts["kept_step"] == 1
    before, after = describe(net).weights, describe(found.net).weights
    changed = {name for name in before if np.abs(after[name] - before[name]).max() > 1e-5}
    assert {"heatmaps/kernel", "tiny0_conv/kernel", "mesh_scc0/far"} <= changed
    assert not any(name.startswith(("mesh_stem", "mesh_level")) for name in changed)


def pair_batch(spec):
    rng = np.random.default_rng(4)
    centers, aus, size = len(spec.to_au), len(spec.labels), spec.image_size
    gaussian = rng.uniform(0, 1, (4, spec.heatmap_size, spec.heatmap_size, centers))
    return rng.uniform(0, 255, (4, size, size, 3)).astype(np.float32), {
        "heatmap": (2 * gaussian).astype(np.float32),
        "gaussian": gaussian.astype(np.float32),
        "weight": np.ones((4, centers), np.float32),
        "intensity": rng.uniform(0, 5, (4, aus)).astype(np.float32),
        "partner": np.array([1, 0, 3, 2], np.int32),
        "difference": np.where(rng.random((4, centers)) < 0.3, np.nan, 1).astype(np.float32),
        "ranked": (rng.random((4, aus)) < 0.5).astype(np.float32),
    }


# ---- what is handed over, without the child


@pytest.fixture
def no_child(monkeypatch):
    """Replace the child by a function that reads what it would get."""
    given = {}

    def run(difference):
        def child(folder, timeout):
            given["timeout"] = timeout
            given["job"] = json.loads((folder / "job.json").read_text())
            for path in folder.iterdir():
                if path.suffix in (".npy", ".npz"):
                    loaded = np.load(path, allow_pickle=False)
                    given[path.stem] = dict(loaded) if path.suffix == ".npz" else loaded
            np.savez(folder / "tuned.npz", **given["weights"])
            np.save(folder / "peaks.npy", np.zeros((8, 1), np.float32))
            (folder / "result.json").write_text(json.dumps({"twin_difference": difference}))

        monkeypatch.setattr(module, "run_child", child)
        monkeypatch.setattr(module, "require_packages", lambda: None)
        return given

    return run


def test_the_child_receives_settings_loss_and_whole_batches(net, faces, no_child):
    given = no_child(0.0)
    tuned(net, faces, training=batches(size=2), pictures=5, timeout=9.0)
    job = given["job"]
    assert given["timeout"] == 9.0
    assert job["batches"] == 3
    assert job["branches"] == []
    sent = job["loss"] | {"codec": SPEC.codec, "to_au": LOSS.to_au}
    assert set(sent) == {field.name for field in dataclasses.fields(LOSS)}
    np.testing.assert_array_equal(np.float32(sent["level_weight"]), LOSS.level_weight)
    first_image, first = next(batches())
    assert np.abs(given["batch0"]["image"] - first_image).max() <= 0.5
    np.testing.assert_allclose(given["batch0"]["heatmap"], first["heatmap"], rtol=1e-3)  # float16
    np.testing.assert_array_equal(given["calibration_image"], faces.images)
    want = np.asarray(net(faces.images))
    np.testing.assert_allclose(given["validation_raw"], want, atol=1e-5 * np.abs(want).max())
    assert set(given["weights"]) == set(describe(net).weights)


@pytest.mark.parametrize("difference", [2e-4, float("nan")])
def test_a_twin_that_differs_from_the_network_is_refused(difference, net, faces, no_child):
    no_child(difference)
    with pytest.raises(QatError, match=r"twin's heatmaps must be within 0\.0001"):
        tuned(net, faces)


def test_an_empty_training_set_is_refused(net, faces, no_child):
    no_child(0.0)
    with pytest.raises(QatError, match="needs training faces"):
        tuned(net, faces, training=[])
