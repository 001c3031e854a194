"""The last step of quantization-aware training: SCC's matrices from float32 into int8."""

import contextlib
import io
import warnings
from typing import Final

from ai_edge_quantizer import quantizer
from ai_edge_quantizer.qtyping import TFLOperationName

from export.graph.flatbuffer import pack, unpack
from export.quantize import WEIGHT_ONLY

_SCC: Final = r".*scc\d.*"
"""Layers of `scc_decoder`, whose two products are fully connected."""


def packed(flatbuffer: bytes) -> bytes:
    """Return the model with SCC's weights as int8, decoded to float32 before the arithmetic.

    They lie on the grid already, so nothing changes but the size. TensorFlow's converter has no
    such storage for a layer whose input has no range.
    """
    maker = quantizer.Quantizer(bytearray(flatbuffer))
    maker.update_quantization_recipe(_SCC, TFLOperationName.FULLY_CONNECTED, WEIGHT_ONLY)
    # Its progress bar comes although it is switched off.
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        # That the rest is quantized already is the point.
        warnings.filterwarnings("ignore", message="Input model is already partially quantized")
        made = maker.quantize(None, enable_progress_bar=False, enable_progress_report=False)
    return pack(unpack(bytes(made.quantized_model)))
