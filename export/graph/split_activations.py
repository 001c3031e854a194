"""Take the activation out of transposed convolutions, so that a GPU takes them.

The converter fuses a ReLU into TRANSPOSE_CONV, which makes it version 4; GPU delegates stop at 3.
"""

from collections.abc import Iterator
from copy import copy
from typing import Any, Final

from ai_edge_litert import schema_py_generated as schema

from export.checks.audit import operator_name
from export.graph.flatbuffer import pack, unpack

_OPERATOR: Final = "TRANSPOSE_CONV"
_WITH_BIAS: Final = 3  # version
_SEPARATE: Final = {
    schema.ActivationFunctionType.RELU: schema.BuiltinOperator.RELU,
    schema.ActivationFunctionType.RELU6: schema.BuiltinOperator.RELU6,
}


def unfused(flatbuffer: bytes) -> bytes:
    """Return the file with each such activation as an operator of its own; else the file itself."""
    model = unpack(flatbuffer)
    changed = False
    for graph in model.subgraphs:
        operators = []
        for operator in graph.operators:
            operators.append(operator)
            for activation in _taken_out(operator, graph, model):
                operators.append(activation)
                changed = True
        graph.operators = operators
    return pack(model) if changed else flatbuffer


def _taken_out(operator: Any, graph: Any, model: Any) -> Iterator[Any]:
    if operator_name(model, operator) != _OPERATOR:
        return
    options = operator.builtinOptions
    kind = _SEPARATE.get(options.fusedActivationFunction)
    if kind is None:
        return
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
    """Return the place of an operator's first version among the model's codes."""
    for place, code in enumerate(model.operatorCodes):
        if max(code.builtinCode, code.deprecatedBuiltinCode) == kind and code.version == 1:
            return place
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = kind
    code.version = 1
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1
