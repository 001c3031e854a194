"""Floating-point operations of one call of a .tflite file, from its shapes."""

from collections import Counter
from collections.abc import Callable
from math import prod
from typing import Any

from export.graph.flatbuffer import TfliteFile, operator_name, shape_of

Shape = tuple[int, ...]


def flops(file: TfliteFile) -> dict[str, int]:
    """Return operator name -> operations of all of that kind: two for each multiply-accumulate.

    Only products are counted. Sums, comparisons and activations are a few per cent of them.
    Products with one-hot rows, by which the selection `one_hot` gathers neighbors, count in full
    although they only copy.
    """
    counts: Counter[str] = Counter()
    for graph in file.model.subgraphs:
        for operator in graph.operators:
            name = operator_name(file.model, operator)
            if name in _MACS:
                inputs = [shape_of(graph.tensors[index]) for index in operator.inputs if index >= 0]
                output = shape_of(graph.tensors[operator.outputs[0]])
                counts[name] += 2 * _MACS[name](inputs, output, operator.builtinOptions)
    return dict(counts)


def _transposed(inputs: list[Shape], _output: Shape, _options: Any) -> int:
    out, height, width, _ = inputs[1]  # the first input is the output's shape
    return prod(inputs[2]) * height * width * out


def _batch_product(inputs: list[Shape], output: Shape, options: Any) -> int:
    return prod(output) * inputs[0][-2 if options.adjX else -1]


_MACS: dict[str, Callable[[list[Shape], Shape, Any], int]] = {
    # weights (out, kernel height, kernel width, in)
    "CONV_2D": lambda inputs, output, _: prod(output) * prod(inputs[1][1:]),
    # weights (1, kernel height, kernel width, out)
    "DEPTHWISE_CONV_2D": lambda inputs, output, _: prod(output) * prod(inputs[1][1:3]),
    # weights (out, kernel height, kernel width, in)
    "TRANSPOSE_CONV": _transposed,
    # weights (out, in)
    "FULLY_CONNECTED": lambda inputs, output, _: prod(output) * inputs[1][1],
    "BATCH_MATMUL": _batch_product,
}
"""Name -> function of input shapes, output shape and options: multiply-accumulates."""
