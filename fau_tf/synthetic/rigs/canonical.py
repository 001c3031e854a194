"""The built-in rig: MediaPipe's canonical face mesh with a head, identities and AU fields."""

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
from fau_tf.synthetic.rigs.rig import FaceRig, Floats, Ints
from fau_tf.synthetic.textures import uv_atlas

MESH = "canonical_face_model.obj"


@lru_cache(maxsize=1)
def canonical_rig() -> FaceRig:
    """Return the canonical rig: 468 face vertices plus a head, subdivided once.

    Raises:
        FileNotFoundError: if the mesh is missing from the package data.
    """
    face, faces = face_mesh()
    mirror = mesh.mirror_index(face)
    face = sealed(face)
    parts = canonical_head.parts(face, len(face))
    coarse = np.vstack([face, *(part.points for part in parts)])
    coarse_faces = np.vstack([faces, *(part.faces for part in parts)])
    smooth, fine_faces = mesh.subdivide(len(coarse), coarse_faces)
    fields = canonical_action_units.fields(face, mirror)
    unlabeled = canonical_action_units.unlabeled_fields(face, mirror)
    neutral = smooth @ coarse
    sizes = [len(face), *(len(part.points) for part in parts)]
    return FaceRig(
        name="canonical",
        neutral=neutral,
        faces=fine_faces,
        identity=np.stack([smooth @ mode for mode in canonical_identity.basis(coarse, face)]),
        action_units={au: smooth @ _whole(parts, fields[au], au == 26) for au in facs.AUS},
        unlabeled={name: smooth @ _whole(parts, field, False) for name, field in unlabeled.items()},
        blink=smooth @ _whole(parts, canonical_action_units.blink(face, mirror), False),
        landmarks=np.array(facs.IBUG_FROM_MEDIAPIPE),
        uv=smooth @ np.vstack([uv_atlas.head_uv(face), *(part.uv for part in parts)]),
        head_weight=smooth @ np.concatenate([np.ones(len(face)), *(p.head_weight for p in parts)]),
        eyes=(np.array(topology.RIGHT_EYE), np.array(topology.LEFT_EYE)),
        scalp=smooth @ np.repeat([0.0, 1.0, *(0.0 for _ in parts[1:])], sizes),  # the skull
        curtain=smooth @ np.repeat([0.0, *(float(part.curtain) for part in parts)], sizes) > 0.5,
        eye_radius=1.30,
        eye_offset=np.array([[0.0, 0.0, -1.02], [0.0, 0.0, -1.02]]),
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
