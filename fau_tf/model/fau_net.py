"""The whole network: image -> heatmaps, and heatmaps -> intensity as layers."""

from typing import Any

import keras
from keras import layers

from fau_tf import contract, facs
from fau_tf.model.backbone import BACKBONES
from fau_tf.model.presets import NetSpec
from fau_tf.model.scc_decoder import UPSAMPLERS, scc_decoder


def build(spec: NetSpec, *, imagenet: bool = True) -> keras.Model:
    """Return the network (B, S, S, 3) RGB 0 to 255 -> (B, h, w, K) heatmaps in the target scale.

    Args:
        spec: A row of `presets.PRESETS`, or one made by `presets.net_spec`.
        imagenet: Start the backbone from ImageNet weights where they can be had; a warning says
            when they can't.

    Raises:
        ValueError: If the backbone, its stride and the decoder don't lead to `heatmap_size`.
    """
    _check(spec)
    backbone = BACKBONES[spec.backbone]
    size = spec.image_size
    image = keras.Input((size, size, 3), name=contract.INPUT)
    x = scc_decoder(backbone.features(image), spec)
    channels = len(facs.centres(spec.au_numbers, spec.rule))
    # The paper's head: 1x1, He initialisation, bias, no activation. Scaled down, because AUs
    # are mostly absent: the first maps should be nearly black.
    he = keras.initializers.VarianceScaling(0.02, mode="fan_in", distribution="truncated_normal")
    heatmaps = layers.Conv2D(channels, 1, kernel_initializer=he, name=contract.OUTPUT_HEATMAPS)(x)
    model = keras.Model(image, heatmaps, name=f"fau_{spec.preset}")
    if imagenet and backbone.load_imagenet is not None:
        backbone.load_imagenet(model)
    return model


def freeze_backbone_norms(model: keras.Model) -> int:
    """Keep the backbone's batch norms at their moving statistics; return how many there are.

    Small batches and short runs estimate them worse than ImageNet did, and a third more images
    a second go through. The decoder's own (`up*_bn`, inside `scc*`) go on learning.
    """
    norms = [
        layer
        for layer in model.layers
        if isinstance(layer, layers.BatchNormalization) and not layer.name.startswith("up")
    ]
    for layer in norms:
        layer.trainable = False
    return len(norms)


def _check(spec: NetSpec) -> None:
    for name, table in (("backbone", BACKBONES), ("upsample", UPSAMPLERS)):
        value: Any = getattr(spec, name)
        if value not in table:
            raise ValueError(f"`{name}` must be one of {sorted(table)}. Received: {name}={value!r}")
    stride = BACKBONES[spec.backbone].stride
    reached = spec.image_size * 2 ** len(spec.decoder) / stride
    if reached != spec.heatmap_size:
        raise ValueError(
            f"Image size {spec.image_size}, backbone stride {stride} and {len(spec.decoder)} "
            f"doublings give maps of {reached:g}. Received: heatmap_size={spec.heatmap_size}. "
            "Change `decoder`, `backbone` or `heatmap_size`."
        )
