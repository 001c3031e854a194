"""How each AU moves the ICT face: weights of its expression shapes, and one field of our own (AU25).

The shapes carry the names of Apple's ARKit blend shapes, whose documentation says in words what
each one moves; the rows join them to the appearance changes that FACS gives for an AU.
"""

from typing import Final

# AU -> (shape without its side, weight at intensity 5, why)
SHAPES: Final[dict[int, tuple[tuple[str, float, str], ...]]] = {
    1: (("browInnerUp_", 1.25, "upward movement of the inner brow: frontalis, medial part"),),
    2: (("browOuterUp_", 1.0, "upward movement of the outer brow: frontalis, lateral part"),),
    4: (("browDown_", 1.3, "brows down and together: corrugator, depressor supercilii"),),
    5: (("eyeWide_", 1.45, "widening of the eyes: levator palpebrae"),),
    6: (
        ("cheekRaiser_", 0.9, "the cheek's rise around the eye: orbicularis oculi, outer part"),
        ("eyeSquint_", 0.5, "contraction around the eye, which comes with it"),
    ),
    9: (("noseSneer_", 1.1, "raising of the nose's side: levator labii superioris alaeque nasi"),),
    10: (("mouthUpperUp_", 0.95, "upward movement of the upper lip: levator labii superioris"),),
    12: (("mouthSmile_", 0.95, "upward movement of the lip corner: zygomaticus major"),),
    14: (("mouthDimple_", 1.15, "backward movement of the lip corner: buccinator"),),
    15: (("mouthFrown_", 1.45, "downward movement of the lip corner: depressor anguli oris"),),
    17: (
        ("mouthShrugLower", 1.1, "outward and upward movement of the lower lip: mentalis"),
        ("mouthShrugUpper", 0.3, "the upper lip that is pushed up with it"),
    ),
    20: (("mouthStretch_", 1.3, "sideways movement of the lip corner: risorius"),),
    25: (),
    26: (("jawOpen", 0.55, "opening of the jaw, relaxed masseter"),),
}
SIDES: Final = ("L", "R")

PARTED: Final = {"upper": (0.18, 0.06), "lower": (-0.64, -0.02)}
"""AU25, lips parted by themselves: (up, front) in cm at the middle of each lip at intensity 5.

The set has no shape for it: mouthUpperUp is AU10's, mouthLowerDown moves the chin boss too, and
jawOpen is AU26's. FACS: the lips part while the jaw's teeth may stay together.
"""
PARTED_REACH: Final = {"upper": 0.55, "lower": 0.75}
"""How far from its margin a lip follows, cm over the skin (one sigma)."""


def names() -> list[str]:
    """Return every shape that the table needs, with sides."""
    rows = [row[0] for rows in SHAPES.values() for row in rows]
    return [full for name in rows for full in sided(name)] + list(sided("eyeBlink_"))


def sided(name: str) -> tuple[str, ...]:
    """Return a shape's names: both sides of one that has sides."""
    return tuple(name + side for side in SIDES) if name.endswith("_") else (name,)
