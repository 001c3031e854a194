"""The rendered faces of the golden vectors, of the canonical rig, whose mesh may be shipped."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from fau_tf.face.align import Image, Matrix, Points, crop_matrix, transform
from fau_tf.synthetic.sample import canonical_rig, landmarks, render, sample_scene
from fau_tf.synthetic.scene.scene import Variety

_BLUR: Final = 0.8  # px; noise would double the size of the PNGs and test nothing more


@dataclass(frozen=True, kw_only=True)
class GoldenFace:
    """A picture with one face.

    Attributes:
        name: Stem of its files.
        what: The case that it covers.
        width: Of the picture, px.
        height: Of the picture, px.
        scale: Picture px per crop px. Not a short fraction for an upright face: sums would then be
            exactly half-way between two gray levels, and the last digit would decide the rounding.
        center: Position of the crop's middle, in fractions of the picture.
        roll: Clockwise rotation of the face in the picture, degrees.
        seed: Of person and lighting.
        intensity: AU number -> 0 to 5; others are 0.
    """

    name: str
    what: str
    width: int
    height: int
    scale: float
    center: tuple[float, float]
    roll: float
    seed: int
    intensity: dict[int, float]


# After a change to a face: python -m export.bundle describe FOLDER --new-golden
GOLDEN_FACES: Final = (
    GoldenFace(
        name="upright",
        what="upright, entirely inside the picture, no halving",
        width=262,
        height=312,
        scale=1.4537,
        center=(0.5213, 0.5017),
        roll=0.0,
        seed=11,
        intensity={6: 4.0, 12: 4.5, 25: 3.0},
    ),
    GoldenFace(
        name="rotated",
        what="rotated by 25 degrees",
        width=325,
        height=275,
        scale=1.2,
        center=(0.50, 0.48),
        roll=25.0,
        seed=12,
        intensity={1: 4.0, 2: 3.5, 5: 3.0, 26: 4.0, 25: 3.0},
    ),
    GoldenFace(
        name="large",
        what="more than 2 picture px per crop px: halved once before the crop",
        width=437,
        height=412,
        scale=2.55,
        center=(0.49, 0.51),
        roll=-7.0,
        seed=13,
        intensity={4: 4.0, 9: 3.5, 10: 3.0},
    ),
    GoldenFace(
        name="larger_off_right_bottom",
        what="more than 4 picture px per crop px: halved twice; extends beyond the right and "
        "bottom borders of odd sides, where the last row or column counts twice",
        width=559,
        height=527,
        scale=4.3,
        center=(0.62, 0.66),
        roll=9.0,
        seed=14,
        intensity={15: 4.0, 17: 4.0, 1: 2.0},
    ),
    GoldenFace(
        name="small",
        what="less than half a picture px per crop px: enlarged",
        width=119,
        height=88,
        scale=0.46,
        center=(0.45, 0.50),
        roll=4.0,
        seed=15,
        intensity={20: 4.0, 25: 2.0, 14: 2.0},
    ),
    GoldenFace(
        name="off_left_top",
        what="extends beyond the left and top borders, which are replicated",
        width=213,
        height=250,
        scale=1.7,
        center=(0.36, 0.34),
        roll=-12.0,
        seed=17,
        intensity={12: 2.0, 2: 3.0, 26: 2.5},
    ),
)


def picture(face: GoldenFace, size: int) -> tuple[Image, Points]:
    """Return the (H, W, 3) uint8 picture and the (68, 2) landmarks in it, px.

    Args:
        face: A row of `GOLDEN_FACES`.
        size: Side S of the model's crop, px.
    """
    scene = sample_scene(
        canonical_rig(),
        person_seed=face.seed,
        face_seed=face.seed,
        intensity=face.intensity,
        pose=(0.0, 0.0, 0.0),
        variety=Variety(occluders=False),
    )
    scene = replace(scene, camera=scene.camera.ideal(_BLUR), lid_droop=0.0)
    view = _view(face, landmarks(scene), size)
    side = max(face.width, face.height)
    pixels = render(scene, size=side + side % 2, view=view)
    return pixels[: face.height, : face.width].copy(), transform(view, landmarks(scene))


def _view(face: GoldenFace, points: Points, size: int) -> Matrix:
    """Return the (2, 3) matrix from nominal px to picture px."""
    upright = crop_matrix(points, size)  # nominal px -> crop px
    angle = np.deg2rad(face.roll)
    turn = face.scale * np.array(((np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))))
    middle = np.array(face.center) * (face.width, face.height) - 0.5
    # Crop px -> picture px, about the middle of the crop.
    placed = np.column_stack((turn, middle - turn @ np.full(2, size / 2 - 0.5)))
    return np.column_stack((placed[:, :2] @ upright[:, :2], transform(placed, upright[:, 2])))
