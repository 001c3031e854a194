"""A mesh beside the head: what a person wears, or holds in front of the face."""

from dataclasses import dataclass

import numpy as np

from fau_tf.synthetic.rigs.rig import Floats, Ints
from fau_tf.synthetic.textures import uv_atlas


@dataclass(frozen=True, eq=False)
class Piece:
    """A mesh that turns with the head.

    Attributes:
        points: (n, 3) in the axes of the head at rest, cm.
        faces: (f, 3), counter-clockwise seen from outside.
        uv: (n, 2) texels of the atlas.
    """

    points: Floats
    faces: Ints
    uv: Floats

    @classmethod
    def joined(cls, pieces: "list[Piece]") -> "Piece":
        """Return several as one."""
        starts = np.cumsum([0, *(len(piece.points) for piece in pieces)])
        faces = [piece.faces + start for piece, start in zip(pieces, starts, strict=False)]
        return cls(
            np.vstack([piece.points for piece in pieces]),
            np.vstack(faces),
            np.vstack([piece.uv for piece in pieces]),
        )


def strip(count: int, *, closed: bool = False) -> Ints:
    """Return triangles between two lines, whose points are numbered 0.. and count..

    They are seen from where the second line lies to the right of the way along the first one.

    Args:
        count: points of each line.
        closed: whether the last points join the first.
    """
    i = np.arange(count if closed else count - 1)
    j = (i + 1) % count
    return np.vstack([np.stack([i, count + i, j], 1), np.stack([j, count + i, count + j], 1)])


def tube(line: Floats, radius: Floats, sides: int = 8) -> tuple[Floats, Ints]:
    """Return a tube around a line with rounded ends.

    Args:
        line: (n, 3) its middle.
        radius: (n,) in cm.
        sides: corners of a ring.

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
    first, last = len(points), len(points) + 1
    rows = np.vstack([np.full(sides, first), ids, np.full(sides, last)])
    a, b = rows[:-1], rows[1:]
    c, d = np.roll(a, -1, 1), np.roll(b, -1, 1)
    faces = np.vstack([np.stack(q, -1).reshape(-1, 3) for q in ((a, b, c), (c, b, d))])
    real = (
        (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 0] != faces[:, 2])
    )
    return np.vstack([points, ends]), faces[real]


def flat(patch: str, count: int) -> Floats:
    """Return (count, 2) texels, all in the middle of a patch: one color."""
    return uv_atlas.patch_uv(patch, np.full(count, 0.5), np.full(count, 0.5))
