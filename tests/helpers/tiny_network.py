"""An untrained network of the tiny preset whose outputs vary, and faces for it."""

import keras
import numpy as np

from fau_tf import contract
from fau_tf.models import heatmap_net
from fau_tf.models.presets import PRESETS

SPEC = PRESETS["tiny"]
SIZES = {
    "image_size": 64, "heatmap_size": 16, "aus": len(SPEC.au_numbers), "centers": len(SPEC.to_au),
}  # fmt: skip
TRAINING_DATA = {"name": "test", "kind": "random pixels"}


def tiny_network(spec=SPEC):
    """Return a network of a spec with random weights and a head that spreads the intensities."""
    keras.utils.set_random_seed(0)
    net = heatmap_net.build(spec)
    head = net.get_layer(contract.OUTPUT_HEATMAPS)
    # An untrained head is nearly black; a comparison needs values to compare.
    rng = np.random.default_rng(1)
    kernel, bias = head.get_weights()
    spread = 2.0 * spec.codec.unit
    head.set_weights([rng.normal(0, spread, kernel.shape), rng.uniform(0, spread, bias.shape)])
    return net


def smooth_faces(count, seed, size=64):
    """Return (count, size, size, 3) smooth random pictures of 8 x 8 tiles: noise looks alike."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (count, 8, 8, 3))
    return np.kron(coarse, np.ones((1, size // 8, size // 8, 1))).astype(np.float32)
