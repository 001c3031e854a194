"""What a face model offers to the renderer: mesh, identity, action units, landmarks."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fau_tf import facs

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]

# (a, b, c): while AU a is at full intensity, AU b moves the face by the part 1 - c. Two AUs that
# pull the same skin do not add up on a living face either.
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
)


UNEVEN = 0.3
"""Furthest that an AU moves one place of a person's face more, or less, than the rig says."""


@dataclass(frozen=True)
class Way:
    """How an AU moves one person, beside what the rig says.

    Attributes:
        scale: factors outward, up and to the front.
        wave: radians per cm outward and up, and at the middle, of the cosine over the face by
            which the movement is uneven; None is even.
    """

    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    wave: tuple[float, float, float] | None = None

    def at(self, places: Floats) -> Floats:
        """Return (V, 3) factors at places (V, 3) of the face, alike on both sides."""
        out = np.ones((len(places), 1)) * np.array(self.scale)
        if self.wave:
            across, up, start = self.wave
            aside = np.sqrt(places[:, :1] ** 2 + 1)  # smooth at the middle
            out *= 1 + UNEVEN * np.cos(across * aside + up * places[:, 1:2] + start)
        return np.asarray(out)


EVEN = Way()


@dataclass(frozen=True, eq=False)
class FaceRig:
    """A face as linear fields over one mesh, in centimeters: x to the image's right, y up, z front.

    Attributes:
        name: what the rig is called in reports.
        neutral: (V, 3) mean face, mouth closed.
        faces: (F, 3) triangles, counter-clockwise seen from outside.
        identity: (I, V, 3) displacement of one standard deviation per identity component.
        action_units: (V, 3) displacement per AU at intensity 5.
        others: name -> (V, 3) displacement of movements that no AU of the table names.
        blink: (V, 3) displacement that shuts the eyes.
        landmarks: 68 vertices in iBUG order.
        uv: (V, 2) place of each vertex in the appearance atlas, in texels.
        head_weight: (V,) 1 where a vertex turns with the head, 0 on the shoulders.
        eyes: vertices of the right and the left lid margin.
        scalp: (V,) 1 where the skull can carry hair, 0 on the face.
        curtain: (V,) bool, vertices of the long-hair sheet, drawn for some people only.
        eye_radius: of the eyeballs, cm.
        eye_offset: (2, 3) center of the right and the left eyeball, from the middle of the lids'
            margins, cm.
        shade: (V,) share of light that reaches a vertex.
    """

    name: str
    neutral: Floats
    faces: Ints
    identity: Floats
    action_units: Mapping[int, Floats]
    others: Mapping[str, Floats]
    blink: Floats
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


def expression_offset(
    rig: FaceRig,
    intensity: Mapping[int, float],
    *,
    asymmetry: Mapping[int, float] | None = None,
    ways: Mapping[int, Way] | None = None,
    others: Mapping[str, float] | None = None,
    blink: float = 0.0,
) -> Floats:
    """Return (V, 3), how an expression moves the vertices.

    Args:
        rig: the face model.
        intensity: AU number -> 0..5; an AU that is not named is 0.
        asymmetry: AU number -> -1..1, how much stronger the left side of the image moves.
        ways: AU number -> how it moves this person.
        others: name of `rig.others` -> 0..1.
        blink: 0 (open) to 1 (shut).

    Raises:
        ValueError: for an AU that the rig does not have, or an intensity outside 0..5.
    """
    weight = _weights(rig, intensity)
    side = -np.tanh(rig.neutral[:, :1] / 1.5)
    offset = blink * rig.blink
    for au, w in weight.items():
        if w:
            gain = 1.0 + (asymmetry or {}).get(au, 0.0) * side
            way = (ways or {}).get(au, EVEN).at(rig.neutral)
            offset = offset + w * gain * (way * rig.action_units[au])
    for name, part in (others or {}).items():
        offset = offset + part * rig.others[name]
    return np.asarray(offset)


def _weights(rig: FaceRig, intensity: Mapping[int, float]) -> dict[int, float]:
    for au, value in intensity.items():
        if au not in rig.action_units:
            raise ValueError(
                f"rig `{rig.name}`: AU must be one of {sorted(rig.action_units)}. "
                f"Received: {au}. Leave it out."
            )
        if not 0 <= value <= facs.MAX_INTENSITY:
            raise ValueError(
                f"AU{au:02d}: intensity must be 0..5. Received: {value}. Clip it first."
            )
    part = {au: float(intensity.get(au, 0.0)) / facs.MAX_INTENSITY for au in rig.action_units}
    weight = dict(part)
    for first, second, loss in DAMPING:
        if first in weight and second in weight:
            weight[second] *= 1.0 - loss * part[first]
    return weight
