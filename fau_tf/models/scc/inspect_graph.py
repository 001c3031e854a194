"""The dynamic graph of an SCC layer for given faces, as arrays."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from fau_tf.models.scc.semantic_correspondence import SemanticCorrespondence


@dataclass(frozen=True, eq=False)
class ChannelGraph:
    """The graph that one SCC layer builds, for N faces.

    Attributes:
        layer: The layer's name.
        features: (N, H, W, C) the input that it is built from.
        index: (N, C, k) the neighbors of each feature map, nearest first.
    """

    layer: str
    features: npt.NDArray[np.float32]
    index: npt.NDArray[np.int32]


def channel_graphs(net: keras.Model, images: npt.NDArray[Any]) -> list[ChannelGraph]:
    """Return the graph of each SCC layer of `net`, first to last; none where it has no SCC.

    Args:
        net: The network.
        images: (N, S, S, 3) RGB 0 to 255.
    """
    found = [layer for layer in net.layers if isinstance(layer, SemanticCorrespondence)]
    if not found:
        return []
    before = keras.Model(net.input, [layer.input for layer in found])
    outputs = before.predict_on_batch(images)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    return [
        ChannelGraph(layer.name, features, np.asarray(layer.neighbors(features)))
        for layer, features in zip(found, outputs, strict=True)
    ]


def pair_overlap(
    graph: ChannelGraph, first: npt.NDArray[np.intp], second: npt.NDArray[np.intp]
) -> npt.NDArray[np.float64]:
    """Return (P,) the share of neighbors that pairs of faces have in common, 0 to 1.

    The mean of `neighbor_overlap` over the feature maps that vary on both faces. Constant maps
    tie, and share neighbors whatever the face. NaN where no map is left, or with k = 1.

    Args:
        graph: Of N faces.
        first: (P,) indices of faces.
        second: (P,) indices of the faces to compare them with.
    """
    alive = np.ptp(graph.features, axis=(1, 2)) > 0  # (N, C)
    shares = np.full(len(first), np.nan)
    for pair, (a, b) in enumerate(zip(first, second, strict=True)):
        both = alive[a] & alive[b]
        if both.any():
            shares[pair] = neighbor_overlap(graph.index[a], graph.index[b])[both].mean()
    return shares


def neighbor_overlap(
    one: npt.NDArray[np.int32], other: npt.NDArray[np.int32]
) -> npt.NDArray[np.float64]:
    """Return (C,) the share of a feature map's neighbors that two graphs have in common, 0 to 1.

    A map is its own neighbor in every graph, so it doesn't count; with k = 1 the share is NaN.

    Args:
        one: (C, k) neighbors in one graph.
        other: (C, k) neighbors in the other.
    """
    self_index = np.arange(len(one))[:, None]
    shared = (one[:, :, None] == other[:, None, :]).any(axis=2) & (one != self_index)
    with np.errstate(invalid="ignore"):
        share: npt.NDArray[np.float64] = shared.sum(axis=1) / np.float64(one.shape[1] - 1)
    return share
