"""The movement of a face mesh by an edit of its AUs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from fau_tf import facs
from fau_tf.portraits.editing import lids_lips
from fau_tf.portraits.editing.mouth import MouthLook
from fau_tf.portraits.fields import CANONICAL, au_fields, face_shape, identity_fields
from fau_tf.portraits.pose import Pose
from fau_tf.synthetic.rigs import canonical_topology as topology
from fau_tf.synthetic.rigs.rig import LIDS_SHUT, AuGainField, Floats, damped, side_share

Intensities = dict[int, float]


@dataclass(frozen=True)
class Manner:
    """How a person's face moves and wrinkles; the same in all edits of one pair.

    Attributes:
        models: Face model -> share of its fields in the movement; shares sum to 1.
        gains: AU -> gain field of its movement.
        depths: AU -> factor on the depth of its wrinkles; 0 is none.
        variant: Of the wrinkles.
        mouth: What shows when it opens.
        shape: Identity components of the canonical rig, in standard deviations, that are added to
            the face; empty: its own shape.
    """

    models: Mapping[str, float]
    gains: Mapping[int, AuGainField] = field(default_factory=dict)
    depths: Mapping[int, float] = field(default_factory=dict)
    variant: int = 0
    mouth: MouthLook = field(default_factory=MouthLook)
    shape: tuple[float, ...] = ()


@dataclass(frozen=True)
class Edit:
    """What one edit changes.

    Attributes:
        change: AU -> change of its intensity, -5 to 5; with an asymmetry that of the mean of both
            sides, as far as both stay within 0 to 5, see `side_gain`.
        asymmetry: AU -> -1 to 1, how much stronger the left side of the image moves.
        unlabeled: Name of a movement outside the table -> 0 to 1.
    """

    change: Mapping[int, float] = field(default_factory=dict)
    asymmetry: Mapping[int, float] = field(default_factory=dict)
    unlabeled: Mapping[str, float] = field(default_factory=dict)


def intensities(start: Mapping[int, float], change: Edit) -> tuple[Intensities, Intensities]:
    """Return AU -> intensity before and after an edit; an unknown start counts as 0.

    Raises:
        ValueError: For an AU outside the table, or an intensity beyond 0 to 5.
    """
    before = {au: 0.0 for au in facs.AUS} | {
        au: value for au, value in start.items() if np.isfinite(value)
    }
    after = dict(before)
    for au, by in change.change.items():
        if au not in facs.AUS:
            raise ValueError(f"Unknown AU {au}. The table has {sorted(facs.AUS)}.")
        after[au] = before[au] + by
        if not -1e-6 <= after[au] <= facs.MAX_INTENSITY + 1e-6:
            raise ValueError(
                f"AU{au:02d}: a change by {by:.2f} from {before[au]:.2f} leaves 0 to 5. Change "
                "it less."
            )
    return before, after


def side_gain(au: int, before: Intensities, change: Edit, side: Floats) -> Floats:
    """Return factors (...) on an AU's change; a side that would leave 0 to 5 ends there.

    Args:
        au: Of the table, but AU45, see `lids_lips.eye_shares`.
        before: AU -> intensity in the portrait.
        change: The edit.
        side: (...) from `rig.side_share`.
    """
    gain = np.asarray(1 + change.asymmetry.get(au, 0.0) * side)
    by = change.change.get(au, 0.0)
    if by == 0:
        return gain
    room = facs.MAX_INTENSITY - before[au] if by > 0 else before[au]
    return np.minimum(gain, room / abs(by))


def moved(
    mesh: npt.NDArray[np.floating[Any]], pose: Pose, before: Intensities, after: Intensities,
    change: Edit, manner: Manner,
) -> Floats:  # fmt: skip
    """Return (468, 2), the vertices of the edited face, px.

    Args:
        mesh: (478, 2) mesh of the portrait, px.
        pose: Of the portrait.
        before: AU -> intensity in it.
        after: AU -> intensity after the edit.
        change: The edit.
        manner: How the face moves.
    """
    points = mesh[: topology.FACE_VERTICES]
    offset = pose.on_picture(_displacement(before, after, change, manner))
    offset += lids_lips.closure(mesh, closing(before, after, change))
    return lids_lips.kept_apart(mesh, points + offset)


def closing(before: Intensities, after: Intensities, change: Edit) -> Floats:
    """Return (2,), the share of the present opening that an edit closes, right and left eye.

    Negative opens it.

    Raises:
        ValueError: If eyes that are shut shall open: the photo doesn't show them.
    """
    by, opening = after[LIDS_SHUT] - before[LIDS_SHUT], facs.MAX_INTENSITY - before[LIDS_SHUT]
    if by < 0 and opening <= 0:
        raise ValueError(
            f"AU{LIDS_SHUT}: a change by {by:.2f} opens eyes that are shut in the photo (5.00), "
            "which does not show them. Leave it out."
        )
    shut = by / opening if by else 0.0
    return shut * lids_lips.eye_shares(change.asymmetry.get(LIDS_SHUT, 0.0))


def _displacement(before: Intensities, after: Intensities, change: Edit, manner: Manner) -> Floats:
    """Return (468, 3) cm, without the closing of the eyes."""
    fields, shape = au_fields(), face_shape()
    side = side_share(shape.points)[:, None]
    out = np.zeros(shape.points.shape)
    was, becomes = damped(before), damped(after)
    for au in facs.AUS:
        weight = becomes[au] - was[au]
        if weight == 0 or au == LIDS_SHUT:
            continue
        gain = side_gain(au, before, change, side) * manner.gains.get(au, AuGainField()).at(
            shape.points
        )
        out += weight * gain * _mixed(au, manner.models)
    for name, part in change.unlabeled.items():
        out += part * fields.unlabeled[name]
    if manner.shape:
        out += np.tensordot(np.array(manner.shape), identity_fields(), 1)
    return out


def _mixed(au: int, shares: Mapping[str, float]) -> Floats:
    """Return (468, 3), the fields of the models that have the AU, mixed by their shares."""
    models = au_fields().models
    able = {name: share for name, share in shares.items() if au in models[name] and share > 0}
    if not able:
        return models[CANONICAL][au]
    total = sum(able.values())
    return np.asarray(sum(share / total * models[name][au] for name, share in able.items()))
