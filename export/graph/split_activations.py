"""Split fused activations off transposed convolutions, so that GPUs take them.

The converter fuses a ReLU into TRANSPOSE_CONV, which makes it version 4; GPU delegates stop at 3.
"""

from collections.abc import Iterator
from copy import copy
from typing import Any, Final

from ai_edge_litert import schema_py_generated as schema

from export.graph.flatbuffer import TfliteFile, operator_code, operator_name, pack, unpack

_OPERATOR: Final = "TRANSPOSE_CONV"
_WITH_BIAS: Final = 3  # version
_SEPARATE: Final = {
    schema.ActivationFunctionType.RELU: schema.BuiltinOperator.RELU,
    schema.ActivationFunctionType.RELU6: schema.BuiltinOperator.RELU6,
}


def split_activations(file: TfliteFile) -> TfliteFile:
    """Return the file with each such activation as an operator of its own, or `file` itself."""
    if not any(
        _is_fused(op, file.model) for graph in file.model.subgraphs for op in graph.operators
    ):
        return file
    model = unpack(file.content)
    for graph in model.subgraphs:
        graph.operators = [
            part for operator in graph.operators for part in _split(operator, graph, model)
        ]
    return TfliteFile(pack(model))


def _is_fused(operator: Any, model: Any) -> bool:
    return (
        operator_name(model, operator) == _OPERATOR
        and operator.builtinOptions.fusedActivationFunction in _SEPARATE
    )


def _split(operator: Any, graph: Any, model: Any) -> Iterator[Any]:
    """Yield the operator without its activation, then the activation."""
    yield operator
    if not _is_fused(operator, model):
        return
    options = operator.builtinOptions
    kind = _SEPARATE[options.fusedActivationFunction]
    options.fusedActivationFunction = schema.ActivationFunctionType.NONE
    code = model.operatorCodes[operator.opcodeIndex]
    code.version = min(code.version, _WITH_BIAS)
    (result,) = operator.outputs
    before = copy(graph.tensors[result])
    before.name = before.name + b"/before_activation"
    graph.tensors.append(before)
    operator.outputs = operator.outputs.copy()
    operator.outputs[0] = len(graph.tensors) - 1
    activation = schema.OperatorT()
    activation.opcodeIndex = _code(kind, model)
    activation.inputs, activation.outputs = [len(graph.tensors) - 1], [result]
    yield activation


def _code(kind: int, model: Any) -> int:
    """Return the index of an operator's first version among the model's codes."""
    for place, code in enumerate(model.operatorCodes):
        if max(code.builtinCode, code.deprecatedBuiltinCode) == kind and code.version == 1:
            return place
    model.operatorCodes.append(operator_code(kind))
    return len(model.operatorCodes) - 1
