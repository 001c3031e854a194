"""What the semantic correspondence layer promises, apart from its exact numbers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from fau_tf.models.scc.initializers import NearIdentity
from fau_tf.models.scc.knn import nearest, neighbor_maximum
from fau_tf.models.scc.semantic_correspondence import SemanticCorrespondence
from tests.helpers.layer_checks import assert_close, check_layer


def image(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def random_layer(shape: tuple[int, ...], **arguments: Any) -> SemanticCorrespondence:
    """Return a built layer whose batch norm is not the identity."""
    layer = SemanticCorrespondence(**arguments)
    layer.build((None, *shape[1:]))
    rng = np.random.default_rng(1)
    layer.gamma.assign(rng.normal(0.3, 1, layer.gamma.shape))
    layer.beta.assign(rng.normal(0, 0.5, layer.beta.shape))
    layer.moving_mean.assign(rng.normal(0, 0.2, layer.beta.shape))
    return layer


@pytest.mark.parametrize("nodes", ["channels", "pixels"])
@pytest.mark.parametrize("selection", ["gather", "one_hot"])
def test_it_behaves_as_a_keras_layer(nodes: str, selection: str, tmp_path: Path) -> None:
    layer = SemanticCorrespondence(k=3, nodes=nodes, selection=selection)
    check_layer(layer, image(2, 4, 3, 5), tmp_path)


def test_every_argument_survives_the_config() -> None:
    layer = SemanticCorrespondence(
        k=2,
        nodes="pixels",
        selection="one_hot",
        initializer=NearIdentity(scale=0.1, seed=3),
        momentum=0.5,
        epsilon=1e-5,
    )
    twin = SemanticCorrespondence.from_config(layer.get_config())
    assert twin.get_config() == layer.get_config()
    assert (twin.k, twin.nodes, twin.selection, twin.momentum, twin.epsilon) == (
        2,
        "pixels",
        "one_hot",
        0.5,
        1e-5,
    )
    assert twin.initializer.scale == 0.1


@pytest.mark.parametrize("training", [False, True])
def test_permuting_feature_maps_permutes_the_output(training: bool) -> None:
    x = image(2, 4, 4, 7)
    order = np.random.default_rng(2).permutation(7)
    layer = random_layer(x.shape, k=3)
    expected = np.asarray(layer(x, training=training))[..., order]
    # batch statistics are summed in another order: a few float32 roundings
    assert_close(layer(x[..., order], training=training), expected, 1e-5)


def test_with_pixel_nodes_permuting_feature_maps_does_not_permute_the_output() -> None:
    x = image(1, 4, 4, 7)
    order = np.roll(np.arange(7), 1)
    layer = random_layer(x.shape, k=3, nodes="pixels")
    permuted = np.asarray(layer(x[..., order]))
    assert np.abs(permuted - np.asarray(layer(x))[..., order]).max() > 0.1


def test_with_pixel_nodes_permuting_runs_of_memory_permutes_the_output() -> None:
    # The released code's nodes: D consecutive numbers of the image as it lies in memory.
    x = image(1, 4, 4, 7)
    order = np.random.default_rng(2).permutation(7)
    layer = random_layer(x.shape, k=3, nodes="pixels")

    def permute(array: np.ndarray) -> np.ndarray:
        return np.asarray(array).reshape(7, 16)[order].reshape(1, 4, 4, 7)

    assert_close(layer(permute(x)), permute(layer(x)), 1e-6)


def test_equally_close_nodes_come_lowest_index_first() -> None:
    scores = np.zeros((1, 2, 40), "float32")
    scores[0, 1, [5, 9, 31]] = 1
    index = np.asarray(nearest(scores, 5))
    assert index.tolist() == [[[0, 1, 2, 3, 4], [5, 9, 31, 0, 1]]]


# sizes that a vectorized sum or product handles differently: odd, full blocks and a rest
@pytest.mark.parametrize("maps", [13, 24, 28, 50, 67, 100])
def test_dead_feature_maps_choose_the_lowest_dead_ones(maps: int) -> None:
    x = np.abs(image(2, 8, 8, maps))
    dead = [0, 3, 7, 8, maps - 1]
    x[..., dead] = 0
    index = np.asarray(SemanticCorrespondence(k=3).neighbors(x))
    assert set(index[:, dead].ravel().tolist()) <= set(dead)
    rows = np.ascontiguousarray(x.reshape(2, 64, maps).transpose(0, 2, 1)) - x.mean()
    product = np.asarray(tf.matmul(rows, rows.transpose(0, 2, 1)))[..., dead]
    if np.ptp(product, axis=-1).any():
        pytest.skip("the matrix product of this CPU (no AVX-512) rounds equal columns differently")
    assert index[:, dead].tolist() == [[dead[:3]] * 5] * 2


def test_a_tie_sends_the_gradient_to_the_first_of_the_neighbors_only() -> None:
    values = tf.zeros((4, 3))
    index = tf.constant([[0, 1, 2], [1, 0, 2], [2, 0, 1], [3, 0, 1]])  # each node itself first
    with tf.GradientTape() as tape:
        tape.watch(values)
        largest = neighbor_maximum(values, index)
    gradient = tape.gradient(largest, values)
    np.testing.assert_array_equal(gradient, np.ones((4, 3)))


def test_a_node_is_its_own_nearest_neighbor_and_k_1_needs_no_graph() -> None:
    x = image(2, 5, 5, 6)
    layer = random_layer(x.shape, k=1)
    assert np.asarray(layer.neighbors(x)).tolist() == [[[i] for i in range(6)]] * 2
    nodes = x.reshape(2, 25, 6).transpose(0, 2, 1)
    scale = np.asarray(layer.gamma) / np.sqrt(np.asarray(layer.moving_variance) + layer.epsilon)
    edge = nodes @ np.asarray(layer.center_kernel)
    expected = np.maximum((edge - layer.moving_mean) * scale + layer.beta, 0)
    assert_close(layer(x), expected.transpose(0, 2, 1).reshape(x.shape), 1e-5)


def test_distances_do_not_depend_on_a_common_offset() -> None:
    x = image(1, 6, 6, 12)
    layer = SemanticCorrespondence(k=4)
    expected = np.asarray(layer.neighbors(x))
    # offset 64 is exact in float32 up to 2^-18 of the values; the gaps are larger
    assert (np.asarray(layer.neighbors(x + 64.0)) == expected).all()


def test_near_identity_starts_near_the_identity() -> None:
    kernel = np.asarray(NearIdentity(scale=0.3, seed=0)((128, 64)))
    assert_close(kernel[:64].mean(axis=1).sum() * 64, 64.0, 0.1)
    off = kernel - np.eye(128, 64)
    assert 0 < np.abs(off).max() <= 0.3 * np.sqrt(6 / (128 + 64))


def test_the_initializer_sees_the_papers_shape() -> None:
    layer = SemanticCorrespondence(initializer=NearIdentity(scale=0.3, seed=5))
    layer.build((None, 4, 4, 8))
    kernel = np.asarray(NearIdentity(scale=0.3, seed=5)((32, 16)))
    assert_close(layer.center_kernel, kernel[:16], 0.0)
    assert_close(layer.neighbor_kernel, kernel[16:], 0.0)


def test_k_may_be_a_whole_number_of_numpy() -> None:
    assert type(SemanticCorrespondence(k=np.int64(5)).get_config()["k"]) is int


@pytest.mark.parametrize(
    ("arguments", "shape", "words"),
    [
        ({"k": 0}, None, r"k must be an int of at least 1.*Received: k=0"),
        ({"k": 5.0}, None, r"k must be an int.*Received: k=5\.0"),
        ({"k": True}, None, r"k must be an int.*Received: k=True"),
        ({"k": 6}, (None, 4, 4, 5), r"k=6 neighbors.*Received: C=5"),
        ({"k": 6, "nodes": "pixels"}, (None, 4, 4, 5), r"k=6 neighbors.*Received: C=5"),
        ({}, (None, None, 4, 8), r"H, W and C static.*None"),
        ({}, (None, 4, 4, None), r"H, W and C static.*None"),
        ({}, (None, 16, 8), r"\(B, H, W, C\)"),
        ({"nodes": "rows"}, None, r'channels, pixels.*Received: nodes="rows"'),
        ({"selection": "sort"}, None, r'gather.*Received: selection="sort"'),
    ],
)
def test_bad_arguments_are_refused_with_the_rule(arguments: Any, shape: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        SemanticCorrespondence(**arguments).build(shape)
