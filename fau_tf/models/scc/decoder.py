"""The SCC decoder: stages that double the resolution, each optionally followed by an SCC."""

from collections.abc import Callable
from typing import Any, Final

import keras
from keras import layers

from fau_tf.models.presets import NetSpec
from fau_tf.models.scc.initializers import NearIdentity
from fau_tf.models.scc.semantic_correspondence import SemanticCorrespondence

_MOMENTUM: Final = 0.95  # short runs; see efficientnet_lite


def _deconv(x: Any, filters: int, name: str) -> Any:
    """Double the resolution as in the paper: 4x4 transposed convolution, batch norm, ReLU."""
    x = layers.Conv2DTranspose(
        filters,
        4,
        strides=2,
        padding="same",
        use_bias=False,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
        name=f"{name}_deconv",
    )(x)
    x = layers.BatchNormalization(momentum=_MOMENTUM, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def _resize(x: Any, filters: int, name: str) -> Any:
    """Double the resolution for a phone GPU: 1x1 convolution, interpolation, depthwise filter.

    A transposed convolution costs 16 weights and multiply-accumulates where this costs 1, and
    phone GPUs refuse one with a fused ReLU.
    """
    x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_mix_conv")(x)
    x = layers.UpSampling2D(2, interpolation="bilinear", name=f"{name}_resize")(x)
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"{name}_filter_conv")(x)
    x = layers.BatchNormalization(momentum=_MOMENTUM, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


UPSAMPLERS: Final[dict[str, Callable[[Any, int, str], Any]]] = {
    "deconv": _deconv,
    "resize": _resize,
}

SCC_INITIALIZERS: Final[dict[str, Callable[[], keras.initializers.Initializer]]] = {
    "near_identity": NearIdentity,
    "glorot_uniform": keras.initializers.GlorotUniform,
}


def scc_decoder(features: Any, spec: NetSpec) -> Any:
    """Return (B, h, w, C) feature maps at the heatmaps' resolution.

    Args:
        features: (B, h / 2^n, w / 2^n, C') from the backbone, n = len(spec.decoder).
        spec: The network.
    """
    x = features
    for i, (filters, scc) in enumerate(zip(spec.decoder, spec.scc, strict=True)):
        x = UPSAMPLERS[spec.upsample](x, filters, f"up{i}")
        if scc:
            x = SemanticCorrespondence(
                k=spec.k,
                nodes=spec.nodes,
                initializer=SCC_INITIALIZERS[spec.scc_initializer](),
                momentum=_MOMENTUM,
                name=f"scc{i}",
            )(x)
    return x
