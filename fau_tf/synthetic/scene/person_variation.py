"""Differences between people in how an AU moves and wrinkles their faces.

If wrinkles always came with their AU, and only with it, a network would read the wrinkles and
hardly the shape: to one trained so, brows lowered without furrows, as on the smooth or blurred
skin of many photos, had intensity 0.2 instead of 4. So the skin of some people hardly wrinkles, and
others have an AU's wrinkles at rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fau_tf import facs
from fau_tf.synthetic.rigs.rig import AuGainField

SMOOTH_SKIN, SMOOTH_AU = 0.35, 0.3
"""Share of people whose skin hardly wrinkles; share of single AUs that hardly wrinkle a person."""
RESTING = 0.15
"""Share of AUs whose wrinkles a person of middle age has at rest."""
GAIN_SD = 0.25
"""Standard deviation of the log gain of an AU's movement along one axis."""
WAVE = (0.5, 1.6)
"""Range of the wave number of an uneven gain, radians per cm: wavelengths of 4 to 12 cm."""


@dataclass(frozen=True, eq=False)
class PersonVariation:
    """How one person's face differs from the rig's average in its expressions.

    Attributes:
        wrinkle_depth: AU -> factor on the depth of its wrinkles; 1 is average for the age.
        resting_wrinkles: AU -> depth of its wrinkles at rest, relative to those at intensity 5.
        au_gains: AU -> gain field on its movement.
        teeth_light: share of light that reaches the teeth between the lips.
    """

    wrinkle_depth: Mapping[int, float]
    resting_wrinkles: Mapping[int, float]
    au_gains: Mapping[int, AuGainField]
    teeth_light: float


def sample_variation(seed: int, age: float) -> PersonVariation:
    """Return the variation of a person of a seed; with age (0..1) more wrinkles stay at rest."""
    rng = np.random.default_rng((seed, 19))
    skin = float(rng.uniform(0, 0.3) if rng.random() < SMOOTH_SKIN else 1.0)
    depth, resting, gains = {}, {}, {}
    for au in facs.AUS:
        own = float(np.exp(rng.normal(0, 0.3)))
        smooth = float(rng.uniform(0, 0.4)) if rng.random() < SMOOTH_AU else 1.0
        depth[au] = own * skin * smooth
        at_rest = rng.random() < RESTING * (0.5 + age)
        resting[au] = float(rng.uniform(0.1, 0.6)) * at_rest
        across, up, front = np.exp(rng.normal(0, GAIN_SD, 3)).tolist()
        angle, pace, phase = rng.uniform((0, WAVE[0], 0), (np.pi, WAVE[1], 2 * np.pi)).tolist()
        wave = (pace * float(np.cos(angle)), pace * float(np.sin(angle)), phase)
        gains[au] = AuGainField((across, up, front), wave)
    dark = rng.random() < 0.4
    return PersonVariation(depth, resting, gains, float(rng.uniform(0.05, 0.5) if dark else 1.0))
