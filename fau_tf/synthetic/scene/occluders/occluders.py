"""What hides parts of a face: glasses, hair that falls into it, a hand. Drawn, then built."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fau_tf.synthetic.rigs.rig import FaceRig, Floats
from fau_tf.synthetic.scene.occluders import face_surface, glasses, hand
from fau_tf.synthetic.scene.occluders.accessory_mesh import Piece
from fau_tf.synthetic.scene.occluders.glasses import BLACK, COLORS, FRAMES, Glasses
from fau_tf.synthetic.scene.occluders.hand import Hand

GLASSES, SUNGLASSES, STRANDS, HAND = 0.24, 0.06, 0.14, 0.08
"""How often: people with glasses, of them dark ones; faces with strands, with a hand."""


@dataclass(frozen=True)
class Occluders:
    """What hides parts of one face; `strands` is the seed of the hair in it, or None."""

    glasses: Glasses | None = None
    strands: int | None = None
    hand: Hand | None = None

    @property
    def factors(self) -> Mapping[str, float]:
        """Return name -> 1 where there is one, else 0."""
        return {
            name: float(getattr(self, name) is not None) for name in ("glasses", "strands", "hand")
        }


def sample_glasses(seed: int) -> Glasses | None:
    """Return the glasses of a person of a seed, who may have none."""
    rng = np.random.default_rng(np.random.SeedSequence((seed, 11)))
    wears, dark = rng.random() < GLASSES, rng.random() < SUNGLASSES
    red, green, blue = COLORS[int(rng.integers(len(COLORS)))]
    frame, low = int(rng.integers(len(FRAMES))), float(rng.uniform(0.0, 0.7))
    color = BLACK if dark else (red, green, blue)
    return Glasses(frame, color, bool(dark), low) if wears else None


def sample(person_seed: int, face_seed: int, *, hair: bool) -> Occluders:
    """Return the occluders of a face; strands need hair."""
    rng = np.random.default_rng(np.random.SeedSequence((person_seed, face_seed, 12)))
    strands, seed = rng.random() < STRANDS, int(rng.integers(2**31))
    held, side = rng.random() < HAND, float(rng.choice((-1.0, 1.0)))
    at_chin = rng.random() < 0.5
    place = (side * rng.uniform(1.0, 3.2), rng.uniform(-8.2, -6.6)) if at_chin else (
        side * rng.uniform(4.2, 6.0), rng.uniform(-4.5, -1.5)
    )  # fmt: skip
    toward = 90 + side * rng.uniform(10, 55)
    held_hand = Hand(
        (float(place[0]), float(place[1])), float(toward), int(rng.integers(2, 5)),
        float(rng.uniform(5.0, 7.5)),
    )  # fmt: skip
    return Occluders(
        glasses=sample_glasses(person_seed),
        strands=seed if strands and hair else None,
        hand=held_hand if held else None,
    )


def build(
    occluders: Occluders, rig: FaceRig, rest: Floats, head: Floats, hairline: float
) -> list[Piece]:
    """Return the meshes.

    Args:
        occluders: what there is.
        rig: the face model.
        rest: (V, 3) the person at rest: glasses sit on bones, which expressions don't move.
        head: (V, 3) with the expression: hair and hands lie on the skin.
        hairline: height in cm where the person's hair begins.
    """
    pieces = []
    if occluders.glasses:
        pieces.append(glasses.build(occluders.glasses, rig, rest))
    if occluders.strands is not None:
        pieces.append(
            face_surface.strands(occluders.strands, face_surface.Skin(rig, head), hairline)
        )
    if occluders.hand:
        pieces.append(hand.build(occluders.hand, face_surface.Skin(rig, head)))
    return pieces
