"""How much arithmetic a .tflite file is: floating-point operations of one call, by its shapes."""

from collections import Counter
from collections.abc import Callable
from math import prod
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from export.graph.flatbuffer import operator_name

Shape = tuple[int, ...]


def flops(flatbuffer: bytes) -> dict[str, int]:
    """Return operator name -> operations of all of that kind: two a multiply-accumulate.

    Only products are counted. What is summed, compared or activated comes to a few per cent of
    them, and the products with one-hot rows, by which exported graphs gather neighbors, count in
    full although they only copy.
    """
    model = schema.ModelT.InitFromPackedBuf(flatbuffer, 0)
    counts: Counter[str] = Counter()
    for graph in model.subgraphs:
        for operator in graph.operators:
            name = operator_name(model, operator)
            if name in _MACS:
                shapes = [_shape(graph, index) for index in operator.inputs if index >= 0]
                output = _shape(graph, operator.outputs[0])
                counts[name] += 2 * _MACS[name](shapes, output, operator.builtinOptions)
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


def _shape(graph: Any, index: int) -> Shape:
    shape = graph.tensors[index].shape
    return () if shape is None else tuple(int(side) for side in shape)
