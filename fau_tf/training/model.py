"""What `fit` trains: the network with its loss and a running error in FACS grades."""

from typing import Any

import keras
from keras import ops

from fau_tf.training.losses import HeatmapLoss
from fau_tf.training.nonfinite import checked_loss


class HeatmapRegressor(keras.Model):
    """Wraps the network, so that the saved model is the network alone.

    Args:
        net: (B, S, S, 3) -> (B, h, w, K) heatmaps.
        loss: Compares them with the targets of `data.pipeline`.
        workers: Processes that train together.
    """

    def __init__(self, net: keras.Model, loss: HeatmapLoss, *, workers: int = 1) -> None:
        super().__init__(name="heatmap_regressor")
        self.workers = workers
        self.net = net
        self.heatmap_loss = loss
        self.mae = keras.metrics.Mean(name="mae")  # of the decoded intensity, in FACS grades

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
        """Return the network's heatmaps."""
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
        return checked_loss(self.heatmap_loss(y, y_pred))

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Update and return the running metrics."""
        del x, sample_weight
        loss = self.heatmap_loss
        heatmaps = ops.cast(y_pred, "float32")
        predicted = loss.codec.decode(heatmaps, ops.convert_to_tensor(loss.to_au), xp=ops)
        known = ops.logical_not(ops.isnan(y["intensity"]))
        error = ops.abs(predicted - ops.where(known, y["intensity"], 0.0))
        self.mae.update_state(error, sample_weight=ops.cast(known, "float32"))
        return self.get_metrics_result()
