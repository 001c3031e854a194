"""A network without training whose answers differ from face to face, for tests of whole graphs."""

from typing import Any

import keras
import numpy as np

from fau_tf import contract
from fau_tf.models import first_weights, heatmap_net
from fau_tf.models.presets import NetSpec


def responsive_network(spec: NetSpec, images: Any) -> keras.Model:
    """Return `spec` with ImageNet's backbone and a random head, spread over the intensities.

    With random weights in the backbone, nothing of the face arrives at the head, all answers are
    alike and any two devices agree on them.

    Args:
        spec: A row whose backbone has ImageNet weights.
        images: (N, S, S, 3) faces over which each center's heatmap has mean 1.5 grades and
            standard deviation 1.
    """
    keras.utils.set_random_seed(0)
    net = heatmap_net.build(spec)
    if not first_weights.load(net, spec.backbone, imagenet=True):
        raise RuntimeError(f"`{spec.backbone}` must have ImageNet weights here. Received: none.")
    head = net.get_layer(contract.OUTPUT_HEATMAPS)
    kernel, bias = head.get_weights()
    kernel = np.random.default_rng(1).normal(size=kernel.shape).astype(np.float32)
    head.set_weights([kernel, np.zeros_like(bias)])
    raw = np.asarray(net(images))
    scale = spec.codec.unit / raw.std(axis=(0, 1, 2))  # (K,)
    head.set_weights([kernel * scale, 1.5 * spec.codec.unit - raw.mean(axis=(0, 1, 2)) * scale])
    return net
