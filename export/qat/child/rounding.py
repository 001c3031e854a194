"""Rounding to 8 bits in the twin, by the extension points of tensorflow-model-optimization.

Its default scheme would round the image, take thousands of steps to find ranges, and give a
depthwise kernel a single scale. Here ranges are measured beforehand and fixed, kernels have one
scale per output channel, and of SCC only the matrices and the result are rounded.
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
    """Rounds weights to 8 bits, symmetrically, with one scale per output channel."""

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        """Create no variables: the scales follow from the weights."""
        del tensor_shape, name, layer
        return {}

    def __call__(self, inputs: Any, training: bool, weights: Any, **_: Any) -> Any:
        """Return `inputs` on the grid; the gradient is that of the identity."""
        del training, weights
        return inputs + tf.stop_gradient(on_grid(inputs) - inputs)

    def get_config(self) -> dict[str, Any]:
        """Return no settings."""
        return {}


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
        output: Range (low, high) of the result, or None if the next layer rounds.
    """

    def __init__(self, weights: Sequence[str], output: Sequence[float] | None) -> None:
        self.weights, self.output = tuple(weights), output

    def get_weights_and_quantizers(self, layer: Any) -> list[tuple[Any, Any]]:
        """Return (variable, quantizer) pairs."""
        return [(getattr(layer, name), KernelQuantizer()) for name in self.weights]

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
        return {"weights": list(self.weights), "output": self.output}


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


_WEIGHTS: Final = {
    "conv": ("kernel",),
    "depthwise": ("depthwise_kernel",),
    "correspondence": ("own", "far"),
}


def rounded_outputs(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the layers whose results are rounded: all but the image, resizing and a ReLU's input.

    A ReLU is fused into the convolution before it, and bilinear resizing keeps its input's range.
    """
    before_relu = {name for row in rows if row["kind"] == "relu" for name in row["inputs"]}
    return [
        row["name"]
        for row in rows
        if row["kind"] not in ("input", "resize") and row["name"] not in before_relu
    ]


def measure_ranges(
    rows: Sequence[Mapping[str, Any]], model: Any, batches: Sequence[Any]
) -> dict[str, tuple[float, float]]:
    """Return the range, including 0, of each rounded layer's result over `batches`.

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
    return bounds


def rounding_twin(
    rows: Sequence[Mapping[str, Any]],
    image_size: int,
    ranges: Ranges,
    *,
    batch: int | None,
    selection: str,
    weights: bool,
) -> Any:
    """Return the twin with rounding in its graph and random weights.

    Args:
        rows: From `describe`.
        image_size: Rows and columns of the image.
        ranges: From `measure_ranges`.
        batch: As of `twin.twin`.
        selection: As of `twin.twin`.
        weights: Whether to round weights too; False if they are on the grid already.
    """

    def annotate(layer: Any, row: Mapping[str, Any]) -> Any:
        rounded = _WEIGHTS.get(row["kind"], ()) if weights else ()
        output = ranges.get(row["name"])
        if not rounded and output is None:
            return layer
        return _API.quantize_annotate_layer(layer, Rounding(rounded, output))

    custom = (Rounding, KernelQuantizer, FixedRange, twin.Correspondence)
    with _API.quantize_scope({kind.__name__: kind for kind in custom}):
        annotated = twin.twin(rows, image_size, batch=batch, selection=selection, wrap=annotate)
        return _API.quantize_apply(annotated, scheme=_Scheme())


def on_grid(weights: Any) -> Any:
    """Return weights rounded to 255 levels per channel, the last axis with more than one entry."""
    axis = len(weights.shape) - (2 if weights.shape[-1] == 1 else 1)  # a depthwise kernel's is 2
    others = [other for other in range(len(weights.shape)) if other != axis]
    step = tf.reduce_max(tf.abs(weights), axis=others, keepdims=True) / _MOST
    step = tf.maximum(step, 1e-12)
    return tf.round(weights / step) * step
