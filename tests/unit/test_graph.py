import keras
import numpy as np

from fau_tf.model import fau_net
from fau_tf.model.graph import channel_graphs, neighbour_overlap
from fau_tf.model.presets import PRESETS, net_spec


def test_graphs_are_the_nearest_feature_maps():
    keras.utils.set_random_seed(0)
    net = fau_net.build(PRESETS["tiny"])
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
    net = fau_net.build(net_spec("tiny", {"scc": (False, False)}))
    assert channel_graphs(net, np.zeros((1, 64, 64, 3), np.float32)) == []


def test_overlap_counts_shared_neighbours_without_the_map_itself():
    one = np.array([[0, 1, 2], [1, 0, 2], [2, 0, 1], [3, 0, 1]])
    other = np.array([[0, 2, 1], [1, 3, 2], [2, 3, 4], [3, 0, 1]])
    np.testing.assert_array_equal(neighbour_overlap(one, other), [1, 0.5, 0, 1])
    assert np.isnan(neighbour_overlap(one[:, :1], other[:, :1])).all()
