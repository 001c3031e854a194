"""AUs edited into a portrait: the picture is warped, opened, creased; the mesh moves along."""

from collections.abc import Mapping
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from fau_tf import facs
from fau_tf.portraits.editing import eyes, lids_lips, mouth, shading, surround, warp
from fau_tf.portraits.editing.glasses import wears_glasses
from fau_tf.portraits.editing.movement import (
    Edit,
    Intensities,
    Manner,
    closing,
    intensities,
    moved,
    side_gain,
)
from fau_tf.portraits.editing.windows import opencv, px_of, window_around
from fau_tf.portraits.fields import face_shape
from fau_tf.portraits.pose import Pose, fit_pose
from fau_tf.synthetic.rigs import canonical_topology as topology
from fau_tf.synthetic.rigs.rig import Floats

Image = npt.NDArray[np.uint8]

TAKEN_BACK: Final = 0.5
"""Share of an AU's furrows that vanish with it: where this face has its own, nobody knows."""
_STILL: Final = 0.1
_STILL_AROUND: Final = 0.25
"""Movements of a vertex of the face, and of the rings around it, px at MEASURED, below which its
triangles stay."""


class EditablePortrait:
    """A portrait with what all its edits share: pose, mesh, light.

    Attributes:
        image: (S, S, 3) RGB uint8.
        mesh: (478, 2) mesh points, px.
        start: AU -> intensity in the portrait, where it is known.
        pose: Of the face.
    """

    def __init__(self, image: Image, mesh: Floats, start: Mapping[int, float]) -> None:
        self.image = image
        self.mesh = np.asarray(mesh, np.float64)
        self.start = dict(start)
        self._shape = face_shape()
        self.pose: Pose = fit_pose(self.mesh, self._shape)
        depth = self.pose.depth(self._shape.points)
        self.net = surround.warp_mesh(self.mesh[: topology.FACE_VERTICES], depth, self._shape)

    @cached_property
    def white(self) -> Floats:
        """(3,) color of the whites of the eyes."""
        return eyes.sclera_color(self.image, self.mesh)

    @cached_property
    def gray(self) -> bool:
        """Whether the photo has no color; what is drawn into it then has none."""
        red, green, blue = (self.image[::4, ::4, i].astype(np.int16) for i in range(3))
        return bool(max(np.abs(red - green).mean(), np.abs(green - blue).mean()) < 1.0)

    @cached_property
    def glasses(self) -> bool:
        """Whether the person wears glasses."""
        return wears_glasses(self.image, self.mesh)

    @cached_property
    def relief(self) -> shading.Relief:
        """Place of the skin in the atlas, and its light."""
        skin = self.net.faces[-len(self._shape.faces) :]
        points = self.mesh[: topology.FACE_VERTICES]
        return shading.relief(self.image, points, self.pose, skin)


def edit(portrait: EditablePortrait, change: Edit, manner: Manner) -> tuple[Image, Floats]:
    """Return the edited picture (S, S, 3) uint8 and its mesh (478, 2).

    Raises:
        ValueError: For an AU outside the table, or an intensity beyond 0 to 5.
    """
    if change == Edit() and not manner.shape:
        return portrait.image, portrait.mesh
    before, after = intensities(portrait.start, change)
    face = moved(portrait.mesh, portrait.pose, before, after, change, manner)
    points = portrait.net.points + surround.extended(face - portrait.mesh[: len(face)])
    creased = _creased(portrait, before, after, change, manner)
    shut = closing(before, after, change)
    picture = _warped(portrait, creased, points, shut)
    if eyes.lids_move(portrait.mesh, points, len(picture)):
        eyes.show_eyes(picture, portrait.image, portrait.mesh, points, portrait.white)
    eyes.draw_lashes(picture, portrait.image, portrait.mesh, points, np.clip(shut, 0, 1))
    if mouth.lips_move(portrait.mesh, points, len(picture)):
        mouth.show_mouth(
            picture, portrait.image, portrait.mesh, points,
            scale=portrait.pose.scale, white=portrait.white, look=manner.mouth,
        )  # fmt: skip
    if portrait.gray:
        picture = _gray(picture)
    return picture, np.vstack([face, portrait.mesh[len(face) :]])


def _creased(
    portrait: EditablePortrait,
    before: Intensities,
    after: Intensities,
    change: Edit,
    manner: Manner,
) -> Image:
    """Return the photo with the wrinkles that the AUs' changes bring."""
    deeper = {
        au: manner.depths.get(au, 0.0) * (after[au] - before[au]) / facs.MAX_INTENSITY
        for au in after
    }
    deeper = {au: by if by > 0 else TAKEN_BACK * by for au, by in deeper.items()}
    if not any(deeper.values()):
        return portrait.image
    side = shading.column_sides()
    gains = {au: side_gain(au, before, change, side) for au in change.asymmetry}
    return shading.crease(portrait.image, portrait.relief, deeper, manner.variant, gains)


def _gray(picture: Image) -> Image:
    cv2 = opencv()
    return np.asarray(cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB))


def _warped(portrait: EditablePortrait, creased: Image, points: Floats, shut: Floats) -> Image:
    net = portrait.net
    offset = np.abs(points - net.points)
    px = px_of(len(creased))
    limit = np.full(len(offset), _STILL_AROUND * px)
    limit[: topology.FACE_VERTICES] = _STILL * px
    moves = np.maximum(offset[:, 0], offset[:, 1]) > limit
    a, b, c = net.faces.T
    faces = net.faces[moves[a] | moves[b] | moves[c]]
    if not len(faces):
        return creased.copy()  # eyes and mouth are drawn into it
    source = net.points.copy()
    source[: topology.FACE_VERTICES] += lids_lips.lash_lift(portrait.mesh, shut)
    place = warp.source_map(source, points, faces, len(creased))
    cv2 = opencv()
    picture = creased.copy()
    window = window_around(points[np.unique(faces)], len(creased))
    window.of(picture)[:] = cv2.remap(
        creased, window.of(place), None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return picture
