"""AUs of the ICT face as weights of its expression shapes, and the parting of its lips.

The shapes have the names of Apple's ARKit blendshapes, whose documentation describes what each one
moves; the rows map them to the appearance changes that FACS gives for an AU.
"""

from dataclasses import dataclass
from typing import Final

# AU -> (shape without its side, weight at intensity 5, reason)
SHAPES: Final[dict[int, tuple[tuple[str, float, str], ...]]] = {
    1: (("browInnerUp_", 1.5, "upward movement of the inner brow: frontalis, medial part"),),
    2: (("browOuterUp_", 1.2, "upward movement of the outer brow: frontalis, lateral part"),),
    4: (("browDown_", 1.7, "brows down and together: corrugator, depressor supercilii"),),
    5: (("eyeWide_", 1.45, "widening of the eyes: levator palpebrae"),),
    6: (
        ("cheekRaiser_", 0.9, "the cheek's rise around the eye: orbicularis oculi, outer part"),
        ("eyeSquint_", 0.5, "contraction around the eye, which comes with it"),
    ),
    7: (("eyeSquint_", 1.8, "contraction around the eye: orbicularis oculi, lid part"),),
    9: (("noseSneer_", 1.1, "raising of the nose's side: levator labii superioris alaeque nasi"),),
    10: (("mouthUpperUp_", 0.95, "upward movement of the upper lip: levator labii superioris"),),
    12: (("mouthSmile_", 0.95, "upward movement of the lip corner: zygomaticus major"),),
    14: (
        ("mouthDimple_", 1.25, "backward movement of the lip corner: buccinator"),
        ("mouthFrown_", 0.25, "keeps the corner from rising, which is AU12"),
        ("mouthRollLower", 0.3, "lips tightened and drawn inwards with the corners"),
    ),
    15: (("mouthFrown_", 1.75, "downward movement of the lip corner: depressor anguli oris"),),
    17: (
        ("mouthShrugLower", 1.1, "outward and upward movement of the lower lip: mentalis"),
        ("mouthShrugUpper", 0.3, "the upper lip that is pushed up with it"),
    ),
    20: (("mouthStretch_", 1.3, "sideways movement of the lip corner: risorius"),),
    23: (
        ("mouthRollLower", 0.6, "the red of the lower lip drawn inwards: orbicularis oris"),
        ("mouthRollUpper", 0.6, "the red of the upper lip drawn inwards with it"),
        ("mouthPucker", 0.45, "the contraction that makes the mouth narrower"),
    ),
    25: (("mouthLowerDown_", 0.4, "the lower lip drawn down: depressor labii inferioris"),),
    26: (("jawOpen", 0.55, "opening of the jaw, relaxed masseter"),),
    45: (("eyeBlink_", 1.1, "weight at which nearly all identities shut their eyes"),),
}
UNLABELED: Final[dict[str, tuple[tuple[str, float], ...]]] = {
    "lips puckered": (("mouthPucker", 0.8),),  # AU18
    "lips pressed": (("mouthPress_", 1.0),),  # AU24
    "lips sucked in": (("mouthRollLower", 0.7), ("mouthRollUpper", 0.7)),  # AU28
    "cheeks puffed": (("cheekPuff_", 0.8),),  # AU34
    "jaw to the right": (("jawRight", 0.6), ("mouthRight", 0.3)),  # AU30
    "jaw to the left": (("jawLeft", 0.6), ("mouthLeft", 0.3)),
}
"""Movement outside the AU table -> shapes and weights at full strength."""
SIDES: Final = ("L", "R")

FADES: Final = {9: (-2.2, -3.4, 0.4), 10: (-1.8, -0.4, 0.4)}
"""AU -> heights in cm between which its shapes fade, and the share of them that remains beyond.

noseSneer and mouthUpperUp both raise the upper lip and the sides of the nose (cosine 0.89). FACS
tells AU9 and AU10 apart by the place of the strongest pull: beside the root and wings of the nose
(AU9), or at the middle of the upper lip (AU10).
"""


@dataclass(frozen=True)
class LipParting:
    """Movement of one lip at AU25 = 5.

    Attributes:
        up, front: in cm at its middle.
        reach: distance from its margin to which the skin follows, cm (one sigma).
    """

    up: float
    front: float
    reach: float


UPPER_LIP: Final = LipParting(0.18, 0.06, 0.55)
LOWER_LIP: Final = LipParting(-0.42, 0.0, 0.75)
"""No expression shape is AU25 alone: mouthUpperUp belongs to AU10, jawOpen to AU26, and
mouthLowerDown alone would move the chin half as far as the lip."""


def names() -> list[str]:
    """Return the names of all shapes that the tables use, with sides."""
    rows = [row[0] for rows in SHAPES.values() for row in rows]
    rows += [name for shapes in UNLABELED.values() for name, _ in shapes]
    return [full for name in rows for full in sided(name)]


def sided(name: str) -> tuple[str, ...]:
    """Return the names of a shape: one per side if it has sides."""
    return tuple(name + side for side in SIDES) if name.endswith("_") else (name,)
