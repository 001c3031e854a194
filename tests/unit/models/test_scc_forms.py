"""The forms of neighbor selection: each equals the layer, in Keras and as an exported graph."""

import keras
import numpy as np
import pytest

from export.checks.operators import classic_gpu
from export.graph.flatbuffer import TfliteFile
from export.specs import SELECTION
from fau_tf.models.scc.knn import SELECTIONS
from fau_tf.models.scc.semantic_correspondence import SemanticCorrespondence
from tests.helpers import convert_layer
from tests.helpers.layer_checks import assert_close

SHAPE = (6, 5, 16)
DEAD = [2, 5, 11]
EXPORTED = [name for name in SELECTIONS if name != "gather"]
FORBIDDEN = ("GATHER_ND", "BROADCAST_TO", "VAR_HANDLE", "READ_VARIABLE", "CUSTOM")


def feature_maps(seed: int = 0) -> np.ndarray:
    """Return (1, H, W, C) as a ReLU leaves them, with dead maps: exact ties among neighbors."""
    x = np.maximum(np.random.default_rng(seed).normal(size=(1, *SHAPE)), 0).astype("float32")
    x[..., DEAD] = 0
    return x


def layer(selection: str, k: int = 5) -> SemanticCorrespondence:
    """Return a layer with random weights, the same for each selection, some gammas negative."""
    keras.utils.set_random_seed(0)
    made = SemanticCorrespondence(k=k, selection=selection)
    made.build((None, *SHAPE))
    rng = np.random.default_rng(1)
    size = SHAPE[0] * SHAPE[1]
    made.gamma.assign(rng.normal(0.3, 1, size))
    made.beta.assign(rng.normal(0, 0.3, size))
    made.moving_mean.assign(rng.normal(0, 0.3, size))
    made.moving_variance.assign(rng.uniform(0.5, 2, size))
    return made


@pytest.mark.parametrize("k", [1, 5, SHAPE[-1]])
@pytest.mark.parametrize("selection", EXPORTED)
def test_each_form_equals_the_layer_dead_maps_included(selection: str, k: int) -> None:
    x = feature_maps()
    # one product instead of a product and a scale: a few float32 roundings
    assert_close(layer(selection, k)(x), layer("gather", k)(x), 1e-5)


@pytest.mark.parametrize("selection", EXPORTED)
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_each_form_finds_the_neighbors_at_any_scale_of_the_features(
    selection: str, size: float
) -> None:
    x = feature_maps() * np.float32(size)
    assert_close(layer(selection)(x), layer("gather")(x), 1e-5)


@pytest.mark.parametrize("selection", EXPORTED)
def test_each_exported_graph_equals_the_layer(selection: str) -> None:
    x = feature_maps()
    flatbuffer = convert_layer.to_tflite(layer(selection), SHAPE)
    assert_close(convert_layer.run(flatbuffer, x), layer("gather")(x), 1e-5)


@pytest.mark.parametrize("selection", EXPORTED)
def test_each_exported_graph_keeps_to_operators_that_a_phone_gpu_can_take(selection: str) -> None:
    flatbuffer = convert_layer.to_tflite(layer(selection), SHAPE)
    names = {name.split()[0] for name in convert_layer.operators(flatbuffer)}
    assert not names & set(FORBIDDEN)
    graph = convert_layer.graph(flatbuffer)
    assert max(len(tensor.shape) for tensor in graph.tensors if tensor.shape is not None) <= 4
    for operator in graph.operators:
        if hasattr(operator.builtinOptions, "adjX"):
            assert not operator.builtinOptions.adjX
            assert not operator.builtinOptions.adjY
            assert len(set(operator.inputs)) == 2, "a tensor times itself aborts the accelerator"


@pytest.mark.parametrize("selection", EXPORTED)
def test_batch_norm_is_folded_into_the_exported_weights(selection: str) -> None:
    made = layer(selection)
    own, far = convert_layer.dense_weights(convert_layer.to_tflite(made, SHAPE))
    scale = made.gamma.numpy() / np.sqrt(made.moving_variance.numpy() + made.epsilon)
    first, second = made.center_kernel.numpy(), made.neighbor_kernel.numpy()
    # the converter's rsqrt and its order of factors: float32 roundings
    assert_close(own, (first - second) * scale, 1e-5)
    assert_close(far, second * scale, 1e-5)


def test_the_default_form_is_on_the_classic_gpu_delegates_list() -> None:
    flatbuffer = convert_layer.to_tflite(layer(SELECTION), SHAPE)
    assert classic_gpu(TfliteFile(flatbuffer)) == []


def test_top_k_is_not_on_the_classic_gpu_delegates_list() -> None:
    flatbuffer = convert_layer.to_tflite(layer("gather"), SHAPE)
    assert any("TOPK_V2" in line for line in classic_gpu(TfliteFile(flatbuffer)))


def test_a_batch_is_refused_by_the_form_that_takes_one_image() -> None:
    x = np.repeat(feature_maps(), 2, axis=0)
    with pytest.raises(ValueError, match=r'batch 1. Received: batch 2. Use selection="gather"'):
        layer("max_index")(x)
