"""Read the tensors of a legacy PyTorch checkpoint without torch and without running its pickles.

Such a file is five pickles and then the raw storages. A pickle can call any importable function;
here only the names that a plain `state_dict` needs are resolved, to functions of this module.

Reference: `torch/serialization.py`, `_legacy_save`.
"""

import io
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

_MAGIC: Final = 0x1950A86A20F9469CFC6C
_MALFORMED: Final = (
    ValueError, LookupError, TypeError, AttributeError, EOFError, pickle.PickleError,
)  # fmt: skip


class _StorageType(NamedTuple):
    dtype: str


class _Storage(NamedTuple):
    key: str
    dtype: str


@dataclass
class _Tensor:
    storage: _Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


def _rebuild_tensor(
    storage: _Storage, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any
) -> _Tensor:
    return _Tensor(storage, offset, size, stride)


_ALLOWED: Final[dict[tuple[str, str], Any]] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch", "FloatStorage"): _StorageType("<f4"),
    ("torch", "LongStorage"): _StorageType("<i8"),
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Resolve the names of `_ALLOWED` only."""
        if (module, name) not in _ALLOWED:
            raise ValueError(f"the pickle refers to {module}.{name}")
        return _ALLOWED[module, name]

    def persistent_load(self, pid: Any) -> _Storage:
        """Return the storage that a tensor refers to; its bytes follow the pickles."""
        _, storage_type, key = pid[:3]
        return _Storage(key, storage_type.dtype)


def read_tensors(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the state dict of a legacy `.pth` file, kernels in PyTorch's axis order.

    Raises:
        ValueError: If the file isn't such a checkpoint, or its pickle does more than hold tensors.
    """
    file = io.BytesIO(path.read_bytes())
    try:
        if _Unpickler(file).load() != _MAGIC:
            raise ValueError("wrong magic number")
        _, _, tensors, keys = (_Unpickler(file).load() for _ in range(4))
        dtypes = {tensor.storage.key: tensor.storage.dtype for tensor in tensors.values()}
        storages = {key: _read_storage(file, dtypes[key]) for key in keys}
        return {
            name: _array(storages[tensor.storage.key], tensor) for name, tensor in tensors.items()
        }
    except _MALFORMED as bad:
        raise ValueError(
            f"{path} must be a PyTorch state dict in the legacy format: {bad}. Install the package "
            "that holds it again."
        ) from bad


def _read_storage(file: io.BytesIO, dtype: str) -> npt.NDArray[Any]:
    count = int.from_bytes(file.read(8), "little")
    return np.frombuffer(file.read(count * np.dtype(dtype).itemsize), dtype)


def _array(storage: npt.NDArray[Any], tensor: _Tensor) -> npt.NDArray[Any]:
    # Convolution kernels are stored non-contiguous: the strides matter.
    view = np.lib.stride_tricks.as_strided(
        storage[tensor.offset :],
        tensor.size,
        [step * storage.itemsize for step in tensor.stride],
        writeable=False,
    )
    return view.copy()
