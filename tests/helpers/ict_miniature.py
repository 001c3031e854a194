"""A miniature of ICT-FaceKit, as its download and converted.

Made of the canonical rig's coarse mesh, tilted and scaled into other axes, with its lips a little
apart. Vertex numbers that the small head leaves free are at 0 and belong to no triangle.
"""

import json
import os
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from fau_tf import facs
from fau_tf.synthetic.rigs import (
    canonical_action_units,
    canonical_head,
    canonical_identity,
    mesh,
)
from fau_tf.synthetic.rigs import canonical_topology as topology
from fau_tf.synthetic.rigs.canonical import canonical_rig, face_mesh
from fau_tf.synthetic.rigs.ict.action_units import SHAPES, UNLABELED, sided
from fau_tf.synthetic.rigs.ict.ict_file import MATERIALS, MOUTH_END, SKIN_END, SOCKETS_END
from fau_tf.synthetic.rigs.ict.rig import ict_rig

EYE_RADIUS, EYE_BEHIND = 1.40, 1.16
"""The eyeballs, and how far their centers lie behind the lids' margins, cm."""
SCALE, TILT, SHIFT = 0.97, np.radians(4.0), np.array([0.0, 1.0, -4.5])
LIPS_APART = 0.08
LOWEST = -19.0
"""Height in cm above which the bust is kept: ICT-FaceKit's ends there too."""
IDENTITIES = 4
_OWNERS = {name: au for au, rows in SHAPES.items() for name, *_ in rows} | {
    "mouthPucker": "lips puckered", "mouthRollUpper": "lips sucked in",
}  # fmt: skip
"""Shape -> the AU or unlabeled movement that it shows; others use it, too."""
# parts of `head.parts` in its order: material, first number of each; None leaves it out
_BACK, _TEETH = "M_BackHead", "M_Teeth"
_PARTS = (
    (_BACK, None), (_BACK, SKIN_END), (_TEETH, None), (_TEETH, None), ("M_GumsTongue", None),
    (_BACK, MOUTH_END + 384), (_BACK, MOUTH_END), (_BACK, None), (_BACK, None), (_BACK, None),
)  # fmt: skip


@lru_cache(maxsize=1)
def content():
    """Return key -> array, as the converted file has them."""
    head_points, faces, material, fields = _head()
    turn = np.array([
        [1, 0, 0], [0, np.cos(TILT), -np.sin(TILT)], [0, np.sin(TILT), np.cos(TILT)]
    ])  # fmt: skip
    expressions, components = fields
    return {
        "neutral": ((head_points @ turn.T + SHIFT) / SCALE).astype(np.float32),
        "faces": faces.astype(np.uint16),
        "material": np.array([MATERIALS.index(name) for name in material], np.int8),
        "material_names": np.array(MATERIALS),
        "expression": (np.stack([*expressions.values()]) @ turn.T / SCALE).astype(np.float16),
        "expression_names": np.array(list(expressions)),
        "identity": (components @ turn.T / SCALE).astype(np.float16),
        "landmark68": np.array(facs.IBUG_FROM_MEDIAPIPE, np.int32),
    }


def write_file(path, **changes):
    """Write the converted file, with other arrays in place of some; None leaves one out."""
    arrays = {**content(), **changes}
    np.savez_compressed(path, **{k: v for k, v in arrays.items() if v is not None})
    return path


def write_download(folder):
    """Write the download; like the real one, its list of expressions knows no cheekRaiser."""
    parts = content()
    model = folder / "FaceXModel"
    model.mkdir(parents=True)
    listed = [n for n in parts["expression_names"].tolist() if not n.startswith("cheekRaiser")]
    indices = {"expressions": listed, "idx_to_landmark_verts": parts["landmark68"].tolist()}
    (model / "vertex_indices.json").write_text(json.dumps(indices))
    lines, last = ["# a small head", _vertex_lines(parts["neutral"]), "vt 0 0"], None
    for corners, row in zip(parts["faces"].tolist(), parts["material"].tolist(), strict=True):
        if row != last:
            lines.append(f"usemtl {MATERIALS[row]}")
            last = row
        lines.append("f " + " ".join(f"{corner + 1}/1/1" for corner in corners))
    (model / "generic_neutral_mesh.obj").write_text("\n".join(lines) + "\n")
    shapes = dict(zip(parts["expression_names"].tolist(), parts["expression"], strict=True))
    shapes |= {f"identity{i:03d}": field for i, field in enumerate(parts["identity"])}
    for name, field in shapes.items():
        (model / f"{name}.obj").write_text(_vertex_lines(parts["neutral"] + field) + "\n")
    return folder


def _vertex_lines(points):
    # float32 numbers survive nine digits; the rows that no triangle uses are one text
    used = np.flatnonzero(np.abs(points).max(1))
    lines = np.full(len(points), "v 0 0 0", object)
    lines[used] = [f"v {x:.9g} {y:.9g} {z:.9g}" for x, y, z in points[used].tolist()]
    return "\n".join(lines.tolist())


def _head():
    """Return points, triangles, the material of each, and (expressions, identities)."""
    face, faces = canonical_rig().neutral[: topology.FACE_VERTICES], face_mesh()[1]
    parts = canonical_head.parts(face, len(face))[: len(_PARTS)]
    at = np.vstack([face, *(part.points for part in parts)])
    number = _numbers(parts)
    triangles, material = [faces], ["M_Face"] * len(faces)
    for (name, _), part in zip(_PARTS, parts, strict=True):
        kept = part.faces[at[part.faces, 1].min(1) > LOWEST]
        triangles.append(kept)
        material += [name] * len(kept)
    total = number.max() + 1
    balls, ball_faces, ball_material = _balls(face, total)
    total += len(balls)
    points = _spread(at, number, total)
    points[-len(balls) :] = balls
    points[list(topology.LOWER_INNER_LIP), 1] -= LIPS_APART
    components = _spread(
        canonical_identity.basis(at, face)[:IDENTITIES].swapaxes(0, 1), number, total
    )
    expressions = _expressions(_moved(face, parts, at, number, total), points)
    whole = np.vstack([number[np.vstack(triangles)], ball_faces])
    return points, whole, material + ball_material, (expressions, components.swapaxes(0, 1))


def _numbers(parts):
    """Return the number in the file of each vertex of the face and its parts."""
    numbers = [np.arange(topology.FACE_VERTICES)]
    after = {True: topology.FACE_VERTICES, False: SOCKETS_END}
    for (name, first), part in zip(_PARTS, parts, strict=True):
        count, skin = len(part.points), name == _BACK
        numbers.append(np.arange(count) + (after[skin] if first is None else first))
        if first is None:
            after[skin] += count
        if first == SKIN_END:  # the mouth's inside begins at the lips themselves
            numbers[-1][: len(topology.INNER_LIPS)] = topology.INNER_LIPS
    return np.concatenate(numbers)


def _moved(face, parts, at, number, total):
    """Return AU -> field, and name of UNLABELED -> field."""
    mirror = mesh.mirror_index(face)
    follow = np.vstack([np.eye(len(face)), *(part.follow for part in parts)])
    jaw = np.concatenate([np.zeros(len(face)), *(part.jaw for part in parts)])
    fields = canonical_action_units.fields(face, mirror)
    aside = canonical_action_units.below_mouth(face)[:, None] * [0.4, 0, 0]
    fields |= {"jaw to the right": -aside, "jaw to the left": aside}
    fields |= canonical_action_units.unlabeled_fields(face, mirror)
    fields[25] = fields[25] / 3  # `mouth.parted` does the rest, as on the real head
    fields["lips sucked in"] = -fields["lips puckered"]  # any but AU23's
    moved = {au: follow @ field for au, field in fields.items()}
    moved[26] += jaw[:, None] * canonical_action_units.jaw_motion(at)
    return {au: _spread(field, number, total) for au, field in moved.items()}


def _spread(values, number, total):
    """Return values of the face and its parts, by number in the file."""
    out = np.zeros((total, *values.shape[1:]))
    out[number] = values
    return out


def _expressions(moved, points):
    """Return name -> field of each shape that the units' table uses."""
    out = {}
    for au, rows in SHAPES.items():
        own = [row for row in rows if _OWNERS[row[0]] == au]
        for name, weight, _ in own:
            field = moved[au] / (len(own) * weight)
            out |= _halves(name, field, points)
    for other, rows in UNLABELED.items():
        for name, weight in rows:
            if _OWNERS.get(name, other) == other:
                out |= _halves(name, moved[other] / (len(rows) * weight), points)
    return out | {f"cheekSquint_{side}": out[f"cheekRaiser_{side}"] for side in "LR"}


def _halves(name, field, points):
    left = 0.5 + 0.5 * np.tanh(points[:, :1] / 0.5)
    share = {"L": left, "R": 1 - left}
    return {full: field * (share[full[-1]] if len(sided(name)) > 1 else 1) for full in sided(name)}


def _balls(face, start):
    """Return eyeballs, and one triangle of each material that isn't drawn."""
    turn, tilt = np.meshgrid(np.arange(8) / 8 * 2 * np.pi, np.linspace(0.2, 2.9, 6))
    sphere = np.stack([np.sin(tilt) * np.cos(turn), np.sin(tilt) * np.sin(turn), np.cos(tilt)], -1)
    sphere = EYE_RADIUS * sphere.reshape(-1, 3)
    ids = np.arange(len(sphere))
    triples = np.stack([ids, (ids + 1) % len(ids), (ids + 8) % len(ids)], 1)
    points, faces, material = [], [], []
    rings = {"Right": topology.RIGHT_EYE, "Left": topology.LEFT_EYE}
    for side, ring in rings.items():
        center = face[list(ring)].mean(0) - [0, 0, EYE_BEHIND]
        faces.append(triples + start + sum(map(len, points)))
        points.append(sphere + center)
        material += [f"M_Sclera{side}"] * len(triples)
    others = [name for name in MATERIALS if name.startswith(("M_Eye", "M_Iris", "M_Lac"))]
    faces.append(np.tile(faces[0][:1], (len(others), 1)))
    return np.vstack(points), np.vstack(faces), material + others


def rig_of(which, folder):
    """Return the ICT rig of the "miniature", or of the "real" file that FAU_ICT names, or skip."""
    if which == "miniature":
        return ict_rig(write_file(folder / "ict.npz"))
    file = os.environ.get("FAU_ICT")
    if not file:
        pytest.skip("FAU_ICT must name a file of `python -m fau_tf.cli.synthesize convert-ict`")
    return ict_rig(Path(file))
