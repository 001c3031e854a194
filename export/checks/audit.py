"""The facts of a .tflite file and whether it keeps the contract; needs no TensorFlow.

Breaking any of these rules fails silently on a phone: Flex and custom operators are missing there,
a variable operator outputs NaN, a dynamic shape or a rank over 4 leaves the GPU, and a second
subgraph is control flow, which no GPU takes.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from export.graph.flatbuffer import (
    TENSOR_TYPES,
    ModelFileError,
    TfliteFile,
    operator_name,
    shape_of,
    text,
)
from fau_tf import contract

_MAX_RANK: Final = 4
_VARIABLE_OPERATORS: Final = ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE")

Tensors = Mapping[str, tuple[tuple[int, ...], str]]
"""Signature name -> (shape, type)."""


@dataclass(frozen=True)
class Audit:
    """The facts of one .tflite file.

    Attributes:
        operators: `NAME vN` -> count.
        custom: Names of operators that are not builtin.
        dynamic: Names of tensors without a static shape.
        max_rank: Largest number of axes of a tensor.
        inputs: Of the signature.
        outputs: Of the signature.
        subgraphs: Their number.
    """

    operators: dict[str, int]
    custom: tuple[str, ...]
    dynamic: tuple[str, ...]
    max_rank: int
    inputs: Tensors
    outputs: Tensors
    subgraphs: int


def audit(file: TfliteFile) -> Audit:
    """Return the facts of a .tflite file.

    Raises:
        ModelFileError: If it isn't one, or has no signature of the contract's name.
    """
    model = file.model
    operators, custom = _operators(model)
    tensors = [tensor for graph in model.subgraphs for tensor in graph.tensors]
    dynamic = [t for t in tensors if t.shapeSignature is not None and -1 in t.shapeSignature]
    signature = _signature(model)
    graph = model.subgraphs[signature.subgraphIndex]
    return Audit(
        operators=operators,
        custom=custom,
        dynamic=tuple(text(tensor.name) for tensor in dynamic),
        max_rank=max(len(shape_of(tensor)) for tensor in tensors),
        inputs=_tensors(graph, signature.inputs),
        outputs=_tensors(graph, signature.outputs),
        subgraphs=len(model.subgraphs),
    )


def contract_problems(
    found: Audit, *, image_size: int, heatmap_size: int, aus: int, centers: int
) -> list[str]:
    """Return what breaks the contract, one line each; empty if nothing does.

    Args:
        found: From `audit`.
        image_size: S.
        heatmap_size: h = w.
        aus: A.
        centers: K.
    """
    lines = [f"operator must be builtin: got {name}" for name in found.custom]
    lines += [f"shape must be static: got a dynamic one of tensor {name}" for name in found.dynamic]
    lines += [
        f"weights must be constants: got operator {name}"
        for name in found.operators
        if name.split()[0] in _VARIABLE_OPERATORS
    ]
    if found.max_rank > _MAX_RANK:
        lines.append(f"tensors must have at most {_MAX_RANK} axes: got {found.max_rank}")
    if found.subgraphs != 1:
        lines.append(f"a model must have one subgraph: got {found.subgraphs}")
    maps = (1, heatmap_size, heatmap_size, centers)
    inputs = {contract.INPUT: ((1, image_size, image_size, 3), "FLOAT32")}
    outputs = {
        contract.OUTPUT_INTENSITY: ((1, aus), "FLOAT32"),
        contract.OUTPUT_HEATMAPS: (maps, "FLOAT32"),
    }
    return lines + _differing(inputs, found.inputs) + _differing(outputs, found.outputs)


def _differing(wanted: Tensors, has: Tensors) -> list[str]:
    """Return where named tensors differ from those of the contract in shape, type or name."""
    lines = [
        f"`{name}` must be {want}: got {has.get(name, 'nothing')}"
        for name, want in wanted.items()
        if has.get(name) != want
    ]
    return lines + [f"tensor `{name}` is not in the contract" for name in has if name not in wanted]


def _operators(model: Any) -> tuple[dict[str, int], tuple[str, ...]]:
    counts: Counter[str] = Counter()
    custom = set()
    for graph in model.subgraphs:
        for operator in graph.operators:
            code = model.operatorCodes[operator.opcodeIndex]
            name = operator_name(model, operator)
            if name == "CUSTOM":
                custom.add(text(code.customCode))
            counts[f"{name} v{code.version}"] += 1
    return dict(sorted(counts.items())), tuple(sorted(custom))


def _signature(model: Any) -> Any:
    found = {text(entry.signatureKey): entry for entry in model.signatureDefs or ()}
    if contract.SIGNATURE not in found:
        raise ModelFileError(
            f"The model must have the signature `{contract.SIGNATURE}`: got "
            f"{sorted(found) or 'none'}. Export it with train_keras.py."
        )
    return found[contract.SIGNATURE]


def _tensors(graph: Any, entries: Any) -> Tensors:
    tensors = {text(entry.name): graph.tensors[entry.tensorIndex] for entry in entries}
    return {name: (shape_of(one), TENSOR_TYPES[one.type]) for name, one in tensors.items()}
