import hashlib
import json
import re
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from export import package
from export.checks import classic_gpu, gates
from export.checks.audit import audit, problems
from export.convert import convert, for_export
from export.package import ExportError, export_variants, run_tflite
from export.specs import EXPORT_SPECS
from fau_tf import contract, facs
from fau_tf.models import heatmap_net
from fau_tf.models.presets import PRESETS, net_spec

SPEC = PRESETS["tiny"]
FLOATS = [EXPORT_SPECS["float32"], EXPORT_SPECS["float16"]]
FACES = {"name": "test", "kind": "random pixels"}
SIZES = {"image_size": 64, "heatmap_size": 16, "aus": 14, "centers": 28}


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return rng.uniform(0, 255, (6, 64, 64, 3)).astype(np.float32)


def _network(spec):
    keras.utils.set_random_seed(0)
    net = heatmap_net.build(spec)
    head = net.get_layer(contract.OUTPUT_HEATMAPS)
    # An untrained head is nearly black; the comparison needs something to compare.
    rng = np.random.default_rng(1)
    kernel, bias = head.get_weights()
    spread = 2.0 * spec.codec.unit
    head.set_weights([rng.normal(0, spread, kernel.shape), rng.uniform(0, spread, bias.shape)])
    return net


def export(net, images, folder, name, variants):
    return export_variants(
        net, SPEC, images, folder, name, variants, training_data=FACES, facts={}, say=str
    )


@pytest.fixture(scope="module")
def net():
    return _network(SPEC)


@pytest.fixture(scope="module")
def exported(net, images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return folder, export(net, images, folder, "t", FLOATS)


@pytest.mark.parametrize("variant", ["float32", "float16"])
def test_files_keep_the_contract_and_agree_with_keras(variant, exported, net, images):
    folder, _ = exported
    flatbuffer = (folder / f"fau_t_{variant}.tflite").read_bytes()
    found = audit(flatbuffer)
    assert problems(found, **SIZES) == []
    assert classic_gpu.refusals(flatbuffer) == []
    intensity, maps = run_tflite(flatbuffer, images)
    raw = np.asarray(net(images))
    want = SPEC.codec.decode(raw, facs.center_to_au(SPEC.au_numbers))
    assert np.isfinite(maps).all()
    assert want.std() > 0.1
    assert maps.max() <= 5
    assert maps.min() >= 0
    # Weights in 11 bits for float16; an order of sums for float32.
    tolerance = EXPORT_SPECS[variant].max_intensity_error
    np.testing.assert_allclose(intensity, want, atol=tolerance)
    np.testing.assert_allclose(maps, np.clip(raw / SPEC.codec.unit, 0, 5), atol=tolerance)
    # The two outputs tell the same story; a third (AU09's mean) in 11 bits is 2.4e-4 off.
    np.testing.assert_allclose(
        maps.max((1, 2)) @ facs.center_to_au(SPEC.au_numbers), intensity, rtol=3e-4, atol=1e-5
    )


def test_heatmaps_are_in_intensity_units_whatever_the_training_scale(images):
    spec = net_spec("tiny", {"target_scale": "paper"})
    net = _network(spec)
    _, maps = run_tflite(convert(net, spec), images[:2])
    raw = np.asarray(net(images[:2]))
    want = np.clip(raw * 2 * np.pi * spec.sigma**2, 0, 5)
    assert want.std() > 0.1
    np.testing.assert_allclose(maps, want, atol=1e-4)


def test_half_the_bits_are_about_half_the_bytes(exported):
    size = {entry["variant"]: entry["bytes"] for entry in exported[1]}
    # Half the weights, and DEQUANTIZE operators on top, which count in so small a network.
    assert size["float16"] < 0.6 * size["float32"]


def test_the_json_vouches_for_the_file(exported):
    folder, entries = exported
    for entry in entries:
        path = folder / f"{entry['name']}.tflite"
        written = json.loads(path.with_suffix(".json").read_text())
        assert written == entry
        assert written["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert set(contract.REQUIRED_METADATA) <= set(written)
        assert written["aus"] == list(facs.ALL)
        assert len(written["centers"]) == 28
    assert not list(folder.glob(".partial*"))


def test_exporting_twice_gives_the_same_bytes(net):
    assert convert(net, SPEC) == convert(net, SPEC)


def test_the_export_form_has_the_same_weights_and_values(net, images):
    copy = for_export(net)
    for one, other in zip(net.weights, copy.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
    want = np.asarray(net(images[:1]))
    np.testing.assert_allclose(np.asarray(copy(images[:1])), want, atol=1e-4 * np.abs(want).max())


def test_transposed_convolutions_leave_their_activation_to_an_operator_that_a_gpu_takes(images):
    spec = net_spec("tiny", {"upsample": "deconv"})  # as the paper preset upsamples
    net = _network(spec)
    flatbuffer = convert(net, spec)
    operators = audit(flatbuffer).operators
    assert operators["TRANSPOSE_CONV v3"] == 2
    assert operators["RELU v1"] >= 2
    assert gates.refusals(flatbuffer, spec, EXPORT_SPECS["float32"], None) == []
    want = np.clip(np.asarray(net(images)) / spec.codec.unit, 0, 5)
    assert want.std() > 0.1
    np.testing.assert_allclose(run_tflite(flatbuffer, images)[1], want, atol=1e-4)


@pytest.mark.slow  # `make test-device` runs both
@pytest.mark.parametrize("preset", ["small", "mobile"])
def test_presets_convert_without_an_operator_that_a_gpu_refuses(preset):
    spec = PRESETS[preset]
    flatbuffer = convert(_network(spec), spec, "float16")
    size = {"image_size": spec.image_size, "heatmap_size": spec.heatmap_size}
    assert problems(audit(flatbuffer), **SIZES | size) == []
    assert classic_gpu.refusals(flatbuffer) == []


def test_a_mixed_precision_network_exports_float32_arithmetic(net):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        mixed = heatmap_net.build(SPEC)
    finally:
        keras.config.set_dtype_policy(before)
    mixed.set_weights(net.get_weights())
    assert mixed.get_layer("scc0").compute_dtype == "float16"
    assert mixed.output.dtype == "float32"  # its last layer keeps the digits of an intensity
    assert convert(mixed, SPEC) == convert(net, SPEC)


# ---- planted faults: each must be refused


def _tflite(function, shape=(1, 64, 64, 3), flex=False):
    module = tf.Module()
    module.serve = tf.function(
        function, input_signature=[tf.TensorSpec(shape, tf.float32, name="image")]
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [module.serve.get_concrete_function()], module
    )
    if flex:
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.TFLITE_BUILTINS,
            tf.lite.OpsSet.SELECT_TF_OPS,
        ]
    return converter.convert()


def _outputs(image, maps):
    del image
    return {"intensity": tf.reduce_max(maps, (1, 2))[:, :14], "heatmaps": maps}


def _good(image):
    maps = tf.tile(tf.nn.avg_pool2d(image, 4, 4, "VALID"), (1, 1, 1, 10))[..., :28]
    return _outputs(image, maps)


def _flex(image):
    maps = tf.math.cumprod(image, axis=1)  # no builtin operator computes this
    return _good(maps)


def _rank_five(image):
    five = tf.transpose(tf.reshape(image, (1, 32, 2, 64, 3)), (0, 2, 1, 3, 4))
    return _good(tf.reshape(five, (1, 64, 64, 3)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: _tflite(_good), None),
        (lambda: _tflite(_flex, flex=True), "must be builtin"),
        (lambda: _tflite(_rank_five), "at most 4 axes"),
        (lambda: _tflite(_good, (None, 64, 64, 3)), "must be static"),
        (lambda: _tflite(_good, (1, 32, 32, 3)), r"`image` must be .*64, 64"),
        (lambda: _tflite(lambda x: {"intensity": _good(x)["intensity"]}), "`heatmaps` must be"),
        (lambda: _tflite(lambda x: _good(x) | {"extra": x + 1}), "`extra` is not in the contract"),
    ],
    ids=["none", "flex", "rank", "dynamic", "size", "missing", "extra"],
)
def test_a_fault_in_the_file_is_refused(make, message):
    lines = problems(audit(make()), **SIZES)
    if message is None:
        assert lines == []
    else:
        assert any(re.search(message, line) for line in lines), lines


@pytest.mark.parametrize("content", [b"", b"\x1c\x00\x00\x00TFL2" + bytes(64), b"PK\x03\x04"])
def test_a_file_that_is_no_model_is_refused(content):
    with pytest.raises(ValueError, match="identifier TFL3"):
        audit(content)


def test_a_network_that_answers_nan_is_not_written(images, tmp_path):
    broken = _network(SPEC)
    head = broken.get_layer(contract.OUTPUT_HEATMAPS)
    kernel, bias = head.get_weights()
    head.set_weights([kernel * np.nan, bias])
    with pytest.raises(ExportError, match="must be finite"):
        export(broken, images[:1], tmp_path, "n", FLOATS[:1])
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_answers_a_constant_is_not_written(images, tmp_path):
    broken = _network(SPEC)
    head = broken.get_layer(contract.OUTPUT_HEATMAPS)
    head.set_weights([np.zeros_like(weight) for weight in head.get_weights()])
    with pytest.raises(ExportError, match="must vary"):
        export(broken, images[:1], tmp_path, "c", FLOATS[:1])
    assert list(tmp_path.iterdir()) == []


def _wrong_file(monkeypatch, change):
    """Let the files answer `change(intensity, maps)`."""
    honest = package.run_tflite
    monkeypatch.setattr(package, "run_tflite", lambda *given: change(*honest(*given)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda intensity, maps: (intensity * np.nan, maps), "must be finite"),
        (lambda intensity, maps: (intensity, maps * np.nan), "must be finite"),
        (
            lambda intensity, maps: (intensity[:, ::-1], maps),
            "intensities of 95% of the faces must be",
        ),
        (
            lambda intensity, maps: (intensity, maps[..., ::-1]),
            "heatmaps of 95% of the faces must be",
        ),
        (
            lambda intensity, maps: (intensity, maps.swapaxes(1, 2)),
            "heatmaps of 95% of the faces must be",
        ),
    ],
    ids=["nan", "nan maps", "au order", "center order", "transposed"],
)
def test_a_file_that_disagrees_with_keras_is_not_written(
    change, message, net, images, tmp_path, monkeypatch
):
    _wrong_file(monkeypatch, change)
    with pytest.raises(ExportError, match=message):
        export(net, images[:2], tmp_path, "w", FLOATS[:1])
    assert list(tmp_path.iterdir()) == []


def test_where_keras_answers_nan_no_file_agrees():
    wrong = np.full((1, 2), np.nan), np.full((1, 4, 4, 3), np.nan)
    got = np.ones((1, 2)), np.random.default_rng(0).uniform(size=(1, 4, 4, 3))
    _, lines = package.far_from_keras(wrong, got, EXPORT_SPECS["float32"])
    assert all("Received: nan" in line for line in lines)
    assert len(lines) == 2


def test_a_graph_that_the_classic_gpu_delegate_refuses_is_not_written(net, images, tmp_path):
    with pytest.raises(ExportError, match="classic GPU delegate: TOPK_V2"):
        export(net, images[:1], tmp_path, "g", [replace(FLOATS[0], selection="gather_1d")])
    assert list(tmp_path.iterdir()) == []


def test_one_wrong_variant_leaves_all_files_as_they_were(net, images, tmp_path, monkeypatch):
    old = tmp_path / "fau_o_float32.tflite"
    old.write_bytes(b"old")
    answers = iter([None, np.nan])  # the first variant is right

    def change(intensity, maps):
        return intensity if next(answers) is None else intensity * np.nan, maps

    _wrong_file(monkeypatch, change)
    with pytest.raises(ExportError, match=r"Variant float16 must keep .* must be finite"):
        export(net, images[:1], tmp_path, "o", FLOATS)
    assert [path.name for path in tmp_path.iterdir()] == [old.name]
    assert old.read_bytes() == b"old"
