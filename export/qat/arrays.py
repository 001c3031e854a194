"""Faces and targets as .npy files for the other environment."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt

_SMALL: Final = {"heatmap": np.float16, "gaussian": np.float16}  # 3 digits are enough of a target
_BATCH: Final = 32  # of Keras here; changes nothing but the time


def as_bytes(images: Any) -> npt.NDArray[np.uint8]:
    """Return (N, S, S, 3) rounded to whole values, as a camera gives them."""
    return np.clip(np.rint(np.asarray(images)), 0, 255).astype(np.uint8)


def raw_heatmaps(net: keras.Model, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return the network's (N, h, w, K) heatmaps of (N, S, S, 3) images, in the target scale."""
    batches = (images[start : start + _BATCH] for start in range(0, len(images), _BATCH))
    return np.concatenate([net.predict_on_batch(batch.astype(np.float32)) for batch in batches])


def write_training(
    folder: Path, training: Iterable[tuple[Any, dict[str, Any]]], wanted: int
) -> int:
    """Write one array a file: `image` and each of the targets; return how many faces."""
    columns: dict[str, list[npt.NDArray[Any]]] = {}
    faces = 0
    for images, targets in training:
        columns.setdefault("image", []).append(as_bytes(images))
        for name, value in targets.items():
            array = np.asarray(value)
            columns.setdefault(name, []).append(array.astype(_SMALL.get(name, array.dtype)))
        faces += len(images)
        if faces >= wanted:
            break
    for name, parts in columns.items():
        np.save(folder / f"{name}.npy", np.concatenate(parts))
    return faces
