"""The semantic correspondence convolution edge by edge, in plain loops: the definition.

Slow on purpose: nothing is factored, batched or reordered. The neighbors come from NumPy; the rest
is TensorFlow, one edge at a time, so that a gradient tape can differentiate it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf


@dataclass
class Weights:
    """The paper's W (2D, D) and the batch-norm weights (D,)."""

    kernel: Any
    gamma: Any
    beta: Any
    moving_mean: Any
    moving_variance: Any
    momentum: float
    epsilon: float


@dataclass
class Result:
    """Output (B, C, D), batch statistics (D,) and moving statistics (D,) after the step."""

    output: Any
    mean: Any
    variance: Any
    moving_mean: Any
    moving_variance: Any


def neighbors(nodes: np.ndarray, k: int) -> list[list[list[int]]]:
    """Return [B][C][k]: for nodes (B, C, D) the nearest, lowest index first among equals."""
    return [
        [
            sorted(range(len(image)), key=lambda j: (float(((image[i] - image[j]) ** 2).sum()), j))[
                :k
            ]
            for i in range(len(image))
        ]
        for image in np.asarray(nodes, dtype=np.float64)
    ]


def edge_conv(nodes: Any, k: int, weights: Weights, training: bool) -> Result:
    """Return what the layer must return, for nodes (B, C, D)."""
    graph = neighbors(nodes.numpy(), k)
    edges = {
        (b, i, j): edge_response(nodes[b, i], nodes[b, j], weights.kernel)
        for b, image in enumerate(graph)
        for i, near in enumerate(image)
        for j in near
    }
    if training:
        everything = tf.stack(list(edges.values()))  # (B*C*k, D)
        mean = tf.reduce_mean(everything, axis=0)
        variance = tf.reduce_mean((everything - mean) ** 2, axis=0)
    else:
        mean, variance = weights.moving_mean, weights.moving_variance
    output = tf.stack(
        [
            tf.stack(
                [
                    node_response([edges[b, i, j] for j in near], mean, variance, weights)
                    for i, near in enumerate(image)
                ]
            )
            for b, image in enumerate(graph)
        ]
    )
    keep = weights.momentum if training else 1.0
    return Result(
        output,
        mean,
        variance,
        weights.moving_mean * keep + mean * (1 - keep),
        weights.moving_variance * keep + variance * (1 - keep),
    )


def edge_response(node: Any, neighbor: Any, kernel: Any) -> Any:
    """Return W [x_i ; x_j - x_i], the 1x1 convolution at one edge: (D,)."""
    feature = tf.concat([node, neighbor - node], axis=0)  # (2D,)
    return tf.linalg.matvec(kernel, feature, transpose_a=True)


def node_response(edges: list[Any], mean: Any, variance: Any, weights: Weights) -> Any:
    """Return the maximum over one node's edges of relu(BN(edge)): (D,)."""
    largest = None
    for edge in edges:
        normed = weights.gamma * (edge - mean) / tf.sqrt(variance + weights.epsilon) + weights.beta
        response = tf.nn.relu(normed)
        largest = response if largest is None else tf.maximum(largest, response)
    return largest
