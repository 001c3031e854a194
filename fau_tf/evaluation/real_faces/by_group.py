"""Figures of neutral and smiling photos by groups of subjects, such as sex or age."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from fau_tf.evaluation.real_faces.expressions import (
    NEUTRAL,
    Readings,
    neutral_alarms,
    smile_pairs,
)
from fau_tf.portraits.groups import Grouping

SMALLEST: Final = 5
"""Subjects below which a group has no figures of its own: they would describe persons."""
OTHER: Final = "other"
"""Name of the smaller groups together."""


def by_group(
    readings: Readings, groupings: Mapping[str, Grouping]
) -> dict[str, list[dict[str, Any]]]:
    """Return grouping -> figures of its groups.

    Args:
        readings: Of the photos.
        groupings: Name -> of subjects.

    Returns:
        Rows of `group`; `subjects`, whose neutral face was read; `neutral_alarms`, the share of
        intensities of 1 or more on neutral faces; `smiles`, subjects with both faces; `smile_auc`,
        the mean AUC of AU6, AU12 and AU25 within the group. The last two rows of figures have
        `value` and `interval`, NaN with fewer than `SMALLEST` subjects.
    """
    return {
        name: [_row(readings, group, members) for group, members in _pooled(readings, grouping)]
        for name, grouping in groupings.items()
    }


def _pooled(readings: Readings, grouping: Grouping) -> list[tuple[str, set[str]]]:
    """Return groups and their subjects with a neutral face; small groups together, at the end."""
    read = _read_subjects(readings)
    groups = {
        group: {subject for subject in read if grouping.of[subject] == group}
        for group in grouping.order
    }
    large = [(group, own) for group, own in groups.items() if len(own) >= SMALLEST]
    small = set().union(*(own for own in groups.values() if len(own) < SMALLEST))
    return [*large, (OTHER, small)] if small else large


def _read_subjects(readings: Readings) -> list[str]:
    known = np.isfinite(readings.of_subjects(NEUTRAL, lambda x: x)).all(axis=1)
    names = list(dict.fromkeys(readings.subjects))
    return [names[i] for i in np.flatnonzero(known)]


def _row(readings: Readings, group: str, members: set[str]) -> dict[str, Any]:
    own = readings.of(members)
    alarms, smile = neutral_alarms(own)["all"], smile_pairs(own)
    unknown = {"value": float("nan"), "interval": [float("nan")] * 2}
    return {
        "group": group,
        "subjects": len(members),
        "neutral_alarms": alarms if len(members) >= SMALLEST else unknown,
        "smiles": smile["subjects"],
        "smile_auc": smile["mean_auc"] if smile["subjects"] >= SMALLEST else unknown,
    }
