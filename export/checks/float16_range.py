"""Gate against overflow in float16 arithmetic, the default of a phone's GPU.

Two figures over a batch of faces are compared with 65,504, float16's largest number. A tensor value
beyond it becomes infinity on every device that stores float16, so this gate keeps a margin of 2.
The sum of absolute terms of a convolution, product, sum or mean bounds every partial sum, whatever
the order, and drivers may accumulate in float16. That gate has no margin, since terms of both signs
keep real sums well below the bound.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from export.graph.flatbuffer import (
    TfliteFile,
    constant_buffer,
    operator_code,
    operator_name,
    pack,
    text,
    unpack,
)
from fau_tf import contract

LARGEST: Final = 65504.0
MARGIN: Final = 2.0
"""Of the largest value, since other faces may give larger ones."""

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
        if not self.value <= LARGEST / MARGIN:  # NaN too
            lines.append(
                f"values must be at most {LARGEST / MARGIN:,.0f}, half of float16's range: "
                f"got {self.value:,.6g} in tensor {self.tensor}"
            )
        if not self.total <= LARGEST:
            lines.append(
                f"sums of absolute terms must be at most {LARGEST:,.0f}, float16's range: "
                f"got {self.total:,.6g} in {self.operator}"
            )
        return lines


def float16_range(float32: TfliteFile, images: npt.NDArray[np.float32]) -> Float16Range:
    """Return the largest magnitudes that a network's float16 arithmetic would meet.

    Args:
        float32: A float32 .tflite file with one subgraph and constant weights.
        images: (N, S, S, 3) faces, RGB 0 to 255, N >= 1.

    Raises:
        ValueError: If there is no face.
    """
    if len(images) == 0:
        raise ValueError("The float16 range needs at least one face: got none.")
    graph = float32.graph
    tensors = [i for i, tensor in enumerate(graph.tensors) if tensor.type == _FLOAT32]
    names = [
        f"{operator_name(float32.model, op)} {text(graph.tensors[op.outputs[0]].name)}"
        for op in _summing(float32.model)
    ]
    whole = _reference_interpreter(float32.content, keep_tensors=True)
    run = whole.get_signature_runner(contract.SIGNATURE)
    totals = _reference_interpreter(_absolute_sums(float32.content))
    totals.allocate_tensors()
    values, sums = np.zeros(len(tensors)), np.zeros(len(names))
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
    worst, widest = int(values.argmax()), int(sums.argmax()) if names else -1
    return Float16Range(
        tensor=text(graph.tensors[tensors[worst]].name),
        value=float(values[worst]),
        operator=names[widest] if names else "",
        total=float(sums[widest]) if names else 0.0,
        faces=len(images),
    )


def _reference_interpreter(content: bytes, *, keep_tensors: bool = False) -> Interpreter:
    """Return an interpreter without XNNPACK, which doesn't expose its tensors."""
    return Interpreter(
        model_content=content,
        experimental_preserve_all_tensors=keep_tensors,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )


def _summing(model: Any) -> list[Any]:
    """Return the operators of the only subgraph that add up products or values."""
    (graph,) = model.subgraphs
    return [op for op in graph.operators if operator_name(model, op) in _SUMMING]


def _absolute_sums(float32: bytes) -> bytes:
    """Return a model of the summing operators alone, side by side, that add up magnitudes.

    Its inputs are the activations that those operators take, under their old tensor numbers, and
    its outputs are their sums, in order. Weights become magnitudes, and no activation is fused to
    a sum. A mean becomes a sum, which is what the register holds before the division.
    """
    model = unpack(float32)
    (graph,) = model.subgraphs
    summing = _summing(model)
    means = [op for op in summing if operator_name(model, op) == "MEAN"]
    model.operatorCodes.append(operator_code(schema.BuiltinOperator.SUM))
    for operator in means:
        operator.opcodeIndex = len(model.operatorCodes) - 1
    inputs: dict[int, None] = {}
    for operator in summing:
        for index in operator.inputs[operator.inputs >= 0].tolist():
            tensor = graph.tensors[index]
            if model.buffers[tensor.buffer].data is None:
                inputs[index] = None
            elif tensor.type == _FLOAT32:
                tensor.buffer = _magnitudes(model, tensor.buffer)
        graph.tensors.append(_computed_like(graph.tensors[operator.outputs[0]]))
        operator.outputs = np.array([len(graph.tensors) - 1], np.int32)
        if hasattr(operator.builtinOptions, "fusedActivationFunction"):
            operator.builtinOptions.fusedActivationFunction = 0
    graph.operators = summing
    graph.inputs = np.array(list(inputs), np.int32)
    graph.outputs = np.array([op.outputs[0] for op in summing], np.int32)
    model.signatureDefs = []
    return pack(model)


def _magnitudes(model: Any, buffer: int) -> int:
    """Return the number of a new buffer that holds |values| of a float32 one."""
    values = np.frombuffer(bytes(model.buffers[buffer].data), np.float32)
    model.buffers.append(constant_buffer(np.abs(values)))
    return len(model.buffers) - 1


def _computed_like(tensor: Any) -> Any:
    """Return a new tensor, computed by an operator, of the same shape and type."""
    made = schema.TensorT()
    made.shape, made.type, made.buffer, made.name = tensor.shape, tensor.type, 0, b"sum"
    return made


def _largest(values: npt.NDArray[np.float32]) -> float:
    return float(np.abs(values).max()) if values.size else 0.0
