"""The network rebuilt in Keras 2 layers from the rows of `describe`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import tensorflow as tf
import tf_keras
from keras import ops  # Keras 3, whose operations work on any TensorFlow tensor

from fau_tf.models.scc.knn import SELECTIONS, closeness

Wrap = Callable[[Any, Mapping[str, Any]], Any]
"""(layer, row of `describe`) -> the layer to use instead."""


class Correspondence(tf_keras.layers.Layer):
    """`SemanticCorrespondence` at inference, batch norm folded, in the same operations.

    Args:
        k: Neighbors per feature map, itself among them.
        **kwargs: Of the Keras 2 layer.
    """

    def __init__(self, k: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.k = k

    def build(self, input_shape: Any) -> None:
        """Create the weights: `own` and `far` (D, D), `shift` (D,)."""
        size = input_shape[1] * input_shape[2]
        self.own = self.add_weight(name="own", shape=(size, size))
        self.far = self.add_weight(name="far", shape=(size, size))
        self.shift = self.add_weight(name="shift", shape=(size,))

    def call(self, x: Any) -> Any:
        """Return (B, H, W, C) from (B, H, W, C)."""
        _, height, width, channels = x.shape
        rows = tf.reshape(tf.transpose(x, (0, 3, 1, 2)), (-1, channels, height * width))
        columns = tf.reshape(x, (-1, height * width, channels))
        scores = closeness(rows, columns)
        own, far = ops.matmul(rows, self.own), ops.matmul(rows, self.far)
        largest = SELECTIONS["gather"].maximum(scores, far, self.k)
        out = tf.nn.relu(own + self.shift + largest)
        return tf.transpose(tf.reshape(out, (-1, channels, height, width)), (0, 2, 3, 1))

    def get_config(self) -> dict[str, Any]:
        """Return what `__init__` takes."""
        return {**super().get_config(), "k": self.k}


class Pad(tf_keras.layers.Layer):
    """Zeros around a tensor, along any axis.

    Args:
        pad_width: (before, after) for each axis.
        **kwargs: Of the Keras 2 layer.
    """

    def __init__(self, pad_width: Sequence[Sequence[int]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pad_width = pad_width

    def call(self, x: Any) -> Any:
        """Return `x` with zeros around it."""
        return tf.pad(x, self.pad_width)

    def get_config(self) -> dict[str, Any]:
        """Return what `__init__` takes."""
        return {**super().get_config(), "pad_width": self.pad_width}


_L: Final = tf_keras.layers
LAYERS: Final[dict[str, Callable[..., Any]]] = {
    "rescaling": _L.Rescaling,
    "conv": _L.Conv2D,
    "depthwise": _L.DepthwiseConv2D,
    "transposed": _L.Conv2DTranspose,
    "relu": _L.ReLU,
    "prelu": _L.PReLU,
    "add": _L.Add,
    "concatenate": _L.Concatenate,
    "resize": _L.UpSampling2D,
    "resize_to": _L.Resizing,
    "max_pool": _L.MaxPooling2D,
    "zero_pad": _L.ZeroPadding2D,
    "pad": Pad,
    "correspondence": Correspondence,
}
"""Kind of `describe` -> the layer class, called with its settings."""


def twin(rows: Sequence[Mapping[str, Any]], image_size: int, wrap: Wrap | None = None) -> Any:
    """Return the Keras 2 model of `rows` with random weights.

    Args:
        rows: From `describe`.
        image_size: Rows and columns of the image, S.
        wrap: Applied to each layer before it is called.
    """
    tensors: dict[str, Any] = {}
    for row in rows:
        name = row["name"]
        if row["kind"] == "input":
            image = tensors[name] = tf_keras.Input((image_size, image_size, 3), name=name)
            continue
        layer = LAYERS[row["kind"]](name=name, **row["settings"])
        inputs = [tensors[key] for key in row["inputs"]]
        used = layer if wrap is None else wrap(layer, row)
        tensors[name] = used(inputs if len(inputs) > 1 else inputs[0])
    return tf_keras.Model(image, tensors[name])


def set_weights(model: Any, weights: Mapping[str, Any]) -> None:
    """Assign all of `weights`, named `layer/weight`, to the layers of those names."""
    left = dict(weights)
    for name, variable in variables(model).items():
        variable.assign(left.pop(name))
    if left:
        raise ValueError(f"The twin has no variables for the weights {sorted(left)}.")


def get_weights(model: Any) -> dict[str, Any]:
    """Return the weights by `layer/weight`."""
    return {name: variable.numpy() for name, variable in variables(model).items()}


def inner(layer: Any) -> Any:
    """Return the layer inside a toolkit wrapper, or a plain layer itself."""
    return getattr(layer, "layer", layer)


def layers(model: Any) -> dict[str, Any]:
    """Return name in `describe` -> layer, of a plain twin or a rounding one."""
    return {inner(layer).name: layer for layer in model.layers}


def variables(model: Any) -> dict[str, Any]:
    """Return `layer/weight` -> variable, of a plain twin or a rounding one."""
    found = {}
    for name, layer in layers(model).items():
        for variable in layer.weights:  # not the attributes, which wrappers replace by tensors
            weight = variable.name.split(":")[0].rpartition("/")[2]
            if weight in _WEIGHTS:
                found[f"{name}/{_WEIGHTS[weight]}"] = variable
    return found


_WEIGHTS: Final = {name: name for name in ("kernel", "bias", "alpha", "own", "far", "shift")} | {
    "depthwise_kernel": "kernel"
}
"""Variable -> its name in `describe`; a wrapper's own counter is not included."""
