"""Table of backbones: an image in 0 to 255 -> deep, low-resolution features."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import keras
from keras import layers

from fau_tf.models.backbones import efficientnet_lite
from fau_tf.models.backbones.efficientnet_lite import efficientnet_lite0
from fau_tf.models.backbones.known_file import require_known

RESNET50_FILE: Final = "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
RESNET50_MD5: Final = "4d473c1dd8becc155b73f8504c6f6626"
"""Of Keras' ImageNet weights, as `keras.applications` states it."""


@dataclass(frozen=True)
class Backbone:
    """One trunk.

    Attributes:
        features: (B, S, S, 3) RGB 0 to 255 -> (B, S/stride, S/stride, C), normalization included.
        stride: Image pixels per feature cell.
        imagenet: Returns the file of its published ImageNet weights, or raises
            `known_file.MissingWeightsError`; None where none were published.
        formats: Ending -> function that copies the weights of such a file into a model made of the
            backbone, or raises ValueError.
    """

    features: Callable[[Any], Any]
    stride: int
    imagenet: Callable[[], Path] | None = None
    formats: Mapping[str, Callable[[keras.Model, Path], None]] = field(default_factory=dict)


def _resnet50(image: Any) -> Any:
    # The published weights expect BGR minus these means. Here the image stays RGB, and loading the
    # weights reverses the channels of the first kernel instead, which is the same function.
    x = layers.Rescaling(1.0, offset=[-123.68, -116.779, -103.939], name="minus_mean")(image)
    return keras.applications.ResNet50(include_top=False, weights=None, input_tensor=x).output


def _resnet50_imagenet() -> Path:
    path = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "models" / RESNET50_FILE
    return require_known(
        path, "md5", RESNET50_MD5,
        "on a machine with a network, keras.applications.ResNet50(include_top=False) puts the file "
        "there; nothing is downloaded here",
    )  # fmt: skip


def _load_resnet50(model: keras.Model, path: Path) -> None:
    source = keras.applications.ResNet50(include_top=False, weights=None)
    try:
        source.load_weights(path)
    except (ValueError, KeyError, OSError) as error:
        raise ValueError(
            f"{path} must hold the weights of keras.applications.ResNet50(include_top=False): got "
            f"{' '.join(str(error).split())[:200]}"
        ) from error
    for layer in source.layers:
        weights = layer.get_weights()
        if layer.name == "conv1_conv":
            weights[0] = weights[0][:, :, ::-1, :]
        if weights:
            model.get_layer(layer.name).set_weights(weights)


def _tiny(image: Any) -> Any:
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="to_unit")(image)
    for i, filters in enumerate((8, 16, 16, 24)):
        x = layers.Conv2D(
            filters, 3, strides=2, padding="same", use_bias=False, name=f"tiny{i}_conv"
        )(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"tiny{i}_bn")(x)
        x = layers.ReLU(6.0, name=f"tiny{i}_relu")(x)
    return x


_LITE0: Final = (
    32, efficientnet_lite.imagenet_file, {".pth": efficientnet_lite.load_checkpoint},
)  # fmt: skip
BACKBONES: Final = {
    "resnet50": Backbone(_resnet50, 32, _resnet50_imagenet, {".h5": _load_resnet50}),
    "efficientnet_lite0": Backbone(efficientnet_lite0, *_LITE0),
    "efficientnet_lite0_192": Backbone(partial(efficientnet_lite0, blocks=15), *_LITE0),
    "efficientnet_lite0_112": Backbone(partial(efficientnet_lite0, blocks=11), 16, *_LITE0[1:]),
    "tiny": Backbone(_tiny, 16),
}
