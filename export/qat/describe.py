"""Description of a Keras network as JSON rows and arrays, with batch norm folded.

tensorflow-model-optimization wraps Keras 2 layers only, so the child process builds the network
again from this description. Since batch norm is folded here, the kernels that the child rounds are
those of the exported file, with one scale per output channel.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from export.specs import VariantError
from fau_tf.models.scc.semantic_correspondence import SemanticCorrespondence

Weights = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True)
class LayerKind:
    """Description of a layer class.

    Attributes:
        name: Key of `child.twin.LAYERS`.
        settings: Entries of its Keras configuration that the twin needs.
        arrays: Returns its weights by name, if it has some.
    """

    name: str
    settings: tuple[str, ...]
    arrays: Callable[[Any], Weights] | None = None


class NotQuantizableError(VariantError):
    """The network has a layer that quantization-aware training doesn't support."""


def describe(net: keras.Model) -> tuple[list[dict[str, Any]], Weights]:
    """Return the layers in order, as JSON can hold them, and the weights as `layer/weight`.

    Each row has `name`, `kind`, `inputs` (names of rows) and `settings`. Batch norms are gone:
    folded into the convolution before them, and inside SCC into W.

    Args:
        net: Functional, with one input and one output, without shared layers.

    Raises:
        NotQuantizableError: For an unsupported layer, or a batch norm that isn't the only layer
            after a convolution.
    """
    rows: list[dict[str, Any]] = []
    weights: Weights = {}
    folded: dict[str, str] = {}  # batch norm -> the convolution that it went into
    configs = net.get_config()["layers"]
    inputs = {config["name"]: _inputs(config) for config in configs}
    for config in configs:
        layer = net.get_layer(config["name"])
        before = [folded.get(name, name) for name in inputs[layer.name]]
        if isinstance(layer, layers.BatchNormalization):
            readers = sum(names.count(before[0]) for names in inputs.values())
            if f"{before[0]}/kernel" not in weights or readers != 1:
                raise _refusal(layer, f"after {before[0]}, which {readers} layers read")
            _fold(layer, before[0], weights)
            folded[layer.name] = before[0]
            continue
        kind = _KINDS.get(type(layer))
        if kind is None:
            raise _refusal(layer, "not supported")
        settings = layer.get_config()
        _check(layer, settings)
        rows.append(
            {
                "name": layer.name,
                "kind": kind.name,
                "inputs": before,
                "settings": {name: settings[name] for name in kind.settings},
            }
        )
        if kind.arrays is not None:
            weights |= {f"{layer.name}/{key}": v for key, v in kind.arrays(layer).items()}
    return rows, weights


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


def _check(layer: keras.layers.Layer, settings: dict[str, Any]) -> None:
    """Raise NotQuantizableError if a setting that the twin lacks isn't the default."""
    plain = {
        "activation": "linear",
        "data_format": "channels_last",
        "dilation_rate": (1, 1),
        "groups": 1,
        "depth_multiplier": 1,
        "negative_slope": 0.0,
        "threshold": 0.0,
        "nodes": "channels",
    }
    for name, default in plain.items():
        if settings.get(name, default) != default:
            raise _refusal(layer, f"{name}={settings[name]!r}")


def _refusal(layer: keras.layers.Layer, why: str) -> NotQuantizableError:
    known = ", ".join(sorted(kind.__name__ for kind in _KINDS))
    return NotQuantizableError(
        f"Quantization-aware training supports plain {known}, and batch norm after a convolution. "
        f"Received: {layer.name}, a {type(layer).__name__} ({why}). Use a preset with "
        'upsample="resize", or omit qat_int8: static_int8 supports every network.'
    )


def _kernel(layer: keras.layers.Layer) -> Weights:
    kernel = np.asarray(layer.kernel, np.float32)
    # depthwise: (rows, columns, channels, 1)
    channels = kernel.shape[2] if isinstance(layer, layers.DepthwiseConv2D) else kernel.shape[3]
    bias = np.zeros(channels, np.float32)
    return {"kernel": kernel, "bias": bias if layer.bias is None else np.asarray(layer.bias)}


def _fold(norm: keras.layers.Layer, into: str, weights: Weights) -> None:
    """Fold `norm` into kernel and bias of the convolution `into`."""
    scale, shift = _norm(norm)
    kernel, bias = weights[f"{into}/kernel"], weights[f"{into}/bias"]
    per_channel = scale[:, None] if kernel.shape[3] == 1 != len(scale) else scale
    weights[f"{into}/kernel"] = (kernel * per_channel).astype(np.float32)
    weights[f"{into}/bias"] = (bias * scale + shift).astype(np.float32)


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


_KINDS: Final[dict[type, LayerKind]] = {
    layers.InputLayer: LayerKind("input", ()),
    layers.Rescaling: LayerKind("rescaling", ("scale", "offset")),
    layers.Conv2D: LayerKind("conv", ("filters", "kernel_size", "strides", "padding"), _kernel),
    layers.DepthwiseConv2D: LayerKind("depthwise", ("kernel_size", "strides", "padding"), _kernel),
    layers.ReLU: LayerKind("relu", ("max_value",)),
    layers.Add: LayerKind("add", ()),
    layers.UpSampling2D: LayerKind("resize", ("size", "interpolation")),
    SemanticCorrespondence: LayerKind("correspondence", ("k",), _correspondence),
}
