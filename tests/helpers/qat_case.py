"""A tiny network, faces and a loss for the tests of quantization-aware training."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from export.qat.launch import QatPackagesError, require_packages
from export.run import LabeledFaces
from fau_tf import facs
from fau_tf.models import heatmap_net
from fau_tf.models.presets import PRESETS
from fau_tf.models.scc.knn import SELECTIONS, closeness
from fau_tf.models.scc.semantic_correspondence import SemanticCorrespondence
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


def _packages_are_there():
    try:
        require_packages()
    except QatPackagesError:
        return False
    return True


needs_packages = pytest.mark.skipif(
    not _packages_are_there(), reason="no packages of quantization-aware training: make .venv/.qat"
)


def network(spec):
    """Return a network with all weights and statistics drawn: a 0 or 1 could hide a mistake."""
    return drawn(heatmap_net.build(spec))


def drawn(net):
    """Draw all weights and statistics of a network; return it."""
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


def paper_layers():
    """Return a tiny network of the layers of preset `paper`: pooling, ResNet's sum, transposed."""
    image = keras.Input((64, 64, 3), name="image")
    x = layers.Rescaling(1.0, offset=[-123.68, -116.779, -103.939], name="minus_mean")(image)
    x = layers.ZeroPadding2D(3, name="conv1_pad")(x)
    x = layers.Conv2D(8, 7, strides=2, name="conv1_conv")(x)  # with a bias, before batch norm
    x = layers.Activation("relu", name="conv1_relu")(layers.BatchNormalization(name="conv1_bn")(x))
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
    y = layers.BatchNormalization(name="conv2_bn")(layers.Conv2D(8, 1, name="conv2_conv")(x))
    x = layers.Activation("relu", name="out")(layers.Add(name="sum")([x, y]))
    x = layers.MaxPooling2D(2, name="halve")(x)
    x = layers.Conv2DTranspose(8, 4, strides=2, padding="same", use_bias=False, name="up0_deconv")(
        x
    )
    x = layers.ReLU(name="up0_relu")(layers.BatchNormalization(name="up0_bn")(x))
    x = SemanticCorrespondence(k=3, name="scc0")(x)
    return drawn(keras.Model(image, layers.Conv2D(len(SPEC.to_au), 1, name="heatmaps")(x)))


def labeled_faces(count, size=64):
    """Return `count` random faces of `size` px and their intensities."""
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (count, size, size, 3)).astype(np.float32)
    intensity = rng.uniform(0, 5, (count, len(SPEC.au_numbers))).astype(np.float32)
    return LabeledFaces(images, intensity, "random", count)


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
