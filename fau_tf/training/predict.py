"""Predictions for a data set as NumPy arrays; training, calibration and evaluation share them."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from fau_tf.models.presets import NetSpec


def predict_intensity(
    net: keras.Model, spec: NetSpec, batches: Iterable[Any]
) -> npt.NDArray[np.float32]:
    """Return (N, A) decoded intensities, in the order of `batches` of (image, targets)."""
    found = [spec.codec.decode(net.predict_on_batch(image), spec.to_au) for image, _ in batches]
    return np.concatenate(found).astype(np.float32)


def predict_peaks(
    net: keras.Model, spec: NetSpec, batches: Iterable[Any]
) -> npt.NDArray[np.float32]:
    """Return (N, K) heatmap maxima in intensity units, not clipped, in the order of `batches`."""
    found = [spec.codec.peaks(net.predict_on_batch(image)) for image, _ in batches]
    return np.concatenate(found).astype(np.float32)
