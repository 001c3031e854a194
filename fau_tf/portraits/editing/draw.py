"""Random edits: which AUs change by how much, and how this person's face moves and wrinkles."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from fau_tf import facs
from fau_tf.portraits.editing.mouth import sample_look
from fau_tf.portraits.editing.movement import Edit, Manner
from fau_tf.portraits.fields import au_fields, identity_fields
from fau_tf.synthetic.rigs.rig import LIDS_SHUT, AuGainField
from fau_tf.synthetic.sample import CLOSED_LIPS, sample_intensities
from fau_tf.synthetic.scene.person_variation import GAIN_SD, WAVE
from fau_tf.synthetic.textures.wrinkles import VARIANTS

COMBINED: Final = 0.4
"""Share of edits with a plausible combination of AUs; the others have one to four at random."""
HOW_MANY: Final = (0.35, 0.30, 0.20, 0.15)
"""Share of the other edits with one, two, three and four AUs."""
WEAKEST: Final = 0.3
SMILE_ROOM, ROOM = 2.5, 4.0
"""Largest change of an AU whose intensity in the photo is unknown: of those that smiles show, and
of the others."""
SMILE_AUS: Final = (6, 7, 10, 12, 14, 25, 26)
TAKEN_BACK: Final = 0.4
"""Probability that an AU known to be there becomes weaker."""
NEARLY_SHUT: Final = 3.0
"""AU45 of a photo from which an edit opens no eye: too little of it shows."""
UNLABELED: Final = 0.3
"""Probability of a movement outside the table."""
UNEVEN_SD, ONE_SIDED = 0.12, 0.15
"""Standard deviation of the asymmetry; probability that an AU moves one side clearly more."""
LEAST_ONE_SIDED: Final = 0.4
"""Asymmetry from which an AU is clearly one-sided; up to 1, where one side stays still."""
HARDLY_WRINKLED, FLAT_AU = 1 / 3, 0.2
"""Share of people without furrows, and of AUs without them in the others."""
RESHAPED, SHAPE_SD = 0.35, 0.4
"""Share of portraits given another face shape, and its standard deviation in those of people."""


def sample_manner(rng: np.random.Generator) -> Manner:
    """Return how a random person's face moves and wrinkles."""
    models = list(au_fields().models)
    shares = rng.dirichlet(np.full(len(models), 0.7))
    smooth = rng.random() < HARDLY_WRINKLED
    depth = 0.0 if smooth else float(rng.uniform(0.6, 1.3))
    own = np.exp(rng.normal(0, 0.3, len(facs.ALL))) * (rng.random(len(facs.ALL)) >= FLAT_AU)
    shaped = rng.random() < RESHAPED
    shape = rng.normal(0, SHAPE_SD, len(identity_fields()))
    return Manner(
        models=dict(zip(models, shares.tolist(), strict=True)),
        gains=_gains(rng),
        depths=dict(zip(facs.ALL, (depth * own).tolist(), strict=True)),
        variant=int(rng.integers(VARIANTS)),
        mouth=sample_look(rng),
        shape=tuple(shape.tolist()) if shaped else (),
    )


def _gains(rng: np.random.Generator) -> dict[int, AuGainField]:
    """Return AU -> gain field, as rendered people have them."""
    count = len(facs.ALL)
    scale = np.exp(rng.normal(0, GAIN_SD, (count, 3))).tolist()
    angle, pace, phase = rng.uniform((0, WAVE[0], 0), (np.pi, WAVE[1], 2 * np.pi), (count, 3)).T
    waves = np.stack([pace * np.cos(angle), pace * np.sin(angle), phase], 1).tolist()
    return {
        au: AuGainField(tuple(factors), tuple(wave))
        for au, factors, wave in zip(facs.ALL, scale, waves, strict=True)
    }


def sample_edit(
    start: Mapping[int, float], rng: np.random.Generator, *, still: Sequence[int] = ()
) -> Edit:
    """Return a random edit of a portrait.

    Args:
        start: AU -> intensity in the photo, where it is known.
        rng: Decides.
        still: AUs that stay as they are.
    """
    wanted = _combination(rng) if rng.random() < COMBINED else _single_aus(rng)
    start = {au: value for au, value in start.items() if au not in still}
    wanted = {au: value for au, value in wanted.items() if au not in still}
    change = {}
    for au, value in wanted.items():
        known = start.get(au)
        room = (SMILE_ROOM if au in SMILE_AUS else ROOM) if known is None else 5.0 - known
        by = min(value, room)
        if known and rng.random() < TAKEN_BACK:
            by = -known * float(rng.uniform(0.3, 1.0))
        if abs(by) >= WEAKEST:
            change[au] = by
    for au in sorted(start):
        if start[au] > WEAKEST and au not in change and rng.random() < TAKEN_BACK:
            change[au] = -start[au] * float(rng.uniform(0.3, 1.0))
    if change.get(LIDS_SHUT, 0.0) < 0 and start[LIDS_SHUT] > NEARLY_SHUT:
        del change[LIDS_SHUT]
    _part_lips(change, start, rng)
    return _accompanied(change, start, rng)


def _combination(rng: np.random.Generator) -> dict[int, float]:
    return {au: value for au, value in sample_intensities(rng).items() if value > 0}


def _single_aus(rng: np.random.Generator) -> dict[int, float]:
    count = 1 + int(rng.choice(len(HOW_MANY), p=HOW_MANY))
    chosen = rng.choice(facs.ALL, min(count, len(facs.ALL)), replace=False)
    return {int(au): float(rng.uniform(0.5, facs.MAX_INTENSITY)) for au in chosen}


def _part_lips(
    change: dict[int, float], start: Mapping[int, float], rng: np.random.Generator
) -> None:
    """Let AU25 come with a dropped jaw, as FACS codes it wherever the lips part."""
    dropped = change.get(26, 0.0)
    if dropped > 0 and 25 in facs.AUS:
        known = start.get(25)
        room = SMILE_ROOM if known is None else facs.MAX_INTENSITY - known
        parted = min(dropped * float(rng.uniform(0.5, 1.0)), room)
        if parted > change.get(25, 0.0):
            change[25] = parted


def _accompanied(
    change: dict[int, float], start: Mapping[int, float], rng: np.random.Generator
) -> Edit:
    if change.get(5, 0.0) > 0:
        change.pop(LIDS_SHUT, None)  # one muscle can't raise the lid that another shuts
    parted = max(change.get(25, 0.0), change.get(26, 0.0), start.get(25, 0.0)) > 0
    names = [n for n in au_fields().unlabeled if not (parted and n in CLOSED_LIPS)]
    moves, which, part = (
        rng.random() < UNLABELED,
        int(rng.integers(len(names))),
        rng.uniform(0.2, 1),
    )
    asymmetry = {}
    for au in sorted(change):
        lean = float(np.clip(rng.normal(0, UNEVEN_SD), -0.35, 0.35))
        may_lean = 0 < change[au] <= facs.MAX_INTENSITY / 2 and facs.has_sides(au)
        if rng.random() < ONE_SIDED and may_lean:
            lean = float(np.copysign(rng.uniform(LEAST_ONE_SIDED, 1.0), lean))
        asymmetry[au] = lean
    return Edit(
        change=change,
        asymmetry=asymmetry,
        unlabeled={names[which]: float(part)} if moves else {},
    )
