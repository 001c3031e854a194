"""A .tflite file as objects and back, so that an edit of one field leaves the rest as it is."""

from functools import cached_property
from typing import Any, Final

import flatbuffers
import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

_IDENTIFIER: Final = b"TFL3"
_ALIGNMENT: Final = 16  # bytes; the schema's, for kernels that read constants in place
_OPERATOR_NAMES: Final = {
    code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)
}
TENSOR_TYPES: Final = {
    code: name for name, code in vars(schema.TensorType).items() if isinstance(code, int)
}
"""Code -> name of the schema's `TensorType`."""


class ModelFileError(ValueError):
    """A .tflite file that is damaged or breaks the contract."""


class TfliteFile:
    """The contents of a .tflite file, parsed on first use and only once.

    Readers share `model`; to edit one, take a new one from `unpack`.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content

    @cached_property
    def model(self) -> Any:
        """The `ModelT`.

        Raises:
            ModelFileError: If the contents are not those of a .tflite file.
        """
        if len(self.content) < 8 or self.content[4:8] != _IDENTIFIER:
            raise ModelFileError(
                f"A .tflite file must have the identifier {_IDENTIFIER.decode()}: got "
                f"{self.content[4:8]!r} in {len(self.content)} bytes. Export the model again."
            )
        return unpack(self.content)

    @property
    def graph(self) -> Any:
        """The only `SubGraphT`."""
        (graph,) = self.model.subgraphs
        return graph

    def __len__(self) -> int:
        """Return the size in bytes."""
        return len(self.content)


def unpack(content: bytes) -> Any:
    """Return a new `ModelT` of a file, with all constants inside it.

    ai-edge-quantizer appends constants to the flatbuffer and stores their offsets, which would be
    invalid after packing.
    """
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    for buffer in model.buffers:
        if buffer.offset > 1:  # 1 stands for an empty buffer
            buffer.data = np.frombuffer(content, np.uint8, buffer.size, buffer.offset)
        buffer.offset = buffer.size = 0
    return model


def pack(model: Any) -> bytes:
    """Return the bytes of a `ModelT`."""
    builder = _SharingBuilder(1024)
    builder.Finish(model.Pack(builder), _IDENTIFIER)
    return bytes(builder.Output())


def operator_name(model: Any, operator: Any) -> str:
    """Return the name of a builtin operator (an `OperatorT`), `CUSTOM` for any other."""
    code = model.operatorCodes[operator.opcodeIndex]
    # Codes below 127 may be in the deprecated field only.
    return _OPERATOR_NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)]


def operator_code(builtin: int, version: int = 1) -> Any:
    """Return a new `OperatorCodeT` of a builtin operator."""
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = builtin
    code.version = version
    return code


def constant_buffer(values: npt.NDArray[Any]) -> Any:
    """Return a new `BufferT` that holds the bytes of an array."""
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    return buffer


def is_constant(tensor: Any, model: Any) -> bool:
    """Return whether a tensor is stored in the file rather than computed."""
    return model.buffers[tensor.buffer].data is not None


def shape_of(tensor: Any) -> tuple[int, ...]:
    """Return the shape of a `TensorT`, () for a scalar."""
    return () if tensor.shape is None else tuple(int(side) for side in tensor.shape)


def text(name: bytes | str | None) -> str:
    """Return a string field of the schema as `str`."""
    return name.decode() if isinstance(name, bytes) else name or ""


class _SharingBuilder(flatbuffers.Builder):
    """Writes equal vectors once.

    Per-channel int8 carries 8 bytes of zero point, always 0, for each channel of each weight and
    bias: a tenth of a small model.
    """

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._written: dict[tuple[str, bytes], int] = {}

    def CreateNumpyVector(self, x: npt.NDArray[Any]) -> int:
        content = x.astype(x.dtype.newbyteorder("<"), copy=False).tobytes()
        key = x.dtype.str, content
        if key not in self._written:
            self.StartVector(x.itemsize, x.size, _ALIGNMENT)
            self.head -= len(content)
            self.Bytes[self.head : self.head + len(content)] = content
            self.vectorNumElems = x.size
            self._written[key] = self.EndVector()
        return self._written[key]
