"""The training loss: squared error of heatmaps, weighted so that AU centres count.

AUs are mostly absent and a Gaussian covers few cells, so plain MSE stays all-black for long. Two
terms mend it, and `docs/training.md` has the figures: a weight around each AU centre whatever its
intensity, and the squared error of the decoded intensity itself.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from keras import ops

from fau_tf.codec import HeatmapCodec
from fau_tf.facs import MAX_INTENSITY
from fau_tf.training.distribution import total


@dataclass(frozen=True, kw_only=True, eq=False)
class HeatmapLoss:
    """Loss of a batch, in units where intensity 5 is 1 whatever the target scale.

    Attributes:
        codec: Between intensities and heatmaps.
        to_au: (K, A) from `facs.centre_to_au`.
        au_weight: (A,) weight of each AU, on average 1.
        floor: Weight of every cell.
        foreground: Weight added at an AU centre, falling off with the target's Gaussian.
        decoded: Weight of the squared error of the decoded intensity.
    """

    codec: HeatmapCodec
    to_au: npt.NDArray[np.float32]
    au_weight: npt.NDArray[np.float32]
    floor: float
    foreground: float
    decoded: float

    def __call__(self, targets: dict[str, Any], heatmaps: Any) -> Any:
        """Return the scalar loss; under tf.distribute a replica's part of it, a summand.

        Args:
            targets: From `data.pipeline.Targets.encode`.
            heatmaps: (B, h, w, K) predicted, in the target scale.
        """
        heatmaps = ops.cast(heatmaps, "float32")
        full = MAX_INTENSITY * self.codec.unit
        error = ops.square((heatmaps - targets["heatmap"]) / full)
        error = ops.sum(error * (self.floor + self.foreground * targets["bump"]), axis=(1, 2))
        centre_weight = np.matmul(self.to_au > 0, self.au_weight).astype(np.float32)  # (K,)
        weight = targets["weight"] * centre_weight  # (B, K)
        loss = _weighted_mean(error, weight)
        if self.decoded:
            loss = loss + self.decoded * self._decoded_error(targets, heatmaps)
        return loss

    def _decoded_error(self, targets: dict[str, Any], heatmaps: Any) -> Any:
        coded = targets["intensity"]
        # Not clipped: a peak below 0 or above 5 must still be pulled back.
        predicted = ops.matmul(self.codec.peaks(heatmaps, xp=ops), self.to_au)  # (B, A)
        # An AU counts where it is coded and all its centres are on the map: each of a column's
        # weights in `to_au` then adds up to 1.
        known = ops.matmul(targets["weight"], self.to_au) > 0.99  # (B, A)
        error = ops.square((predicted - ops.where(known, coded, 0.0)) / MAX_INTENSITY)
        return _weighted_mean(error, ops.cast(known, "float32") * self.au_weight)


def au_weights(coded: npt.NDArray[np.float32], balance: float) -> npt.NDArray[np.float32]:
    """Return (A,) weights (mean squared intensity) ** -balance, on average 1.

    Args:
        coded: (N, A) training labels; NaN where not coded.
        balance: 0 weighs all AUs alike, 1 makes their mean target energies equal.
    """
    count = np.maximum(np.isfinite(coded).sum(axis=0), 1)
    energy = np.nansum(coded.astype(np.float64) ** 2, axis=0) / count
    # An AU that never occurs must not get an infinite weight.
    weight = np.maximum(energy, 0.01) ** -balance
    return (weight / weight.mean()).astype(np.float32)


def _weighted_mean(values: Any, weight: Any) -> Any:
    # Over all replicas, so that their losses add up to that of the whole batch.
    return ops.sum(values * weight) / ops.maximum(total(ops.sum(weight)), 1e-6)
