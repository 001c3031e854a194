"""AUs that fail a criterion of `contract.LOW_RELIABILITY`.

For the JSON beside a model and for docs/experiments/accuracy.md.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from fau_tf import contract
from fau_tf.inference.model_info import FailedCriterion
from fau_tf.metrics.agreement import mean_of_known
from fau_tf.training.run_state import ACCURACY, REAL_FACES

_OPTIONAL: Final = ("cross_rig", "photos", "videos")


def low_reliability(found: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return AU label -> the criteria that it fails: `criterion`, `value` and `limit` of each.

    A criterion applies to an AU where `found`, the content of accuracy.json, has a value. Its entry
    `real_faces`, the content of real_faces.json or its part from `real_faces_edits`, is one more
    set of edited photos.
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
            if label in values and values[label] < limit:
                value = round(values[label], 3)
                row = {"criterion": criterion, "value": value, "limit": limit}
                failed.setdefault(label, []).append(row)
    return failed


def low_reliability_section(found: Mapping[str, Any], labels: Sequence[str]) -> str:
    """Return the section of the page; empty if `low_reliability` was not sought.

    Args:
        found: The content of accuracy.json.
        labels: Of the model's AUs.
    """
    if "low_reliability" not in found:
        return ""
    limits = "\n".join(
        f"- {row.text}: {row.limit:.2f}" for row in contract.LOW_RELIABILITY.values()
    )
    failed = "\n".join(
        f"- {label}: {FailedCriterion(**one)}."
        for label, rows in found["low_reliability"].items()
        for one in rows
    )
    return (
        "## Low-reliability AUs\n\nThe JSON beside a model, and the demo, list an AU as "
        f"low-reliability if one of these figures is below its limit:\n\n{limits}\n\n"
        f"{_measured(found, labels)}\n\n{failed or 'None.'}"
    )


def real_faces_edits(run: Path) -> dict[str, Any]:
    """Return what the criteria need of a run's real_faces.json; empty without that file.

    Raises:
        ValueError: If `python -m fau_tf.cli.evaluate real-faces` did not write the file.
    """
    path = run / REAL_FACES
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        edited = [
            {"edit": row["edit"], "median_rise": dict(row["median_rise"])}
            for row in found["readers"]["model"]["edited"]
        ]
        name, part = found["collection"]["name"], found["part"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path}: must be what `python -m fau_tf.cli.evaluate real-faces FOLDER --json FILE` "
            f"writes: got {error!r}. Write it again, or delete it."
        ) from error
    readers = {"model": {"edited": edited}}
    return {"real_faces": {"collection": {"name": name}, "part": part, "readers": readers}}


def earlier_figures(run: Path) -> dict[str, Any]:
    """Return the figures in a run's accuracy.json that each have an option of their own.

    They still hold, since a new training removes the file. NaN is None.

    Returns:
        `cross_rig`, `photos` and `videos`, those that there are.

    Raises:
        ValueError: If `python -m fau_tf.cli.evaluate` did not write the file.
    """
    path = run / ACCURACY
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        kept = {name: found[name] for name in _OPTIONAL if found.get(name)}
        low_reliability(kept)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path}: must be what `python -m fau_tf.cli.evaluate --run RUN` writes: got "
            f"{error!r}. Delete it; what it measured with --cross-rig, --photos and --videos is "
            "measured anew."
        ) from error
    return kept


def _cross_rig_icc(found: Mapping[str, Any]) -> dict[str, float]:
    """Return the mean ICC of each AU on rigs that a run was not trained on, where one is known."""
    groups = [
        group["per_au"]
        for run in found.get("cross_rig", [])
        for rig, group in run["groups"].items()
        if rig not in run["trained_on"]
    ]
    means = {
        label: mean_of_known(np.array([group[label]["icc"] for group in groups], np.float64))
        for label in (groups[0] if groups else [])
    }
    return {label: mean for label, mean in means.items() if _is_known(mean)}


def _edited_photos(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the figures of each edit of each set of photos, see `real_faces.edits.rises`."""
    edited = list(found.get("photos", {}).get("edited", []))
    if found.get("real_faces"):
        edited += found["real_faces"]["readers"]["model"]["edited"]
    return edited


def _edited_photo_rise(found: Mapping[str, Any]) -> dict[str, float]:
    """Return the largest median rise of each AU over the sets of edited photos."""
    rows = [row["median_rise"] for row in _edited_photos(found)]
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


def _measured(found: Mapping[str, Any], labels: Sequence[str]) -> str:
    """Return which figures the criteria had."""
    text = "A criterion applies where it was measured."
    if "cross_rig" not in found:
        text += " Cross-rig runs were not, so the first one does not apply here."
    text += _not_read(found)
    sets = ["the photos above"] if "photos" in found else []
    if "real_faces" in found:
        part, name = found["real_faces"]["part"], found["real_faces"]["collection"]["name"]
        sets.append(f"the {part} part of `{name}` ([real faces](real_faces.md))")
    if not sets:
        return text
    shown = {label for row in _edited_photos(found) for label in row["median_rise"]}
    without = [label for label in labels if label not in shown]
    text += f" Sets of edited photos: {' and '.join(sets)}."
    return text + (f" No edit shows {', '.join(without)} here." if without else "")


def _not_read(found: Mapping[str, Any]) -> str:
    """Return which real faces the correlations lack."""
    read = [name for name in ("photos", "videos") if found.get(name)]
    if not read:
        return " Neither photos nor videos were read, so there are no correlations."
    if len(read) == 2:
        return ""
    other = "Videos" if read == ["photos"] else "Photos"
    return f" {other} were not read, so correlations are those of the {read[0]}."
