"""Would float16 arithmetic, a phone GPU's default, overflow on this network?

Two figures against 65,504, float16's largest number, over a batch of faces. The largest value of
any tensor: beyond it there is an infinity on every device that stores float16, so that is a gate
with room to spare. The largest sum of absolute terms of any convolution, product, sum or mean: no
partial sum can exceed it, whatever the order. Drivers may add up in float16, so it is a gate too;
without room, since terms of both signs keep real sums well below it.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from export.checks.audit import operator_name
from export.graph.flatbuffer import pack, unpack
from fau_tf import contract

LARGEST: Final = 65504.0
ROOM: Final = 2.0
"""How often the largest value must fit: the faces of the audit are not all faces."""

_SUMMING: Final = (
    "BATCH_MATMUL",
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "FULLY_CONNECTED",
    "MEAN",
    "SUM",
    "TRANSPOSE_CONV",
)
_FLOAT32: Final = schema.TensorType.FLOAT32


@dataclass(frozen=True)
class Float16Range:
    """The largest magnitudes of a network on a batch of faces.

    Attributes:
        tensor: Name of the tensor with the largest value.
        value: That value's magnitude; NaN if any tensor holds one.
        operator: `NAME output tensor` of the operator with the largest sum.
        total: Its sum of absolute terms, an upper bound of every partial sum.
        faces: How many were looked at.
    """

    tensor: str
    value: float
    operator: str
    total: float
    faces: int

    def problems(self) -> list[str]:
        """Return what could overflow, one line each; empty if nothing."""
        lines = []
        if not self.value <= LARGEST / ROOM:  # NaN too
            lines.append(
                f"values must be at most {LARGEST / ROOM:,.0f}, half of float16's range. "
                f"Received: {self.value:,.6g} in tensor {self.tensor}"
            )
        if not self.total <= LARGEST:
            lines.append(
                f"sums of absolute terms must be at most {LARGEST:,.0f}, float16's range. "
                f"Received: {self.total:,.6g} in {self.operator}"
            )
        return lines


def float16_range(float32: bytes, images: npt.NDArray[np.float32]) -> Float16Range:
    """Return the largest magnitudes that a network's float16 arithmetic would meet.

    Args:
        float32: A float32 .tflite file with one subgraph and constant weights.
        images: (N, S, S, 3) faces, RGB 0 to 255, N >= 1.

    Raises:
        ValueError: If there is no face.
    """
    if len(images) == 0:
        raise ValueError("The range audit needs at least one face. Received: none.")
    model = unpack(float32)
    (graph,) = model.subgraphs
    summing = [op for op in graph.operators if operator_name(model, op) in _SUMMING]
    names = [f"{operator_name(model, op)} {_name(graph, op.outputs[0])}" for op in summing]
    # Without XNNPACK, which keeps its tensors to itself.
    whole = Interpreter(
        model_content=float32,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    run = whole.get_signature_runner(contract.SIGNATURE)
    tensors = [i for i, tensor in enumerate(graph.tensors) if tensor.type == _FLOAT32]
    totals = Interpreter(
        model_content=_absolute_sums(float32),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    totals.allocate_tensors()
    values, sums = np.zeros(len(tensors)), np.zeros(len(summing))
    for image in images:
        run(**{contract.INPUT: image[None]})
        values = np.maximum(values, [_largest(whole.get_tensor(i)) for i in tensors])
        for detail in totals.get_input_details():
            index = detail["index"]
            totals.set_tensor(index, np.abs(whole.get_tensor(index)))
        totals.invoke()
        found = [_largest(totals.get_tensor(d["index"])) for d in totals.get_output_details()]
        sums = np.maximum(sums, found)
    # argmax finds a NaN before any number.
    worst, widest = int(values.argmax()), int(sums.argmax()) if len(sums) else -1
    return Float16Range(
        tensor=_name(graph, tensors[worst]),
        value=float(values[worst]),
        operator=names[widest] if names else "",
        total=float(sums[widest]) if names else 0.0,
        faces=len(images),
    )


def _absolute_sums(float32: bytes) -> bytes:
    """Return a model of the summing operators alone, side by side, that adds up magnitudes.

    Its inputs are the activations that those operators take, under their old tensor numbers, and
    its outputs their sums, in order. Weights are magnitudes, and nothing is fused behind a sum. A
    mean becomes a sum, which is what is in the register before the division.
    """
    model = unpack(float32)
    (graph,) = model.subgraphs
    kept = [op for op in graph.operators if operator_name(model, op) in _SUMMING]
    means = [op for op in kept if operator_name(model, op) == "MEAN"]
    model.operatorCodes.append(_code(schema.BuiltinOperator.SUM))
    for operator in means:
        operator.opcodeIndex = len(model.operatorCodes) - 1
    feeds: dict[int, None] = {}
    for operator in kept:
        for index in operator.inputs[operator.inputs >= 0].tolist():
            tensor = graph.tensors[index]
            if model.buffers[tensor.buffer].data is None:
                feeds[index] = None
            elif tensor.type == _FLOAT32:
                tensor.buffer = _magnitudes(model, tensor.buffer)
        graph.tensors.append(_like(graph.tensors[operator.outputs[0]]))
        operator.outputs = np.array([len(graph.tensors) - 1], np.int32)
        if hasattr(operator.builtinOptions, "fusedActivationFunction"):
            operator.builtinOptions.fusedActivationFunction = 0
    graph.operators = kept
    graph.inputs = np.array(list(feeds), np.int32)
    graph.outputs = np.array([op.outputs[0] for op in kept], np.int32)
    model.signatureDefs = []
    return pack(model)


def _magnitudes(model: Any, buffer: int) -> int:
    """Return the number of a new buffer that holds |values| of a float32 one."""
    made = schema.BufferT()
    values = np.frombuffer(bytes(model.buffers[buffer].data), np.float32)
    made.data = np.frombuffer(np.abs(values).tobytes(), np.uint8)
    model.buffers.append(made)
    return len(model.buffers) - 1


def _like(tensor: Any) -> Any:
    """Return a new tensor that an operator computes, of the same shape and type."""
    made = schema.TensorT()
    made.shape, made.type, made.buffer, made.name = tensor.shape, tensor.type, 0, b"sum"
    return made


def _code(builtin: int) -> Any:
    made = schema.OperatorCodeT()
    made.builtinCode = made.deprecatedBuiltinCode = builtin
    made.version = 1
    return made


def _name(graph: Any, index: int) -> str:
    return str(graph.tensors[index].name.decode())


def _largest(values: npt.NDArray[np.float32]) -> float:
    return float(np.abs(values).max()) if values.size else 0.0
