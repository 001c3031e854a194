"""The SCC decoder: stages that double the resolution, each optionally followed by an SCC."""

from collections.abc import Callable
from typing import Any, Final

import keras
from keras import layers

from fau_tf.models.backbones.face_mesh import PREFIX
from fau_tf.models.precision import at_least_float32
from fau_tf.models.presets import NetSpec
from fau_tf.models.scc.initializers import NearIdentity
from fau_tf.models.scc.semantic_correspondence import SemanticCorrespondence


def _deconv(x: Any, filters: int, spec: NetSpec, name: str) -> Any:
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
    x = _norm(x, spec, name)
    return layers.ReLU(name=f"{name}_relu")(x)


def _resize(x: Any, filters: int, spec: NetSpec, name: str) -> Any:
    """Double the resolution for a phone GPU: 1x1 convolution, interpolation, depthwise filter.

    A transposed convolution costs 16 weights and multiply-accumulates where this costs 1, and
    phone GPUs refuse one with a fused ReLU.
    """
    x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_mix_conv")(x)
    x = _enlarge(x, f"{name}_resize")
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"{name}_filter_conv")(x)
    x = _norm(x, spec, name)
    return layers.ReLU(name=f"{name}_relu")(x)


UPSAMPLERS: Final[dict[str, Callable[[Any, int, NetSpec, str], Any]]] = {
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
        x = UPSAMPLERS[spec.upsample](x, filters, spec, f"up{i}")
        if scc:
            x = _scc(x, spec, f"scc{i}")
    return x


def mesh_decoder(deep: Any, shallow: Any, spec: NetSpec) -> Any:
    """Return (B, h, h, C) feature maps of the branch on FaceMesh's trunk, C = spec.mesh_decoder.

    Args:
        deep: (B, h / 2, h / 2, 128), what the trunk ends in.
        shallow: (B, h, h, 64), what it has before its last halving.
        spec: The network.
    """
    filters = spec.mesh_decoder
    x = _conv_norm(deep, filters, spec, f"{PREFIX}up0_mix")
    x = _scc(x, spec, f"{PREFIX}scc0")
    x = _enlarge(x, f"{PREFIX}up0_resize")
    y = _conv_norm(shallow, filters // 2, spec, f"{PREFIX}up0_skip")
    x = layers.Concatenate(name=f"{PREFIX}up0_join")([x, y])
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"{PREFIX}up0_filter_conv")(
        x
    )
    return _conv_norm(x, filters, spec, f"{PREFIX}up1")


def in_decoder(layer: keras.layers.Layer) -> bool:
    """Return whether a layer belongs to the decoder of a branch."""
    return layer.name.removeprefix(PREFIX).startswith(("up", "scc"))


def _conv_norm(x: Any, filters: int, spec: NetSpec, name: str) -> Any:
    x = layers.Conv2D(filters, 1, padding="same", use_bias=False, name=f"{name}_conv")(x)
    x = _norm(x, spec, name)
    return layers.ReLU(name=f"{name}_relu")(x)


def _enlarge(x: Any, name: str) -> Any:
    # XLA computes the gradient of a 16-bit resize in float32, and then refuses the mixture.
    return layers.UpSampling2D(2, interpolation="bilinear", dtype=at_least_float32(), name=name)(x)


def _norm(x: Any, spec: NetSpec, name: str) -> Any:
    return layers.BatchNormalization(
        momentum=spec.norm_momentum, epsilon=spec.norm_epsilon, name=f"{name}_bn"
    )(x)


def _scc(x: Any, spec: NetSpec, name: str) -> Any:
    return SemanticCorrespondence(
        k=spec.k,
        nodes=spec.nodes,
        initializer=SCC_INITIALIZERS[spec.scc_initializer](),
        momentum=spec.norm_momentum,
        epsilon=spec.norm_epsilon,
        name=name,
    )(x)
