"""The k nearest neighbors of each node, and the largest of their values.

Nodes are compared by their squared distance; a node is its own nearest neighbor. Among equally
close nodes the lowest index wins, on every backend and in every form, so that constant feature maps
cannot make two forms disagree. They tie exactly where the machine's matrix product gives equal
columns equal sums, as TensorFlow's does on CPUs with AVX-512; on some without, any of them wins.
The choice of neighbors is not differentiated; the values that are picked are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops


def closeness(rows: Any, columns: Any) -> Any:
    """Return how close the nodes are: (B, C, C), larger is closer, comparable within a row.

    It is `-|x_i - x_j|^2 / D` without the term `|x_i|^2`, which is the same for a whole row. The
    nodes are centered first (distances don't change, cancellation and float16 overflow do), and
    divided by D before they are squared.

    Args:
        rows: (B, C, D) nodes.
        columns: (B, D, C), the same nodes transposed. Asked for separately because the feature
            maps already lie this way, and a product of a tensor with itself aborts the LiteRT GPU
            accelerator.
    """
    rows, columns = ops.stop_gradient(rows), ops.stop_gradient(columns)
    width = columns.shape[1]
    center = ops.mean(columns, axis=2, keepdims=True)  # (B, D, 1)
    columns = columns - center
    rows = rows - ops.reshape(center, (-1, 1, width))
    scaled = columns * (1.0 / width)
    # Row by row, so that equal nodes get equal sums: across rows the order of a sum depends on
    # where a node lies, and dead maps would no longer tie.
    square = ops.sum(rows * (rows * (1.0 / width)), axis=-1)  # (B, C)
    square = ops.reshape(square, (-1, 1, rows.shape[1]))
    return ops.matmul(rows, 2.0 * scaled) - square


def nearest(scores: Any, k: int) -> Any:
    """Return (B, C, k) int32: each row's `k` largest scores, lowest index first among equals."""
    if keras.backend.backend() == "torch":
        # torch.topk leaves the order of equal values open; its argsort, as Keras calls it, is
        # stable. TensorFlow and JAX promise the lowest index.
        return ops.cast(ops.argsort(-scores, axis=-1)[..., :k], "int32")
    return ops.cast(ops.top_k(scores, k)[1], "int32")


def flat_rows(index: Any) -> Any:
    """Return (B*C, k): neighbor numbers within an image -> row numbers of the flattened batch."""
    _, nodes, k = index.shape
    first = ops.arange(ops.shape(index)[0], dtype="int32") * nodes
    return ops.reshape(index + ops.reshape(first, (-1, 1, 1)), (-1, k))


def neighbor_maximum(values: Any, index: Any) -> Any:
    """Return (B*C, D): for each node and feature the largest value among the node's neighbors.

    Args:
        values: (B*C, D) value of each node.
        index: (B*C, k) rows of `values`, as of `flat_rows`.

    No tensor of all edges is made, neither here nor in the gradient: one neighbor is gathered at
    a time, and the gradient looks again for the one that won (the first, among equals).
    """
    k = index.shape[1]

    def pick(t: int, source: Any) -> Any:
        return ops.take(source, index[:, t], axis=0)

    @ops.custom_gradient
    def maximum(source: Any) -> Any:
        largest = pick(0, source)
        for t in range(1, k):
            largest = ops.maximum(largest, pick(t, source))

        def gradient(*args: Any, upstream: Any = None) -> Any:
            left = args[-1] if upstream is None else upstream
            total = None
            for t in range(k):
                won = ops.where(pick(t, source) == largest, left, 0)
                left = left - won
                part = ops.segment_sum(won, index[:, t], num_segments=ops.shape(source)[0])
                total = part if total is None else total + part
            return total

        return largest, gradient

    return maximum(values)


def _gather(scores: Any, values: Any, k: int) -> Any:
    nodes, width = values.shape[1:]
    index = flat_rows(nearest(scores, k))
    flat = neighbor_maximum(ops.reshape(values, (-1, width)), index)
    return ops.reshape(flat, (-1, nodes, width))


def _closest(scores: Any, rank: Any) -> tuple[Any, Any]:
    """Return (one-hot (B, C, C) of each row's best node, its rank (B, C, 1)).

    A comparison is cast once and used once, because the classic GPU delegate takes no other; the
    second one is done by ReLU, on whole numbers.
    """
    best = ops.max(scores, axis=-1, keepdims=True)
    candidates = ops.cast(scores >= best, rank.dtype) * rank  # equal scores: the lowest index
    top = ops.max(candidates, axis=-1, keepdims=True)  # has the highest rank
    return ops.relu(candidates - (top - 1.0)), top


def _rank(nodes: int, dtype: Any) -> Any:
    rank = (nodes - np.arange(nodes)).astype(keras.backend.standardize_dtype(dtype))
    return ops.convert_to_tensor(rank[None, None])  # (1, 1, C)


def _beyond(scores: Any) -> Any:
    """Return (B, 1, 1), an amount that, subtracted from any score, puts it below all others.

    Twice the range of the scores: minus the range alone, rounding could leave ties.
    """
    return 4.0 * ops.max(ops.abs(scores), axis=(1, 2), keepdims=True) + 1.0


def _one_hot(scores: Any, values: Any, k: int) -> Any:
    rank = _rank(scores.shape[-1], scores.dtype)
    beyond = _beyond(scores)
    largest = None
    for _ in range(k):
        chosen, _ = _closest(scores, rank)
        picked = ops.matmul(chosen, values)
        largest = picked if largest is None else ops.maximum(largest, picked)
        scores = scores - chosen * beyond
    return largest


def _max_index(scores: Any, values: Any, k: int) -> Any:
    nodes, width = values.shape[1:]
    rank = _rank(nodes, scores.dtype)
    beyond = _beyond(scores)
    flat = ops.reshape(values, (nodes, width))
    largest = None
    for _ in range(k):
        chosen, top = _closest(scores, rank)
        index = ops.cast(ops.reshape(float(nodes) - top, (nodes,)), "int32")
        picked = _rows(flat, index)
        largest = picked if largest is None else ops.maximum(largest, picked)
        scores = scores - chosen * beyond
    return ops.reshape(largest, (1, nodes, width))


def _rows(table: Any, index: Any) -> Any:
    """Return the rows of a table that `index` names; of negative ones nothing is promised."""
    if keras.backend.backend() != "tensorflow":
        return ops.take(table, index, axis=0)
    import tensorflow as tf

    # Keras counts negative rows from the end, by three operators that the classic GPU delegate
    # refuses.
    return tf.gather(table, index)


@dataclass(frozen=True)
class Selection:
    """One way to find the k nearest nodes and take the maximum over them.

    Attributes:
        maximum: (closeness (B, C, C), values (B, C, D), k) -> (B, C, D).
        any_batch: False where the form needs batch 1.
        folds: Whether batch norm goes into W, which costs a pass over W at each call, unless W
            is a constant: in an exported graph.
    """

    maximum: Callable[[Any, Any, int], Any]
    any_batch: bool
    folds: bool = True


SELECTIONS: dict[str, Selection] = {
    # training and Keras inference: top-k, then one gather a neighbor
    "gather": Selection(_gather, any_batch=True, folds=False),
    # exported graphs: k times row maximum -> index -> 1-D GATHER; no top-k
    "max_index": Selection(_max_index, any_batch=False),
    # exported graphs: k times row maximum -> one-hot -> BATCH_MATMUL; no gather, no top-k
    "one_hot": Selection(_one_hot, any_batch=True),
}
