"""Table of backbones: an image in 0 to 255 -> deep, low-resolution features."""

import hashlib
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import keras
from keras import layers

from fau_tf.models.backbones.efficientnet_lite import efficientnet_lite0, load_imagenet

RESNET50_FILE: Final = "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
RESNET50_MD5: Final = "4d473c1dd8becc155b73f8504c6f6626"
"""Of Keras' ImageNet weights, as `keras.applications` states it."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Backbone:
    """One trunk.

    Attributes:
        features: (B, S, S, 3) RGB 0 to 255 -> (B, S/stride, S/stride, C), normalization included.
        stride: Image pixels per feature cell.
        load_imagenet: Copies ImageNet weights into a model made of it and returns whether they
            were available; None where none exist.
    """

    features: Callable[[Any], Any]
    stride: int
    load_imagenet: Callable[[keras.Model], bool] | None


def _resnet50(image: Any) -> Any:
    # The published weights expect BGR minus these means. Here the image stays RGB, and loading the
    # weights reverses the channels of the first kernel instead, which is the same function.
    x = layers.Rescaling(1.0, offset=[-123.68, -116.779, -103.939], name="minus_mean")(image)
    return keras.applications.ResNet50(include_top=False, weights=None, input_tensor=x).output


def _resnet50_imagenet(model: keras.Model) -> bool:
    path = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "models" / RESNET50_FILE
    try:
        found = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    except OSError as error:
        found = error.strerror or type(error).__name__
    if found != RESNET50_MD5:
        log.warning(
            "ResNet-50 starts from random weights, which train far more slowly: %s must have md5 "
            "%s, got: %s. Nothing is downloaded here; keras.applications.ResNet50("
            "include_top=False) puts the file there on a machine with a network.",
            path,
            RESNET50_MD5,
            found,
        )
        return False
    source = keras.applications.ResNet50(include_top=False, weights=None)
    source.load_weights(path)
    for layer in source.layers:
        weights = layer.get_weights()
        if layer.name == "conv1_conv":
            weights[0] = weights[0][:, :, ::-1, :]
        if weights:
            model.get_layer(layer.name).set_weights(weights)
    return True


def _tiny(image: Any) -> Any:
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="to_unit")(image)
    for i, filters in enumerate((8, 16, 16, 24)):
        x = layers.Conv2D(
            filters, 3, strides=2, padding="same", use_bias=False, name=f"tiny{i}_conv"
        )(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"tiny{i}_bn")(x)
        x = layers.ReLU(6.0, name=f"tiny{i}_relu")(x)
    return x


BACKBONES: Final = {
    "resnet50": Backbone(_resnet50, 32, _resnet50_imagenet),
    "efficientnet_lite0": Backbone(efficientnet_lite0, 32, load_imagenet),
    "efficientnet_lite0_192": Backbone(partial(efficientnet_lite0, blocks=15), 32, load_imagenet),
    "efficientnet_lite0_112": Backbone(partial(efficientnet_lite0, blocks=11), 16, load_imagenet),
    "tiny": Backbone(_tiny, 16, None),
}
