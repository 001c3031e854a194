"""AUs that fail a criterion of `contract.LOW_RELIABILITY`, for the JSON beside a model."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from fau_tf import contract


def low_reliability(found: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return AU label -> the criteria that it fails: `criterion`, `value` and `limit` of each.

    A criterion applies where `found`, the content of accuracy.json, has what it needs. Its entry
    `real_faces`, the content of real_faces.json, adds edited photos.
    """
    measured = {
        "cross_rig_icc": _cross_rig_icc(found),
        "edited_photo_rise": _edited_photo_rise(found),
        "blendshape_correlation": _blendshape_correlation(found),
    }
    failed: dict[str, list[dict[str, Any]]] = {}
    for label in sorted({label for values in measured.values() for label in values}):
        for criterion, values in measured.items():
            limit = contract.LOW_RELIABILITY[criterion].limit
            if label in values and not values[label] >= limit:  # NaN fails, too
                value = round(values[label], 3)
                row = {"criterion": criterion, "value": value, "limit": limit}
                failed.setdefault(label, []).append(row)
    return failed


def _cross_rig_icc(found: Mapping[str, Any]) -> dict[str, float]:
    """Return the mean ICC of each AU on rigs that a run was not trained on."""
    groups = [
        group["per_au"]
        for run in found.get("cross_rig", [])
        for rig, group in run["groups"].items()
        if rig not in run["trained_on"]
    ]
    return {
        label: float(np.mean([group[label]["icc"] for group in groups]))
        for label in (groups[0] if groups else [])
    }


def _edited_photo_rise(found: Mapping[str, Any]) -> dict[str, float]:
    """Return the largest median rise of each AU that was edited into photos."""
    edited = list(found.get("photos", {}).get("edited", []))
    if found.get("real_faces"):
        edited += found["real_faces"]["readers"]["model"]["edited"]
    rows = [row["median_rise"] for row in edited]
    return {
        label: max(row[label] for row in rows if label in row)
        for label in {label for row in rows for label in row}
    }


def _blendshape_correlation(found: Mapping[str, Any]) -> dict[str, float]:
    """Return the largest correlation of each AU with its blendshapes on photos and videos."""
    photos = [found["photos"]["blendshapes"]] if "photos" in found else []
    rows = [one["per_au"] for one in [*photos, *found.get("videos", [])]]
    labels = rows[0] if rows else []
    known = {label: [row[label] for row in rows if _is_known(row[label])] for label in labels}
    return {label: max(values) for label, values in known.items() if values}


def _is_known(value: float | None) -> bool:
    return value is not None and bool(np.isfinite(value))  # in a JSON file NaN is null
