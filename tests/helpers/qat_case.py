"""A tiny network, faces and a loss for the tests of quantization-aware training."""

import numpy as np
from keras import layers, ops

from fau_tf import facs
from fau_tf.models import heatmap_net
from fau_tf.models.presets import PRESETS
from fau_tf.models.scc.knn import SELECTIONS, closeness
from fau_tf.training.losses import HeatmapLoss

SPEC = PRESETS["tiny"]
LOSS = HeatmapLoss(
    codec=SPEC.codec,
    to_au=facs.center_to_au(SPEC.au_numbers),
    au_weight=np.ones(len(SPEC.au_numbers), np.float32),
    background_weight=0.1,
    foreground_weight=1.0,
    intensity_weight=4.0,
    level_weight=np.linspace(
        0.5, 1.5, len(SPEC.au_numbers) * facs.LEVELS, dtype=np.float32
    ).reshape(-1, facs.LEVELS),
)


def network(spec):
    """Return a network with all weights and statistics drawn: a 0 or 1 could hide a mistake."""
    net = heatmap_net.build(spec)
    rng = np.random.default_rng(0)
    for weight in net.weights:
        if weight.name in ("gamma", "moving_variance"):
            weight.assign(rng.uniform(0.5, 2, weight.shape))
        elif weight.name in ("beta", "moving_mean", "bias"):
            weight.assign(rng.normal(0, 0.3, weight.shape))
        else:
            spread = 1 / np.sqrt(np.prod(weight.shape[:-1]))
            weight.assign(rng.normal(0, spread, weight.shape))
    return net


def labeled_faces(count):
    """Return (count, 64, 64, 3) random pictures, 0 to 255, and their intensities."""
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (count, 64, 64, 3)).astype(np.float32)
    return images, rng.uniform(0, 5, (count, len(SPEC.au_numbers))).astype(np.float32)


def batches(count=100, size=2):
    rng = np.random.default_rng(2)
    k = LOSS.to_au.shape[0]
    for _ in range(count):
        gaussian = rng.uniform(0, 1, (size, 16, 16, k)).astype(np.float32)
        yield (
            rng.uniform(0, 255, (size, 64, 64, 3)).astype(np.float32),
            {
                "heatmap": 2 * gaussian,
                "gaussian": gaussian,
                "weight": np.ones((size, k), np.float32),
                "intensity": np.full((size, LOSS.to_au.shape[1]), 2, np.float32),
            },
        )


def computed(rows, weights, images):
    """Run the rows with plain functions, as a twin has to."""

    def convolution(kind):
        def run(name, settings, x):
            how = {"strides": tuple(settings["strides"]), "padding": settings["padding"]}
            return kind(x, weights[f"{name}/kernel"], **how) + weights[f"{name}/bias"]

        return run

    def correspondence(name, settings, x):
        _, height, width, maps = x.shape
        nodes = ops.reshape(ops.transpose(x, (0, 3, 1, 2)), (-1, maps, height * width))
        own, far, shift = (weights[f"{name}/{key}"] for key in ("own", "far", "shift"))
        scores = closeness(nodes, ops.transpose(nodes, (0, 2, 1)))
        most = SELECTIONS["one_hot"].maximum(scores, ops.matmul(nodes, far), settings["k"])
        out = ops.relu(ops.matmul(nodes, own) + shift + most)
        return ops.transpose(ops.reshape(out, (-1, maps, height, width)), (0, 2, 3, 1))

    kinds = {
        "rescaling": lambda _, settings, x: x * settings["scale"] + settings["offset"],
        "conv": convolution(ops.conv),
        "depthwise": convolution(ops.depthwise_conv),
        "relu": lambda _, settings, x: ops.clip(x, 0, settings["max_value"] or np.inf),
        "add": lambda _, __, x, y: x + y,
        "resize": lambda _, settings, x: layers.UpSampling2D(**settings)(x),
        "correspondence": correspondence,
    }
    values = {}
    for row in rows:
        given = [values[name] for name in row["inputs"]]
        values[row["name"]] = (
            ops.convert_to_tensor(images)
            if row["kind"] == "input"
            else kinds[row["kind"]](row["name"], row["settings"], *given)
        )
    return np.asarray(values[rows[-1]["name"]])
