"""Description of a Keras network as JSON rows and arrays, with batch norm folded.

tensorflow-model-optimization wraps Keras 2 layers only, so the child process builds the network
again from this description. Since batch norm is folded here, the kernels that the child rounds are
those of the exported file, with one scale per output channel.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt
from ai_edge_quantizer.qtyping import TFLOperationName
from keras import layers

from export.quantize import in_integers
from export.specs import VariantError

Weights = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True)
class LayerKind:
    """Description of a layer class.

    Attributes:
        name: Key of `child.twin.LAYERS`.
        settings: Entries of its Keras configuration that the twin needs.
        arrays: Returns its weights by name, if it has some.
        operator: What it is in the exported graph, if that may compute in int8.
        activation: The only one that is supported.
    """

    name: str
    settings: tuple[str, ...] = ()
    arrays: Callable[[Any], Weights] | None = None
    operator: TFLOperationName | None = None
    activation: str = "linear"


@dataclass(frozen=True)
class Description:
    """What a twin is built from.

    Attributes:
        rows: The layers in order, as JSON can hold them: `name`, `kind`, `inputs` (names of rows),
            `settings`, `trained`, and whether the exported graph computes it in int8, `integer`.
        weights: As `layer/weight`.
        norms: Batch norm -> the convolution that it was folded into. Those inside SCC went into W.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    weights: Weights = field(default_factory=dict)
    norms: dict[str, str] = field(default_factory=dict)


class NotQuantizableError(VariantError):
    """The network has a layer that quantization-aware training doesn't support."""


def describe(net: keras.Model) -> Description:
    """Return the description of a network.

    Args:
        net: Functional, with one input and one output, without shared layers.

    Raises:
        NotQuantizableError: For an unsupported layer, a second input, or a batch norm that isn't
            the only layer after a convolution.
    """
    if len(net.inputs) != 1:
        raise NotQuantizableError(
            "Quantization-aware training supports networks with one input. Received: "
            f"{len(net.inputs)}. Omit qat_int8."
        )
    found = Description()
    configs = net.get_config()["layers"]
    inputs = {config["name"]: _inputs(config) for config in configs}
    parts = {part.name: part for part in net.operations}
    for config in configs:
        layer = parts[config["name"]]
        before = [found.norms.get(name, name) for name in inputs[layer.name]]
        if isinstance(layer, layers.BatchNormalization):
            readers = sum(names.count(before[0]) for names in inputs.values())
            if f"{before[0]}/kernel" not in found.weights or readers != 1:
                raise _refusal(layer, f"after {before[0]}, which {readers} layers read")
            _fold(layer, parts[before[0]], found.weights)
            found.norms[layer.name] = before[0]
            continue
        _add(found, layer, before)
    return found


def _add(found: Description, layer: Any, inputs: list[str]) -> None:
    kind = _KINDS.get(type(layer).__name__)
    if kind is None:
        raise _refusal(layer, "not supported")
    settings = layer.get_config()
    _check(layer, settings | {"activation": settings.get("activation", kind.activation)}, kind)
    found.rows.append(
        {
            "name": layer.name,
            "kind": kind.name,
            "inputs": inputs,
            "settings": {name: settings[name] for name in kind.settings},
            "trained": getattr(layer, "trainable", False),
            "integer": kind.operator is not None
            and in_integers("static_int8", kind.operator, layer.name),
        }
    )
    if kind.arrays is not None:
        found.weights.update({f"{layer.name}/{key}": v for key, v in kind.arrays(layer).items()})


def _inputs(config: dict[str, Any]) -> list[str]:
    """Return the names of the layers whose outputs a layer of a functional model reads."""
    found: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
            found.append(value["config"]["keras_history"][0])
        elif isinstance(value, dict):
            for item in value.values():
                walk(item)
        elif isinstance(value, list | tuple):
            for item in value:
                walk(item)

    walk(config["inbound_nodes"])
    return found


def _check(layer: Any, settings: dict[str, Any], kind: LayerKind) -> None:
    """Raise NotQuantizableError if a setting that the twin lacks isn't the default."""
    plain = {
        "activation": kind.activation,
        "data_format": "channels_last",
        "dilation_rate": (1, 1),
        "groups": 1,
        "depth_multiplier": 1,
        "negative_slope": 0.0,
        "threshold": 0.0,
        "nodes": "channels",
        "output_padding": None,
        "axis": -1,
        "mode": "constant",
        "antialias": False,
        "crop_to_aspect_ratio": False,
        "pad_to_aspect_ratio": False,
    }
    for name, default in plain.items():
        if settings.get(name, default) != default:
            raise _refusal(layer, f"{name}={settings[name]!r}")


def _refusal(layer: Any, why: str) -> NotQuantizableError:
    return NotQuantizableError(
        f"Quantization-aware training supports plain {', '.join(sorted(_KINDS))}, and batch norm "
        f"after a convolution. Received: {layer.name}, a {type(layer).__name__} ({why}). Use "
        "another preset, or omit qat_int8: static_int8 supports every network."
    )


def _axis(layer: Any) -> int:
    """Return the kernel's axis of output channels."""
    # depthwise: (rows, columns, channels, 1); transposed: (rows, columns, out, in)
    return 2 if isinstance(layer, layers.DepthwiseConv2D | layers.Conv2DTranspose) else 3


def _kernel(layer: Any) -> Weights:
    kernel = np.asarray(layer.kernel, np.float32)
    bias = np.zeros(kernel.shape[_axis(layer)], np.float32)
    return {"kernel": kernel, "bias": bias if layer.bias is None else np.asarray(layer.bias)}


def _alpha(layer: Any) -> Weights:
    return {"alpha": np.asarray(layer.alpha, np.float32)}


def _fold(norm: Any, convolution: Any, weights: Weights) -> None:
    """Fold `norm` into kernel and bias of the convolution before it."""
    scale, shift = _norm(norm)
    kernel, bias = (f"{convolution.name}/{name}" for name in ("kernel", "bias"))
    per_channel = scale[:, None] if _axis(convolution) == 2 else scale
    weights[kernel] = (weights[kernel] * per_channel).astype(np.float32)
    weights[bias] = (weights[bias] * scale + shift).astype(np.float32)


def _norm(norm: Any) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return batch norm with its moving statistics as scale and shift."""
    parts = (norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance)
    gamma, beta, mean, variance = (np.asarray(part, np.float64) for part in parts)
    scale = gamma / np.sqrt(variance + norm.epsilon)
    return scale, beta - mean * scale


def _correspondence(layer: Any) -> Weights:
    """Return the two matrices of `SemanticCorrespondence`, with batch norm folded in."""
    scale, shift = _norm(layer)
    first = np.asarray(layer.center_kernel, np.float64)
    second = np.asarray(layer.neighbor_kernel, np.float64)
    arrays = {"own": (first - second) * scale, "far": second * scale, "shift": shift}
    return {name: value.astype(np.float32) for name, value in arrays.items()}


_CONV: Final = ("kernel_size", "strides", "padding")
_KINDS: Final = {
    "InputLayer": LayerKind("input"),
    "Rescaling": LayerKind("rescaling", ("scale", "offset")),
    "Conv2D": LayerKind("conv", ("filters", *_CONV), _kernel, TFLOperationName.CONV_2D),
    "DepthwiseConv2D": LayerKind("depthwise", _CONV, _kernel, TFLOperationName.DEPTHWISE_CONV_2D),
    "Conv2DTranspose": LayerKind(
        "transposed", ("filters", *_CONV), _kernel, TFLOperationName.CONV_2D_TRANSPOSE
    ),
    "ReLU": LayerKind("relu", ("max_value",)),
    "Activation": LayerKind("relu", activation="relu"),
    "PReLU": LayerKind("prelu", ("shared_axes",), _alpha),
    "Add": LayerKind("add", operator=TFLOperationName.ADD),
    "Concatenate": LayerKind("concatenate"),
    "UpSampling2D": LayerKind(
        "resize", ("size", "interpolation"), operator=TFLOperationName.RESIZE_BILINEAR
    ),
    "Resizing": LayerKind(
        "resize_to", ("height", "width", "interpolation"), operator=TFLOperationName.RESIZE_BILINEAR
    ),
    "MaxPooling2D": LayerKind("max_pool", ("pool_size", "strides", "padding")),
    "ZeroPadding2D": LayerKind("zero_pad", ("padding",)),
    "Pad": LayerKind("pad", ("pad_width",)),  # the operation `keras.ops.pad`
    "SemanticCorrespondence": LayerKind("correspondence", ("k",), _correspondence),
}
"""Class of a layer, or of an operation of `keras.ops`, -> its description."""
