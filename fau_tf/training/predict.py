"""Heatmaps and intensities of a data set, as NumPy arrays."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from fau_tf.codec import HeatmapCodec


def predict_heatmaps(net: keras.Model, batches: tf.data.Dataset) -> Iterator[tuple[Any, Any]]:
    """Yield (images, heatmaps) per batch as NumPy: (B, S, S, 3) and (B, h, w, K)."""
    for image, _ in batches:
        yield image.numpy(), net.predict_on_batch(image)


def predict_intensity(
    net: keras.Model,
    codec: HeatmapCodec,
    to_au: npt.NDArray[np.float32],
    batches: tf.data.Dataset,
) -> npt.NDArray[np.float32]:
    """Return (N, A) decoded intensities, in the order of `batches`."""
    found = [codec.decode(maps, to_au) for _, maps in predict_heatmaps(net, batches)]
    return np.concatenate(found).astype(np.float32)
