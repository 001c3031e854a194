"""A face model: one mesh with linear fields for identity, action units and other movements."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fau_tf import facs

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]

DAMPING = (
    (9, 10, 0.45),
    (12, 20, 0.35),
    (12, 14, 0.25),
    (12, 15, 0.20),
    (15, 20, 0.25),
    (14, 20, 0.25),
    (26, 25, 0.40),
    (9, 6, 0.25),
    (4, 9, 0.20),
    (23, 20, 0.25),
    (45, 5, 1.00),
    (45, 7, 1.00),
)
"""(a, b, c): at full intensity of AU a, AU b moves the face by a factor of 1 - c. Two AUs that pull
the same skin do not add up on a living face either, and lids that are shut are not wide open."""
LIDS_SHUT: Final = 45
"""The AU that is a position, 5 where the lids meet, on every person and on both sides."""
OVERLAP: Final = 1.08
"""Factor on the lids' way at AU45 = 5: where they meet in the mean, a slit is left in places."""
LIDS_TIGHT: Final = 7
"""The AU that narrows the eyes by a share of their opening, and people differ in it by the roots of
their gains: otherwise it would shut the eyes of some."""
_UPPER_LIDS, _LOWER_LIDS = (37, 38, 43, 44), (41, 40, 47, 46)  # iBUG, one above the other
SIDE_FADE: Final = 1.5
"""Distance from the midline in cm at which three quarters of an asymmetry are there."""
MAX_UNEVENNESS = 0.3
"""Largest relative change of an AU's movement from place to place."""


@dataclass(frozen=True)
class AuGainField:
    """A person's factors on the movement of one AU: per axis, and from place to place.

    Attributes:
        scale: factors outward, up and to the front.
        wave: radians per cm outward and up, and phase, of a cosine over the face that makes the
            movement uneven; None is even.
    """

    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    wave: tuple[float, float, float] | None = None

    def at(self, points: Floats) -> Floats:
        """Return (V, 3) factors at points (V, 3) of the face, the same on both sides."""
        out = np.ones((len(points), 1)) * np.array(self.scale)
        if self.wave:
            across, up, phase = self.wave
            aside = np.sqrt(points[:, :1] ** 2 + 1)  # smooth at the midline
            out *= 1 + MAX_UNEVENNESS * np.cos(across * aside + up * points[:, 1:2] + phase)
        return np.asarray(out)


@dataclass(frozen=True, eq=False)
class FaceRig:
    """A face as linear fields over one mesh, in centimeters: x to the image's right, y up, z front.

    Attributes:
        name: of the rig, for reports.
        neutral: (V, 3) mean face, mouth closed.
        faces: (F, 3) triangles, counter-clockwise seen from outside.
        identity: (I, V, 3) displacement of one standard deviation per identity component.
        action_units: (V, 3) displacement per AU at intensity 5.
        unlabeled: name -> (V, 3) displacement of movements outside the AU table.
        landmarks: 68 vertices in iBUG order.
        uv: (V, 2) texel of each vertex in the UV atlas.
        head_weight: (V,) 1 where a vertex turns with the head, 0 on the shoulders.
        eyes: vertices of the right and the left eyelid margin.
        scalp: (V,) 1 where the skull can carry hair, 0 on the face.
        curtain: (V,) bool, vertices of long hair, drawn for some people only.
        eye_radius: of the eyeballs, cm.
        eye_offset: (2, 3) centers of the eyeballs, right and left, from the mean of the eyelid
            margin, cm.
        shade: (V,) share of light that reaches a vertex.
    """

    name: str
    neutral: Floats
    faces: Ints
    identity: Floats
    action_units: Mapping[int, Floats]
    unlabeled: Mapping[str, Floats]
    landmarks: Ints
    uv: Floats
    head_weight: Floats
    eyes: tuple[Ints, Ints]
    scalp: Floats
    curtain: NDArray[np.bool_]
    eye_radius: float
    eye_offset: Floats
    shade: Floats


def identity_shape(rig: FaceRig, components: Floats) -> Floats:
    """Return (V, 3), the neutral face of the person with these identity components (I,)."""
    return np.asarray(rig.neutral + np.einsum("i,ivc->vc", components, rig.identity))


def eye_opening(rig: FaceRig, shape: Floats) -> float:
    """Return how far a person's eyes are open at rest, 1 as on the mean face of the rig.

    Args:
        rig: the face model.
        shape: (V, 3) from `identity_shape`.
    """
    above, below = rig.landmarks[list(_UPPER_LIDS)], rig.landmarks[list(_LOWER_LIDS)]
    closing = rig.action_units[LIDS_SHUT][below, 1] - rig.action_units[LIDS_SHUT][above, 1]
    return float((shape[above, 1] - shape[below, 1]).mean() / closing.mean())


def share_shut(blink: float, lid_droop: float) -> float:
    """Return the share of the eyes' opening, 0..1, that the lids cover.

    Args:
        blink: AU45, 0..1.
        lid_droop: the share that they cover at rest.
    """
    return lid_droop + (1.0 - lid_droop) * blink


def expression_offset(
    rig: FaceRig,
    intensity: Mapping[int, float],
    *,
    asymmetry: Mapping[int, float] | None = None,
    au_gains: Mapping[int, AuGainField] | None = None,
    unlabeled: Mapping[str, float] | None = None,
    lid_droop: float = 0.0,
    eye_opening: float = 1.0,
) -> Floats:
    """Return the (V, 3) displacement of an expression.

    Args:
        rig: the face model.
        intensity: AU number -> 0..5; an AU that is not named is 0.
        asymmetry: AU number -> -1..1, how much stronger the left side of the image moves; not of
            AU45, see LIDS_SHUT.
        au_gains: AU number -> this person's gain field; by default none; not of AU45.
        unlabeled: name of `rig.unlabeled` -> 0..1.
        lid_droop: 0..1, share of the eyes' opening that the lids cover at rest.
        eye_opening: of the person, from `eye_opening`.

    Raises:
        ValueError: for an AU that the rig does not have, or an intensity outside 0..5.
    """
    weight = _weights(rig, intensity)
    side = side_share(rig.neutral)[:, None]
    shut = share_shut(weight.pop(LIDS_SHUT), lid_droop)
    offset = shut * (rig.action_units[LIDS_SHUT] * [1.0, OVERLAP * eye_opening, 1.0])
    for au, w in weight.items():
        if w:
            gain = 1.0 + (asymmetry or {}).get(au, 0.0) * side
            field = (au_gains or {}).get(au, AuGainField()).at(rig.neutral)
            if au == LIDS_TIGHT:
                field = np.sqrt(field) * [1.0, eye_opening, 1.0]
            offset = offset + w * gain * (field * rig.action_units[au])
    for name, part in (unlabeled or {}).items():
        offset = offset + part * rig.unlabeled[name]
    return np.asarray(offset)


def side_share(points: Floats) -> Floats:
    """Return (...), 1 on the image's left of a face, -1 on its right, passing through 0 between.

    Args:
        points: (..., 3) cm, x to the image's right of the midline.
    """
    return np.asarray(-np.tanh(points[..., 0] / SIDE_FADE))


def side_difference(neutral: Floats, au: int, asymmetry: float) -> float:
    """Return by how much of its intensity an AU is stronger on the image's left than on its right.

    The movement is compared at the AU's two centers of the rule set `fau`.

    Args:
        neutral: (68, 3) landmarks of the neutral face, cm.
        au: An AU with sides. Of AU45, which rigs don't lean, an edit opens one eye and leaves the
            other as shut as it is.
        asymmetry: As of `expression_offset`.

    Raises:
        ValueError: If the AU has no sides, see `facs.has_sides`.
    """
    if not facs.has_sides(au):
        sided = [one for one in facs.ALL if facs.has_sides(one)]
        raise ValueError(
            f"AU{au:02d} has no sides: rule 'fau' does not give it one center on each. "
            f"Choose from {sided}."
        )
    if au == LIDS_SHUT:
        return asymmetry
    at = {
        center.point.side: float(side_share(neutral[list(center.point.landmarks)].mean(axis=0)))
        for center in facs.centers((au,))
    }
    return asymmetry * (at["left"] - at["right"])


def _weights(rig: FaceRig, intensity: Mapping[int, float]) -> dict[int, float]:
    for au, value in intensity.items():
        if au not in rig.action_units:
            raise ValueError(
                f"Rig `{rig.name}` has no AU {au}, only {sorted(rig.action_units)}. Leave it out."
            )
        if not 0 <= value <= facs.MAX_INTENSITY:
            raise ValueError(f"AU{au:02d}: intensity must be 0 to 5, not {value}. Clip it first.")
    return damped({au: float(intensity.get(au, 0.0)) for au in rig.action_units})


def damped(intensity: Mapping[int, float]) -> dict[int, float]:
    """Return AU -> weight of its movement, intensity / 5 reduced by the AUs of `DAMPING`."""
    part = {au: value / facs.MAX_INTENSITY for au, value in intensity.items()}
    weight = dict(part)
    for first, second, loss in DAMPING:
        if first in weight and second in weight:
            weight[second] *= 1.0 - loss * part[first]
    return weight
