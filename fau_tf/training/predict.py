"""Intensities of a data set, as a NumPy array."""

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from fau_tf.codec import HeatmapCodec


def predict_intensity(
    net: keras.Model,
    codec: HeatmapCodec,
    to_au: npt.NDArray[np.float32],
    batches: tf.data.Dataset,
) -> npt.NDArray[np.float32]:
    """Return (N, A) decoded intensities, in the order of `batches`."""
    found = [codec.decode(net.predict_on_batch(image), to_au) for image, _ in batches]
    return np.concatenate(found).astype(np.float32)


def predict_peaks(
    net: keras.Model, codec: HeatmapCodec, batches: tf.data.Dataset
) -> npt.NDArray[np.float32]:
    """Return (N, K) maxima of the heatmaps in grades, not clipped, in the order of `batches`."""
    found = [codec.peaks(net.predict_on_batch(image)) for image, _ in batches]
    return np.concatenate(found).astype(np.float32)
