"""Eyelids and lips: closing the eyes by a person's own opening, and margins that never cross."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf.portraits.fields import face_shape
from fau_tf.synthetic.rigs import canonical_topology as topology
from fau_tf.synthetic.rigs.rig import Floats

LOWER_SHARE: Final = 0.1
"""Share of the opening that the lower lid covers when the eye shuts."""
LASHES: Final = 0.2
"""Height of the lashes above the margin of the upper lid, relative to the eye's opening and to the
fold's distance."""
_RIGHT: Final = (topology.RIGHT_UPPER_LID, topology.RIGHT_LOWER_LID, topology.RIGHT_LID_FOLD)


def eye_shares(lean: float) -> Floats:
    """Return (2,), the shares of AU45's change that the right and the left eye make.

    Args:
        lean: -1 to 1; holds the eye on the right of the image back, or if negative on the left.
    """
    return np.clip([1 + lean, 1 - lean], 0, 1)


def closure(mesh: npt.NDArray[np.floating[Any]], shut: Floats) -> Floats:
    """Return the (468, 2) displacement in px that shuts the eyes of this face.

    Args:
        mesh: (478, 2) mesh points, px.
        shut: (2,) from `movement.closing`.
    """
    out = np.zeros((topology.FACE_VERTICES, 2))
    for (upper, lower, fold), part in zip(lid_rings(), shut, strict=True):
        gap = mesh[lower] - mesh[upper]
        out[upper] = part * (1 - LOWER_SHARE) * gap
        out[lower] = -part * LOWER_SHARE * gap
        out[fold] = part * 0.35 * gap
    return out


def lash_lift(mesh: npt.NDArray[np.floating[Any]], shut: Floats) -> Floats:
    """Return (468, 2) how far above its place a closing upper lid takes its skin from.

    The mesh ends in the lashes, where the photo is dark; a lid that closes shows skin.

    Args:
        mesh: (478, 2) mesh points, px.
        shut: (2,) from `movement.closing`; an eye that opens or stays lifts nothing.
    """
    out = np.zeros((topology.FACE_VERTICES, 2))
    for (upper, lower, fold), part in zip(lid_rings(), np.clip(shut, 0, 1), strict=True):
        out[upper] = -part * LASHES * (mesh[lower] - mesh[upper])
        out[upper] += part * LASHES * (mesh[fold] - mesh[upper])
    return out


def kept_apart(mesh: npt.NDArray[np.floating[Any]], moved: Floats) -> Floats:
    """Return moved vertices (468, 2) with margins that crossed laid upon one another.

    Lids and lips that touch stop each other. Lids meet near the lower one, lips half way. Margins
    that cross in the portrait's own mesh, by an error of the landmarks, may cross as far.
    """
    out = np.array(moved, np.float64)
    for upper, lower, _ in lid_rings():
        crossed = _crossed(mesh, out, upper, lower)
        out[upper, 1] += (1 - LOWER_SHARE) * crossed
        out[lower, 1] -= LOWER_SHARE * crossed
    crossed = _crossed(mesh, out, _UPPER_RINGS[0][0], _LOWER_RINGS[0][0])
    for ring, share in _UPPER_RINGS:
        out[ring, 1] += 0.5 * share * crossed
    for ring, share in _LOWER_RINGS:
        out[ring, 1] -= 0.5 * share * crossed
    return out


def _crossed(mesh: Floats, moved: Floats, upper: list[int], lower: list[int]) -> Floats:
    """Return (n,), 0 or less: how far below its partner an upper vertex has moved, px."""
    allowed = np.minimum(mesh[lower, 1] - mesh[upper, 1], 0.0)
    return np.asarray(np.minimum(moved[lower, 1] - moved[upper, 1] - allowed, 0.0))


_UPPER_RINGS: Final = (
    (list(topology.UPPER_INNER_LIP), 1.0),
    (list(topology.UPPER_MID_LIP[9:]), 0.8),
    (list(topology.UPPER_MID_LIP[:9]), 0.5),
    (list(topology.UPPER_OUTER_LIP), 0.25),
)
"""Rings of a lip from its margin outward, and the share of the margin's push that they follow."""
_LOWER_RINGS: Final = (
    (list(topology.LOWER_INNER_LIP), 1.0),
    (list(topology.LOWER_MID_LIP[9:]), 0.8),
    (list(topology.LOWER_MID_LIP[:9]), 0.5),
    (list(topology.LOWER_OUTER_LIP), 0.25),
)


def lid_rings() -> list[tuple[list[int], list[int], list[int]]]:
    """Return upper margin, lower margin and fold of the right and the left eye."""
    mirror = face_shape().mirror
    right = tuple(list(ring) for ring in _RIGHT)
    left = tuple(mirror[ring].tolist() for ring in right)
    return [(right[0], right[1], right[2]), (left[0], left[1], left[2])]
