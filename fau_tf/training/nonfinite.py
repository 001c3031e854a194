"""A loss or gradient that is not finite: stop before a weight is spoiled, and say where it is."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import tensorflow as tf

from fau_tf.training.checkpoint import written
from fau_tf.training.distribution import total

_MARK: Final = "fau_tf: not finite"


class NonFiniteError(ValueError):
    """A loss or gradient that is NaN or infinite; the message says where."""


class CheckedAdam(keras.optimizers.Adam):
    """Adam that refuses gradients with a NaN or an infinity, before any weight has changed.

    Under tf.distribute it clips the sum of the replicas' gradients, as one device would. Keras's
    own clips each replica's and then adds them up.

    Args:
        *args: As of `keras.optimizers.Adam`.
        slow: Variables with a learning rate of their own.
        share: Of the learning rate, for those.
        **kwargs: As of `keras.optimizers.Adam`.
    """

    def __init__(
        self,
        *args: Any,
        slow: Sequence[keras.Variable] = (),
        share: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._share, self._slow_paths = share, {variable.path for variable in slow}
        self._slow: set[int] = set()

    def build(self, variables: Any) -> None:
        """Make what is kept for each variable; see `keras.optimizers.Optimizer.build`."""
        super().build(variables)
        self._slow = {i for i, one in enumerate(variables) if one.path in self._slow_paths}

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable; see `keras.optimizers.Adam.update_step`."""
        if self._get_variable_index(variable) in self._slow:
            learning_rate = learning_rate * self._share
        super().update_step(gradient, variable, learning_rate)

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Update the variables; see `keras.optimizers.Optimizer.apply`."""
        grads = [total(gradient) for gradient in grads]
        finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(g)) for g in grads])
        with tf.control_dependencies([tf.debugging.Assert(finite, [f"{_MARK}: gradient"])]):
            grads = [tf.identity(gradient) for gradient in grads]
        super().apply(grads, trainable_variables)

    def _all_reduce_sum_gradients(self, grads_and_vars: Any) -> Any:
        return grads_and_vars  # `apply` has added them up


def checked_loss(loss: Any) -> Any:
    """Return `loss`; running the step fails where it is NaN or infinite."""
    finite = tf.math.is_finite(loss)
    with tf.control_dependencies([tf.debugging.Assert(finite, [f"{_MARK}: loss"])]):
        return tf.identity(loss)


def is_non_finite(error: tf.errors.OpError) -> bool:
    """Return whether it was one of the checks here that failed."""
    return _MARK in str(error)


def explain(
    model: keras.Model,
    batch: tuple[Any, dict[str, Any]],
    sources: Sequence[str],
    where: str,
    file: Path,
) -> NonFiniteError:
    """Return the error to raise; keep the batch in `file` for a look.

    Args:
        model: A compiled `HeatmapRegressor`, its weights as before the step.
        batch: Image and targets of the step.
        sources: Where each face is from.
        where: Step and epoch.
        file: `.npz` to write: `image`, each target, `sources`.
    """
    image, targets = batch
    arrays = {name: np.asarray(value) for name, value in targets.items()}
    buffer = io.BytesIO()
    np.savez(
        buffer, allow_pickle=False, image=np.asarray(image), sources=np.array(sources), **arrays
    )
    with written(file) as unfinished:
        unfinished.write_bytes(buffer.getvalue())
    return NonFiniteError(
        f"The loss and its gradient must be finite. Received: {_first(model, image, targets)}, at "
        f"{where}. The batch's records: {', '.join(sources)}. The batch is in {file}; the weights "
        "are as before this step. Look at it, lower `training.learning_rate` or use "
        "training.precision=float32, and give --fresh or another run.name."
    )


def hidden(step: int) -> NonFiniteError:
    """Return the error for weights that are spoiled already: XLA compiles the checks away."""
    return NonFiniteError(
        f"All weights must be finite. Received: one that isn't after step {step}; the checkpoint "
        "from before is kept. Give --set training.jit_compile=false --fresh to hear of the step, "
        "the records and the layer."
    )


def _first(model: keras.Model, image: Any, targets: dict[str, Any]) -> str:
    """Say what is not finite first, on the way there and back: input, weight, layer, gradient."""
    given = {"image": image, **targets}
    del given["intensity"]  # NaN: not coded
    for name, value in given.items():
        if not _finite(value):
            return f"`{name}` of the batch, before any layer"
    for weight in model.net.weights:
        if not _finite(weight):
            return f"the weight {weight.path}"
    kept = [np.asarray(weight) for weight in model.net.non_trainable_weights]
    try:
        return _on_the_way(model, image) or _on_the_way_back(model, image, targets)
    finally:  # batch norms have counted this batch again
        for weight, value in zip(model.net.non_trainable_weights, kept, strict=True):
            weight.assign(value)


def _on_the_way(model: keras.Model, image: Any) -> str:
    inner = [part for part in model.net.layers if not isinstance(part, keras.layers.InputLayer)]
    probe = keras.Model(model.net.input, [layer.output for layer in inner])
    for layer, output in zip(inner, probe(image, training=True), strict=True):
        if not _finite(output):
            return f"the output of layer {layer.name}"
    return ""


def _on_the_way_back(model: keras.Model, image: Any, targets: dict[str, Any]) -> str:
    with tf.GradientTape() as tape:
        loss = model.heatmap_loss(targets, model(image, training=True))
    if not _finite(loss):
        return "the loss, all layers' outputs being finite"
    gradients = tape.gradient(loss, model.trainable_weights)
    # A gradient runs from the loss to the image: the last layer that has a bad one had it first.
    for weight, gradient in reversed(list(zip(model.trainable_weights, gradients, strict=True))):
        if gradient is not None and not _finite(gradient):
            return f"the gradient of {weight.path}"
    return "something that is finite when computed again: a fault of the device, or of its memory"


def _finite(value: Any) -> bool:
    return bool(np.isfinite(np.asarray(value, np.float32)).all())
