import keras
import numpy as np

from fau_tf.models import heatmap_net
from fau_tf.models.presets import PRESETS, net_spec
from fau_tf.models.scc.inspect_graph import (
    ChannelGraph,
    channel_graphs,
    neighbor_overlap,
    pair_overlap,
)


def test_graphs_are_the_nearest_feature_maps():
    keras.utils.set_random_seed(0)
    net = heatmap_net.build(PRESETS["tiny"])
    images = np.random.default_rng(0).uniform(0, 255, (3, 64, 64, 3)).astype(np.float32)
    graphs = channel_graphs(net, images)
    assert [graph.layer for graph in graphs] == ["scc0", "scc1"]
    for graph in graphs:
        n, h, w, c = graph.features.shape
        assert graph.index.shape == (3, c, PRESETS["tiny"].k)
        for face in range(n):
            nodes = graph.features[face].reshape(h * w, c).T.astype(np.float64)
            distance = ((nodes[:, None] - nodes[None]) ** 2).sum(-1)
            assert np.ptp(distance) > 0
            for i in range(c):
                found = distance[i, graph.index[face, i]]
                # As near as the k nearest; which of two near-ties comes first is rounding.
                want = np.sort(distance[i])[: len(found)]
                np.testing.assert_allclose(found, want, atol=1e-4 * distance.max())


def test_a_network_without_scc_has_no_graph():
    net = heatmap_net.build(net_spec("tiny", {"scc": (False, False)}))
    assert channel_graphs(net, np.zeros((1, 64, 64, 3), np.float32)) == []


def test_overlap_counts_shared_neighbors_without_the_map_itself():
    one = np.array([[0, 1, 2], [1, 0, 2], [2, 0, 1], [3, 0, 1]])
    other = np.array([[0, 2, 1], [1, 3, 2], [2, 3, 4], [3, 0, 1]])
    np.testing.assert_array_equal(neighbor_overlap(one, other), [1, 0.5, 0, 1])
    assert np.isnan(neighbor_overlap(one[:, :1], other[:, :1])).all()


def _graph(dead_everywhere=False):
    """Return 3 faces, 4 maps, k = 2; map 3 is dead on face 0, map 2 on face 2."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(3, 2, 2, 4)).astype(np.float32)
    features[0, ..., 3] = 0
    features[2, ..., 2] = 5  # the same value everywhere tells as little
    if dead_everywhere:
        features[1] = 0
    index = np.array(
        [
            [[0, 1], [1, 0], [2, 0], [3, 0]],
            [[0, 1], [1, 2], [2, 3], [3, 0]],
            [[0, 1], [1, 0], [2, 0], [3, 1]],
        ]
    )
    return ChannelGraph("scc", features, index)


def test_dead_maps_do_not_count_as_shared_neighbors():
    # faces 0 and 1: maps 0 to 2, of which one shares; 0 and 2: maps 0 and 1, both share
    share = pair_overlap(_graph(), np.array([0, 0]), np.array([1, 2]))
    np.testing.assert_allclose(share, [1 / 3, 1])


def test_faces_without_a_map_that_responds_have_no_overlap():
    assert np.isnan(pair_overlap(_graph(dead_everywhere=True), np.array([0]), np.array([1]))).all()
