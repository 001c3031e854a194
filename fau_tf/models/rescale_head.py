"""A network's heatmaps, stretched: a threshold and a gain for each, inside its last layer."""

import keras
import numpy as np
import numpy.typing as npt

from fau_tf import contract


def rescale(
    net: keras.Model, gain: npt.NDArray[np.floating], threshold: npt.NDArray[np.floating]
) -> None:
    """Have `net` answer `gain * (map - threshold)` for each heatmap; in place.

    It costs nothing: the last layer is a 1x1 convolution, whose weights and biases take both. The
    maximum of a map stays where it was.

    Args:
        net: From `fau_net.build`.
        gain: (K,) positive.
        threshold: (K,) in the target scale.

    Raises:
        ValueError: If a gain is not positive, or there are not K of each.
    """
    head = net.get_layer(contract.OUTPUT_HEATMAPS)
    kernel, bias = head.get_weights()  # (1, 1, C, K), (K,)
    if gain.shape != bias.shape or threshold.shape != bias.shape or not (gain > 0).all():
        raise ValueError(
            f"Heatmaps are stretched by {len(bias)} positive gains and {len(bias)} thresholds. "
            f"Received: {gain.shape} gains from {gain.min():g} up, {threshold.shape} thresholds."
        )
    head.set_weights([kernel * gain, gain * (bias - threshold)])
