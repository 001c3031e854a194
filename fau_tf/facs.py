"""Action units, AU centers and landmarks: the table that all other modules derive theirs from.

Sources: Ekman, Friesen and Hager, Facial Action Coding System (2002) for names and muscles; the
rule sets name their own. Landmarks are the 68 of iBUG, 0-based.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

MAX_INTENSITY: Final = 5.0
"""FACS intensities A to E, written 1 to 5; 0 means the AU is absent."""
LEVELS: Final = int(MAX_INTENSITY) + 1
"""Whole intensities: 0, 1, ... 5."""


@dataclass(frozen=True)
class ActionUnit:
    """One AU: FACS number, FACS name and the muscles that make it."""

    number: int
    name: str
    muscles: str

    @property
    def label(self) -> str:
        """Zero-padded label, e.g. `AU06`."""
        return f"AU{self.number:02d}"


AUS: Final = {
    au.number: au
    for au in (
        ActionUnit(1, "Inner Brow Raiser", "frontalis, pars medialis"),
        ActionUnit(2, "Outer Brow Raiser", "frontalis, pars lateralis"),
        ActionUnit(4, "Brow Lowerer", "corrugator supercilii, depressor supercilii, procerus"),
        ActionUnit(5, "Upper Lid Raiser", "levator palpebrae superioris"),
        ActionUnit(6, "Cheek Raiser", "orbicularis oculi, pars orbitalis"),
        ActionUnit(7, "Lid Tightener", "orbicularis oculi, pars palpebralis"),
        ActionUnit(9, "Nose Wrinkler", "levator labii superioris alaeque nasi"),
        ActionUnit(10, "Upper Lip Raiser", "levator labii superioris"),
        ActionUnit(12, "Lip Corner Puller", "zygomaticus major"),
        ActionUnit(14, "Dimpler", "buccinator"),
        ActionUnit(15, "Lip Corner Depressor", "depressor anguli oris"),
        ActionUnit(17, "Chin Raiser", "mentalis"),
        ActionUnit(20, "Lip Stretcher", "risorius with platysma"),
        ActionUnit(23, "Lip Tightener", "orbicularis oris"),
        ActionUnit(25, "Lips Part", "depressor labii inferioris, or relaxed mentalis"),
        ActionUnit(26, "Jaw Drop", "masseter, relaxed temporalis and internal pterygoid"),
        ActionUnit(45, "Blink", "relaxed levator palpebrae; orbicularis oculi, pars palpebralis"),
    )
}

ALL: Final = tuple(AUS)
"""The 17 AUs whose intensity OpenFace 2.0 predicts.

FACS gives AU45 no intensity. Here it is how far the eyes are shut: 0 as at rest, 5 shut.
"""
DISFA: Final = (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)
BP4D: Final = (6, 10, 12, 14, 17)
DISFA_BP4D: Final = tuple(sorted({*DISFA, *BP4D}))
AU_SETS: Final = {"openface": ALL, "disfa_bp4d": DISFA_BP4D, "disfa": DISFA, "bp4d": BP4D}
"""Name for the setting `model.aus` -> AUs. The data sets' are those coded with intensities."""


@dataclass(frozen=True)
class CenterPoint:
    """Where one AU center lies.

    Attributes:
        side: `left` and `right` of the image, or `upper`, `middle`, `lower` on the midline.
        landmarks: The center is the mean of these landmarks ...
        down: ... moved down by this many inner-eye-corner distances |x39 - x42|.
    """

    side: str
    landmarks: tuple[int, ...]
    down: float = 0.0


@dataclass(frozen=True)
class CenterRule:
    """A named rule set: the centers of each AU that it covers, and its source."""

    source: str
    points: Mapping[int, tuple[CenterPoint, ...]]


# iBUG landmarks after a left-right flip of the image: jaw, brows, nose, eyes, mouth.
MIRROR_68: Final = (
    *range(16, -1, -1),
    *range(26, 16, -1),
    *range(27, 31),
    *range(35, 30, -1),
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
    *(64, 63, 62, 61, 60, 67, 66, 65),
)

# MediaPipe's mesh of 478 -> iBUG 68: the best of three maps on 43 faces (docs/reference/face.md).
IBUG_FROM_MEDIAPIPE: Final = (
    *(162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389),
    *(70, 63, 105, 66, 107, 336, 296, 334, 293, 300),
    *(168, 197, 5, 4, 75, 97, 2, 326, 305),
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87),
)

_SIDES: Final = {"left": "right", "right": "left"}


def _pair(*left: int, down: float = 0.0) -> tuple[CenterPoint, CenterPoint]:
    right = tuple(MIRROR_68[i] for i in left)
    return CenterPoint("left", left, down), CenterPoint("right", right, down)


def _mid(*landmarks: int, side: str = "middle") -> tuple[CenterPoint]:
    return (CenterPoint(side, landmarks),)


_FAN: Final = {
    6: _pair(41, 2),
    10: _pair(49),
    12: _pair(48),
    14: _pair(48, 3),
    17: _mid(57, side="upper") + _mid(57, 8, side="lower"),
}

RULES: Final = {
    "fau": CenterRule(
        "this package: Fan's points where they are known, a distinct place for every other AU",
        _FAN
        | {
            1: _pair(21),
            2: _pair(18),
            4: _mid(21, 22, 27),
            5: _pair(37, 38),
            7: _pair(40, 41),
            9: _pair(31) + _mid(28),
            15: _pair(48, down=0.25),
            20: _pair(48, 4),
            23: _pair(49, 59),
            25: _mid(62, side="upper") + _mid(66, side="lower"),
            26: _pair(58, 7),
            45: _pair(36, 39),
        },
    ),
    "fan": CenterRule(
        "Fan, Lam and Li, AAAI 2020: recovered from the sample annotation and figure 3", _FAN
    ),
    "libreface": CenterRule(
        "LibreFace (Chang et al., WACV 2024), the table in its code",
        {
            1: _pair(21) + _mid(21, 22, 27),
            2: _pair(18),
            4: _pair(21) + _mid(21, 22, 27),
            5: _pair(37, 38),
            6: _pair(1, 41, 31),
            9: _pair(31) + _mid(28),
            10: _pair(31) + _mid(51),
            12: _pair(48),
            14: _pair(48),
            15: _pair(48),
            17: _mid(57, 8),
            20: _pair(48) + _mid(51),
            25: _mid(61, 64),
            26: _mid(61, 64),
        },
    ),
    "jaanet": CenterRule(
        "JAA-Net (Shao et al., ECCV 2018) after EAC-Net (Li et al., 2017)",
        {
            1: _pair(21, down=-1 / 2),
            2: _pair(18, down=-1 / 3),
            4: _pair(19, down=1 / 3),
            6: _pair(41, down=1.0),
            7: _pair(38),
            9: _pair(32, down=-1 / 2),
            10: _pair(61),
            12: _pair(48),
            14: _pair(48),
            15: _pair(48),
            17: _pair(58, down=1 / 2),
            23: _mid(51, side="upper") + _mid(57, side="lower"),
            25: _mid(51, side="upper") + _mid(57, side="lower"),
            26: _pair(58, down=1 / 2),
        },
    ),
}


@dataclass(frozen=True)
class Center:
    """One of K AU centers, in heatmap channel order.

    Attributes:
        au: The AU's number.
        name: E.g. `AU06_left`; unique.
        point: Where it lies.
        mirror: The channel that it becomes when the image is flipped left to right.
    """

    au: int
    name: str
    point: CenterPoint
    mirror: int


def centers(aus: Sequence[int], rule: str = "fau") -> tuple[Center, ...]:
    """Return the K AU centers of `aus`, in the order of `aus`, by a named rule set.

    Raises:
        ValueError: If the rule set is unknown, or lacks one of the AUs.
    """
    if rule not in RULES:
        raise ValueError(f"AU center rule must be one of {sorted(RULES)}. Received: {rule!r}")
    points = RULES[rule].points
    if not aus or len(set(aus)) != len(aus):
        raise ValueError(f"AUs must be distinct, at least one. Received: {tuple(aus)}")
    lacking = [au for au in aus if au not in points]
    if lacking:
        raise ValueError(
            f"Rule {rule!r} has no center for {', '.join(f'AU{au:02d}' for au in lacking)}; "
            f"it covers {sorted(points)}. Choose rule 'fau', or leave those AUs out."
        )
    names = [f"AU{au:02d}_{point.side}" for au in aus for point in points[au]]
    partner = [f"AU{au:02d}_{_SIDES.get(p.side, p.side)}" for au in aus for p in points[au]]
    rows = [(au, point) for au in aus for point in points[au]]
    return tuple(
        Center(au, name, point, names.index(other))
        for (au, point), name, other in zip(rows, names, partner, strict=True)
    )


def center_to_au(aus: Sequence[int], rule: str = "fau") -> npt.NDArray[np.float32]:
    """Return the (K, A) matrix whose column a averages the centers of the a-th AU."""
    owner = np.array([center.au for center in centers(aus, rule)])
    onehot = (owner[:, None] == np.array(aus)[None, :]).astype(np.float32)  # (K, A)
    average: npt.NDArray[np.float32] = onehot / onehot.sum(axis=0)
    return average


def has_sides(au: int, rule: str = "fau") -> bool:
    """Return whether a rule set gives an AU one center on each side, and no others."""
    return {point.side for point in RULES[rule].points[au]} == {"left", "right"}


def center_sides(aus: Sequence[int], rule: str = "fau") -> npt.NDArray[np.float32]:
    """Return (K,) 1 for a center on the image's left, -1 on its right, 0 on the midline."""
    sign = {"left": 1.0, "right": -1.0}
    return np.array([sign.get(one.point.side, 0.0) for one in centers(aus, rule)], np.float32)


def au_of_center(aus: Sequence[int], rule: str = "fau") -> npt.NDArray[np.int32]:
    """Return (K,) the position in `aus` of the AU that each center belongs to."""
    owner: npt.NDArray[np.int32] = np.argmax(center_to_au(aus, rule), axis=1).astype(np.int32)
    return owner
