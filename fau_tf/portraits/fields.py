"""AU displacement fields on the 468 vertices of the face mesh, from several face models."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Final

import numpy as np

from fau_tf import facs
from fau_tf.synthetic.rigs import canonical_action_units, canonical_identity, mesh
from fau_tf.synthetic.rigs import canonical_topology as topology
from fau_tf.synthetic.rigs.anny.rig import anny_fields
from fau_tf.synthetic.rigs.canonical import face_mesh, sealed
from fau_tf.synthetic.rigs.rig import Floats, Ints
from fau_tf.synthetic.textures import uv_atlas

CANONICAL: Final = "canonical"
ANNY: Final = "anny"
LEAST_LIKENESS: Final = 0.55
"""Cosine of a field with the canonical rig's from which it is mixed with it. Below it are AU23 of
ICT-FaceKit (0.34) and of anny (-0.05), whose shapes purse the lips rather than thin them, and AU7
of ICT-FaceKit (0.51), which lifts the cheek as AU6 does."""
DERIVED: Final = "au_fields.npz"


@dataclass(frozen=True, eq=False)
class FaceShape:
    """The canonical face with closed lips.

    Attributes:
        points: (468, 3) cm, x to the image's right, y up, z front.
        faces: (F, 3) triangles without those that close eyes and mouth.
        closing: (G, 3) triangles that close eyes and mouth.
        mirror: (468,) partner of each vertex on the other side.
        uv: (468, 2) texels in the UV atlas.
    """

    points: Floats
    faces: Ints
    closing: Ints
    mirror: Ints
    uv: Floats


@dataclass(frozen=True, eq=False)
class AuFields:
    """Displacements in cm at intensity 5.

    Attributes:
        models: Name of a face model -> AU -> (468, 3). The canonical rig has every AU of the table.
        unlabeled: Name of a movement outside the table -> (468, 3) at full strength.
    """

    models: Mapping[str, Mapping[int, Floats]]
    unlabeled: Mapping[str, Floats]


@lru_cache(maxsize=1)
def face_shape() -> FaceShape:
    """Return the canonical face."""
    points, faces = face_mesh()
    mirror = mesh.mirror_index(points)
    points = sealed(points)
    return FaceShape(points, faces, _closing_faces(), mirror, uv_atlas.head_uv(points))


def _closing_faces() -> Ints:
    """Return strips between opposite points of the lids of both eyes, and of the lips."""
    rings = (topology.RIGHT_EYE, topology.LEFT_EYE, topology.INNER_LIPS)
    strips = []
    for ring in rings:
        half = len(ring) // 2
        # From the corner ring[0] along both margins to the corner ring[half].
        one, other = np.array(ring[: half + 1]), np.array([ring[0], *ring[: half - 1 : -1]])
        strips.append(mesh.without_degenerate(mesh.grid_faces(np.stack([one, other]))))
    return np.vstack(strips)


def canonical_fields(shape: FaceShape) -> dict[int, Floats]:
    """Return AU of the table -> the canonical rig's (468, 3)."""
    made = canonical_action_units.fields(shape.points, shape.mirror)
    return {au: made[au] for au in facs.AUS}


@lru_cache(maxsize=1)
def au_fields() -> AuFields:
    """Return the fields of all models that the package has."""
    shape = face_shape()
    models: dict[str, dict[int, Floats]] = {CANONICAL: canonical_fields(shape), ANNY: anny_fields()}
    packaged = resources.files("fau_tf.portraits").joinpath("data", DERIVED)
    if packaged.is_file():
        with packaged.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            for key in arrays.files:
                model, _, au = key.rpartition("_")
                if int(au) in facs.AUS:
                    models.setdefault(model, {})[int(au)] = arrays[key].astype(np.float64)
    unlabeled = canonical_action_units.unlabeled_fields(shape.points, shape.mirror)
    alike = {
        name: {au: field for au, field in fields.items() if _alike(field, models[CANONICAL][au])}
        for name, fields in models.items()
    }
    return AuFields(alike, unlabeled)


def _alike(one: Floats, other: Floats) -> bool:
    """Return whether two fields are one movement, so that their mean is that movement, too."""
    size = np.sqrt((one**2).sum() * (other**2).sum())
    return bool((one * other).sum() >= LEAST_LIKENESS * size)


@lru_cache(maxsize=1)
def identity_fields() -> Floats:
    """Return (I, 468, 3), displacements in cm of one standard deviation of face shapes."""
    points = face_shape().points
    return canonical_identity.basis(points, points)
