"""Quantization-aware training up to the child process, which test_qat_child.py tests."""

import dataclasses
import json
import sys

import keras
import numpy as np
import pytest
from keras import layers

from export.checks.audit import audit
from export.checks.weight_types import constants
from export.convert import convert
from export.graph.flatbuffer import TfliteFile
from export.keras_parity import run_tflite
from export.qat import launch
from export.qat.describe import NotQuantizableError, describe
from export.qat.fine_tune import QatSettings, packed, qat_variant
from export.qat.launch import QatEnvironmentError, QatError
from export.specs import EXPORT_SPECS
from fau_tf.models import heatmap_net
from fau_tf.models.presets import PRESETS, net_spec
from tests.helpers.qat_case import LOSS, SPEC, batches, computed, labeled_faces, network

pytestmark = pytest.mark.integration  # networks are converted: seconds each


@pytest.fixture(scope="module")
def net():
    return network(SPEC)


@pytest.fixture(scope="module")
def faces():
    return labeled_faces(4)


# ---- the description


@pytest.mark.parametrize("preset", ["tiny", "small", "mobile"])
def test_the_description_computes_what_the_network_does(preset):
    spec = PRESETS[preset]
    net = network(spec)
    rows, weights = describe(net)
    rows = json.loads(json.dumps(rows))  # as the child reads them
    rng = np.random.default_rng(3)
    images = rng.uniform(0, 255, (2, spec.image_size, spec.image_size, 3)).astype(np.float32)
    want, got = np.asarray(net(images)), computed(rows, weights, images)
    assert np.isfinite(want).all()
    assert want.std() > 1e-3
    # float32 sums in another order, the fold among them; a flipped near-tie would show as 1e-2
    np.testing.assert_allclose(got, want, atol=1e-4 * np.abs(want).max())


def test_batch_norms_are_folded_and_all_other_layers_kept(net):
    rows, weights = describe(net)
    kept = [layer for layer in net.layers if not isinstance(layer, layers.BatchNormalization)]
    assert [row["name"] for row in rows] == [layer.name for layer in kept]
    assert len(kept) < len(net.layers)
    kernels = [name for name in weights if name.endswith("/kernel")]
    assert len(kernels) == sum(
        "conv" in name or name == "heatmaps" for name in (r["name"] for r in rows)
    )
    assert {name.partition("/")[0] for name in weights} <= {row["name"] for row in rows}


def functional(*made):
    image = x = keras.Input((8, 8, 3))
    for layer in made:
        x = layer(x)
    return keras.Model(image, x)


def two_readers():
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(3, 1)(image)
    return keras.Model(image, layers.Add()([x, layers.BatchNormalization()(x)]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: heatmap_net.build(net_spec("tiny", {"upsample": "deconv"})), "a Conv2DTranspose"),
        (lambda: heatmap_net.build(net_spec("tiny", {"nodes": "pixels"})), "nodes='pixels'"),
        (lambda: functional(layers.Conv2D(2, 1, activation="relu")), "activation='relu'"),
        (lambda: functional(layers.Conv2D(2, 3, dilation_rate=2)), "dilation_rate"),
        (lambda: functional(layers.ReLU(negative_slope=0.1)), "negative_slope"),
        (lambda: functional(layers.BatchNormalization()), "batch norm after a convolution"),
        (two_readers, "which 2 layers read"),
    ],
    ids=["deconv", "pixels", "activation", "dilation", "leaky", "norm first", "two readers"],
)
def test_an_unsupported_network_is_refused(make, message):
    with pytest.raises(NotQuantizableError, match=message):
        describe(make())


# ---- the child process, replaced by a script


def child(folder, monkeypatch, body):
    """Replace the other environment's Python by a script with the given body."""
    script = folder / "python"
    lines = [
        f"#!{sys.executable}",
        "import json, pathlib, sys",
        "folder = pathlib.Path(sys.argv[3])",
    ]
    script.write_text("\n".join([*lines, body]) + "\n")
    script.chmod(0o755)
    monkeypatch.setenv(launch.PYTHON_VARIABLE, str(script))


def result(difference, model):
    return (
        "print('half way', flush=True)\n"
        f"(folder / 'result.json').write_text(json.dumps({{'twin_difference': {difference}}}))\n"
        f"(folder / 'model.tflite').write_bytes(pathlib.Path({str(model)!r}).read_bytes())"
    )


@pytest.fixture(scope="module")
def float32(net, tmp_path_factory):
    path = tmp_path_factory.mktemp("float") / "model.tflite"
    path.write_bytes(convert(net, SPEC, "float32").content)
    return path


def tuned(net, faces, **settings):
    how = QatSettings(**settings)
    return qat_variant(net, SPEC, batches(), *faces, loss=LOSS, settings=how, log=str)


def test_the_error_without_the_environment_names_the_command(net, faces, tmp_path, monkeypatch):
    monkeypatch.setenv(launch.PYTHON_VARIABLE, str(tmp_path / "none"))
    with pytest.raises(QatEnvironmentError, match="Run `make qat-env`"):
        tuned(net, faces)
    monkeypatch.delenv(launch.PYTHON_VARIABLE)
    monkeypatch.setattr(launch, "ROOT", tmp_path)
    with pytest.raises(QatEnvironmentError, match=r"\.venv-qat"):
        launch.environment_python()


def test_the_childs_model_is_packed_and_its_progress_printed(
    net, faces, float32, tmp_path, monkeypatch, capfd
):
    child(tmp_path, monkeypatch, result(1e-6, float32))
    found = tuned(net, faces)
    assert found.facts == {"twin_difference": 1e-6}
    assert found.flatbuffer == packed(float32.read_bytes())
    assert "half way" in capfd.readouterr().out


def test_the_child_receives_settings_loss_and_arrays_without_pickle(
    net, faces, float32, tmp_path, monkeypatch
):
    kept = tmp_path / "kept"
    body = f"import shutil\nshutil.copytree(folder, {str(kept)!r})\n" + result(0, float32)
    child(tmp_path, monkeypatch, body)
    tuned(net, faces, crops=5)
    job = json.loads((kept / "job.json").read_text())
    assert {"rows", "codec", "aus", "rule", "settings", "seed"} <= set(job)
    sent = job["loss"] | {"codec": SPEC.codec, "to_au": LOSS.to_au}
    assert set(sent) == {field.name for field in dataclasses.fields(LOSS)}
    np.testing.assert_array_equal(np.float32(sent["level_weight"]), LOSS.level_weight)
    assert job["selection"] == EXPORT_SPECS["qat_int8"].selection
    arrays = {
        path.stem: np.load(path, allow_pickle=False)
        for path in kept.iterdir()
        if path.suffix == ".npy"
    }
    assert {name: len(array) for name, array in arrays.items()} == {
        # whole batches
        **dict.fromkeys(("image", "heatmap", "gaussian", "weight", "intensity"), 6),
        **dict.fromkeys(("validation_image", "validation_intensity", "validation_raw"), 4),
    }
    first_image, first = next(batches())
    assert np.abs(arrays["image"][:2] - first_image).max() <= 0.5
    np.testing.assert_allclose(arrays["heatmap"][:2], first["heatmap"], rtol=1e-3)  # float16
    want = np.asarray(net(faces[0]))
    np.testing.assert_allclose(arrays["validation_raw"], want, atol=1e-5 * np.abs(want).max())
    with np.load(kept / "weights.npz", allow_pickle=False) as file:
        assert set(file) == set(describe(net)[1])


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        ("raise ValueError('no such layer')", QatError, "exit code 1: ValueError: no such layer"),
        ("import tf_kerass", QatEnvironmentError, "No module named 'tf_kerass'.*make qat-env"),
        ("sys.exit(3)", QatError, "exit code 3: no message"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", QatError, "exit code -9"),
        ("import time; time.sleep(60)", QatError, r"must end within 0\.5 s"),
    ],
    ids=["error", "no package", "silent", "killed", "too slow"],
)
def test_a_failed_child_is_reported(body, error, message, net, faces, tmp_path, monkeypatch):
    child(tmp_path, monkeypatch, body)
    with pytest.raises(error, match=message):
        tuned(net, faces, timeout=0.5 if "sleep" in body else 60)


@pytest.mark.parametrize("difference", ["2e-4", "float('nan')"])
def test_a_twin_that_differs_from_the_network_is_refused(
    difference, net, faces, float32, tmp_path, monkeypatch
):
    child(tmp_path, monkeypatch, result(difference, float32))
    with pytest.raises(QatError, match=r"twin's heatmaps must be within 0\.0001"):
        tuned(net, faces)


def test_an_empty_training_set_is_refused(net, faces, float32, tmp_path, monkeypatch):
    child(tmp_path, monkeypatch, result(0, float32))
    with pytest.raises(QatError, match="needs training faces"):
        qat_variant(net, SPEC, [], *faces, loss=LOSS, settings=QatSettings(), log=str)


# ---- packing


def test_packing_stores_scc_as_int8_and_keeps_its_arithmetic(faces, float32):
    before = TfliteFile(float32.read_bytes())
    after = TfliteFile(packed(before.content))
    types = {row.name: row.type for row in constants(after) if "scc" in row.name}
    assert sorted(types.values()).count("INT8") == 4  # two layers, two matrices each
    assert audit(after).operators.keys() - audit(before).operators.keys() <= {
        name for name in audit(after).operators if name.startswith(("DEQUANTIZE", "FULLY"))
    }
    want, got = (run_tflite(file, faces[0])[0] for file in (before, after))
    assert want.std() > 0.01
    # 8 bits in two matrices: a percent or two; other arithmetic or neighbors would differ more
    assert np.abs(got - want).mean() < 0.05 * want.std() + 0.02
