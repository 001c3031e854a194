"""The semantic correspondence convolution as one would first write it: what ours is compared with.

Edges are built as a tensor (B, C, k, 2D), put through a 1x1 convolution, batch norm and ReLU, and
reduced to their maximum. Same weights, same result, none of the factoring.
"""

from typing import Any

import keras
from keras import ops


class NaiveCorrespondence(keras.layers.Layer):
    """EdgeConv over feature maps (B, H, W, C), edges first."""

    def __init__(self, k: int = 7, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.k = k
        self.norm = keras.layers.BatchNormalization(momentum=0.99, epsilon=1e-3)

    def build(self, input_shape: Any) -> None:
        """Make the convolution over the 2D edge features."""
        _, height, width, channels = input_shape
        size = height * width
        self.conv = keras.layers.Conv2D(size, 1, use_bias=False)
        self.conv.build((None, channels, self.k, 2 * size))
        self.norm.build((None, channels, self.k, size))

    def call(self, x: Any, training: bool = False) -> Any:
        """Return (B, H, W, C)."""
        _, height, width, channels = x.shape
        size = height * width
        nodes = ops.transpose(ops.reshape(x, (-1, size, channels)), (0, 2, 1))  # (B, C, D)
        fixed = ops.stop_gradient(nodes)
        square = ops.sum(fixed * fixed, axis=-1, keepdims=True)
        distance = square - 2 * ops.matmul(fixed, ops.transpose(fixed, (0, 2, 1)))
        distance = distance + ops.transpose(square, (0, 2, 1))  # (B, C, C)
        index = ops.top_k(-distance, self.k)[1]  # (B, C, k)
        first = ops.reshape(ops.arange(ops.shape(x)[0], dtype="int32") * channels, (-1, 1, 1))
        flat = ops.reshape(ops.cast(index, "int32") + first, (-1,))
        near = ops.take(ops.reshape(nodes, (-1, size)), flat, axis=0)
        near = ops.reshape(near, (-1, channels, self.k, size))
        own = ops.repeat(ops.expand_dims(nodes, 2), self.k, axis=2)
        edges = ops.concatenate([own, near - own], axis=-1)  # (B, C, k, 2D)
        edges = ops.relu(self.norm(self.conv(edges), training=training))
        out = ops.max(edges, axis=2)  # (B, C, D)
        return ops.transpose(ops.reshape(out, (-1, channels, height, width)), (0, 2, 3, 1))
