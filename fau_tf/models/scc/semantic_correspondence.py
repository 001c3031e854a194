"""Semantic correspondence: EdgeConv over feature maps, factored."""

from typing import Any

import keras
import numpy as np
from keras import ops

from fau_tf.models.scc.edge_batch_norm import edge_moments, over_replicas
from fau_tf.models.scc.initializers import Halves
from fau_tf.models.scc.knn import SELECTIONS, closeness, flat_rows, nearest, neighbor_maximum

NODES = ("channels", "pixels")


@keras.saving.register_keras_serializable(package="fau_tf")
class SemanticCorrespondence(keras.layers.Layer):
    """The semantic correspondence convolution: EdgeConv whose nodes are feature maps.

    Each of the C feature maps is a node x_i with D = H*W features, joined to its k nearest nodes
    N(i), itself among them. The graph is built anew from each input.

        y_i = max over j in N(i) of relu(BN(W [x_i ; x_j - x_i]))

    Computed as `W1 x_i + W2 (x_j - x_i) = (W1 - W2) x_i + W2 x_j`: both products once per node
    instead of once per edge, then the maximum over the neighbors, without a tensor of all edges.
    Batch norm, in training too, has the statistics of all B*C*k edges, exactly; it scales before
    the maximum, so a negative gamma turns it into the minimum, as it should.

    Weights: `center_kernel` W1 and `neighbor_kernel` W2, (D, D) each, which stacked are the
    paper's W, (2D, D); `gamma`, `beta`, `moving_mean`, `moving_variance`, (D,) each.

    Args:
        k: Neighbors per node, the node itself counted. Static.
        nodes: "channels", as in the paper. "pixels" reshapes (B, H, W, C) to C nodes of D values
            without a transpose, as the authors' released code does; for comparison only.
        selection: Row of `knn.SELECTIONS`: how inference finds the neighbors. Training always
            gathers. The result is the same, the operators of an exported graph differ.
        initializer: Of W, called with the shape (2D, D).
        momentum: Of the moving batch-norm statistics.
        epsilon: Added to the batch-norm variance.
        synchronized: As in Keras's BatchNormalization: under tf.distribute the statistics are
            those of the whole batch. Only on the TensorFlow backend.
        **kwargs: Of `keras.layers.Layer`.

    Input shape:
        `(B, H, W, C)` with H, W and C static.

    Output shape:
        `(B, H, W, C)`.

    Reference:
        Wang et al., Dynamic Graph CNN for Learning on Point Clouds, ACM TOG 38(5), 2019;
        Fan, Lam and Li, AAAI 2020, figure 3.
    """

    def __init__(
        self,
        k: int = 7,
        nodes: str = "channels",
        selection: str = "gather",
        initializer: Any = "glorot_uniform",
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        if not isinstance(k, int | np.integer) or isinstance(k, bool) or k < 1:
            raise ValueError(
                "SemanticCorrespondence: k must be an int of at least 1, the node itself. "
                f"Received: k={k!r}. Use k=5 (the paper's figure) or k=7 (its code)."
            )
        _check_row("nodes", nodes, NODES)
        _check_row("selection", selection, tuple(SELECTIONS))
        super().__init__(**kwargs)
        self.k = int(k)
        self.nodes = nodes
        self.selection = selection
        self.initializer = keras.initializers.get(initializer)
        self.momentum = momentum
        self.epsilon = epsilon
        if synchronized and keras.backend.backend() != "tensorflow":
            raise ValueError(
                "SemanticCorrespondence: synchronized=True needs the TensorFlow backend. "
                f"Received: {keras.backend.backend()}."
            )
        self.synchronized = synchronized

    def build(self, input_shape: Any) -> None:
        """Make W and the batch-norm weights; refuse shapes that leave D or the graph open."""
        if len(input_shape) != 4 or None in input_shape[1:]:
            raise ValueError(
                "SemanticCorrespondence: the input must be (B, H, W, C) with H, W and C static, "
                f"because H*W is the node's width. Received: input_shape={tuple(input_shape)}. "
                "Give keras.Input a full shape."
            )
        _, height, width, channels = input_shape
        if self.k > channels:
            raise ValueError(
                f"SemanticCorrespondence: k={self.k} neighbors need at least as many feature "
                f"maps. Received: C={channels}. Lower k or widen the layer before."
            )
        size = height * width
        halves = Halves(self.initializer)
        self.center_kernel = self.add_weight(
            name="center_kernel", shape=(size, size), initializer=halves.center
        )
        self.neighbor_kernel = self.add_weight(
            name="neighbor_kernel", shape=(size, size), initializer=halves.neighbor
        )
        # Statistics stay in the variables' own precision under a mixed policy.
        for name, start, trainable in (
            ("gamma", "ones", True),
            ("beta", "zeros", True),
            ("moving_mean", "zeros", False),
            ("moving_variance", "ones", False),
        ):
            weight = self.add_weight(
                name=name, shape=(size,), initializer=start, trainable=trainable, autocast=False
            )
            setattr(self, name, weight)

    def call(self, x: Any, training: bool = False) -> Any:
        """See the class docstring."""
        rows, columns = self._node_views(x)
        scores = closeness(*self._precise(rows, columns))
        if training and self.trainable:
            out = self._train(rows, scores)
        else:
            self._check_batch(x)
            out = self._infer(rows, scores)
        return self._image(ops.cast(out, self.compute_dtype), x.shape)

    def _train(self, rows: Any, scores: Any) -> Any:
        """Return (B*C, D), normalized by this batch's edges."""
        own, far = self._products(rows)
        index = nearest(scores, self.k)
        mean, variance = ops.unstack(edge_moments(own, far, index))
        if self.synchronized:
            mean, variance = over_replicas(mean, variance)
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            old = ops.cast(moving, far.dtype)
            moving.assign(old * self.momentum + ops.stop_gradient(batch) * (1 - self.momentum))
        scale, shift = self._norm(mean, variance)
        largest = neighbor_maximum(scale * far, flat_rows(index))
        return ops.relu(scale * own + shift + largest)  # ReLU is monotone: after the maximum

    def _infer(self, rows: Any, scores: Any) -> Any:
        """Return (B, C, D), normalized by the moving statistics."""
        selection = SELECTIONS[self.selection]
        scale, shift = self._norm(*self._precise(self.moving_mean, self.moving_variance))
        if selection.folds:
            rows, first, second = self._precise(rows, self.center_kernel, self.neighbor_kernel)
            own = ops.matmul(rows, (first - second) * scale)
            far = ops.matmul(rows, second * scale)
        else:
            shape = (-1, *rows.shape[1:])
            own, far = (ops.reshape(scale * part, shape) for part in self._products(rows))
        return ops.relu(own + shift + selection.maximum(scores, far, self.k))

    def neighbors(self, x: Any) -> Any:
        """Return (B, C, k) int32: the nodes that `x` joins to each node, nearest first."""
        views = self._node_views(ops.convert_to_tensor(x))
        return nearest(closeness(*self._precise(*views)), self.k)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return what `__init__` takes."""
        return {
            **super().get_config(),
            "k": self.k,
            "nodes": self.nodes,
            "selection": self.selection,
            "initializer": keras.initializers.serialize(self.initializer),
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "synchronized": self.synchronized,
        }

    def _node_views(self, x: Any) -> tuple[Any, Any]:
        """Return the nodes as rows (B, C, D) and as columns (B, D, C)."""
        _, height, width, channels = x.shape
        size = height * width
        if self.nodes == "pixels":
            rows = ops.reshape(x, (-1, channels, size))
            return rows, ops.transpose(rows, (0, 2, 1))
        rows = ops.reshape(ops.transpose(x, (0, 3, 1, 2)), (-1, channels, size))
        return rows, ops.reshape(x, (-1, size, channels))

    def _image(self, out: Any, shape: Any) -> Any:
        """Return nodes, (B*C, D) or (B, C, D), as feature maps (B, H, W, C)."""
        _, height, width, channels = shape
        if self.nodes == "pixels":
            return ops.reshape(out, (-1, height, width, channels))
        return ops.transpose(ops.reshape(out, (-1, channels, height, width)), (0, 2, 3, 1))

    def _products(self, rows: Any) -> tuple[Any, Any]:
        """Return (W1 - W2) x and W2 x, (B*C, D) each.

        Computed in the policy's compute dtype, returned in float32 or better.
        """
        rows = ops.reshape(rows, (-1, rows.shape[-1]))  # one large product, not B small ones
        far = ops.matmul(rows, self.neighbor_kernel)
        own = ops.matmul(rows, self.center_kernel) - far
        return self._precise(own, far)

    def _norm(self, mean: Any, variance: Any) -> tuple[Any, Any]:
        """Return batch norm as (scale, shift) of shape (D,)."""
        gamma, beta = self._precise(self.gamma, self.beta)
        scale = gamma * ops.rsqrt(variance + self.epsilon)
        return scale, beta - mean * scale

    def _precise(self, *values: Any) -> tuple[Any, ...]:
        """Return the values in float32 or better: neighbors and statistics need the digits."""
        dtype = keras.backend.result_type(self.compute_dtype, "float32")
        return tuple(ops.cast(value, dtype) for value in values)

    def _check_batch(self, x: Any) -> None:
        if not SELECTIONS[self.selection].any_batch and x.shape[0] not in (None, 1):
            raise ValueError(
                f'SemanticCorrespondence: selection="{self.selection}" is for exported graphs and '
                f'needs batch 1. Received: batch {x.shape[0]}. Use selection="gather".'
            )


def _check_row(name: str, value: str, rows: tuple[str, ...]) -> None:
    if value not in rows:
        raise ValueError(
            f"SemanticCorrespondence: {name} must be one of {', '.join(rows)}. "
            f'Received: {name}="{value}". Use "{rows[0]}".'
        )
