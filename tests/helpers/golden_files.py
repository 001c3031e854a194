"""The golden vectors of android_demo_assets/golden, and differences of other results from them."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from export.bundle.golden.vectors import FOLDER, INDEX, read_array

ASSETS = Path(__file__).parents[2] / "android_demo_assets"
GOLDEN = ASSETS / FOLDER


def index() -> dict[str, Any]:
    """Return the index."""
    return json.loads((GOLDEN / INDEX).read_text())


def array(case: dict[str, Any], name: str):
    """Return an array of a case, e.g. `crop` or `intensity.float16`."""
    row = case["arrays"][name]
    return read_array(GOLDEN / row["file"], row["dtype"], row["shape"])


def tolerance(content: dict[str, Any], variant: str, accelerator: str, point: str) -> float:
    """Return the tolerance at a cut point, in the array's unit."""
    row = content["variants"][variant]
    of_variant = row["gpu_cut_points" if accelerator == "gpu" else "cut_points"]
    return (of_variant | content["cut_points"])[point]["tolerance"]


def worst(content: dict[str, Any], variant: str, results) -> dict[str, float]:
    """Return cut point -> largest difference over all cases; NaN where sizes differ.

    Args:
        content: The index.
        variant: Whose intensities and heatmaps are compared.
        results: (case name, cut point) -> array, or None to skip the cut point.
    """
    found: dict[str, float] = {}
    for case in content["cases"]:
        for point in ("landmarks", "matrix", "crop", "heatmaps", "intensity"):
            given = results(case["name"], point)
            if given is None:
                continue
            of_variant = point in ("heatmaps", "intensity")
            golden = array(case, f"{point}.{variant}" if of_variant else point).astype(np.float64)
            assert np.isfinite(golden).all(), (case["name"], point)
            assert np.abs(golden).max() > 0.1, (case["name"], point, "compares nothing")
            same = given.size == golden.size
            gap = (
                np.abs(given.astype(np.float64).ravel() - golden.ravel()).max() if same else np.nan
            )
            found[point] = float(np.maximum(found.get(point, 0.0), gap))  # which keeps NaN
    return found
