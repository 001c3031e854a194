"""Quantization of a float32 .tflite to int8 by ai-edge-quantizer, with recipes as rows.

In every recipe the semantic correspondence finds its neighbors in float: int8 distances choose
others, which ruins the intensities. Its weights, like all large ones, are int8.
"""

import contextlib
import io
import re
import warnings
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

from export.graph.flatbuffer import TfliteFile, pack, unpack
from fau_tf import contract
from fau_tf.models.backbones.face_mesh import PREFIX

_WEIGHTS: Final = TensorQuantizationConfig(
    num_bits=8, symmetric=True, granularity=QuantGranularity.CHANNELWISE
)
_ACTIVATIONS: Final = TensorQuantizationConfig(num_bits=8, symmetric=False)

DYNAMIC: Final = OpQuantizationConfig(
    weight_tensor_config=_WEIGHTS, compute_precision=ComputePrecision.INTEGER
)
"""Int8 arithmetic; the range of an input is measured on every call."""
WEIGHT_ONLY: Final = OpQuantizationConfig(
    weight_tensor_config=_WEIGHTS,
    compute_precision=ComputePrecision.FLOAT,
    explicit_dequantize=True,
)
"""Int8 weights that are decoded to float32 before the arithmetic."""
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
        scope: Regular expression that the name of the operator's output must match.
    """

    operators: tuple[TFLOperationName, ...]
    config: OpQuantizationConfig
    scope: str = ".*"


_CONV: Final = (TFLOperationName.CONV_2D,)
_DEPTHWISE: Final = (TFLOperationName.DEPTHWISE_CONV_2D,)
_CONVOLUTIONS: Final = _CONV + _DEPTHWISE
_BETWEEN: Final = (TFLOperationName.ADD, TFLOperationName.RESIZE_BILINEAR)
# `scc.decoder` names its layers scc0, scc1, ... and mesh_scc0; both of SCC's products are fully
# connected. The only other such product is the mean over an AU's centers, 1 kB whose halves and
# thirds must stay exact.
_IN_TRUNK: Final = rf".*/{PREFIX}(stem|level|enlarge)"
_IN_SCC: Final = r".*/(mesh_)?scc\d"
_SCC: Final = Rule((TFLOperationName.FULLY_CONNECTED,), WEIGHT_ONLY, scope=rf"{_IN_SCC}.*")
# The GPU accelerator refuses decoded weights there, but decodes int8 ones itself. A CPU rounds the
# features only after the neighbors are found: the distances stay in float.
_SCC_ON_GPU: Final = Rule((TFLOperationName.FULLY_CONNECTED,), DYNAMIC, scope=_SCC.scope)

# The paper preset's upsampling; int8 arithmetic makes it no faster, and less exact.
_TRANSPOSED: Final = Rule((TFLOperationName.CONV_2D_TRANSPOSE,), WEIGHT_ONLY)

RECIPES: Final[dict[str, tuple[Rule, ...]]] = {
    # Depthwise convolutions have no fast kernel that rounds inputs on every call: twice the time.
    "dynamic_int8": (Rule(_CONV, DYNAMIC), Rule(_DEPTHWISE, WEIGHT_ONLY), _TRANSPOSED, _SCC),
    "weight_int8": (Rule(_CONVOLUTIONS, WEIGHT_ONLY), _TRANSPOSED, _SCC_ON_GPU),
    "static_int8": (
        Rule(_CONVOLUTIONS, STATIC),
        # A heatmap's peak is the intensity: one above all in the representative set would be
        # clipped.
        Rule(_CONVOLUTIONS, WEIGHT_ONLY, scope=rf".*/{contract.OUTPUT_HEATMAPS}.*"),
        # FaceMesh's trunk is too narrow for int8 arithmetic: a tenth of ICC would be lost.
        Rule(_CONVOLUTIONS, WEIGHT_ONLY, scope=rf"{_IN_TRUNK}.*"),
        # Residual sums and resizing between convolutions stay in int8, except there and in an SCC.
        Rule(_BETWEEN, STATIC, scope=rf"^(?!{_IN_SCC})(?!{_IN_TRUNK})"),
        _TRANSPOSED,
        _SCC,
    ),
}


def in_integers(recipe: str, operator: TFLOperationName, layer: str) -> bool:
    """Return whether a recipe has a layer of the network compute in int8.

    Args:
        recipe: Row of `RECIPES`.
        operator: What the layer is in the graph.
        layer: Its name.
    """
    configs = [
        rule.config
        for rule in RECIPES[recipe]
        if operator in rule.operators and re.match(rule.scope, f"/{layer}")
    ]
    return bool(configs) and configs[-1] is STATIC  # a later rule replaces an earlier one


def quantize(
    float32: TfliteFile, recipe: str, representative: npt.NDArray[np.float32]
) -> TfliteFile:
    """Return a float32 file with its weights in int8.

    Args:
        float32: A model that keeps `fau_tf.contract`.
        recipe: Row of `RECIPES`.
        representative: (N, S, S, 3) faces, RGB 0 to 255, from which STATIC rules take ranges.
    """
    maker = quantizer.Quantizer(bytearray(float32.content))
    for rule in RECIPES[recipe]:
        for operator in rule.operators:
            maker.update_quantization_recipe(rule.scope, operator, rule.config)
    # Its progress bar counts operators times faces, a line for each percent in a log.
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        # Keeping every tensor takes memory: megabytes here.
        warnings.filterwarnings("ignore", message=".*experimental_preserve_all_tensors")
        ranges = _extremes(maker, representative) if maker.need_calibration else None
        made = maker.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
    return TfliteFile(pack(unpack(bytes(made.quantized_model))))


def _extremes(
    maker: quantizer.Quantizer, images: npt.NDArray[np.float32]
) -> dict[str, dict[str, npt.NDArray[np.float32]]]:
    """Return the smallest and largest value of each tensor over all faces.

    Given all faces at once, the quantizer averages their ranges in order, which clips strong
    expressions: 0.009 of mean ICC was lost on the network of `make train` instead of nothing.
    """
    ranges: dict[str, dict[str, npt.NDArray[np.float32]]] = {}
    for image in images:
        feed = {contract.INPUT: image[None]}
        for name, found in maker.calibrate({contract.SIGNATURE: [feed]}).items():
            so_far = ranges.setdefault(name, found)
            ranges[name] = {
                "min": np.minimum(so_far["min"], found["min"]),
                "max": np.maximum(so_far["max"], found["max"]),
            }
    return ranges
