"""Random lighting of a face: even, from a window, at noon, low-key, from behind, in two colors."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from fau_tf.synthetic.scene.scene import Light, Triple

Range = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class LightSetup:
    """A lighting setup; None keeps the direction that was sampled.

    Attributes:
        name: of the setup.
        share: of the faces.
        side: degrees of the key light to either side of the camera, 90 beside the head.
        height: degrees of the key light above the eyes.
        key, ambient: factors on the strength of the key light and the ambient light.
        fill: strength of the fill light, on the other side; 0 is none.
        angle: degrees of the fill light from the camera's direction; beyond 90 it is behind.
        color: how far the fill light may be from white, 0..1, to warm or to cold.
    """

    name: str
    share: float
    side: Range | None = None
    height: Range | None = None
    key: Range = (1.0, 1.0)
    ambient: Range = (1.0, 1.0)
    fill: Range = (0.0, 0.0)
    angle: Range = (20.0, 70.0)
    color: float = 0.0


LIGHT_SETUPS: Final = (
    LightSetup(name="even", share=0.48),
    # where little of a face is lit, a camera exposes longer: a stronger key light does the same
    LightSetup(
        name="window", share=0.14, side=(55, 85), height=(-5, 25), key=(1.1, 1.5),
        ambient=(0.6, 0.9),
    ),
    LightSetup(
        name="noon", share=0.10, side=(0, 35), height=(50, 72), key=(1.1, 1.5), ambient=(0.7, 1)
    ),
    LightSetup(
        name="low key", share=0.06, side=(30, 65), height=(0, 40), key=(1.2, 1.7),
        ambient=(0.35, 0.6),
    ),
    LightSetup(name="from below", share=0.04, side=(0, 40), height=(-40, -15), ambient=(0.6, 1)),
    LightSetup(name="rim", share=0.10, fill=(0.6, 1.5), angle=(115, 155), color=0.2),
    LightSetup(name="two colors", share=0.08, fill=(0.2, 0.6), angle=(40, 90), color=0.7),
)  # fmt: skip


def sample_light(rng: np.random.Generator, setup_rng: np.random.Generator) -> Light:
    """Return random lights.

    Args:
        rng: of the face; the number of draws from it does not depend on the setup.
        setup_rng: decides the setup and its values.
    """
    side, height = rng.uniform((-65, -10), (65, 60)).tolist()
    ambient = float(rng.uniform(0.25, 0.65))
    warmth, sky = rng.normal(0, 0.06, 2).tolist()
    strength, shine = float(rng.uniform(0.55, 1.0)), float(rng.uniform(0.05, 0.45))
    light = Light(
        key=_direction(side, height),
        strength=strength,
        ambient=ambient,
        color=(1 + warmth, 1.0, 1 - warmth),
        sky=(1 - sky, 1.0, 1 + sky),
        shine=shine,
    )
    share = [row.share for row in LIGHT_SETUPS]
    setup = LIGHT_SETUPS[int(setup_rng.choice(len(LIGHT_SETUPS), p=share))]
    return _apply(setup, light, side, height, setup_rng)


def _apply(
    setup: LightSetup, light: Light, side: float, height: float, rng: np.random.Generator
) -> Light:
    sign = -1.0 if side < 0 else 1.0
    if setup.side:
        side = sign * rng.uniform(*setup.side)
    if setup.height:
        height = rng.uniform(*setup.height)
    # lamps and skies differ from warm to cold, far less in green
    tint = 1 + setup.color * rng.uniform(-1, 1) * np.array([1.0, 0.1, -1.0])
    red, green, blue = (rng.uniform(*setup.fill) * tint).tolist()
    return replace(
        light,
        key=_direction(side, height),
        strength=light.strength * rng.uniform(*setup.key),
        ambient=light.ambient * rng.uniform(*setup.ambient),
        fill=_direction(-sign * rng.uniform(*setup.angle), rng.uniform(-5, 40)),
        fill_light=(red, green, blue),
    )


def _direction(side: float, height: float) -> Triple:
    """Return the unit vector to a light, degrees to the image's right of the camera and up."""
    yaw, pitch = np.radians(side), np.radians(height)
    return (
        float(np.sin(yaw) * np.cos(pitch)),
        float(np.sin(pitch)),
        float(np.cos(yaw) * np.cos(pitch)),
    )
