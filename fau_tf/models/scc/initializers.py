"""Initializers of the edge weights W (2D, D) of a semantic correspondence layer."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="fau_tf")
class NearIdentity(keras.initializers.Initializer):
    """The paper's W (2D, D) = [I ; 0] plus a scaled-down draw: an edge starts near its own node.

    With scale 0, W [x_i ; x_j - x_i] is x_i on every edge, and the layer, before batch norm and
    ReLU, the identity.

    Args:
        scale: Factor of the Glorot draw of shape (2D, D) that is added. Without the identity a
            layer starts by mixing all D positions of a feature map, and has to learn the image
            plane anew.
        seed: Of the draw.
    """

    def __init__(self, scale: float = 0.3, seed: int | None = None) -> None:
        self.scale = scale
        self.seed = seed

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        """Return the (2D, D) weights."""
        inputs, width = shape
        draw = keras.initializers.GlorotUniform(seed=self.seed)(shape, dtype=dtype)
        return self.scale * draw + ops.eye(inputs, width, dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        """Return what `__init__` takes."""
        return {"scale": self.scale, "seed": self.seed}


class Halves:
    """Initializers of the two halves of W, drawn in the paper's shape.

    Args:
        initializer: Called with the shape (2D, D), once for each half. Keras' own draw the same
            at each call of one instance, so both halves are of one draw; `NearIdentity()` without
            a seed draws anew, which gives independent weights the same distribution.
    """

    def __init__(self, initializer: Any) -> None:
        self.initializer = initializer

    def center(self, shape: Any, dtype: Any = None) -> Any:
        """Return W1 (D, D)."""
        # Times one: TensorFlow's slices share memory, and would keep the whole draw alive.
        return 1.0 * self._draw(shape, dtype)[: shape[0]]

    def neighbor(self, shape: Any, dtype: Any = None) -> Any:
        """Return W2 (D, D)."""
        return 1.0 * self._draw(shape, dtype)[shape[0] :]

    def _draw(self, shape: Any, dtype: Any) -> Any:
        _, width = shape
        return self.initializer((2 * width, width), dtype=dtype)
