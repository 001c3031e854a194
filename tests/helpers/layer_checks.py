"""What every registered Keras layer must do, and how two results are compared."""

from typing import Any

import keras
import numpy as np


def assert_close(got: Any, expected: Any, tolerance: float, name: str = "result") -> None:
    """Compare after making sure that both are finite and the reference is not all zero.

    Args:
        got: Array to check.
        expected: Array it must equal.
        tolerance: Of the largest absolute value of `expected`.
        name: What is compared, for the message.
    """
    got, expected = np.asarray(got, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    assert got.shape == expected.shape, f"{name}: {got.shape} is not {expected.shape}"
    assert np.isfinite(got).all(), f"{name}: not finite"
    assert np.isfinite(expected).all(), f"{name}: the reference is not finite"
    largest = np.abs(expected).max()
    assert largest > 0, f"{name}: the reference is all zero, so the comparison says nothing"
    error = np.abs(got - expected).max() / largest
    assert error <= tolerance, f"{name}: off by {error:.2e} of the largest value"


def check_layer(layer: keras.Layer, x: np.ndarray, path: Any) -> None:
    """Assert shape inference, config, saving, a training step and mixed precision of one layer.

    Args:
        layer: Unbuilt; registered, so that it loads without custom objects.
        x: Input with its batch axis.
        path: Folder for the saved model.
    """
    config = layer.get_config()
    twin = type(layer).from_config(config)
    assert twin.get_config() == config
    image = keras.Input(x.shape[1:])
    model = keras.Model(image, layer(image))
    expected = model(x)
    assert tuple(model.output_shape) == (None, *expected.shape[1:])
    assert tuple(layer.compute_output_shape(x.shape)) == tuple(expected.shape)

    model.save(path / "layer.keras")
    loaded = keras.models.load_model(path / "layer.keras")
    assert_close(loaded(x), expected, 0.0, "loaded model")

    model.compile("adam", "mse")
    before = [np.array(w) for w in model.trainable_weights]
    model.fit(x, np.zeros(expected.shape, "float32"), epochs=2, verbose=0)
    after = [np.array(w) for w in model.trainable_weights]
    moved = [np.abs(a - b).max() for a, b in zip(after, before, strict=True)]
    assert all(m > 0 for m in moved), f"a weight did not learn: {moved}"

    half = type(layer).from_config({**config, "dtype": "mixed_float16"})
    half_out = half(x)
    assert keras.backend.standardize_dtype(half_out.dtype) == "float16"
    assert np.isfinite(np.asarray(half_out)).all()
