"""Decode the int8 weights of a .tflite file to float32, for float arithmetic."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from export.graph.flatbuffer import constant_buffer, is_constant, pack, unpack

_FLOAT32: Final = schema.TensorType.FLOAT32
_INT8: Final = schema.TensorType.INT8


def with_float_weights(content: bytes) -> bytes:
    """Return a file whose operators with float inputs have float32 weights in place of int8 ones.

    A GPU decodes such weights and computes in float; a CPU also rounds the inputs to int8, so the
    two can't be compared closely. Without such an operator, `content` is returned.
    """
    model = unpack(content)
    found = {
        (number, index)
        for number, graph in enumerate(model.subgraphs)
        for operator in graph.operators
        for index in _weights(operator, graph, model)
    }
    if not found:
        return content
    for number, index in found:
        tensor = model.subgraphs[number].tensors[index]
        model.buffers.append(constant_buffer(_decoded(tensor, model)))
        tensor.buffer, tensor.type = len(model.buffers) - 1, _FLOAT32
        tensor.quantization = None
    return pack(model)


def _weights(operator: Any, graph: Any, model: Any) -> list[int]:
    """Return the tensor numbers of an operator's int8 constants, if its first input is float."""
    inputs = [index for index in operator.inputs.tolist() if index >= 0]
    if not inputs or graph.tensors[inputs[0]].type != _FLOAT32:
        return []
    return [
        index
        for index in inputs[1:]
        if graph.tensors[index].type == _INT8 and is_constant(graph.tensors[index], model)
    ]


def _decoded(tensor: Any, model: Any) -> npt.NDArray[np.float32]:
    """Return scale * (stored - zero point), with a scale for each channel or for all."""
    stored = np.frombuffer(bytes(model.buffers[tensor.buffer].data), np.int8)
    stored = stored.reshape(tensor.shape).astype(np.float32)
    coding = tensor.quantization
    shape = [1] * stored.ndim
    shape[coding.quantizedDimension] = -1
    scale = np.asarray(coding.scale, np.float32).reshape(shape)
    return scale * (stored - np.asarray(coding.zeroPoint, np.float32).reshape(shape))
