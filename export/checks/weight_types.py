"""How the weights of a .tflite file are stored: as the variant says, or only in its name?

A quantizer that matches no operator returns the file as it was and reports success; so does one
that skips the large layers. Type and size of what is in the file tell.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from export.checks.audit import TENSOR_TYPES, operator_name
from export.graph.flatbuffer import is_constant, unpack

LARGE: Final = 1024
"""Values from which on a constant must have the variant's type.

Below it are clip limits, rank tables of the neighbor search, the mean over an AU's centers and
the smallest depthwise kernels: 1 % of a network together, and exact numbers are worth it there.
"""
_BIAS: Final = {"CONV_2D": 2, "DEPTHWISE_CONV_2D": 2, "FULLY_CONNECTED": 2, "TRANSPOSE_CONV": 3}


@dataclass(frozen=True)
class Constant:
    """A constant that an operator computes with.

    Attributes:
        name: Of its tensor.
        operator: Which computes with it: the first of them; not the DEQUANTIZE between.
        type: As it is stored, a name of the schema's `TensorType`.
        values: How many.
        bias: Whether it is added to a sum: int8 schemes keep these in 32 bits.
    """

    name: str
    operator: str
    type: str
    values: int
    bias: bool


def constants(flatbuffer: bytes) -> list[Constant]:
    """Return each constant of a file with one subgraph once."""
    model = unpack(flatbuffer)
    (graph,) = model.subgraphs
    decoded = {
        operator.outputs[0]: operator.inputs[0]
        for operator in graph.operators
        if operator_name(model, operator) == "DEQUANTIZE"
    }
    found: dict[int, Constant] = {}
    for operator in graph.operators:
        name = operator_name(model, operator)
        if name == "DEQUANTIZE":
            continue
        for place, index in enumerate(operator.inputs.tolist()):
            source = decoded.get(index, index)
            if index < 0 or source in found or not is_constant(graph.tensors[source], model):
                continue
            found[source] = _described(graph.tensors[source], name, place)
    return list(found.values())


def share_by_type(flatbuffer: bytes) -> dict[str, float]:
    """Return type -> share of the values of all constants, biases too, that are stored in it."""
    counts: Counter[str] = Counter()
    for constant in constants(flatbuffer):
        counts[constant.type] += constant.values
    return {name: count / counts.total() for name, count in counts.most_common()}


def problems(flatbuffer: bytes, wanted: str) -> list[str]:
    """Return the large constants that are stored otherwise, one line each; empty if none.

    Args:
        flatbuffer: Contents of a .tflite file with one subgraph.
        wanted: A name of the schema's `TensorType`.
    """
    large = [c for c in constants(flatbuffer) if c.values >= LARGE and not c.bias]
    if not large:
        return [f"a model must have weights of at least {LARGE} values. Received: none"]
    return [
        f"weights must be {wanted}. Received: {constant.type}, {constant.values} values of "
        f"{constant.operator}, tensor {constant.name}"
        for constant in large
        if constant.type != wanted
    ]


def _described(tensor: Any, operator: str, place: int) -> Constant:
    return Constant(
        name=tensor.name.decode(),
        operator=operator,
        type=TENSOR_TYPES[tensor.type],
        values=int(np.prod(tensor.shape)) if tensor.shape is not None else 1,
        bias=_BIAS.get(operator) == place,
    )
