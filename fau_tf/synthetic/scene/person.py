"""A synthetic person: identity components, skin, hair, brows, eyes and age, from a seed."""

from dataclasses import dataclass, field

import numpy as np

from fau_tf.synthetic.rigs.rig import Floats
from fau_tf.synthetic.scene.person_variation import PersonVariation, sample_variation

# name, color in linear light, share
HAIR_COLORS = (
    ("black", (0.012, 0.010, 0.009), 0.34),
    ("dark brown", (0.035, 0.020, 0.012), 0.26),
    ("brown", (0.090, 0.048, 0.024), 0.16),
    ("blond", (0.30, 0.19, 0.085), 0.10),
    ("red", (0.16, 0.045, 0.015), 0.04),
    ("gray", (0.22, 0.21, 0.20), 0.10),
)
IRIS_COLORS = (
    ("dark brown", (0.025, 0.013, 0.007), 0.40),
    ("brown", (0.070, 0.032, 0.012), 0.25),
    ("hazel", (0.11, 0.075, 0.025), 0.13),
    ("green", (0.10, 0.13, 0.06), 0.08),
    ("blue", (0.10, 0.17, 0.26), 0.14),
)
# name, share, thickness on the crown in cm, reaches below the ears
HAIR_STYLES = (
    ("bald", 0.08, 0.0, False),
    ("cropped", 0.22, 0.25, False),
    ("short", 0.28, 0.9, False),
    ("full", 0.14, 1.7, False),
    ("long", 0.28, 0.9, True),
)

Color = tuple[float, float, float]


@dataclass(frozen=True)
class Person:
    """Everything about a person that is the same in all of their pictures.

    Attributes:
        seed: decides everything else.
        identity: components in standard deviations.
        melanin: 0 (very light) to 1.25 (very dark).
        hemoglobin: 0.03 to 0.22, redness of the skin.
        age: 0 to 1, depth of wrinkles.
        hair, iris, cloth, lip_tint: colors in linear light.
        style: row of HAIR_STYLES.
        hairline: height in cm where hair begins on the forehead.
        fringe: whether hair covers the forehead.
        stubble, freckles, lipstick, liner, brow_density: 0 to 1.
        brow_thickness: 1 is average.
        texture: seed of pores, spots and strands.
        variation: how AUs move and wrinkle this person.
    """

    seed: int
    identity: tuple[float, ...]
    melanin: float
    hemoglobin: float
    age: float
    hair: Color
    iris: Color
    cloth: Color
    lip_tint: Color
    style: int
    hairline: float
    fringe: bool
    stubble: float
    freckles: float
    lipstick: float
    liner: float
    brow_density: float
    brow_thickness: float
    texture: int
    variation: PersonVariation = field(hash=False)


def sample_person(seed: int, components: int) -> Person:
    """Return the person of a seed, for a rig with this many identity components."""
    rng = np.random.default_rng((seed, 1))
    melanin = float(1.25 * rng.uniform(0, 1) ** 1.7)
    age = float(rng.beta(1.6, 1.8))
    dark = melanin > 0.3
    usual = np.array([row[2] for row in HAIR_COLORS]) * _rarity(dark, 6)
    usual[-1] = 0.9 * age**3
    hair = _pick(rng, HAIR_COLORS, usual)
    iris = _pick(rng, IRIS_COLORS, np.array([r[2] for r in IRIS_COLORS]) * _rarity(dark, 5))
    style = int(rng.choice(len(HAIR_STYLES), p=[r[1] for r in HAIR_STYLES]))
    fringe = bool(rng.random() < 0.3)
    made_up = rng.random() < 0.25
    return Person(
        seed=seed,
        identity=tuple(np.clip(rng.normal(0, 1, components), -2.4, 2.4).tolist()),
        melanin=melanin,
        hemoglobin=float(rng.uniform(0.03, 0.22)),
        age=age,
        hair=hair,
        iris=iris,
        cloth=_color(rng.beta(1, 2.5) * rng.uniform(0.55, 1.0, 3)),
        lip_tint=_color(rng.uniform(0.2, 0.55) * rng.uniform((1, 0.05, 0.1), (1.01, 0.3, 0.4))),
        style=style,
        hairline=float(rng.uniform(6.6, 7.8) if fringe else rng.uniform(7.9, 9.8)),
        fringe=fringe,
        stubble=float(rng.uniform(0.1, 1.0)) if not made_up and rng.random() < 0.35 else 0.0,
        freckles=float(rng.uniform(0, 1)) if rng.random() < 0.25 else 0.0,
        lipstick=float(rng.uniform(0.2, 0.8)) if made_up else 0.0,
        liner=float(rng.uniform(0.2, 1.0)) if made_up else float(rng.uniform(0, 0.3)),
        brow_density=float(rng.uniform(0.45, 1.0)),
        brow_thickness=float(rng.uniform(0.65, 1.35)),
        texture=int(rng.integers(2**31)),
        variation=sample_variation(seed, age),
    )


def _rarity(dark: bool, rows: int) -> Floats:
    """Return weights that make light hair and eyes rare with dark skin."""
    return np.array([1.0, 0.6] + [0.03] * (rows - 2)) if dark else np.ones(rows)


def _pick(
    rng: np.random.Generator,
    rows: tuple[tuple[str, Color, float], ...],
    weight: Floats,
) -> Color:
    row = rows[int(rng.choice(len(rows), p=weight / weight.sum()))]
    return _color(np.array(row[1]) * rng.uniform(0.75, 1.3) * rng.uniform(0.93, 1.07, 3))


def _color(values: Floats) -> Color:
    red, green, blue = (float(v) for v in values)
    return red, green, blue
