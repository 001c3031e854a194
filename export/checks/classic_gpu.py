"""Would the classic TFLite GPU delegate, the one in most phones' apps, take a graph whole?

Read from the delegate's source, not run: it needs a phone. `classic_gpu_operators.json` holds its
operators and versions; the rules below are those of its conditions that our graphs can break.
"""

from collections import Counter
from pathlib import Path
from typing import Any, Final

from ai_edge_litert import schema_py_generated as schema

from export.checks.audit import operator_name
from export.checks.operator_lists import unlisted
from export.graph.flatbuffer import is_constant, unpack

_DATA: Final = Path(__file__).with_name("classic_gpu_operators.json")
_COMPARISONS: Final = ("GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "EQUAL", "NOT_EQUAL")
_SINGLE: Final = "must have one consumer where it comes from a comparison"
_FLOATS: Final = (schema.TensorType.FLOAT32, schema.TensorType.FLOAT16)
_MAX_RANK: Final = 4


def refusals(flatbuffer: bytes) -> list[str]:
    """Return what the classic delegate would leave to the CPU, one line each; empty if nothing.

    Args:
        flatbuffer: Contents of a .tflite file with one subgraph.
    """
    model = unpack(flatbuffer)
    (graph,) = model.subgraphs
    consumers = Counter(
        index for op in graph.operators for index in set(op.inputs.tolist()) if index >= 0
    )
    lines = unlisted(model, _DATA)
    for operator in graph.operators:
        name = operator_name(model, operator)
        lines += [f"{name}: {text}" for text in _broken(name, operator, model, graph, consumers)]
    return lines


def _broken(name: str, operator: Any, model: Any, graph: Any, consumers: Counter[int]) -> list[str]:
    """Return the conditions on shapes, types and neighbors that one operator breaks."""
    inputs = [graph.tensors[index] for index in operator.inputs if index >= 0]
    outputs = [graph.tensors[index] for index in operator.outputs]
    lines = [
        f"ranks must be at most {_MAX_RANK}. Received: {len(_shape(tensor))}"
        for tensor in (*inputs, *outputs)
        if len(_shape(tensor)) > _MAX_RANK
    ]
    compares = name in _COMPARISONS
    casts = name == "CAST" and inputs[0].type == schema.TensorType.BOOL
    if (compares or casts) and consumers[operator.outputs[0]] != 1:
        lines.append(f"output {_SINGLE}. Received: {consumers[operator.outputs[0]]}")
    if name not in ("CAST", "GATHER", "ONE_HOT"):
        lines += [
            "inputs computed in the graph must be float"
            for tensor in inputs
            if not is_constant(tensor, model) and tensor.type not in _FLOATS
        ]
    options = operator.builtinOptions
    if name == "BATCH_MATMUL" and (options.adjX or options.adjY):
        lines.append("must not transpose its inputs, a flag that the delegate ignores")
    if name == "FULLY_CONNECTED" and options.keepNumDims:
        ranks = len(_shape(inputs[0])), len(_shape(outputs[0]))
        if ranks[0] != ranks[1]:
            lines.append(f"input and output must have the same rank. Received: {ranks}")
    if name == "MUL" and _crosses(_shape(inputs[0]), _shape(inputs[1])):
        lines.append("one factor must be at least as large as the other along every axis")
    return lines


def _crosses(first: list[int], second: list[int]) -> bool:
    """Return whether each of two shapes of equal rank is smaller somewhere."""
    if len(first) != len(second):
        return False
    pairs = list(zip(first, second, strict=True))
    return any(a < b for a, b in pairs) and any(a > b for a, b in pairs)


def _shape(tensor: Any) -> list[int]:
    return [] if tensor.shape is None else [int(side) for side in tensor.shape]
