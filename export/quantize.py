"""A float32 .tflite -> the same with int8 weights, by ai-edge-quantizer: recipes as rows.

In every recipe the semantic correspondence finds its neighbors in float: int8 distances choose
others, and the intensities fall apart. Its weights, like all large ones, are int8.
"""

import contextlib
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from ai_edge_quantizer import quantizer
from ai_edge_quantizer.qtyping import (
    ComputePrecision,
    OpQuantizationConfig,
    QuantGranularity,
    TensorQuantizationConfig,
    TFLOperationName,
)

from export.checks.audit import audit
from export.graph.flatbuffer import pack, unpack
from fau_tf import contract

_WEIGHTS: Final = TensorQuantizationConfig(
    num_bits=8, symmetric=True, granularity=QuantGranularity.CHANNELWISE
)
_ACTIVATIONS: Final = TensorQuantizationConfig(num_bits=8, symmetric=False)

DYNAMIC: Final = OpQuantizationConfig(
    weight_tensor_config=_WEIGHTS, compute_precision=ComputePrecision.INTEGER
)
"""Int8 arithmetic; the range of an input is found anew on every call."""
WEIGHT_ONLY: Final = OpQuantizationConfig(
    weight_tensor_config=_WEIGHTS,
    compute_precision=ComputePrecision.FLOAT,
    explicit_dequantize=True,
)
"""Int8 weights, decoded to float32 before the arithmetic."""
STATIC: Final = OpQuantizationConfig(
    activation_tensor_config=_ACTIVATIONS,
    weight_tensor_config=_WEIGHTS,
    compute_precision=ComputePrecision.INTEGER,
)
"""Int8 arithmetic; ranges from a representative set."""


@dataclass(frozen=True)
class Rule:
    """How one kind of operator is quantized.

    Attributes:
        operators: Its names.
        config: DYNAMIC, WEIGHT_ONLY or STATIC.
        scope: Regular expression that the name of the operator's output has to match.
    """

    operators: tuple[TFLOperationName, ...]
    config: OpQuantizationConfig
    scope: str = ".*"


_CONV: Final = (TFLOperationName.CONV_2D,)
_DEPTHWISE: Final = (TFLOperationName.DEPTHWISE_CONV_2D,)
_CONVOLUTIONS: Final = _CONV + _DEPTHWISE
_BETWEEN: Final = (TFLOperationName.ADD, TFLOperationName.RESIZE_BILINEAR)
# `scc_decoder` names its layers scc0, scc1, ...; both of SCC's products are fully connected. The
# other one is the mean over an AU's centers, 1 kB whose halves and thirds are to stay exact.
_SCC: Final = Rule((TFLOperationName.FULLY_CONNECTED,), WEIGHT_ONLY, scope=r".*/scc\d.*")
# The GPU accelerator refuses decoded weights there, and decodes such ones itself. A CPU rounds the
# features that it multiplies, after the neighbors are found: the distances stay in float.
_SCC_ON_GPU: Final = Rule((TFLOperationName.FULLY_CONNECTED,), DYNAMIC, scope=_SCC.scope)

# The paper preset's upsampling; in int8, it is neither faster nor as exact.
_TRANSPOSED: Final = Rule((TFLOperationName.CONV_2D_TRANSPOSE,), WEIGHT_ONLY)

RECIPES: Final[dict[str, tuple[Rule, ...]]] = {
    # Depthwise ones have no fast kernel that rounds its input on every call: twice the time.
    "dynamic_int8": (Rule(_CONV, DYNAMIC), Rule(_DEPTHWISE, WEIGHT_ONLY), _TRANSPOSED, _SCC),
    "weight_int8": (Rule(_CONVOLUTIONS, WEIGHT_ONLY), _TRANSPOSED, _SCC_ON_GPU),
    "static_int8": (
        Rule(_CONVOLUTIONS, STATIC),
        # A heatmap's peak is the intensity: a stronger one than any in the representative set
        # would be clipped.
        Rule(_CONVOLUTIONS, WEIGHT_ONLY, scope=rf".*/{contract.OUTPUT_HEATMAPS}.*"),
        # Residual sums and resizing between convolutions, so that int8 is not left and entered
        # again; nothing inside an SCC.
        Rule(_BETWEEN, STATIC, scope=r"^(?!.*/scc\d)"),
        _TRANSPOSED,
        _SCC,
    ),
}


class RepresentativeSetError(ValueError):
    """The faces that ranges are taken from are none, or not the model's input."""


def quantize(float32: bytes, recipe: str, representative: npt.NDArray[np.float32]) -> bytes:
    """Return a float32 flatbuffer with its weights in int8.

    Args:
        float32: A model that keeps `fau_tf.contract`.
        recipe: Row of `RECIPES`.
        representative: (N, S, S, 3) faces, RGB 0 to 255, where a STATIC rule takes ranges from.

    Raises:
        RepresentativeSetError: If there is no face, or they are not what the model takes.
    """
    maker = quantizer.Quantizer(bytearray(float32))
    for rule in RECIPES[recipe]:
        for operator in rule.operators:
            maker.update_quantization_recipe(rule.scope, operator, rule.config)
    # Its progress bar counts operators times faces, a line for each percent in a log.
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        # That keeping every tensor takes memory: megabytes here.
        warnings.filterwarnings("ignore", message=".*experimental_preserve_all_tensors")
        ranges = None
        if maker.need_calibration:
            ranges = _extremes(maker, _feeds(float32, representative))
        made = maker.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
    return pack(unpack(bytes(made.quantized_model)))


def _extremes(
    maker: quantizer.Quantizer, feeds: Iterator[dict[str, npt.NDArray[np.float32]]]
) -> dict[str, dict[str, npt.NDArray[np.float32]]]:
    """Return the smallest and largest value of each tensor over all faces.

    Given all faces at once, the quantizer averages their ranges as they come, which clips strong
    expressions: .009 of mean ICC lost on the network of `make train` instead of nothing.
    """
    ranges: dict[str, dict[str, npt.NDArray[np.float32]]] = {}
    for feed in feeds:
        for name, found in maker.calibrate({contract.SIGNATURE: [feed]}).items():
            so_far = ranges.setdefault(name, found)
            ranges[name] = {
                "min": np.minimum(so_far["min"], found["min"]),
                "max": np.maximum(so_far["max"], found["max"]),
            }
    return ranges


def _feeds(
    float32: bytes, images: npt.NDArray[np.float32]
) -> Iterator[dict[str, npt.NDArray[np.float32]]]:
    shape, _ = audit(float32).inputs[contract.INPUT]
    if len(images) == 0 or images.shape[1:] != shape[1:] or images.dtype != np.float32:
        raise RepresentativeSetError(
            f"The representative set must be (N, {', '.join(map(str, shape[1:]))}) float32 with at "
            f"least one face. Received: {images.shape} {images.dtype}. Take crops of validation "
            "people."
        )
    if not np.isfinite(images).all() or images.min() < 0 or images.max() <= 1:
        raise RepresentativeSetError(
            "The representative set must be RGB, 0 to 255. Received: values from "
            f"{images.min():.3g} to {images.max():.3g}. Leave the normalization to the graph."
        )
    for image in images:
        yield {contract.INPUT: image[None]}
