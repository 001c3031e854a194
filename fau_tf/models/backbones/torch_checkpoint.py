"""Reads the tensors of a legacy PyTorch checkpoint without torch and without unpickling.

Such a file is five pickles and then the raw storages. A pickle is a program; running it can do
anything. Here its opcodes are only parsed (`pickletools.genops` executes nothing), the few that
a plain `state_dict` needs are interpreted into data, and any other is refused.

Reference: `torch/serialization.py`, `_legacy_save`.
"""

import io
import pickletools
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

_MAGIC: Final = 0x1950A86A20F9469CFC6C
_DTYPES: Final = {"torch FloatStorage": "<f4", "torch LongStorage": "<i8"}
_MARK: Final = object()
_CONSTANTS: Final = {
    "NONE": None,
    "NEWTRUE": True,
    "NEWFALSE": False,
    "EMPTY_TUPLE": (),
    "MARK": _MARK,
}
_TUPLES: Final = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_CALLS: Final = ("collections OrderedDict", "torch._utils _rebuild_tensor_v2")


def read_tensors(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the state dict of a legacy `.pth` file, kernels in PyTorch's axis order.

    Raises:
        ValueError: If the file isn't such a checkpoint, or its pickle does more than hold tensors.
    """
    file = io.BytesIO(path.read_bytes())
    try:
        if _data(file) != _MAGIC:
            raise ValueError("wrong magic number")
        _, _, tensors, keys = (_data(file) for _ in range(4))
        dtypes = {t["storage"]["key"]: t["storage"]["dtype"] for t in tensors.values()}
        storages = {key: _storage(file, dtypes[key]) for key in keys}
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path}: must be a PyTorch state dict in the legacy format. Received: {error}. "
            "Install the package that holds it again."
        ) from error
    return {
        name: _tensor(storages[tensor["storage"]["key"]], tensor)
        for name, tensor in tensors.items()
    }


def _storage(file: io.BytesIO, dtype: str) -> npt.NDArray[Any]:
    count = int.from_bytes(file.read(8), "little")
    return np.frombuffer(file.read(count * np.dtype(dtype).itemsize), dtype)


def _tensor(storage: npt.NDArray[Any], tensor: dict[str, Any]) -> npt.NDArray[Any]:
    # Convolution kernels are stored non-contiguous: the strides matter.
    view = np.lib.stride_tricks.as_strided(
        storage[tensor["offset"] :],
        tensor["size"],
        [step * storage.itemsize for step in tensor["stride"]],
        writeable=False,
    )
    return view.copy()


def _data(file: io.BytesIO) -> Any:
    """Return the value of the pickle that starts here, as plain data."""
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name == "STOP":
            return stack.pop()
        _step(opcode.name, argument, stack, memo)
    raise ValueError("the pickle has no end")


def _step(name: str, argument: Any, stack: list[Any], memo: dict[int, Any]) -> None:
    if name in _CONSTANTS:
        stack.append(_CONSTANTS[name])
    elif name in _TUPLES:
        count = _TUPLES[name]
        stack[-count:] = [tuple(stack[-count:])]
    elif name in _ACTIONS:
        _ACTIONS[name](argument, stack, memo)
    elif name != "PROTO":
        raise ValueError(f"pickle opcode {name} is not among those a state dict needs")


def _push(argument: Any, stack: list[Any], _: dict[int, Any]) -> None:
    stack.append(argument)


def _from_mark(stack: list[Any]) -> list[Any]:
    start = len(stack) - 1 - stack[::-1].index(_MARK)
    items = stack[start + 1 :]
    del stack[start:]
    return items


def _tuple(_: Any, stack: list[Any], __: dict[int, Any]) -> None:
    stack.append(tuple(_from_mark(stack)))


def _set_item(_: Any, stack: list[Any], __: dict[int, Any]) -> None:
    value, key = stack.pop(), stack.pop()
    stack[-1][key] = value


def _set_items(_: Any, stack: list[Any], __: dict[int, Any]) -> None:
    items = _from_mark(stack)
    stack[-1].update(zip(items[::2], items[1::2], strict=True))


def _extend(_: Any, stack: list[Any], __: dict[int, Any]) -> None:
    items = _from_mark(stack)
    stack[-1].extend(items)


def _call(_: Any, stack: list[Any], __: dict[int, Any]) -> None:
    arguments, what = stack.pop(), stack.pop()
    if what not in _CALLS:
        raise ValueError(f"the pickle wants to call {what!r}")
    if what == _CALLS[0]:
        stack.append({})
    else:
        storage, offset, size, stride = arguments[:4]
        stack.append({"storage": storage, "offset": offset, "size": size, "stride": stride})


def _storage_reference(_: Any, stack: list[Any], __: dict[int, Any]) -> None:
    kind, storage_type, key = stack.pop()[:3]
    if kind != "storage" or storage_type not in _DTYPES:
        raise ValueError(f"storage {kind!r} of {storage_type!r}")
    stack.append({"key": key, "dtype": _DTYPES[storage_type]})


_ACTIONS: Final = {
    "GLOBAL": _push,  # the name only; nothing is imported
    "BINUNICODE": _push,
    "BININT": _push,
    "BININT1": _push,
    "BININT2": _push,
    "LONG1": _push,
    "EMPTY_DICT": lambda _, stack, __: stack.append({}),
    "EMPTY_LIST": lambda _, stack, __: stack.append([]),
    "APPENDS": _extend,
    "BUILD": lambda _, stack, __: stack.pop(),  # attributes of the state dict: not needed
    "TUPLE": _tuple,
    "SETITEM": _set_item,
    "SETITEMS": _set_items,
    "REDUCE": _call,
    "BINPERSID": _storage_reference,
    "BINPUT": lambda slot, stack, memo: memo.__setitem__(slot, stack[-1]),
    "LONG_BINPUT": lambda slot, stack, memo: memo.__setitem__(slot, stack[-1]),
    "BINGET": lambda slot, stack, memo: stack.append(memo[slot]),
    "LONG_BINGET": lambda slot, stack, memo: stack.append(memo[slot]),
}
