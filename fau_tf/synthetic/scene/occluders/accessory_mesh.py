"""Meshes that turn with the head: glasses, strands of hair, a hand."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fau_tf.synthetic.rigs import mesh
from fau_tf.synthetic.rigs.rig import Floats, Ints
from fau_tf.synthetic.textures import uv_atlas


@dataclass(frozen=True, eq=False)
class AccessoryMesh:
    """A mesh that turns with the head.

    Attributes:
        points: (n, 3) in the axes of the head at rest, cm.
        faces: (f, 3), counter-clockwise seen from outside.
        uv: (n, 2) texels of the atlas.
    """

    points: Floats
    faces: Ints
    uv: Floats


def concatenate(meshes: Sequence[AccessoryMesh]) -> AccessoryMesh:
    """Return several meshes as one."""
    starts = np.cumsum([0, *(len(one.points) for one in meshes)])
    faces = [one.faces + start for one, start in zip(meshes, starts, strict=False)]
    return AccessoryMesh(
        np.vstack([one.points for one in meshes]),
        np.vstack(faces),
        np.vstack([one.uv for one in meshes]),
    )


def band(first: Floats, second: Floats, uv: Floats) -> AccessoryMesh:
    """Return the band between two lines (n, 3), seen from where the second lies to the right."""
    count = len(first)
    faces = mesh.grid_faces(np.arange(2 * count).reshape(2, count))
    return AccessoryMesh(np.vstack([first, second]), faces, uv)


def tube(line: Floats, radius: Floats, sides: int = 8) -> tuple[Floats, Ints]:
    """Return a tube around a line with pointed ends.

    Args:
        line: (n, 3) its axis.
        radius: (n,) in cm.
        sides: corners of its section.

    Returns:
        (n * sides + 2, 3) points and triangles seen from outside.
    """
    along = np.gradient(line, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = np.cross(along, [0.0, 0.0, 1.0])
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-6)
    front = np.cross(across, along)
    turn = np.arange(sides) / sides * 2 * np.pi
    ring = np.cos(turn)[:, None] * across[:, None] + np.sin(turn)[:, None] * front[:, None]
    points = (line[:, None] + radius[:, None, None] * ring).reshape(-1, 3)
    ends = np.stack([line[0] - along[0] * radius[0], line[-1] + along[-1] * radius[-1]])
    ids = np.arange(len(line) * sides).reshape(len(line), sides)
    rows = np.vstack([np.full(sides, len(points)), ids, np.full(sides, len(points) + 1)])
    faces = mesh.without_degenerate(mesh.grid_faces(rows, closed=True))
    return np.vstack([points, ends]), faces


def single_color(patch: str, count: int) -> Floats:
    """Return (count, 2) texels, all at the center of a patch."""
    return uv_atlas.patch_uv(patch, np.full(count, 0.5), np.full(count, 0.5))
