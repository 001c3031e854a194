"""Batch-norm statistics over all edges of a graph, without a tensor of edges."""

from typing import Any

from keras import ops


def edge_moments(own: Any, far: Any, index: Any) -> Any:
    """Return (2, D): mean and variance of own_i + far_j over the edges (i, j), j in N(i).

    With both parts centered, an edge's square summed over N(i) is k own_i^2 + 2 own_i near_i plus
    the far_j^2, where near_i is the sum of far over N(i): one product with the graph's (C, C)
    adjacency, and node-sized sums. The gradient computes near again, so that nothing but `own`
    and `far` is kept for it.

    Args:
        own: (B*C, D) value of the node at the edge's start.
        far: (B*C, D) value of the node at its end.
        index: (B, C, k) the ends of each node's edges, node numbers within an image.
    """
    _, nodes, k = index.shape
    links = ops.stop_gradient(_adjacency(index, far.dtype))  # (B, C, C)
    degree = ops.reshape(ops.sum(links, axis=1), (-1, 1))  # (B*C, 1): edges that end at a node

    def product(graph: Any, values: Any) -> Any:
        width = values.shape[-1]
        summed = ops.matmul(graph, ops.reshape(values, (-1, nodes, width)))
        return ops.reshape(summed, (-1, width))

    def centered(own: Any, far: Any) -> tuple[Any, Any, Any, Any]:
        own_mean = ops.mean(own, axis=0)
        far_mean = ops.mean(far * degree, axis=0) / k
        own, far = own - own_mean, far - far_mean
        return own, far, product(links, far) / k, own_mean + far_mean

    @ops.custom_gradient
    def moments(own: Any, far: Any) -> Any:
        def gradient(*args: Any, upstream: Any = None) -> tuple[Any, Any]:
            to_mean, to_variance = ops.unstack(args[-1] if upstream is None else upstream)
            rows = ops.cast(ops.shape(own)[0], own.dtype)
            to_mean, to_variance = to_mean / rows, 2 * to_variance / rows
            own_part, far_part, near, _ = centered(own, far)
            back = product(ops.transpose(links, (0, 2, 1)), own_part) + degree * far_part
            return (
                to_mean + to_variance * (own_part + near),
                degree * (to_mean / k) + to_variance * (back / k),
            )

        own_part, far_part, near, mean = centered(own, far)
        square = own_part * (own_part + 2 * near) + far_part * far_part * (degree / k)
        variance = ops.mean(square, axis=0)
        # rounding can leave it below zero where all edges are equal
        return ops.stack([mean, ops.maximum(variance, 0)]), gradient

    return moments(own, far)


def over_replicas(mean: Any, variance: Any) -> tuple[Any, Any]:
    """Return mean and variance over the edges of all replicas of a tf.distribute strategy.

    Every replica must have as many edges. Outside of a replica the arguments are returned.
    """
    import tensorflow as tf  # only here: JAX and PyTorch have no replicas

    replica = tf.distribute.get_replica_context()
    if replica is None or replica.num_replicas_in_sync == 1:
        return mean, variance

    def average(value: Any) -> Any:
        return replica.all_reduce(tf.distribute.ReduceOp.SUM, value) / replica.num_replicas_in_sync

    whole = average(mean)
    return whole, average(variance + ops.square(mean - whole))


def _adjacency(index: Any, dtype: Any) -> Any:
    """Return (B, C, C): 1 where j is a neighbor of i, else 0."""
    _, nodes, k = index.shape
    batch = ops.shape(index)[0]
    first = ops.reshape(ops.arange(batch * nodes, dtype="int32") * nodes, (-1, 1))
    edge = ops.reshape(first + ops.reshape(index, (-1, k)), (-1,))
    ones = ops.ones_like(edge, dtype=dtype)
    flat = ops.segment_sum(ones, edge, num_segments=batch * nodes * nodes)
    return ops.reshape(flat, (-1, nodes, nodes))
