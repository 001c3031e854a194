"""The Keras model that `fit` trains, and the diagnosis of a step that is not finite."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from fau_tf.models import heatmap_net
from fau_tf.training.checkpoint import written
from fau_tf.training.losses import HeatmapLoss, PairLoss, squared_kernels
from fau_tf.training.optimizer import require_finite


class HeatmapRegressor(keras.Model):
    """The network with its loss and a running MAE; what is saved is the network alone.

    Args:
        net: (B, S, S, 3) -> (B, h, w, K) heatmaps.
        loss: Compares them with the targets of `data.pipeline`.
        pair_loss: Compares pictures with their partners, if the batches of
            `data.portrait_pairs` have some.
        weight_decay: Of the squares of the kernels, added to the loss.
        workers: Processes that train together.
        apart: Whether each branch of a network with two is compared on its own. Compared as one
            network, one of them learns what the other leaves over.
    """

    def __init__(
        self, net: keras.Model, loss: HeatmapLoss, *, pair_loss: PairLoss | None = None,
        weight_decay: float = 0.0, workers: int = 1, apart: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(name="heatmap_regressor")
        self.workers = workers
        self.net = net
        self._branches = heatmap_net.branch_features(net) if apart else None
        self.heatmap_loss = loss
        self.pair_loss = pair_loss
        self.weight_decay = weight_decay
        self.mae = keras.metrics.Mean(name="mae")  # of the decoded intensity

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        # All is built. Under a strategy Keras reads a batch here and begins the data set again,
        # which would shuffle it anew: other faces than on one device.
        del iterator, data_batch

    def train_step(self, data: Any) -> dict[str, Any]:
        """Train on a replica's part of a batch; return the running metrics."""
        metrics = super().train_step(data)
        if self.workers == 1:
            return metrics
        # Keras 3.15 takes a mean over axis 0 of what the replicas of many workers return, which
        # fails on scalars.
        return {name: ops.reshape(value, (1,)) for name, value in metrics.items()}

    def call(self, image: Any, training: bool = False) -> Any:
        """Return the network's heatmaps; in training those of each branch that trains apart."""
        if training and self._branches is not None:
            features = self._branches(image, training=True)
            return heatmap_net.branch_heatmaps(self.net, features)
        return self.net(image, training=training)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the heatmap loss; `y` is the dictionary of targets."""
        del x, sample_weight, training
        loss = self.loss_of(y, y_pred)
        if self.weight_decay:
            loss = loss + self.weight_decay * squared_kernels(self.net)
        return require_finite([loss], "loss")[0]

    def loss_of(self, targets: dict[str, Any], predicted: Any) -> Any:
        """Return the loss of what `call` returned: of branches the mean."""
        heatmaps = predicted if isinstance(predicted, list) else [predicted]
        return sum(self._loss(targets, one) for one in heatmaps) / len(heatmaps)

    def _loss(self, targets: dict[str, Any], heatmaps: Any) -> Any:
        loss = self.heatmap_loss(targets, heatmaps)
        return loss if self.pair_loss is None else loss + self.pair_loss(targets, heatmaps)

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Update and return the running metrics."""
        del x, sample_weight
        loss = self.heatmap_loss
        if isinstance(y_pred, list):
            y_pred = sum(y_pred) / len(y_pred)
        heatmaps = ops.cast(y_pred, "float32")
        predicted = loss.codec.decode(heatmaps, ops.convert_to_tensor(loss.to_au), xp=ops)
        known = ops.logical_not(ops.isnan(y["intensity"]))
        error = ops.abs(predicted - ops.where(known, y["intensity"], 0.0))
        self.mae.update_state(error, sample_weight=ops.cast(known, "float32"))
        return self.get_metrics_result()


class NonFiniteError(ValueError):
    """A loss, gradient or weight that is NaN or infinite; the message says where."""


def diagnose_non_finite(
    model: HeatmapRegressor,
    batch: tuple[Any, dict[str, Any]],
    sources: Sequence[str],
    where: str,
    file: Path,
) -> NonFiniteError:
    """Return the error to raise for a step that `require_finite` refused; keep its batch.

    Args:
        model: Compiled, its weights as before the step.
        batch: Image and targets of the step.
        sources: Where each face is from.
        where: Step and epoch.
        file: `.npz` to write: `image`, each target, `sources`.
    """
    image, targets = batch
    arrays = {name: np.asarray(value) for name, value in (("image", image), *targets.items())}
    with written(file) as unfinished, unfinished.open("wb") as content:
        np.savez(content, allow_pickle=False, sources=np.array(sources), **arrays)
    return NonFiniteError(
        f"The loss or its gradient is not finite at {where}: {_first(model, image, targets)}. The "
        f"batch's records: {', '.join(sources)}. The batch is in {file}; the weights are as before "
        "this step. Look at it, lower `training.learning_rate` or use training.precision=float32, "
        "and give --fresh or another run.name."
    )


def _first(model: HeatmapRegressor, image: Any, targets: dict[str, Any]) -> str:
    """Name what is not finite first, forward then backward: input, weight, layer, gradient."""
    given = {"image": image, **targets}
    for name in ("intensity", "difference"):  # NaN: not coded, not known
        given.pop(name, None)
    for name, value in given.items():
        if not _finite(value):
            return f"`{name}` of the batch, before any layer"
    for weight in model.net.weights:
        if not _finite(weight):
            return f"the weight {weight.path}"
    kept = [np.asarray(weight) for weight in model.net.non_trainable_weights]
    try:
        return _forward(model, image) or _backward(model, image, targets)
    finally:  # batch norms have counted this batch again
        for weight, value in zip(model.net.non_trainable_weights, kept, strict=True):
            weight.assign(value)


def _forward(model: HeatmapRegressor, image: Any) -> str:
    inner = [part for part in model.net.layers if not isinstance(part, keras.layers.InputLayer)]
    probe = keras.Model(model.net.input, [layer.output for layer in inner])
    for layer, output in zip(inner, probe(image, training=True), strict=True):
        if not _finite(output):
            return f"the output of layer {layer.name}"
    return ""


def _backward(model: HeatmapRegressor, image: Any, targets: dict[str, Any]) -> str:
    with tf.GradientTape() as tape:
        loss = model.loss_of(targets, model(image, training=True))
    if not _finite(loss):
        return "the loss, all layers' outputs being finite"
    gradients = tape.gradient(loss, model.trainable_weights)
    # Gradients run from the loss to the image: the last layer with a bad one had it first.
    for weight, gradient in reversed(list(zip(model.trainable_weights, gradients, strict=True))):
        if gradient is not None and not _finite(gradient):
            return f"the gradient of {weight.path}"
    return "nothing when computed again, so the device or its memory is at fault"


def _finite(value: Any) -> bool:
    return bool(np.isfinite(np.asarray(value, np.float32)).all())
