"""The training loss: squared error of heatmaps, weighted so that AU centers count.

AUs are mostly absent and a Gaussian covers few cells, so plain MSE stays all-black for long. Two
terms mend it: a weight around each AU center, whatever its intensity, and the squared error of the
decoded intensity itself. Measured in `docs/experiments/ablation.md`.
"""

from dataclasses import dataclass
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from fau_tf.codec import HeatmapCodec
from fau_tf.facs import LEVELS, MAX_INTENSITY
from fau_tf.training.distribution import total

_KERNELS: Final = ("kernel", "center_kernel", "neighbor_kernel")
"""Names of the weights of convolutions, biases excepted; the last two are SCC's W."""


@dataclass(frozen=True, kw_only=True, eq=False)
class HeatmapLoss:
    """Loss of a batch, in units in which intensity 5 is 1 whatever the target scale.

    Attributes:
        codec: Converts between intensities and heatmaps.
        to_au: (K, A) from `facs.center_to_au`.
        au_weight: (A,) weight of each AU, on average 1.
        background_weight: Of every cell.
        foreground_weight: Added at an AU center, falling off with the target's Gaussian.
        intensity_weight: Of the squared error of the decoded intensity.
        level_weight: (A, 6) weight of an AU coded at intensity 0, 1, ... 5, on average over the
            training faces 1; None weighs all alike.
    """

    codec: HeatmapCodec
    to_au: npt.NDArray[np.float32]
    au_weight: npt.NDArray[np.float32]
    background_weight: float
    foreground_weight: float
    intensity_weight: float
    level_weight: npt.NDArray[np.float32] | None = None

    def __call__(self, targets: dict[str, Any], heatmaps: Any) -> Any:
        """Return the scalar loss; under tf.distribute a replica's part of it, a summand.

        Args:
            targets: From `data.pipeline.Targets.encode`.
            heatmaps: (B, h, w, K) predicted, in the target scale.
        """
        heatmaps = ops.cast(heatmaps, "float32")
        full = MAX_INTENSITY * self.codec.unit
        error = ops.square((heatmaps - targets["heatmap"]) / full)
        error = ops.sum(
            error * (self.background_weight + self.foreground_weight * targets["gaussian"]),
            axis=(1, 2),
        )
        center_weight = np.matmul(self.to_au > 0, self.au_weight).astype(np.float32)  # (K,)
        weight = targets["weight"] * center_weight  # (B, K)
        if self.level_weight is not None:
            weight = weight * ops.matmul(self._levels(targets), np.float32(self.to_au > 0).T)
        loss = _weighted_mean(error, weight)
        if self.intensity_weight:
            loss = loss + self.intensity_weight * self._intensity_error(targets, heatmaps)
        return loss

    def _intensity_error(self, targets: dict[str, Any], heatmaps: Any) -> Any:
        coded = targets["intensity"]
        # Not clipped: a peak below 0 or above 5 must still be pulled back.
        predicted = ops.matmul(self.codec.peaks(heatmaps, xp=ops), self.to_au)  # (B, A)
        # An AU counts where it is coded and all its centers are on the map: each of a column's
        # weights in `to_au` then adds up to 1.
        known = ops.matmul(targets["weight"], self.to_au) > 0.99  # (B, A)
        error = ops.square((predicted - ops.where(known, coded, 0.0)) / MAX_INTENSITY)
        weight = ops.cast(known, "float32") * self.au_weight
        if self.level_weight is not None:
            weight = weight * self._levels(targets)
        return _weighted_mean(error, weight)

    def _levels(self, targets: dict[str, Any]) -> Any:
        """Return (B, A), the weight of each coded intensity; that of 0 where not coded."""
        coded = targets["intensity"]
        level = ops.where(ops.isfinite(coded), ops.round(coded), 0.0)
        one_hot = ops.one_hot(ops.cast(level, "int32"), LEVELS, dtype="float32")  # (B, A, 6)
        return ops.sum(one_hot * self.level_weight, axis=-1)


@dataclass(frozen=True, kw_only=True, eq=False)
class PairLoss:
    """Loss of pictures against their partners in the batch, in units in which intensity 5 is 1.

    Attributes:
        codec: Converts between intensities and heatmaps.
        to_au: (K, A) from `facs.center_to_au`.
        au_weight: (A,) weight of each AU, on average 1.
        difference_weight: Of the squared error of the difference at each AU center.
        ranking_weight: Of the squared shortfall where a picture must exceed its partner.
        margin: Intensity by which it must.
    """

    codec: HeatmapCodec
    to_au: npt.NDArray[np.float32]
    au_weight: npt.NDArray[np.float32]
    difference_weight: float
    ranking_weight: float
    margin: float = 1.0

    def __call__(self, targets: dict[str, Any], heatmaps: Any) -> Any:
        """Return the scalar loss.

        Args:
            targets: With `partner`, `difference` and `ranked` of `data.portrait_pairs`.
            heatmaps: (B, h, w, K) predicted, in the target scale.
        """
        peaks = self.codec.peaks(ops.cast(heatmaps, "float32"), xp=ops)  # (B, K), not clipped
        excess = peaks - ops.take(peaks, targets["partner"], axis=0)
        wanted = targets["difference"]
        known = ops.isfinite(wanted)
        error = ops.square((excess - ops.where(known, wanted, 0.0)) / MAX_INTENSITY)
        center_weight = np.matmul(self.to_au, self.au_weight).astype(np.float32)  # (K,)
        loss = self.difference_weight * _weighted_mean(
            error, ops.cast(known, "float32") * center_weight
        )
        lacking = ops.relu(self.margin - ops.matmul(excess, self.to_au)) / MAX_INTENSITY
        ranking = _weighted_mean(ops.square(lacking), targets["ranked"] * self.au_weight)
        return loss + self.ranking_weight * ranking


def squared_kernels(net: keras.Model) -> Any:
    """Return the sum of squares of the trainable kernels of all convolutions, SCC's among them.

    Under tf.distribute a replica's part of it, a summand.
    """
    kernels = [one for one in net.trainable_weights if one.name in _KERNELS]
    found = sum(ops.sum(ops.square(ops.cast(one, "float32"))) for one in kernels)
    return found / total(ops.ones(()))


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


def level_weights(coded: npt.NDArray[np.float32], balance: float) -> npt.NDArray[np.float32] | None:
    """Return (A, 6) weights (share of the level) ** -balance, on average 1 over an AU's faces.

    Args:
        coded: (N, A) training labels; NaN where not coded.
        balance: 0 gives None: all alike. 1 makes all levels of an AU count the same.
    """
    if balance == 0:
        return None
    levels = np.round(coded)[..., None] == np.arange(LEVELS)  # (N, A, 6)
    count = levels.sum(axis=0)
    total = np.maximum(count.sum(axis=1, keepdims=True), 1)
    # A level that is hardly ever coded must not outweigh all others.
    share = np.maximum(count / total, 1e-3)
    weight = share**-balance
    mean = (weight * count).sum(axis=1, keepdims=True) / total
    return (weight / np.where(mean > 0, mean, 1.0)).astype(np.float32)


def _weighted_mean(values: Any, weight: Any) -> Any:
    # Over all replicas, so that their losses add up to that of the whole batch.
    return ops.sum(values * weight) / ops.maximum(total(ops.sum(weight)), 1e-6)
