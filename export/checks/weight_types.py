"""The types in which a .tflite file stores its weights, against the type that its variant names.

A quantizer that matches no operator returns the file unchanged and reports success; so does one
that skips the large layers. Only the types and sizes in the file show that.
"""

from collections import Counter
from dataclasses import dataclass
from math import prod
from typing import Any, Final

from export.graph.flatbuffer import (
    TENSOR_TYPES,
    TfliteFile,
    is_constant,
    operator_name,
    shape_of,
    text,
)

LARGE: Final = 1024
"""Number of values from which on a constant must have the variant's type.

Below it are clip limits, rank tables of the neighbor search, the mean over an AU's centers and
the smallest depthwise kernels: 1 % of a network together, where exact numbers are worth it.
"""
_BIAS: Final = {"CONV_2D": 2, "DEPTHWISE_CONV_2D": 2, "FULLY_CONNECTED": 2, "TRANSPOSE_CONV": 3}


@dataclass(frozen=True)
class Constant:
    """A constant that an operator computes with.

    Attributes:
        name: Of its tensor.
        operator: The first operator that computes with it, past any DEQUANTIZE.
        type: As it is stored, a name of the schema's `TensorType`.
        values: Number of values.
        bias: Whether it is added to a sum: int8 schemes keep biases in 32 bits.
    """

    name: str
    operator: str
    type: str
    values: int
    bias: bool


def constants(file: TfliteFile) -> list[Constant]:
    """Return each constant of a file with one subgraph once."""
    tensors, model = file.graph.tensors, file.model
    named = [(operator_name(model, operator), operator) for operator in file.graph.operators]
    decoded = {op.outputs[0]: op.inputs[0] for name, op in named if name == "DEQUANTIZE"}
    found: dict[int, Constant] = {}
    for name, operator in named:
        if name == "DEQUANTIZE":
            continue
        for place, index in enumerate(operator.inputs.tolist()):
            source = decoded.get(index, index)
            if index >= 0 and source not in found and is_constant(tensors[source], model):
                found[source] = _constant(tensors[source], name, place)
    return list(found.values())


def share_by_type(file: TfliteFile) -> dict[str, float]:
    """Return type -> share of the values of all constants, biases included, stored in it."""
    counts: Counter[str] = Counter()
    for constant in constants(file):
        counts[constant.type] += constant.values
    return {name: count / counts.total() for name, count in counts.most_common()}


def problems(file: TfliteFile, wanted: str) -> list[str]:
    """Return the large constants that are stored in another type, one line each; empty if none.

    Args:
        file: With one subgraph.
        wanted: A name of the schema's `TensorType`.
    """
    large = [c for c in constants(file) if c.values >= LARGE and not c.bias]
    if not large:
        return [f"a model must have weights of at least {LARGE} values: got none"]
    return [
        f"weights must be {wanted}: got {constant.type} in {constant.values} values of "
        f"{constant.operator}, tensor {constant.name}"
        for constant in large
        if constant.type != wanted
    ]


def _constant(tensor: Any, operator: str, place: int) -> Constant:
    return Constant(
        name=text(tensor.name),
        operator=operator,
        type=TENSOR_TYPES[tensor.type],
        values=prod(shape_of(tensor)),
        bias=_BIAS.get(operator) == place,
    )
