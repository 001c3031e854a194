"""The built-in rig: real people's face shapes on MediaPipe's canonical mesh, head and AU fields."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import numpy as np
from scipy import sparse

from fau_tf import facs
from fau_tf.synthetic.rigs import (
    canonical_action_units,
    canonical_head,
    canonical_identity,
    mesh,
)
from fau_tf.synthetic.rigs import canonical_topology as topology
from fau_tf.synthetic.rigs.measured_faces import measured_faces
from fau_tf.synthetic.rigs.rig import FaceRig, Floats, Ints
from fau_tf.synthetic.textures import uv_atlas

MESH = "canonical_face_model.obj"
_NEAR, _FAR = 1.5, 5.0
"""How far around a point the face counts, and to which distance of it a point follows, cm."""


@lru_cache(maxsize=1)
def canonical_rig() -> FaceRig:
    """Return the canonical rig: 468 face vertices plus a head, subdivided once.

    Raises:
        FileNotFoundError: if the mesh or the measured faces are missing from the package data.
    """
    mirror = mesh.mirror_index(face_mesh()[0])
    people = measured_faces()
    face = sealed(people.neutral)
    return head_rig(
        "canonical",
        face,
        action_units=canonical_action_units.fields(face, mirror),
        unlabeled=canonical_action_units.unlabeled_fields(face, mirror),
        # sealing is linear: it closes the lips of a displacement as those of a face
        identity=np.stack([sealed(mode) for mode in people.identity]),
        detail=True,
    )


@dataclass(frozen=True, eq=False)
class Template:
    """The published mesh with closed lips and a head, on which the UV atlas is drawn.

    Attributes:
        points: (V, 3) vertices in the order of the canonical rig's, cm.
        uv: (V, 2) texels.
    """

    points: Floats
    uv: Floats


@lru_cache(maxsize=1)
def template() -> Template:
    """Return the template of all rigs' textures."""
    face, faces = face_mesh()
    parts = canonical_head.parts(sealed(face), len(face))
    coarse = np.vstack([sealed(face), *(part.points for part in parts)])
    smooth, _ = mesh.subdivide(len(coarse), np.vstack([faces, *(part.faces for part in parts)]))
    return Template(smooth @ coarse, smooth @ _uv())


def head_rig(
    name: str,
    face: Floats,
    *,
    action_units: Mapping[int, Floats],
    unlabeled: Mapping[str, Floats],
    identity: Floats,
    detail: bool = False,
) -> FaceRig:
    """Return the rig of a face on the canonical topology: with a head, subdivided once.

    Args:
        name: of the rig.
        face: (468, 3) neutral, lips closed, in the canonical frame.
        action_units: AU -> (468, 3) displacement in cm at intensity 5.
        unlabeled: movement outside the AU table -> (468, 3) at full strength.
        identity: (I, 468, 3) displacement of one standard deviation per component, which the parts
            around the face follow.
        detail: whether the components of `canonical_identity.detail` come after them.
    """
    parts = canonical_head.parts(face, len(face))
    coarse = np.vstack([face, *(part.points for part in parts)])
    coarse_faces = np.vstack([face_mesh()[1], *(part.faces for part in parts)])
    smooth, fine_faces = mesh.subdivide(len(coarse), coarse_faces)
    basis = _carried(parts, face, identity)
    if detail:
        basis = np.vstack([basis, canonical_identity.detail(coarse, face)])
    neutral = smooth @ coarse
    sizes = [len(face), *(len(part.points) for part in parts)]
    return FaceRig(
        name=name,
        neutral=neutral,
        faces=fine_faces,
        identity=np.stack([smooth @ mode for mode in basis]),
        action_units={au: smooth @ _whole(parts, action_units[au], au == 26) for au in facs.AUS},
        unlabeled={key: smooth @ _whole(parts, field, False) for key, field in unlabeled.items()},
        landmarks=np.array(facs.IBUG_FROM_MEDIAPIPE),
        uv=smooth @ _uv(),
        head_weight=smooth @ np.concatenate([np.ones(len(face)), *(p.head_weight for p in parts)]),
        eyes=(np.array(topology.RIGHT_EYE), np.array(topology.LEFT_EYE)),
        scalp=smooth @ np.repeat([0.0, 1.0, *(0.0 for _ in parts[1:])], sizes),  # the skull
        curtain=smooth @ np.repeat([0.0, *(float(part.curtain) for part in parts)], sizes) > 0.5,
        eye_radius=canonical_action_units.EYE_RADIUS,
        eye_offset=np.array(
            [[0.0, measured_faces().iris_height, -canonical_action_units.EYE_BEHIND]] * 2
        ),
        shade=np.ones(len(neutral)),
    )


def face_mesh() -> tuple[Floats, Ints]:
    """Return the face mesh without the triangles that close eyes and mouth."""
    text = resources.files("fau_tf.synthetic").joinpath("data", MESH).read_text()
    points, faces = mesh.parse_obj(text)
    holes = [set(topology.RIGHT_EYE), set(topology.LEFT_EYE), set(topology.INNER_LIPS)]
    kept = [face for face in faces.tolist() if not any(set(face) <= hole for hole in holes)]
    return points, np.array(kept, np.int32)


def sealed(face: Floats) -> Floats:
    """Return the face with closed lips: the published mesh has them 5 mm apart."""
    face = face.copy()
    upper, lower = list(topology.UPPER_INNER_LIP), list(topology.LOWER_INNER_LIP)
    seam = 0.5 * (face[upper] + face[lower])
    for ring, inner in ((topology.UPPER_MID_LIP[9:], upper), (topology.LOWER_MID_LIP[9:], lower)):
        face[list(ring)] += 0.5 * (seam - face[inner])
    face[upper] = face[lower] = seam
    return face


def _uv() -> Floats:
    """Return the texels of the coarse mesh: those of the canonical face, on any face."""
    face = sealed(face_mesh()[0])
    parts = canonical_head.parts(face, len(face))
    return np.vstack([uv_atlas.head_uv(face), *(part.uv for part in parts)])


def _carried(parts: list[canonical_head.HeadPart], face: Floats, modes: Floats) -> Floats:
    """Return identity components (I, 468, 3) extended to the parts around the face.

    A point moves as the vertices of the face that it follows and, as far as it follows none, as the
    face around it, less and less with the distance.
    """
    out = [modes]
    for part in parts:
        gap = np.linalg.norm(part.points[:, None] - face[None], axis=-1)  # (n, 468)
        near = np.exp(-0.5 * (gap / _NEAR) ** 2)
        share = near / np.maximum(near.sum(1, keepdims=True), 1e-12)
        fades = np.exp(-0.5 * (gap.min(1) / _FAR) ** 2)
        free = np.clip(1 - part.follow.sum(1), 0, 1) * fades
        follow = sparse.csr_matrix(part.follow + free[:, None] * share)
        out.append(np.stack([follow @ mode for mode in modes]))
    return np.concatenate(out, axis=1)


def _whole(parts: list[canonical_head.HeadPart], field: Floats, jaw: bool) -> Floats:
    """Return a face field (468, 3) extended to the parts around the face."""
    out = [field]
    for part in parts:
        # sparse sums have one order: the same bytes on any number of threads
        moved = sparse.csr_matrix(part.follow) @ field
        if jaw:
            moved = moved + part.jaw[:, None] * canonical_action_units.jaw_motion(part.points)
        out.append(moved)
    return np.vstack(out)
