"""Run the semantic correspondence layer on one Keras backend and save what it gives.

    KERAS_BACKEND=jax python -m tests.backends.scc_case OUTPUT.npz

Fixed inputs and weights, so that the files of two backends can be compared array by array.
"""

import sys
from pathlib import Path

import keras
import numpy as np
from keras import ops

from fau_tf.models.scc.semantic_correspondence import SemanticCorrespondence

SHAPE = (6, 5, 13)  # an odd number of maps: sums in blocks and a rest
DEAD = (3, 7, 12)


def case(dead: bool) -> dict[str, np.ndarray]:
    """Return outputs, neighbors, statistics and each weight's step of gradient descent.

    Args:
        dead: Whether some feature maps are all zero: exact ties among the neighbors. The
            gradient of a tie is a matter of choice, so there only the outputs are compared.
    """
    rng = np.random.default_rng(0)
    x = np.maximum(rng.normal(size=(4, *SHAPE)), 0).astype("float32")
    if dead:
        x[..., DEAD] = 0
    layer = SemanticCorrespondence(k=4, momentum=0.5)
    image = keras.Input(SHAPE)
    model = keras.Model(image, layer(image))
    layer.set_weights(
        [
            rng.normal(scale, spread, weight.shape).astype("float32")
            for weight, scale, spread in zip(
                layer.weights, (0, 0, 0.5, 0, 0, 1.5), (0.3, 0.3, 1, 0.3, 0.3, 0.1), strict=True
            )
        ]
    )
    results = {
        "inference": model(x, training=False),
        "neighbors": layer.neighbors(ops.convert_to_tensor(x)),
        "training": model(x, training=True),
        "moving_mean": layer.moving_mean,
        "moving_variance": layer.moving_variance,
    }
    if not dead:
        target = rng.normal(size=x.shape).astype("float32")
        before = layer.get_weights()
        # a large step, so that the weights' rounding does not hide the gradient
        model.compile(keras.optimizers.SGD(1e4), "mse")
        results["loss"] = model.train_on_batch(x, target)
        for weight, start in zip(layer.trainable_weights, before, strict=False):
            results[f"step_{weight.name}"] = ops.convert_to_numpy(weight) - start
    return {name: ops.convert_to_numpy(value) for name, value in results.items()}


def main(path: Path) -> None:
    """Save the arrays of both cases."""
    arrays = {
        f"{'dead' if dead else 'alive'}_{name}": value
        for dead in (False, True)
        for name, value in case(dead).items()
    }
    np.savez(path, backend=keras.backend.backend(), **arrays)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
