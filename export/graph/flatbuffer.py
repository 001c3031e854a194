"""A .tflite file as objects and back, so that an edit of one field leaves the rest alone."""

from typing import Any, Final

import flatbuffers
import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

_IDENTIFIER: Final = b"TFL3"
_ALIGNMENT: Final = 16  # bytes; the schema's, for kernels that read constants where they lie


def unpack(flatbuffer: bytes) -> Any:
    """Return the `ModelT` of a file, all constants inside it.

    ai-edge-quantizer appends constants to the flatbuffer and notes offsets, which would point
    into nothing once it is packed again.
    """
    model = schema.ModelT.InitFromPackedBuf(flatbuffer, 0)
    for buffer in model.buffers:
        if buffer.offset > 1:  # 1 stands for an empty buffer
            buffer.data = np.frombuffer(flatbuffer, np.uint8, buffer.size, buffer.offset)
        buffer.offset = buffer.size = 0
    return model


def pack(model: Any) -> bytes:
    """Return the bytes of a `ModelT`."""
    builder = _SharingBuilder(1024)
    builder.Finish(model.Pack(builder), _IDENTIFIER)
    return bytes(builder.Output())


def is_constant(tensor: Any, model: Any) -> bool:
    """Return whether a tensor of an unpacked model is stored in the file, not computed."""
    return model.buffers[tensor.buffer].data is not None


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
