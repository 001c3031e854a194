"""The whole network: backbone, SCC decoder and heatmap head.

With `NetSpec.mesh_decoder` there are two branches, which only the head joins: it adds up a 1x1
convolution of each, so its heatmaps are the mean of what either branch predicts.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt
from keras import layers, ops

from fau_tf import contract, facs
from fau_tf.models.backbones import face_mesh
from fau_tf.models.backbones.backbone import BACKBONES
from fau_tf.models.precision import at_least_float32
from fau_tf.models.presets import NetSpec
from fau_tf.models.scc.decoder import (
    SCC_INITIALIZERS,
    UPSAMPLERS,
    in_decoder,
    mesh_decoder,
    scc_decoder,
)
from fau_tf.models.scc.semantic_correspondence import NODES, SemanticCorrespondence

BRANCHES = "branches"
"""Name of the layer that joins the branches; a network with one branch has none."""


def _near_zero(spec: NetSpec) -> keras.initializers.Initializer:
    # AUs are mostly absent: the first maps should be nearly black, in the unit of the targets.
    return keras.initializers.VarianceScaling(
        0.02 * spec.codec.unit**2, mode="fan_in", distribution="truncated_normal"
    )


HEAD_INITIALIZERS: Final[dict[str, Callable[[NetSpec], keras.initializers.Initializer]]] = {
    "near_zero": _near_zero,
    "he": lambda _spec: keras.initializers.HeNormal(),  # the paper's
}


def build(spec: NetSpec) -> keras.Model:
    """Return the network (B, S, S, 3) RGB 0 to 255 -> (B, h, w, K) heatmaps in the target scale.

    Its weights are random, those of FaceMesh's trunk excepted; `first_weights.load` gives the
    backbone its ImageNet weights.

    Args:
        spec: A row of `presets.PRESETS`, or one made by `presets.net_spec`.

    Raises:
        ValueError: If the backbone, its stride and the decoder don't lead to `heatmap_size`, or
            FaceMesh's bundle is not the known one.
        FileNotFoundError: If that bundle is missing.
    """
    check(spec)
    size = spec.image_size
    image = keras.Input((size, size, 3), name=contract.INPUT)
    x = scc_decoder(BACKBONES[spec.backbone].features(image), spec)
    if spec.mesh_decoder:
        mesh = mesh_decoder(*face_mesh.face_mesh_trunk(image, spec.heatmap_size), spec)
        x = layers.Concatenate(name=BRANCHES)([x, mesh])
    channels = len(facs.centers(spec.au_numbers, spec.rule))
    # The paper's head: 1x1, bias, no activation.
    heatmaps = layers.Conv2D(
        channels,
        1,
        kernel_initializer=HEAD_INITIALIZERS[spec.head_initializer](spec),
        dtype=at_least_float32(),  # between 2 and 4, bfloat16 has steps of 1/64
        name=contract.OUTPUT_HEATMAPS,
    )(x)
    model = keras.Model(image, heatmaps, name=f"fau_{spec.preset}")
    if spec.mesh_decoder:
        face_mesh.load_weights(model)
    return model


def branch_features(model: keras.Model) -> keras.Model | None:
    """Return a model of the feature maps that each branch ends in; None if there is one branch."""
    if BRANCHES not in (layer.name for layer in model.layers):
        return None
    return keras.Model(model.input, model.get_layer(BRANCHES).input)


def branch_heatmaps(model: keras.Model, features: Sequence[Any]) -> list[Any]:
    """Return what each branch predicts alone; the network's heatmaps are their mean.

    Args:
        model: From `build`, with more than one branch.
        features: What `branch_features` returns for a batch.
    """
    head = model.get_layer(contract.OUTPUT_HEATMAPS)
    heatmaps, first = [], 0
    for maps in features:
        kernel = head.kernel[:, :, first : first + maps.shape[-1]]
        maps = ops.cast(maps, head.compute_dtype)
        heatmaps.append(ops.conv(maps, len(features) * ops.cast(kernel, maps.dtype)) + head.bias)
        first += maps.shape[-1]
    return heatmaps


def rescale_heatmaps(
    model: keras.Model, gain: npt.NDArray[np.floating], threshold: npt.NDArray[np.floating]
) -> None:
    """Make `model` predict `gain * (heatmap - threshold)` for each heatmap; in place.

    The last layer is a 1x1 convolution whose weights and biases take both, so the graph does not
    grow. A heatmap's maximum stays where it was.

    Args:
        model: From `build`.
        gain: (K,) positive.
        threshold: (K,) in the target scale.

    Raises:
        ValueError: If a gain is not positive, or there are not K of each.
    """
    head = model.get_layer(contract.OUTPUT_HEATMAPS)
    kernel, bias = head.get_weights()  # (1, 1, C, K), (K,)
    if gain.shape != bias.shape or threshold.shape != bias.shape or not (gain > 0).all():
        raise ValueError(
            f"Rescaling needs {len(bias)} positive gains and {len(bias)} thresholds: got gains of "
            f"shape {gain.shape}, the smallest {gain.min():g}, thresholds of {threshold.shape}."
        )
    head.set_weights([kernel * gain, gain * (bias - threshold)])


def freeze_backbone_norms(model: keras.Model) -> int:
    """Keep the backbone's batch norms at their moving statistics; return how many there are.

    Only for a pretrained backbone: small batches and short runs estimate the statistics worse than
    ImageNet did, and frozen norms train a third more images a second. With random weights the
    statistics mean nothing, and no signal would pass. The decoder's norms go on learning.
    """
    norms = [
        layer
        for layer in model.layers
        if isinstance(layer, layers.BatchNormalization) and not in_decoder(layer)
    ]
    for layer in norms:
        layer.trainable = False
    return len(norms)


def backbone_variables(model: keras.Model) -> list[keras.Variable]:
    """Return the backbone's trainable variables: all but those of the decoders and of the head."""
    return [
        variable
        for layer in model.layers
        if not in_decoder(layer) and layer.name != contract.OUTPUT_HEATMAPS
        for variable in layer.trainable_variables
    ]


def synchronize_norms(model: keras.Model) -> int:
    """Make trainable norms take their statistics over all replicas; return how many there are.

    Under tf.distribute the replicas' small batches are then normalized as one large batch.
    """
    norms = [
        layer
        for layer in model.layers
        if isinstance(layer, layers.BatchNormalization | SemanticCorrespondence) and layer.trainable
    ]
    for layer in norms:
        layer.synchronized = True
    return len(norms)


def check(spec: NetSpec) -> None:
    """Raise ValueError unless the network can be built."""
    tables: dict[str, Any] = {
        "backbone": BACKBONES,
        "upsample": UPSAMPLERS,
        "scc_initializer": SCC_INITIALIZERS,
        "head_initializer": HEAD_INITIALIZERS,
        "nodes": NODES,
    }
    for name, table in tables.items():
        value = getattr(spec, name)
        if value not in table:
            raise ValueError(f"`{name}` must be one of {sorted(table)}. Received: {value!r}")
    maps = [width for width, scc in zip(spec.decoder, spec.scc, strict=True) if scc]
    maps += [spec.mesh_decoder] if spec.mesh_decoder else []
    if maps and not 1 <= spec.k <= min(maps):
        raise ValueError(
            f"`k` must be 1 to {min(maps)}, the fewest feature maps before an SCC. "
            f"Received: {spec.k}. Lower `k` or widen `decoder`."
        )
    if spec.mesh_decoder and spec.heatmap_size % 2:
        raise ValueError(
            "`mesh_decoder` ends in a doubling, so `heatmap_size` must be even. Received: "
            f"heatmap_size={spec.heatmap_size}. Set `mesh_decoder` to 0, or change the preset."
        )
    stride = BACKBONES[spec.backbone].stride
    reached = spec.image_size * 2 ** len(spec.decoder) / stride
    if reached != spec.heatmap_size:
        raise ValueError(
            f"Image size {spec.image_size}, backbone stride {stride} and {len(spec.decoder)} "
            f"doublings give maps of {reached:g}. Received: heatmap_size={spec.heatmap_size}. "
            "Change `decoder`, `backbone` or `heatmap_size`."
        )
