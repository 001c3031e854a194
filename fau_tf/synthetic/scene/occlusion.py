"""What hides parts of a face: glasses, strands of hair, a hand."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fau_tf.synthetic.rigs.rig import FaceRig, Floats
from fau_tf.synthetic.scene.occluders.accessory_mesh import AccessoryMesh
from fau_tf.synthetic.scene.occluders.face_surface import FaceSurface, build_strands
from fau_tf.synthetic.scene.occluders.glasses import (
    BLACK,
    COLORS,
    LENS_SHAPES,
    Glasses,
    build_glasses,
)
from fau_tf.synthetic.scene.occluders.hand import Hand, build_hand

GLASSES, SUNGLASSES, STRANDS, HAND = 0.24, 0.06, 0.14, 0.08
"""Share of people with glasses, of sunglasses among those, of faces with strands, with a hand."""


@dataclass(frozen=True)
class Occluders:
    """What hides parts of one face; `strands` is the seed of hair in the face, or None."""

    glasses: Glasses | None = None
    strands: int | None = None
    hand: Hand | None = None

    @property
    def factors(self) -> Mapping[str, float]:
        """Return name -> 1 for an occluder that is present, else 0."""
        return {
            name: float(getattr(self, name) is not None) for name in ("glasses", "strands", "hand")
        }


def sample_glasses(seed: int) -> Glasses | None:
    """Return the glasses of the person of a seed, or None."""
    rng = np.random.default_rng((seed, 11))
    wears, dark = rng.random() < GLASSES, rng.random() < SUNGLASSES
    red, green, blue = COLORS[int(rng.integers(len(COLORS)))]
    shape, low = int(rng.integers(len(LENS_SHAPES))), float(rng.uniform(0.0, 0.7))
    color = BLACK if dark else (red, green, blue)
    return Glasses(shape, color, bool(dark), low) if wears else None


def sample_occluders(person_seed: int, face_seed: int, *, hair: bool) -> Occluders:
    """Return the occluders of a face; strands need hair."""
    rng = np.random.default_rng((person_seed, face_seed, 12))
    strands, seed = rng.random() < STRANDS, int(rng.integers(2**31))
    held, hand = rng.random() < HAND, _sample_hand(rng)
    return Occluders(
        glasses=sample_glasses(person_seed),
        strands=seed if strands and hair else None,
        hand=hand if held else None,
    )


def build_occluders(
    occluders: Occluders, rig: FaceRig, rest: Floats, head: Floats, hairline: float
) -> list[AccessoryMesh]:
    """Return the meshes.

    Args:
        occluders: what to build.
        rig: the face model.
        rest: (V, 3) the person at rest: glasses sit on bones, which expressions don't move.
        head: (V, 3) with the expression: hair and hands lie on the skin.
        hairline: height in cm where the person's hair begins.
    """
    meshes = []
    if occluders.glasses:
        meshes.append(build_glasses(occluders.glasses, rig, rest))
    if occluders.strands is not None:
        meshes.append(build_strands(occluders.strands, FaceSurface(rig, head), hairline))
    if occluders.hand:
        meshes.append(build_hand(occluders.hand, FaceSurface(rig, head)))
    return meshes


def _sample_hand(rng: np.random.Generator) -> Hand:
    """Return a hand at the chin or at a cheek."""
    side = float(rng.choice((-1.0, 1.0)))
    if rng.random() < 0.5:
        tip = (side * rng.uniform(1.0, 3.2), rng.uniform(-8.2, -6.6))
    else:
        tip = (side * rng.uniform(4.2, 6.0), rng.uniform(-4.5, -1.5))
    return Hand(
        tip=(float(tip[0]), float(tip[1])),
        direction=float(90 + side * rng.uniform(10, 55)),
        fingers=int(rng.integers(2, 5)),
        length=float(rng.uniform(5.0, 7.5)),
    )
