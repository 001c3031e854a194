"""Whether the golden vectors are what this code and the models beside them give."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from export.bundle.golden.vectors import FOLDER, FORMAT, INDEX, Arrays, computed, read_array
from export.bundle.models import AssetModel
from fau_tf import contract
from fau_tf.inference.interpreter import AUInterpreter
from fau_tf.io.images import read_image

_NEXT: Final = "Find out which of the two is right, then describe the folder again: make describe"


def golden_problems(folder: Path, models: list[AssetModel]) -> list[str]:
    """Return what is off, one line each; empty if nothing.

    Of each face, the first cut point that is off is named: those after it follow from it.

    Args:
        folder: Of the assets.
        models: The variants in it, from `read_models`.
    """
    golden = folder / FOLDER
    try:
        index = json.loads((golden / INDEX).read_text(encoding="utf-8"))
        lines = list(_header_problems(index, models))
        if lines:
            return lines
        runs = {model.variant: AUInterpreter(model.path) for model in models}
        for case in index["cases"]:
            lines += _case_problems(golden, index, case, runs)
    # Whatever a damaged index trips over; a fault of the models has words of its own.
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        why = f"{type(error).__name__}: {error}"
        return [f"{FOLDER}: must be readable as its index says. Received: {why}. {_NEXT}"]
    return lines


def _header_problems(index: dict[str, Any], models: list[AssetModel]) -> Iterator[str]:
    files = {model.variant: model.path.name for model in models}
    wanted = {
        "format": FORMAT,
        "byte_order": "little",
        "contract_version": contract.CONTRACT_VERSION,
        "variants": files,
    }
    found = {key: index.get(key) for key in wanted}
    found["variants"] = {name: row["file"] for name, row in index["variants"].items()}
    for key, value in wanted.items():
        if found[key] != value:
            yield f"{FOLDER}: `{key}` must be {value}. Received: {found[key]!r}. {_NEXT}"
    if not index["cases"]:
        yield f"{FOLDER}: must have faces. Received: none. {_NEXT}"


def _case_problems(
    golden: Path, index: dict[str, Any], case: dict[str, Any], runs: dict[str, AUInterpreter]
) -> list[str]:
    stored = {
        name: read_array(golden / row["file"], row["dtype"], row["shape"])
        for name, row in case["arrays"].items()
    }
    pixels = read_image(golden / case["picture"])
    if pixels.shape[1::-1] != (case["width"], case["height"]):
        return [
            f"{case['picture']}: must be {case['width']} x {case['height']} px. Received: "
            f"{pixels.shape[1]} x {pixels.shape[0]}. {_NEXT}"
        ]
    ours = computed(pixels, np.asarray(stored["landmarks"], np.float64), runs)
    if list(ours) != list(stored):
        return [f"{case['name']}: arrays must be {list(ours)}. Received: {list(stored)}. {_NEXT}"]
    return _differences(index, case["name"], stored, ours)


def _differences(index: dict[str, Any], name: str, stored: Arrays, ours: Arrays) -> list[str]:
    for cut, values in stored.items():
        kind, _, variant = cut.partition(".")
        rows = index["variants"][variant]["cut_points"] if variant else index["cut_points"]
        allowed = rows[kind]["tolerance"]
        off = _largest(values, ours[cut])
        if not off <= allowed:  # NaN too
            return [
                f"{name}, {cut}: golden values must be within {allowed:g} {rows[kind]['unit']} of "
                f"those that this code computes. Received: {off:.3g} off. {_NEXT}"
            ]
    return []


def _largest(golden: npt.NDArray[Any], ours: npt.NDArray[Any]) -> float:
    """Return the largest difference; infinity between arrays of other shape or type."""
    if golden.shape != ours.shape or golden.dtype != ours.dtype:
        return float("inf")
    return float(np.abs(golden.astype(np.float64) - ours.astype(np.float64)).max())
