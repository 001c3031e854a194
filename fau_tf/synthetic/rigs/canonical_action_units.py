"""Displacement fields of the AUs on the canonical face: a table of soft pulls, after FACS.

Each row pulls the skin around some vertices of the right side of the face; the left side is its
reflection. A face with one AU at intensity 5 is the neutral face plus the AU's rows.

Reference:
    Ekman, Friesen and Hager, Facial Action Coding System, 2002: appearance changes per AU.
"""

from dataclasses import dataclass

import numpy as np

from fau_tf.synthetic.rigs import canonical_topology as topology
from fau_tf.synthetic.rigs.rig import Floats, Ints

JAW_AXIS = np.array([0.0, 0.6, -3.0])
JAW_ANGLE = 0.185
"""Opening of the jaw in radians at AU26 intensity 5, about 10 degrees."""
EYE_RADIUS, EYE_BEHIND, LID_RADIUS = 1.30, 1.02, 1.48
"""Radius of the eyeballs, how far their centers lie behind the lids' margins, and how far from them
a shut lid lies, which has the cornea under it; cm."""


@dataclass(frozen=True)
class Pull:
    """One soft pull: vertices of the right side, (outward, up, front) in cm, radius in cm."""

    vertices: tuple[int, ...]
    vector: tuple[float, float, float]
    sigma: float
    region: str = "all"


PULLS: dict[int, tuple[Pull, ...]] = {
    1: (
        Pull((55, 107), (-0.05, 1.15, 0.05), 1.25, "brow"),
        Pull((66, 65), (0.0, 0.55, 0.0), 1.0, "brow"),
        Pull((108,), (0.0, 0.45, 0.0), 1.2, "brow"),
    ),
    2: (
        Pull((46, 70, 53, 63), (0.05, 1.02, -0.05), 1.15, "brow"),
        Pull((105, 52), (0.0, 0.68, 0.0), 0.9, "brow"),
        Pull((27, 29, 30), (0.0, 0.12, 0.0), 0.5, "upper_lid"),
    ),
    4: (
        Pull((55, 107, 65), (-0.45, -0.85, 0.15), 1.25, "brow"),
        Pull((53, 52, 46), (-0.12, -0.50, 0.05), 1.2, "brow"),
        Pull((9, 8), (0.0, -0.40, 0.28), 0.8, "brow"),
    ),
    5: (
        Pull(topology.RIGHT_UPPER_LID[1:-1], (0.0, 0.58, -0.10), 0.42, "upper_lid"),
        Pull((145, 144, 153), (0.0, -0.08, 0.0), 0.5, "lower_lid"),
    ),
    6: (
        Pull((117, 118, 50), (-0.08, 0.75, 0.55), 1.45, "below_eye"),
        Pull((111, 31, 226), (-0.22, 0.32, 0.10), 0.9, "below_eye"),
        Pull((145, 144, 153, 23, 24), (0.0, 0.26, 0.10), 0.55, "lower_lid"),
        Pull((46, 53), (-0.08, -0.28, 0.08), 1.0, "brow"),
        Pull((159, 160, 161), (0.0, -0.05, 0.02), 0.6, "upper_lid"),
    ),
    7: (
        Pull((145, 144, 153, 23, 24), (0.0, 0.27, 0.06), 0.55, "lower_lid"),
        Pull((159, 160, 161), (0.0, -0.11, 0.02), 0.6, "upper_lid"),
    ),
    9: (
        Pull((198, 48, 131, 49), (0.08, 0.62, 0.20), 0.95, "nose"),
        Pull((64, 102, 129), (0.28, 0.62, 0.0), 0.6, "nose"),
        Pull((1, 4), (0.0, 0.16, 0.05), 0.8, "nose"),
        Pull((37, 39), (0.05, 0.34, 0.14), 0.9, "upper_lip"),
        Pull((6, 197), (0.0, 0.18, 0.22), 0.7, "nose"),
        Pull((55, 65), (-0.22, -0.55, 0.12), 1.0, "brow"),
        Pull((203, 36), (0.0, 0.35, 0.25), 1.0, "below_eye"),
    ),
    10: (
        Pull((39, 40, 37), (0.08, 0.72, 0.14), 0.80, "upper_lip"),
        Pull((0,), (0.0, 0.45, 0.08), 0.55, "upper_lip"),
        Pull((203, 206, 165), (0.18, 0.42, 0.34), 0.95, "upper_lip"),
        Pull((64, 98), (0.12, 0.16, 0.0), 0.5, "nose"),
    ),
    12: (
        Pull((61,), (0.98, 0.98, -0.55), 1.45, "mouth"),
        Pull((205, 50), (0.22, 0.42, 0.48), 1.45, "below_eye"),
        Pull((206, 216), (0.20, 0.22, 0.0), 1.0, "mouth"),
    ),
    14: (
        Pull((61,), (0.36, 0.36, -0.85), 0.75, "mouth"),
        Pull((57, 43, 186), (0.10, 0.0, -0.35), 0.6, "mouth"),
        Pull((37, 40, 0), (0.0, -0.36, -0.20), 0.7, "upper_lip"),
        Pull((84, 91, 17), (0.0, 0.40, -0.20), 0.7, "lower_lip"),
        Pull((214, 207, 212), (-0.12, 0.0, 0.55), 0.8, "mouth"),
    ),
    15: (
        Pull((61,), (0.45, -0.80, -0.15), 0.95, "mouth"),
        Pull((204, 202, 57), (0.20, -0.45, 0.0), 0.9, "mouth"),
        Pull((17,), (0.0, 0.10, 0.06), 0.8, "lower_lip"),
    ),
    17: (
        Pull((199, 200, 18, 201), (0.0, 0.62, 0.30), 1.25, "chin"),
        Pull((17, 84), (0.0, 0.50, 0.42), 0.9, "lower_lip"),
        Pull((0, 37), (0.0, 0.26, 0.20), 0.8, "upper_lip"),
        Pull((61,), (0.0, -0.12, 0.0), 0.6, "mouth"),
    ),
    20: (
        Pull((61,), (0.98, -0.26, -0.36), 1.3, "mouth"),
        Pull((202, 204, 57), (0.50, -0.22, -0.10), 1.2, "mouth"),
        Pull((0, 17), (0.0, 0.0, -0.22), 0.9, "mouth"),
    ),
    23: (
        Pull(topology.UPPER_OUTER_LIP[:5], (0.0, -0.34, -0.22), 0.85, "upper_border"),
        Pull(topology.LOWER_OUTER_LIP[:5], (0.0, 0.42, -0.10), 0.85, "lower_border"),
        Pull((61,), (-0.30, 0.0, 0.05), 0.9, "mouth"),
    ),
    25: (
        Pull((13, 82, 81, 37, 0), (0.0, 0.18, 0.06), 0.70, "upper_lip"),
        Pull((14, 87, 178, 17, 84), (0.0, -0.64, -0.02), 0.75, "lower_lip"),
        Pull((199, 200), (0.0, -0.15, -0.08), 1.0, "chin"),
    ),
    26: (),
    45: (),
}
"""AU -> its pulls; AU26 also has the jaw's movement, AU45 that of the lids."""

UNLABELED: dict[str, tuple[Pull, ...]] = {
    "lips puckered": (  # AU18
        Pull((61,), (-0.50, 0.0, 0.20), 1.1, "mouth"),
        Pull((0, 37), (0.0, 0.04, 0.35), 0.8, "upper_lip"),
        Pull((17, 84), (0.0, -0.04, 0.35), 0.8, "lower_lip"),
    ),
    "lips pressed": (  # AU24
        Pull((0, 37, 39, 40), (0.0, -0.20, -0.18), 0.6, "upper_lip"),
        Pull((17, 84, 91), (0.0, 0.24, -0.18), 0.6, "lower_lip"),
    ),
    "cheeks puffed": (Pull((205, 207, 214), (0.45, 0.0, 0.45), 1.6, "mouth"),),  # AU34
}
"""Movements outside the AU table, sampled so that a network learns to tell them from the AUs."""


def fields(face: Floats, mirror: Ints) -> dict[int, Floats]:
    """Return AU -> (468, 3) displacement in cm at intensity 5.

    Args:
        face: (468, 3) neutral face, symmetric in x.
        mirror: (468,) partner of each vertex.
    """
    masks = regions(face)
    out = {au: sum_pulls(face, mirror, pulls, masks) for au, pulls in PULLS.items()}
    out[26] = out[26] + jaw_weight(face)[:, None] * jaw_motion(face)
    out[45] = out[45] + shut_lids(face, mirror)
    return out


def unlabeled_fields(face: Floats, mirror: Ints) -> dict[str, Floats]:
    """Return name of UNLABELED -> (468, 3) displacement in cm at full strength."""
    masks = regions(face)
    return {name: sum_pulls(face, mirror, pulls, masks) for name, pulls in UNLABELED.items()}


def shut_lids(face: Floats, mirror: Ints) -> Floats:
    """Return the (468, 3) displacement that shuts both eyes, mostly by the upper eyelids.

    The lids meet in front of the eyeball, which covers a part of the lower lid at rest.
    """
    upper, lower, fold = (
        list(ids)
        for ids in (topology.RIGHT_UPPER_LID, topology.RIGHT_LOWER_LID, topology.RIGHT_LID_FOLD)
    )
    field = np.zeros_like(face)
    gap = face[lower] - face[upper]
    field[upper], field[lower], field[fold] = 0.9 * gap, -0.1 * gap, 0.35 * gap
    center = face[list(topology.RIGHT_EYE)].mean(0) - [0, 0, EYE_BEHIND]
    for moved in (upper, lower, fold):
        arm = face[moved] + field[moved] - center
        front = np.sqrt(np.maximum(LID_RADIUS**2 - (arm[:, :2] ** 2).sum(1), 0))
        field[moved, 2] += np.maximum(front - arm[:, 2], 0)
    return field + field[mirror] * [-1, 1, 1]


def jaw_motion(points: Floats) -> Floats:
    """Return (n, 3) the displacement of the jaw bone at AU26 = 5: a rotation about its joints."""
    arm = points - JAW_AXIS
    x = np.zeros(len(points))
    down = -JAW_ANGLE * np.maximum(arm[:, 2], 0) * 1.15
    return np.stack([x, down, 0.62 * JAW_ANGLE * arm[:, 1]], 1)


def jaw_weight(face: Floats) -> Floats:
    """Return (468,) the share of the jaw bone's movement that each vertex follows."""
    weight = 0.97 * _step((-1.4 - face[:, 1]) / 5.0) * below_mouth(face)
    lip = list(topology.LOWER_LIP)
    weight[lip] = np.maximum(weight[lip], 0.93)
    ends = {324: 0.75, 95: 0.75, 146: 0.7, 375: 0.7, 77: 0.7, 307: 0.7, 96: 0.75, 325: 0.75}
    for vertex, value in ends.items():
        weight[vertex] = value
    weight[list(topology.LIP_CORNERS)] = 0.42
    return weight


def below_mouth(face: Floats) -> Floats:
    """Return (468,) 1 below the mouth, 0 above, exact on the lips and soft on the cheeks."""
    below = _step((-4.3 - face[:, 1]) / 3.0 + 0.5)
    below[list(topology.LOWER_LIP)] = 1.0
    below[list(topology.UPPER_LIP)] = 0.0
    below[list(topology.LIP_CORNERS)] = 0.5
    return below


def regions(face: Floats) -> dict[str, Floats]:
    """Return region -> (468,) weight of its pulls."""
    x, y, _ = face.T
    below = below_mouth(face)
    lids = np.ones(len(face))
    lids[list(topology.RIGHT_EYE + topology.LEFT_EYE)] = 0.0
    near_lids = np.exp(-(((np.abs(x) - 3.2) / 1.5) ** 2) - ((y - 2.65) / 0.75) ** 2)
    free = lids * (1 - 0.85 * near_lids)
    inner_corner = 1 - np.exp(-(((np.abs(x) - 1.8) / 0.5) ** 2) - ((y - 2.6) / 0.5) ** 2)
    return {
        "all": np.ones(len(face)),
        "brow": _step((y - 2.5) / 1.2) * free,
        "below_eye": _step((2.9 - y) / 0.7) * free,
        "upper_lid": _only(topology.RIGHT_UPPER_LID, 1.0, topology.RIGHT_LID_FOLD, 0.6),
        "lower_lid": _only(topology.RIGHT_LOWER_LID, 1.0, topology.RIGHT_LID_BAG, 0.9),
        "nose": free * inner_corner * _step((y + 3.4) / 0.8),
        "mouth": _step((0.2 - y) / 2.0),
        "upper_lip": (1 - below) * _step((0.5 - y) / 1.5),
        "lower_lip": below * _step((y + 8.5) / 1.5),
        "upper_border": (1 - below) * _step((0.5 - y) / 1.5) * _red_depth(topology.UPPER_LIP),
        "lower_border": below * _step((y + 8.5) / 1.5) * _red_depth(topology.LOWER_LIP),
        "chin": below,
    }


def sum_pulls(
    face: Floats, mirror: Ints, pulls: tuple[Pull, ...], masks: dict[str, Floats]
) -> Floats:
    """Return (468, 3), the sum of pulls and their reflections."""
    field = np.zeros_like(face)
    for pull in pulls:
        right = _closeness(face, face[list(pull.vertices)], pull.sigma)
        left = right[mirror]
        strongest = np.maximum(right, left)
        share = strongest / np.maximum(right + left, 1e-12)
        out, up, front = pull.vector
        region = np.maximum(masks[pull.region], masks[pull.region][mirror])
        amount = region * share
        field[:, 0] += amount * (left - right) * out
        field[:, 1] += amount * (left + right) * up
        field[:, 2] += amount * (left + right) * front
    return field


def _closeness(face: Floats, centers: Floats, sigma: float) -> Floats:
    distance = ((face[:, None] - centers[None]) ** 2).sum(-1).min(1)
    return np.asarray(np.exp(-distance / (2 * sigma**2)))


def _only(first: tuple[int, ...], a: float, second: tuple[int, ...], b: float) -> Floats:
    mask = np.zeros(topology.FACE_VERTICES)
    mask[list(first)] = a
    mask[list(second)] = b
    return mask


def _red_depth(lip: tuple[int, ...]) -> Floats:
    """Return (468,) 0 where the lips meet, rising over a lip's rings to 1 at its border."""
    depth = np.ones(topology.FACE_VERTICES)
    inner, outer_mid, inner_mid, border = (0.0, 0.75, 0.35, 1.0)
    depth[list(lip)] = np.repeat([inner, outer_mid, inner_mid, border], 9)
    return depth


def _step(t: Floats) -> Floats:
    t = np.clip(t, 0, 1)
    return np.asarray(t * t * (3 - 2 * t))
