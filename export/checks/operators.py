"""Operators that CPU kernels and GPUs take: committed lists with versions, and conditions.

Three readers of a model: LiteRT's CPU kernels; LiteRT's GPU accelerator, whose list holds what it
took when it ran (`gpu_check` is the proof, the list an early check); and the classic TFLite GPU
delegate, the one in most phones' apps, whose list and conditions come from its source, since it
needs a phone to run. Only conditions that our graphs can break are here.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from ai_edge_litert import schema_py_generated as schema

from export.graph.flatbuffer import TfliteFile, is_constant, operator_name, shape_of

_INT8: Final = schema.TensorType.INT8
_FLOATS: Final = (schema.TensorType.FLOAT32, schema.TensorType.FLOAT16)
_COMPARISONS: Final = ("GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "EQUAL", "NOT_EQUAL")
_MAX_RANK: Final = 4


def max_versions(name: str) -> dict[str, int | None]:
    """Return operator -> highest version of `<name>_operators.json`, None where any will do."""
    path = Path(__file__).with_name(f"{name}_operators.json")
    found: dict[str, int | None] = json.loads(path.read_text(encoding="utf-8"))["max_version"]
    return found


def cpu(file: TfliteFile) -> list[str]:
    """Return what LiteRT's CPU kernels don't compute, one line each; empty if nothing."""
    return _unlisted(file, "cpu")


def litert_gpu(file: TfliteFile) -> list[str]:
    """Return what LiteRT's GPU accelerator is known not to take, one line each.

    The conditions are those that it was seen to refuse, abort on or compute wrongly.
    """
    makers = {index: operator for operator in file.graph.operators for index in operator.outputs}
    lines = set()
    for operator in file.graph.operators:
        name = operator_name(file.model, operator)
        broken = name in _LITERT_GPU and _LITERT_GPU[name](operator, file, makers)
        if broken:
            lines.add(f"{name}: {broken}")
    return [*_unlisted(file, "litert_gpu"), *sorted(lines)]


def classic_gpu(file: TfliteFile) -> list[str]:
    """Return what the classic GPU delegate would leave to the CPU, one line each."""
    consumers = Counter(
        index for op in file.graph.operators for index in set(op.inputs.tolist()) if index >= 0
    )
    lines = _unlisted(file, "classic_gpu")
    for operator in file.graph.operators:
        name = operator_name(file.model, operator)
        lines += [f"{name}: {line}" for line in _classic_problems(operator, file, consumers)]
    return lines


READERS: Final[Mapping[str, Mapping[str, Callable[[TfliteFile], list[str]]]]] = {
    "cpu": {"LiteRT CPU kernels": cpu},
    "gpu": {"LiteRT GPU accelerator": litert_gpu, "classic GPU delegate": classic_gpu},
}
"""Accelerator -> name of each of its readers -> function that returns what that one refuses."""


def _unlisted(file: TfliteFile, name: str) -> list[str]:
    """Return a line for each operator and version that a list lacks."""
    listed = max_versions(name)
    lines = set()
    for operator, version in _versions(file):
        highest = listed.get(operator, 0)
        if operator not in listed:
            lines.add(f"{operator}: must be on the list of operators")
        elif highest is not None and version > highest:
            lines.add(f"{operator}: version must be at most {highest}: got {version}")
    return sorted(lines)


def _versions(file: TfliteFile) -> Iterator[tuple[str, int]]:
    for graph in file.model.subgraphs:
        for operator in graph.operators:
            code = file.model.operatorCodes[operator.opcodeIndex]
            yield operator_name(file.model, operator), code.version


# ---- conditions of LiteRT's GPU accelerator; "" where an operator keeps them


def _dense(operator: Any, file: TfliteFile, makers: dict[int, Any]) -> str:
    # "Shape mismatch" at compile time; float16 weights, and int8 ones that go in directly, pass.
    maker = makers.get(operator.inputs[1])
    if maker is None or operator_name(file.model, maker) != "DEQUANTIZE":
        return ""
    if file.graph.tensors[maker.inputs[0]].type != _INT8:
        return ""
    return "int8 weights must go in directly: got them through DEQUANTIZE"


def _product(operator: Any, file: TfliteFile, _makers: dict[int, Any]) -> str:
    first, second = operator.inputs.tolist()
    if first == second:
        return "must not multiply a tensor by itself, which aborts the process"
    shapes = [shape_of(file.graph.tensors[index])[:-2] for index in (first, second)]
    if shapes[0] != shapes[1]:
        return f"must not broadcast, which is computed wrongly: got batches {shapes}"
    return ""


def _gather(operator: Any, file: TfliteFile, _makers: dict[int, Any]) -> str:
    rank = len(shape_of(file.graph.tensors[operator.inputs[1]]))
    return "" if rank <= 1 else f"indices must have at most one axis: got {rank}"


_LITERT_GPU: Final[dict[str, Callable[[Any, TfliteFile, dict[int, Any]], str]]] = {
    "FULLY_CONNECTED": _dense,
    "BATCH_MATMUL": _product,
    "GATHER": _gather,
}


# ---- conditions of the classic GPU delegate


def _classic_problems(operator: Any, file: TfliteFile, consumers: Counter[int]) -> Iterator[str]:
    """Yield the conditions on shapes, types and neighbors that one operator breaks."""
    name, options = operator_name(file.model, operator), operator.builtinOptions
    inputs = [file.graph.tensors[index] for index in operator.inputs if index >= 0]
    outputs = [file.graph.tensors[index] for index in operator.outputs]
    for tensor in (*inputs, *outputs):
        if len(shape_of(tensor)) > _MAX_RANK:
            yield f"ranks must be at most {_MAX_RANK}: got {len(shape_of(tensor))}"
    casts = name == "CAST" and inputs[0].type == schema.TensorType.BOOL
    count = consumers[operator.outputs[0]]
    if (casts or name in _COMPARISONS) and count != 1:
        yield f"output must have one consumer if it comes from a comparison: got {count}"
    if name not in ("CAST", "GATHER", "ONE_HOT"):
        computed = [tensor for tensor in inputs if not is_constant(tensor, file.model)]
        if any(tensor.type not in _FLOATS for tensor in computed):
            yield "inputs computed in the graph must be float"
    yield from _CLASSIC_GPU[name](options, inputs, outputs) if name in _CLASSIC_GPU else ()


def _adjoint(options: Any, _inputs: list[Any], _outputs: list[Any]) -> Iterator[str]:
    if options.adjX or options.adjY:
        yield "must not transpose its inputs, a flag that the delegate ignores"


def _kept_rank(options: Any, inputs: list[Any], outputs: list[Any]) -> Iterator[str]:
    ranks = len(shape_of(inputs[0])), len(shape_of(outputs[0]))
    if options.keepNumDims and ranks[0] != ranks[1]:
        yield f"input and output must have the same rank: got {ranks}"


def _factors(_options: Any, inputs: list[Any], _outputs: list[Any]) -> Iterator[str]:
    first, second = (shape_of(tensor) for tensor in inputs)
    if len(first) == len(second) and first != second:
        larger = {a > b for a, b in zip(first, second, strict=True) if a != b}
        if len(larger) > 1:
            yield "one factor must be at least as large as the other along every axis"


_CLASSIC_GPU: Final[dict[str, Callable[..., Iterator[str]]]] = {
    "BATCH_MATMUL": _adjoint,
    "FULLY_CONNECTED": _kept_rank,
    "MUL": _factors,
}
