import keras
import numpy as np
import pytest

from export.checks import gates
from export.checks.audit import audit, contract_problems
from export.checks.operators import classic_gpu
from export.convert import convert, for_export
from export.keras_parity import run_tflite
from export.specs import EXPORT_SPECS
from fau_tf import facs
from fau_tf.models import heatmap_net
from fau_tf.models.presets import PRESETS, net_spec
from fau_tf.training.config import VARIANTS
from tests.helpers.tiny_network import SIZES, SPEC, tiny_network

TRAINED = [EXPORT_SPECS[name] for name in VARIANTS]

pytestmark = pytest.mark.integration  # networks are converted: seconds each


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return rng.uniform(0, 255, (6, 64, 64, 3)).astype(np.float32)


@pytest.mark.parametrize("variant", TRAINED, ids=lambda row: row.name)
def test_files_keep_the_contract_and_agree_with_keras(variant, variant_file, net, images):
    file = variant_file(variant)
    assert gates.file_problems(file, SPEC, variant, None) == []
    intensity, maps = run_tflite(file, images)
    raw = np.asarray(net(images))
    want = SPEC.codec.decode(raw, facs.center_to_au(SPEC.au_numbers))
    assert np.isfinite(maps).all()
    assert want.std() > 0.1
    assert maps.max() <= 5
    assert maps.min() >= 0
    # Weights in 11 bits for float16; another order of sums for float32.
    tolerance = variant.max_intensity_error
    np.testing.assert_allclose(intensity, want, atol=tolerance)
    np.testing.assert_allclose(maps, np.clip(raw / SPEC.codec.unit, 0, 5), atol=tolerance)
    # The outputs agree with each other; a third (AU09's mean) in 11 bits is 2.4e-4 off.
    np.testing.assert_allclose(
        maps.max((1, 2)) @ facs.center_to_au(SPEC.au_numbers), intensity, rtol=3e-4, atol=1e-5
    )


def test_the_export_form_has_the_same_weights_and_values(net, images):
    copy = for_export(net)
    for one, other in zip(net.weights, copy.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
    want = np.asarray(net(images[:1]))
    np.testing.assert_allclose(np.asarray(copy(images[:1])), want, atol=1e-4 * np.abs(want).max())


def test_the_papers_upsampling_and_target_scale_give_intensity_units_on_a_gpu(images):
    spec = net_spec("tiny", {"upsample": "deconv", "target_scale": "paper"})
    net = tiny_network(spec)
    file = convert(net, spec)
    operators = audit(file).operators
    assert operators["TRANSPOSE_CONV v3"] == 2  # without the activation, which makes version 4
    assert operators["RELU v1"] >= 2
    assert gates.file_problems(file, spec, EXPORT_SPECS["float32"], None) == []
    want = np.clip(np.asarray(net(images)) * 2 * np.pi * spec.sigma**2, 0, 5)
    assert want.std() > 0.1
    np.testing.assert_allclose(run_tflite(file, images)[1], want, atol=1e-4)


@pytest.mark.slow  # `make test-device` runs both
@pytest.mark.parametrize("preset", ["small", "mobile"])
def test_presets_convert_without_an_operator_that_a_gpu_refuses(preset):
    spec = PRESETS[preset]
    file = convert(tiny_network(spec), spec, "float16")
    size = {"image_size": spec.image_size, "heatmap_size": spec.heatmap_size}
    assert contract_problems(audit(file), **SIZES | size) == []
    assert classic_gpu(file) == []


def test_a_mixed_precision_network_exports_the_same_bytes_as_a_float32_one(net, variant_file):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        mixed = heatmap_net.build(SPEC)
    finally:
        keras.config.set_dtype_policy(before)
    mixed.set_weights(net.get_weights())
    assert mixed.get_layer("scc0").compute_dtype == "float16"
    assert mixed.output.dtype == "float32"  # the last layer keeps the digits of an intensity
    assert convert(mixed, SPEC).content == variant_file("float32").content
