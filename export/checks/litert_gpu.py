"""Would LiteRT's GPU accelerator take a graph whole? What can be said without running it.

`litert_gpu_operators.json` holds what it took when it ran; the rules below are conditions that it
was seen to refuse, abort on or compute wrongly. `gpu_check` is the proof, this is the early word.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from ai_edge_litert import schema_py_generated as schema

from export.checks.audit import operator_name
from export.checks.operator_lists import unlisted
from export.graph.flatbuffer import unpack

_DATA: Final = Path(__file__).with_name("litert_gpu_operators.json")
_INT8: Final = schema.TensorType.INT8


def refusals(flatbuffer: bytes) -> list[str]:
    """Return what the accelerator would not take, one line each; empty if nothing is known.

    Args:
        flatbuffer: Contents of a .tflite file with one subgraph.
    """
    model = unpack(flatbuffer)
    (graph,) = model.subgraphs
    makers = {index: operator for operator in graph.operators for index in operator.outputs}
    lines = set()
    for operator in graph.operators:
        name = operator_name(model, operator)
        broken = name in _RULES and _RULES[name](operator, model, graph, makers)
        if broken:
            lines.add(f"{name}: {broken}")
    return [*unlisted(model, _DATA), *sorted(lines)]


def _dense(operator: Any, model: Any, graph: Any, makers: dict[int, Any]) -> str:
    # "Shape mismatch" at compile time; float16 weights, and int8 ones that go in directly, pass.
    maker = makers.get(operator.inputs[1])
    if maker is None or operator_name(model, maker) != "DEQUANTIZE":
        return ""
    if graph.tensors[maker.inputs[0]].type != _INT8:
        return ""
    return "int8 weights must go in directly. Received: through DEQUANTIZE"


def _product(operator: Any, _model: Any, graph: Any, *_: Any) -> str:
    first, second = operator.inputs.tolist()
    if first == second:
        return "must not multiply a tensor by itself, which aborts the process"
    shapes = [graph.tensors[index].shape.tolist()[:-2] for index in (first, second)]
    if shapes[0] != shapes[1]:
        return f"must not broadcast, which is computed wrongly. Received: batches {shapes}"
    return ""


def _gather(operator: Any, _model: Any, graph: Any, *_: Any) -> str:
    shape = graph.tensors[operator.inputs[1]].shape
    rank = 0 if shape is None else len(shape)
    return "" if rank <= 1 else f"indices must have at most one axis. Received: {rank}"


_RULES: Final[dict[str, Callable[..., str]]] = {
    "FULLY_CONNECTED": _dense,
    "BATCH_MATMUL": _product,
    "GATHER": _gather,
}
