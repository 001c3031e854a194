"""Comparison of stored golden vectors with what this code and the models compute now."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from export.bundle.golden.vectors import (
    FOLDER,
    INDEX,
    computed,
    golden_index,
    listed_files,
    read_array,
    read_arrays,
)
from export.bundle.models import AssetModel
from fau_tf.inference.interpreter import AUInterpreter
from fau_tf.io.images import read_image

_NEXT: Final = "If the computed values are right, run: make describe"


def golden_problems(
    golden: Path, models: Sequence[AssetModel], *, check_index: bool = True
) -> list[str]:
    """Return the faults of the golden vectors, one line each.

    For each face only the first faulty cut point is named, since those after it depend on it.

    Args:
        golden: Folder of the golden vectors.
        models: The variants beside it, from `read_models`.
        check_index: Whether the index must be the one that would be written now, too.
    """
    try:
        index = golden_index(models, read_arrays(golden))
        stored = json.loads((golden / INDEX).read_text(encoding="utf-8"))
        stale = [f"`{key}`" for key in index if stored.get(key) != index[key]]
        if check_index and stale:
            return [
                f"stale: {FOLDER}/{INDEX}, {', '.join(stale)} differ from what the models and this "
                "version of fau_tf give. Run: make describe"
            ]
        for name in listed_files(index):
            (golden / name).stat()
        runs = {model.variant: AUInterpreter(model.path) for model in models}
        return [line for case in index["cases"] for line in _problems(golden, index, case, runs)]
    # Whatever a damaged index leads to; a fault of a model has a message of its own.
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        why = f"{type(error).__name__}: {error}"
        return [
            f"{FOLDER} must be readable as its index describes. Received: {why}. Restore it from "
            "Git, or run: make describe"
        ]


def _problems(
    golden: Path,
    index: Mapping[str, Any],
    case: Mapping[str, Any],
    runs: Mapping[str, AUInterpreter],
) -> list[str]:
    """Return the first fault of a face, if any."""
    stored = {
        name: read_array(golden / row["file"], row["dtype"], row["shape"])
        for name, row in case["arrays"].items()
    }
    pixels = read_image(golden / case["picture"])
    if pixels.shape[1::-1] != (case["width"], case["height"]):
        return [
            f"{case['picture']} must be {case['width']} x {case['height']} px. Received: "
            f"{pixels.shape[1]} x {pixels.shape[0]}. {_NEXT}"
        ]
    expected = computed(pixels, np.asarray(stored["landmarks"], np.float64), runs)
    if list(expected) != list(stored):
        return [
            f"{case['name']}: arrays must be {list(expected)}. Received: {list(stored)}. {_NEXT}"
        ]
    for cut_point, values in stored.items():
        kind, _, variant = cut_point.partition(".")
        row = (index["variants"][variant]["cut_points"] if variant else index["cut_points"])[kind]
        difference = _largest_difference(values, expected[cut_point])
        if not difference <= row["tolerance"]:  # NaN too
            return [
                f"{case['name']}, {cut_point}: golden values must be within {row['tolerance']:g} "
                f"{row['unit']} of the computed ones. Received: a difference of {difference:.3g}. "
                f"{_NEXT}"
            ]
    return []


def _largest_difference(golden: npt.NDArray[Any], other: npt.NDArray[Any]) -> float:
    """Return the largest absolute difference; infinity if shape or dtype differ."""
    if golden.shape != other.shape or golden.dtype != other.dtype:
        return float("inf")
    return float(np.abs(golden.astype(np.float64) - other.astype(np.float64)).max())
