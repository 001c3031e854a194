"""The AU intensities that a portrait is known to show before it is edited.

A neutral portrait has none. A posed smile has no AU of `NOT_SMILING`; beside a neutral portrait of
the same person, how far its lip corners and lips have moved tells AU12 and AU25. Everything else is
unknown.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf import facs
from fau_tf.portraits.fields import canonical_fields, face_shape
from fau_tf.portraits.portrait_set import Portrait
from fau_tf.portraits.pose import fit_pose
from fau_tf.synthetic.rigs import canonical_topology as topology

NOT_SMILING: Final = (1, 2, 4, 5, 9, 15, 20, 23)
"""AUs at 0 in a posed smile."""
SMILE: Final = (12, 25)
"""AUs measured against the neutral portrait."""
RANKED: Final = (6, 12, 25)
"""AUs that a posed smile shows more than the neutral portrait of the same person."""


def stated(expression: str) -> dict[int, float]:
    """Return AU -> intensity that follows from the expression alone."""
    if expression == "neutral":
        return dict.fromkeys(facs.AUS, 0.0)
    if expression == "smiling":
        return {au: 0.0 for au in NOT_SMILING if au in facs.AUS}
    return {}


def with_measured_smiles(portraits: Sequence[Portrait]) -> list[Portrait]:
    """Return the portraits; smiles of people with a neutral portrait know their AU12 and AU25."""
    neutral: dict[str, list[Portrait]] = defaultdict(list)
    for one in portraits:
        if one.expression == "neutral":
            neutral[one.subject].append(one)
    return [
        replace(one, start={**measured(neutral[one.subject][0].mesh, one.mesh), **one.start})
        if one.expression == "smiling" and neutral[one.subject]
        else one
        for one in portraits
    ]


def measured(
    neutral: npt.NDArray[np.floating[Any]], smiling: npt.NDArray[np.floating[Any]]
) -> dict[int, float]:
    """Return AU12 and AU25 of a smile, 0 to 5.

    AU12 is the movement of the lip corners along the canonical rig's AU12, relative to it; AU25 is
    the parting of the lips, relative to the rig's AU25.

    Args:
        neutral: (478, 2) mesh of the aligned neutral portrait, px.
        smiling: The same of the smile.
    """
    shape = face_shape()
    fields = canonical_fields(shape)
    before, after = (_posed(mesh) for mesh in (neutral, smiling))
    corners = list(topology.LIP_CORNERS)
    pull = fields[12][corners, :2]
    smile = ((after - before)[corners] * pull).sum() / (pull**2).sum()
    upper, lower = list(topology.UPPER_INNER_LIP[2:-2]), list(topology.LOWER_INNER_LIP[2:-2])
    parting = fields[25][upper, 1] - fields[25][lower, 1]
    opened = (after[upper, 1] - after[lower, 1]) - (before[upper, 1] - before[lower, 1])
    parted = opened.mean() / parting.mean()
    limit = facs.MAX_INTENSITY
    return {
        12: float(np.clip(limit * smile, 0, limit)),
        25: float(np.clip(limit * parted, 0, limit)),
    }


def _posed(mesh: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    """Return (468, 2) mesh points upright in cm, y up."""
    pose = fit_pose(mesh, face_shape())
    points = np.asarray(mesh, np.float64)[: topology.FACE_VERTICES] * (1, -1)
    turn = np.arctan2(pose.rotation[1, 0], pose.rotation[0, 0])
    cosine, sine = np.cos(turn), np.sin(turn)
    upright = points @ np.array([[cosine, -sine], [sine, cosine]])
    return np.asarray(upright / pose.scale)
