"""Rounding to 8 bits in the twin, by the extension points of tensorflow-model-optimization.

Its default scheme would round the image, take thousands of steps to find ranges, and give a
depthwise kernel a single scale. Here rounding is that of the exported file, by the recipe
`static_int8`: ranges are measured beforehand and fixed, all kernels have one scale per output
channel, and a layer's result is rounded where an int8 layer gives or takes it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras

from export.qat.child import twin

_API: Final = tfmot.quantization.keras
_MOST: Final = 127  # largest quantized weight: int8 without -128 is symmetric around zero

Ranges = Mapping[str, tuple[float, float]]


class KernelQuantizer(tfmot.quantization.keras.quantizers.Quantizer):
    """Rounds weights to 8 bits, symmetrically, with one scale per output channel.

    Args:
        axis: Of the output channels.
    """

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        """Create no variables: the scales follow from the weights."""
        del tensor_shape, name, layer
        return {}

    def __call__(self, inputs: Any, training: bool, weights: Any, **_: Any) -> Any:
        """Return `inputs` on the grid; the gradient is that of the identity."""
        del training, weights
        return inputs + tf.stop_gradient(on_grid(inputs, self.axis) - inputs)

    def get_config(self) -> dict[str, Any]:
        """Return what `__init__` takes."""
        return {"axis": self.axis}


class FixedRange(tfmot.quantization.keras.quantizers.Quantizer):
    """Rounds a layer's result to 8 bits between two fixed bounds."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        """Create no variables: the bounds are settings."""
        del tensor_shape, name, layer
        return {}

    def __call__(self, inputs: Any, training: bool, weights: Any, **_: Any) -> Any:
        """Return `inputs` on the grid; the gradient is 0 outside the bounds."""
        del training, weights
        return tf.quantization.fake_quant_with_min_max_args(inputs, self.low, self.high)

    def get_config(self) -> dict[str, Any]:
        """Return the bounds."""
        return {"low": self.low, "high": self.high}


class Rounding(tfmot.quantization.keras.QuantizeConfig):
    """Rounding of a layer's weights and of its result.

    Args:
        weights: Names of the layer's attributes to round.
        axis: Of their output channels.
        output: Range (low, high) of the result, or None if it isn't rounded.
    """

    def __init__(self, weights: Sequence[str], axis: int, output: Sequence[float] | None) -> None:
        self.weights, self.axis, self.output = tuple(weights), axis, output

    def get_weights_and_quantizers(self, layer: Any) -> list[tuple[Any, Any]]:
        """Return (variable, quantizer) pairs."""
        return [(getattr(layer, name), KernelQuantizer(self.axis)) for name in self.weights]

    def set_quantize_weights(self, layer: Any, quantize_weights: Sequence[Any]) -> None:
        """Replace the layer's weights by the rounded ones."""
        for name, value in zip(self.weights, quantize_weights, strict=True):
            setattr(layer, name, value)

    def get_activations_and_quantizers(self, layer: Any) -> list[Any]:
        """Return none: activations are separate layers here."""
        del layer
        return []

    def set_quantize_activations(self, layer: Any, quantize_activations: Sequence[Any]) -> None:
        """Do nothing, as there are none."""
        del layer, quantize_activations

    def get_output_quantizers(self, layer: Any) -> list[Any]:
        """Return the result's quantizer, if it has one."""
        del layer
        return [] if self.output is None else [FixedRange(*self.output)]

    def get_config(self) -> dict[str, Any]:
        """Return what `__init__` takes."""
        return {"weights": list(self.weights), "axis": self.axis, "output": self.output}


class _AsAnnotated(tfmot.quantization.keras.QuantizeLayoutTransform):
    def apply(self, model: Any, layer_quantize_map: Any) -> tuple[Any, Any]:
        return model, layer_quantize_map


class _NoDefaults(tfmot.quantization.keras.QuantizeRegistry):
    def supports(self, layer: Any) -> bool:
        del layer
        return False

    def get_quantize_config(self, layer: Any) -> Any:
        raise NotImplementedError(layer.name)


class _Scheme(tfmot.quantization.keras.QuantizeScheme):
    """Quantization of the annotated layers only."""

    def get_layout_transformer(self) -> Any:
        return _AsAnnotated()

    def get_quantize_registry(self) -> Any:
        return _NoDefaults()


_WEIGHTS: Final[dict[str, tuple[tuple[str, ...], int]]] = {
    "conv": (("kernel",), 3),
    "depthwise": (("depthwise_kernel",), 2),
    "transposed": (("kernel",), 2),
    "correspondence": (("own", "far"), 1),
}
"""Kind -> the weights to round, and the axis of their output channels."""


def rounded_outputs(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the layers whose results are rounded: those that int8 layers give or take.

    A ReLU is fused into the layer before it.
    """
    kinds = {row["name"]: row["kind"] for row in rows}
    integer = {row["name"] for row in rows if row["integer"]}
    taken = {name for row in rows if row["integer"] for name in row["inputs"]}
    fused = {name for row in rows if row["kind"] == "relu" for name in row["inputs"]}
    given = {
        row["name"] for row in rows if row["kind"] == "relu" and row["inputs"][0] in integer
    } | (integer - fused)
    return [name for name in kinds if name in (given | taken) - fused and kinds[name] != "input"]


def measure_ranges(
    rows: Sequence[Mapping[str, Any]], model: Any, batches: Sequence[Any]
) -> dict[str, tuple[float, float]]:
    """Return the range, including 0, of each rounded layer's result over `batches`.

    An int8 bilinear resize has the range of its input.

    Args:
        rows: From `describe`.
        model: The float twin.
        batches: Each (B, S, S, 3).
    """
    names = rounded_outputs(rows)
    inside = tf_keras.Model(model.input, [model.get_layer(name).output for name in names])
    bounds = {name: (0.0, 0.0) for name in names}
    for images in batches:
        for name, value in zip(names, inside(images, training=False), strict=True):
            low, high = bounds[name]
            bounds[name] = (
                min(low, float(tf.reduce_min(value))),
                max(high, float(tf.reduce_max(value)), 1e-6),
            )
    for row in rows:
        if row["kind"] in ("resize", "resize_to") and row["integer"]:
            bounds[row["name"]] = bounds[row["inputs"][0]]
    return bounds


def rounding_twin(rows: Sequence[Mapping[str, Any]], image_size: int, ranges: Ranges) -> Any:
    """Return the twin with rounding in its graph and random weights.

    Args:
        rows: From `describe`.
        image_size: Rows and columns of the image.
        ranges: From `measure_ranges`.
    """

    def annotate(layer: Any, row: Mapping[str, Any]) -> Any:
        weights, axis = _WEIGHTS.get(row["kind"], ((), 0))
        output = ranges.get(row["name"])
        if not weights and output is None:
            return layer
        return _API.quantize_annotate_layer(layer, Rounding(weights, axis, output))

    custom = (Rounding, KernelQuantizer, FixedRange, twin.Correspondence, twin.Pad)
    with _API.quantize_scope({kind.__name__: kind for kind in custom}):
        annotated = twin.twin(rows, image_size, annotate)
        return _API.quantize_apply(annotated, scheme=_Scheme())


def on_grid(weights: Any, axis: int) -> Any:
    """Return weights rounded to 255 levels per channel, the entries along `axis`."""
    others = [other for other in range(len(weights.shape)) if other != axis]
    step = tf.reduce_max(tf.abs(weights), axis=others, keepdims=True) / _MOST
    step = tf.maximum(step, 1e-12)
    return tf.round(weights / step) * step
