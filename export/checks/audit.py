"""What is in a .tflite file, and whether it keeps the contract; needs no TensorFlow.

Each rule exists because breaking it fails silently on a phone: a Flex or custom operator is not
there, a variable operator answers NaN, a dynamic shape or a rank over 4 leaves the GPU, a second
subgraph is control flow that no GPU takes.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from ai_edge_litert import schema_py_generated as schema

from export.graph.flatbuffer import unpack
from fau_tf import contract

_MAX_RANK: Final = 4
_VARIABLE_OPERATORS: Final = ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE")
_NAMES: Final = {
    code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)
}
TENSOR_TYPES: Final = {
    code: name for name, code in vars(schema.TensorType).items() if isinstance(code, int)
}


@dataclass(frozen=True)
class Audit:
    """The facts of one flatbuffer.

    Attributes:
        operators: `NAME vN` -> how often.
        custom: Names of operators that are not builtin.
        dynamic: Names of tensors without a static shape.
        max_rank: Largest number of axes of a tensor that operators work on.
        inputs: Signature input name -> (shape, type).
        outputs: Signature output name -> (shape, type).
        size: Bytes.
        subgraphs: How many.
    """

    operators: dict[str, int]
    custom: tuple[str, ...]
    dynamic: tuple[str, ...]
    max_rank: int
    inputs: dict[str, tuple[tuple[int, ...], str]]
    outputs: dict[str, tuple[tuple[int, ...], str]]
    size: int
    subgraphs: int


def audit(flatbuffer: bytes) -> Audit:
    """Return the facts of a .tflite file.

    Raises:
        ValueError: If it isn't one, or has no signature of the contract's name.
    """
    if len(flatbuffer) < 8 or flatbuffer[4:8] != b"TFL3":
        raise ValueError(
            "A .tflite file must have the identifier TFL3. "
            f"Received: {flatbuffer[4:8]!r}, {len(flatbuffer)} bytes. Export the model again."
        )
    model = unpack(flatbuffer)
    operators, custom = _operators(model)
    tensors = [tensor for graph in model.subgraphs for tensor in graph.tensors]
    dynamic = [t for t in tensors if t.shapeSignature is not None and -1 in t.shapeSignature]
    signature = _signature(model)
    graph = model.subgraphs[signature.subgraphIndex]
    return Audit(
        operators=operators,
        custom=custom,
        dynamic=tuple(_text(tensor.name) for tensor in dynamic),
        max_rank=max(len(t.shape) for t in tensors if t.shape is not None),
        inputs=_tensors(graph, signature.inputs),
        outputs=_tensors(graph, signature.outputs),
        size=len(flatbuffer),
        subgraphs=len(model.subgraphs),
    )


def problems(
    found: Audit, *, image_size: int, heatmap_size: int, aus: int, centers: int
) -> list[str]:
    """Return what breaks the contract, one line each; empty when nothing does.

    Args:
        found: From `audit`.
        image_size: S.
        heatmap_size: h = w.
        aus: A.
        centers: K.
    """
    lines = [f"operator must be builtin. Received: {name}" for name in found.custom]
    lines += [f"shape must be static. Received: tensor {name}" for name in found.dynamic]
    lines += [
        f"weights must be constants. Received: operator {name}"
        for name in found.operators
        if name.split()[0] in _VARIABLE_OPERATORS
    ]
    if found.max_rank > _MAX_RANK:
        lines.append(f"tensors must have at most {_MAX_RANK} axes. Received: {found.max_rank}")
    if found.subgraphs != 1:
        lines.append(f"a model must have one subgraph. Received: {found.subgraphs}")
    maps = (1, heatmap_size, heatmap_size, centers)
    takes = {contract.INPUT: ((1, image_size, image_size, 3), "FLOAT32")}
    gives = {
        contract.OUTPUT_INTENSITY: ((1, aus), "FLOAT32"),
        contract.OUTPUT_HEATMAPS: (maps, "FLOAT32"),
    }
    return lines + _unlike(takes, found.inputs) + _unlike(gives, found.outputs)


def _unlike(wanted: dict[str, Any], has: dict[str, Any]) -> list[str]:
    """Return where named tensors differ from those of the contract in shape, type or name."""
    lines = [
        f"`{name}` must be {want}. Received: {has.get(name, 'nothing')}"
        for name, want in wanted.items()
        if has.get(name) != want
    ]
    return lines + [f"tensor `{name}` is not in the contract" for name in has if name not in wanted]


def operator_name(model: Any, operator: Any) -> str:
    """Return the name of a builtin operator, `CUSTOM` for any other.

    Args:
        model: Unpacked flatbuffer, a `ModelT`.
        operator: One of its operators, an `OperatorT`.
    """
    code = model.operatorCodes[operator.opcodeIndex]
    # Codes under 127 may stand in the old field only.
    return _NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)]


def _operators(model: Any) -> tuple[dict[str, int], tuple[str, ...]]:
    counts: Counter[str] = Counter()
    custom = set()
    for graph in model.subgraphs:
        for operator in graph.operators:
            code = model.operatorCodes[operator.opcodeIndex]
            name = operator_name(model, operator)
            if name == "CUSTOM":
                custom.add(_text(code.customCode))
            counts[f"{name} v{code.version}"] += 1
    return dict(sorted(counts.items())), tuple(sorted(custom))


def _signature(model: Any) -> Any:
    found = {_text(entry.signatureKey): entry for entry in model.signatureDefs or ()}
    if contract.SIGNATURE not in found:
        raise ValueError(
            f"A model must have the signature `{contract.SIGNATURE}`. "
            f"Received: {sorted(found) or 'none'}. Export it with train_keras.py."
        )
    return found[contract.SIGNATURE]


def _tensors(graph: Any, entries: Any) -> dict[str, tuple[tuple[int, ...], str]]:
    found = {}
    for entry in entries:
        tensor = graph.tensors[entry.tensorIndex]
        shape = tuple(int(side) for side in tensor.shape)
        found[_text(entry.name)] = (shape, TENSOR_TYPES[tensor.type])
    return found


def _text(name: bytes | str | None) -> str:
    return name.decode() if isinstance(name, bytes) else name or ""
