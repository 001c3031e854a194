"""How a person's skin and muscles differ from other people's, so that no one sign gives an AU away.

Where furrows always came with their AU, and only with it, a network read the furrows and hardly
the shape: brows lowered without them, as on the smooth or blurred skin of many photos, were 0.2
to it and not 4. So some people's skin hardly folds, and some have the furrows at rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fau_tf import facs
from fau_tf.synthetic.rigs.rig import Way

SMOOTH, FLAT = 0.35, 0.3
"""How often a person's skin hardly folds, and one AU's furrows hardly show on another person."""
LINED = 0.15
"""How often an AU's furrows are there at rest."""
WAYS = 0.25
"""Standard deviation of the logarithm of how far an AU moves a person along one axis."""
WAVES = (0.5, 1.6)
"""Radians per cm of the unevenness of an AU's movement, each way: waves of 4 to 12 cm."""


@dataclass(frozen=True, eq=False)
class Habits:
    """What an AU does to one person.

    Attributes:
        folds: AU -> how deep its furrows are beside other people's of that age; 1 on average of
            those whose skin folds.
        lines: AU -> depth of its furrows at rest, in parts of those of intensity 5.
        ways: AU -> how it moves this person.
        teeth: share of light that reaches the teeth between the lips.
    """

    folds: Mapping[int, float]
    lines: Mapping[int, float]
    ways: Mapping[int, Way]
    teeth: float


def sample_habits(seed: int, age: float) -> Habits:
    """Return the habits of a person of a seed; with age (0..1) more lines stay at rest."""
    rng = np.random.default_rng(np.random.SeedSequence((seed, 19)))
    skin = float(rng.uniform(0, 0.3) if rng.random() < SMOOTH else 1.0)
    folds, lines, ways = {}, {}, {}
    for au in facs.AUS:
        own = float(np.exp(rng.normal(0, 0.3)))
        flat = float(rng.uniform(0, 0.4)) if rng.random() < FLAT else 1.0
        folds[au] = own * skin * flat
        lined = rng.random() < LINED * (0.5 + age)
        lines[au] = float(rng.uniform(0.1, 0.6)) * lined
        across, up, front = np.exp(rng.normal(0, WAYS, 3)).tolist()
        turn, pace, start = rng.uniform((0, WAVES[0], 0), (np.pi, WAVES[1], 2 * np.pi)).tolist()
        wave = (pace * float(np.cos(turn)), pace * float(np.sin(turn)), start)
        ways[au] = Way((across, up, front), wave)
    dark = rng.random() < 0.4
    return Habits(folds, lines, ways, float(rng.uniform(0.05, 0.5) if dark else 1.0))
