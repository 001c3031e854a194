"""How a face is lit: evenly, from a window, at noon, in the dark, from behind, in two colors."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from fau_tf.synthetic.scene.scene import Light, Triple

Range = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One way to light a face; what it doesn't name stays as drawn.

    Attributes:
        name: what it is called.
        share: how often.
        side: degrees of the key light to either side of the camera, 90 beside the head.
        height: degrees of the key light above the eyes.
        key, ambient: factors on the key light's strength and on ambient light.
        fill: strength of a second light on the other side; 0 is none.
        turn: degrees of that second light from the camera's direction; beyond 90 lies behind.
        color: how far the second light may be from white, 0..1, to warm or to cold.
    """

    name: str
    share: float
    side: Range | None = None
    height: Range | None = None
    key: Range = (1.0, 1.0)
    ambient: Range = (1.0, 1.0)
    fill: Range = (0.0, 0.0)
    turn: Range = (20.0, 70.0)
    color: float = 0.0


KINDS: Final = (
    Kind(name="even", share=0.48),
    # where little of a face is lit, a camera exposes longer: a stronger key light says the same
    Kind(
        name="window", share=0.14, side=(55, 85), height=(-5, 25), key=(1.1, 1.5),
        ambient=(0.6, 0.9),
    ),
    Kind(name="noon", share=0.10, side=(0, 35), height=(50, 72), key=(1.1, 1.5), ambient=(0.7, 1)),
    Kind(
        name="low key", share=0.06, side=(30, 65), height=(0, 40), key=(1.2, 1.7),
        ambient=(0.35, 0.6),
    ),
    Kind(name="from below", share=0.04, side=(0, 40), height=(-40, -15), ambient=(0.6, 1)),
    Kind(name="rim", share=0.10, fill=(0.6, 1.5), turn=(115, 155), color=0.2),
    Kind(name="two colors", share=0.08, fill=(0.2, 0.6), turn=(40, 90), color=0.7),
)  # fmt: skip


def sample_light(rng: np.random.Generator, own: np.random.Generator) -> Light:
    """Return the lights of a face.

    Args:
        rng: of the face; what is drawn from it doesn't depend on the kind.
        own: decides the kind, and what that changes.
    """
    side, height = rng.uniform((-65, -10), (65, 60)).tolist()
    ambient = float(rng.uniform(0.25, 0.65))
    warmth, sky = rng.normal(0, 0.06, 2).tolist()
    strength, shine = float(rng.uniform(0.55, 1.0)), float(rng.uniform(0.05, 0.45))
    light = Light(
        key=_toward(side, height),
        strength=strength,
        ambient=ambient,
        color=(1 + warmth, 1.0, 1 - warmth),
        sky=(1 - sky, 1.0, 1 + sky),
        shine=shine,
    )
    kind = KINDS[int(own.choice(len(KINDS), p=[row.share for row in KINDS]))]
    return _lit_as(kind, light, side, height, own)


def _lit_as(
    kind: Kind, light: Light, side: float, height: float, own: np.random.Generator
) -> Light:
    left = -1.0 if side < 0 else 1.0
    if kind.side:
        side = left * own.uniform(*kind.side)
    if kind.height:
        height = own.uniform(*kind.height)
    # lamps and skies differ from warm to cold, far less in green
    tint = 1 + kind.color * own.uniform(-1, 1) * np.array([1.0, 0.1, -1.0])
    fill = own.uniform(*kind.fill) * tint
    red, green, blue = fill.tolist()
    return replace(
        light,
        key=_toward(side, height),
        strength=light.strength * own.uniform(*kind.key),
        ambient=light.ambient * own.uniform(*kind.ambient),
        fill=_toward(-left * own.uniform(*kind.turn), own.uniform(-5, 40)),
        fill_light=(red, green, blue),
    )


def _toward(side: float, height: float) -> Triple:
    """Return the unit vector to a light, degrees to the image's right of the camera and up."""
    turn, tilt = np.radians(side), np.radians(height)
    return (
        float(np.sin(turn) * np.cos(tilt)),
        float(np.sin(tilt)),
        float(np.cos(turn) * np.cos(tilt)),
    )
