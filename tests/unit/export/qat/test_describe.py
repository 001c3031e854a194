"""What the twin of quantization-aware training is built from."""

import json

import keras
import numpy as np
import pytest
from keras import layers

from export.qat.describe import NotQuantizableError, describe
from export.qat.restore import restored
from fau_tf.models import heatmap_net
from fau_tf.models.presets import PRESETS, net_spec
from tests.helpers.qat_case import SPEC, computed, network, paper_layers

pytestmark = pytest.mark.integration  # networks are built: seconds each

TWO_BRANCHES = net_spec("small_mesh", {"backbone": "tiny", "decoder": (16, 16)})


def pictures(net):
    size = net.input_shape[1]
    return np.random.default_rng(3).uniform(0, 255, (2, size, size, 3)).astype(np.float32)


@pytest.mark.parametrize("preset", ["tiny", "small", "mobile"])
def test_the_description_computes_what_the_network_does(preset):
    net = network(PRESETS[preset])
    found = describe(net)
    rows = json.loads(json.dumps(found.rows))  # as the child reads them
    images = pictures(net)
    want, got = np.asarray(net(images)), computed(rows, found.weights, images)
    assert np.isfinite(want).all()
    assert want.std() > 1e-3
    # float32 sums in another order, the fold among them; a flipped near-tie would show as 1e-2
    np.testing.assert_allclose(got, want, atol=1e-4 * np.abs(want).max())


def test_batch_norms_are_folded_and_all_other_layers_kept():
    net = network(SPEC)
    found = describe(net)
    kept = [layer for layer in net.layers if not isinstance(layer, layers.BatchNormalization)]
    names = [row["name"] for row in found.rows]
    assert names == [layer.name for layer in kept]
    assert len(kept) < len(net.layers)
    assert set(found.norms) == {layer.name for layer in net.layers} - set(names)
    kernels = [name for name in found.weights if name.endswith("/kernel")]
    assert len(kernels) == sum("conv" in name or name == "heatmaps" for name in names)
    assert {name.partition("/")[0] for name in found.weights} <= set(names)


@pytest.mark.parametrize(
    "make",
    [
        lambda: network(SPEC),
        paper_layers,
        lambda: network(TWO_BRANCHES),
    ],
    ids=["tiny", "paper", "two branches"],
)
def test_a_network_restored_from_its_description_computes_the_same(make):
    net = make()
    weights = describe(net).weights
    copy, images = restored(net, weights), pictures(net)
    want = np.asarray(net(images))
    assert want.std() > 1e-3
    # float32 sums in another order
    np.testing.assert_allclose(np.asarray(copy(images)), want, atol=1e-4 * np.abs(want).max())
    again = describe(copy).weights
    assert again.keys() == weights.keys()
    for name, value in weights.items():
        np.testing.assert_allclose(again[name], value, atol=1e-5 * np.abs(value).max())


def test_other_weights_give_another_network_and_leave_the_first_alone():
    net = network(SPEC)
    before = [np.array(weight) for weight in net.weights]
    weights = {name: 0.5 * value for name, value in describe(net).weights.items()}
    images = pictures(net)
    assert np.abs(np.asarray(restored(net, weights)(images)) - np.asarray(net(images))).max() > 0.1
    for weight, value in zip(net.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)


def test_int8_layers_are_those_of_the_recipe():
    rows = describe(network(TWO_BRANCHES)).rows
    integer = {row["name"] for row in rows if row["integer"]}
    assert {"tiny0_conv", "up0_mix_conv", "up0_resize", "mesh_up0_mix_conv"} <= integer
    assert {"mesh_deep_resize", "mesh_shallow_resize"} <= integer
    assert not {"heatmaps", "scc0", "mesh_scc0", "mesh_stem_conv", "mesh_enlarge"} & integer
    assert not any(name.startswith("mesh_level") for name in integer)
    frozen = {row["name"] for row in rows if not row["trained"]}
    assert {"mesh_stem_conv", "mesh_stem_prelu"} <= frozen
    assert not {"tiny0_conv", "mesh_up0_mix_conv", "heatmaps"} & frozen
    paper = {row["name"] for row in describe(paper_layers()).rows if row["integer"]}
    assert paper == {"conv1_conv", "conv2_conv", "sum"}


def functional(*made):
    image = x = keras.Input((8, 8, 3))
    for layer in made:
        x = layer(x)
    return keras.Model(image, x)


def two_readers():
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(3, 1)(image)
    return keras.Model(image, layers.Add()([x, layers.BatchNormalization()(x)]))


def two_inputs():
    image, other = keras.Input((8, 8, 3)), keras.Input((8, 8, 3))
    return keras.Model([image, other], layers.Add()([image, other]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (two_inputs, "one input. Received: 2"),
        (lambda: functional(layers.LayerNormalization()), "a LayerNormalization"),
        (lambda: heatmap_net.build(net_spec("tiny", {"nodes": "pixels"})), "nodes='pixels'"),
        (lambda: functional(layers.Conv2D(2, 1, activation="relu")), "activation='relu'"),
        (lambda: functional(layers.Activation("gelu")), "activation='gelu'"),
        (lambda: functional(layers.Conv2D(2, 3, dilation_rate=2)), "dilation_rate"),
        (lambda: functional(layers.ReLU(negative_slope=0.1)), "negative_slope"),
        (lambda: functional(layers.BatchNormalization()), "batch norm after a convolution"),
        (two_readers, "which 2 layers read"),
    ],
    ids=[
        "inputs",
        "unknown",
        "pixels",
        "activation",
        "gelu",
        "dilation",
        "leaky",
        "norm first",
        "readers",
    ],
)
def test_an_unsupported_network_is_refused(make, message):
    with pytest.raises(NotQuantizableError, match=message):
        describe(make())
