"""The second rig: USC ICT-FaceKit, from the user's own download, in the canonical rig's frame.

Its skin lies in the same atlas as the canonical head's, by a smooth map that takes lids, lips,
brows and the other landmarks to their counterparts, so that one set of paints and wrinkles serves
both. Long hair is the canonical rig's; shoulders continue its own bust.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from fau_tf import facs
from fau_tf.synthetic.rigs import canonical_head, mesh
from fau_tf.synthetic.rigs.canonical import canonical_rig
from fau_tf.synthetic.rigs.ict import action_units, atlas, bust
from fau_tf.synthetic.rigs.ict import file as ict_file
from fau_tf.synthetic.rigs.ict.file import IctFile
from fau_tf.synthetic.rigs.ict.openings import EYES, MOUTH, Opening
from fau_tf.synthetic.rigs.rig import FaceRig, Floats, Ints

COLLAR = -10.6
"""Height in cm below which the skin has the neck's patch of the atlas, with its clothes."""
_SCLERAS = ("M_ScleraRight", "M_ScleraLeft")
EYE_RADIUS = 1.40
"""In cm; its own eyeballs, 1.45 at the lids, would come through the lids of a blink."""
BLINK = 1.1
"""Weight of eyeBlink that shuts the eyes of nearly everybody."""
EYES_ALIKE = 0.6
"""Part by which people's lids differ less in how far they stand apart than the components say:
where the white shows above the iris at rest, AU5 can't be told."""


@lru_cache(maxsize=2)
def ict_rig(path: Path) -> FaceRig:
    """Return the rig of a converted ICT-FaceKit.

    Raises:
        ValueError: If the file is not what `fau_tf.synthetic.rigs.ict.convert` writes.
    """
    file = ict_file.load(path)
    frame = _Frame.fitted(file)
    points = frame.points(file.neutral)
    faces, used, piece = _drawn(file, points)
    number = np.full(len(points), -1)
    number[used[::-1]] = np.arange(len(used))[::-1]  # the first copy of each
    landmarks, lids = number[file.landmarks], [number[ring] for ring in _lid_rings(file)]
    mouth, *eyes = _openings(file, points)
    shape = mouth.narrowed(points)[used]
    parts = _added_parts(shape, faces[(piece[faces] == atlas.NECK).all(1)])
    placed = atlas.place(file, shape, faces, used, piece, landmarks, lids)
    rest = np.vstack([part.points for part in parts])
    return FaceRig(
        name="ict",
        neutral=np.vstack([shape, rest]),
        faces=np.vstack([faces, *(part.faces for part in parts)]),
        identity=_padded(_identity(file, frame, mouth, eyes)[:, used], rest),
        action_units={
            au: _padded(_unit(file, frame, au, points, mouth)[used], rest) for au in facs.AUS
        },
        others={
            name: _padded(_moved(file, frame, rows)[used], rest)
            for name, rows in action_units.OTHERS.items()
        },
        blink=_padded(frame.moves(_sum(file, "eyeBlink_", BLINK)[used]), rest),
        landmarks=landmarks,
        uv=np.vstack([placed.uv, *(part.uv for part in parts)]),
        head_weight=np.concatenate(
            [bust.head_weight(shape), *(part.head_weight for part in parts)]
        ),
        eyes=(lids[0], lids[1]),
        scalp=np.concatenate([placed.scalp, np.zeros(len(rest))]),
        curtain=np.repeat(
            [False, *(p.curtain for p in parts)], [len(shape), *(len(p.points) for p in parts)]
        ),
        eye_radius=EYE_RADIUS,
        eye_offset=_eye_offset(file, points, shape, lids),
        shade=np.concatenate([placed.shade, np.ones(len(rest))]),
    )


@dataclass(frozen=True, eq=False)
class _Frame:
    """The similarity from ICT's axes to the canonical rig's."""

    turn: Floats
    shift: Floats

    @classmethod
    def fitted(cls, file: IctFile) -> "_Frame":
        """Return the one that fits the inner landmarks best; jaws are annotated too freely."""
        rig = canonical_rig()
        target = rig.neutral[rig.landmarks][17:]
        source = file.neutral[file.landmarks][17:]
        from_middle, to_middle = source.mean(0), target.mean(0)
        left, size, right = np.linalg.svd((target - to_middle).T @ (source - from_middle))
        sign = np.diag([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
        scale = (size * np.diag(sign)).sum() / ((source - from_middle) ** 2).sum()
        turn = scale * left @ sign @ right
        return cls(turn, to_middle - turn @ from_middle)

    def points(self, points: Floats) -> Floats:
        """Return points (V, 3) in the canonical frame."""
        return np.asarray(points @ self.turn.T + self.shift)

    def moves(self, offset: Floats) -> Floats:
        """Return displacements (..., 3) in the canonical frame."""
        return np.asarray(offset @ self.turn.T.astype(offset.dtype))


def _drawn(file: IctFile, points: Floats) -> tuple[Ints, Ints, Ints]:
    """Return what is drawn: no eyeballs, lashes, tears and backs of teeth, which are never seen.

    Returns:
        (F, 3) triangles of the V vertices that they need, (V,) their numbers in the file, and
        (V,) their piece of skin: vertices on the border of two pieces are there twice.
    """
    hard = file.faces_of("M_Teeth", "M_GumsTongue")
    normal = np.cross(
        points[hard[:, 1]] - points[hard[:, 0]], points[hard[:, 2]] - points[hard[:, 0]]
    )
    seen = normal[:, 2] > -0.35 * np.linalg.norm(normal, axis=1)
    faces = np.vstack([file.faces_of("M_Face", "M_BackHead"), hard[seen]])
    skin = (faces < ict_file.SKIN_END).all(1)
    ears = np.zeros(len(points), bool)
    ears[: ict_file.SKIN_END] = atlas.ears(points[: ict_file.SKIN_END])
    kind = np.full(len(faces), atlas.HEAD)
    kind[skin & ears[faces].all(1)] = atlas.EAR
    kind[skin & (points[faces][..., 1].mean(1) < COLLAR)] = atlas.NECK
    last = faces.max(1)
    kind[(last >= ict_file.SKIN_END) & (last < ict_file.MOUTH_END)] = atlas.MOUTH
    kind[(last >= ict_file.MOUTH_END) & (last < ict_file.SOCKETS_END)] = atlas.SOCKET
    kind[last >= ict_file.SOCKETS_END] = atlas.HARD
    corners, used, piece, start = [], [], [], 0
    for which in range(atlas.HARD + 1):
        own, local = np.unique(faces[kind == which], return_inverse=True)
        corners.append(local.reshape(-1, 3) + start)
        used.append(own)
        piece.append(np.full(len(own), which))
        start += len(own)
    return np.vstack(corners), np.concatenate(used), np.concatenate(piece)


def _lid_rings(file: IctFile) -> list[Ints]:
    """Return the vertices of the lids' margins, right and left: where the face's skin ends."""
    face = file.faces_of("M_Face", "M_BackHead")
    border = mesh.borders(face[(face < ict_file.SKIN_END).all(1)])
    eyes = []
    for landmarks in (file.landmarks[36:42], file.landmarks[42:48]):
        center = file.neutral[landmarks].mean(0)
        gaps = [np.linalg.norm(file.neutral[ring].mean(0) - center) for ring in border]
        eyes.append(border[int(np.argmin(gaps))])
    return eyes


def _eye_offset(file: IctFile, points: Floats, shape: Floats, lids: list[Ints]) -> Floats:
    """Return (2, 3), the centers of its eyeballs from the middle of the lids' margins."""
    out = []
    for material, ring in zip(_SCLERAS, lids, strict=True):
        ball = points[np.unique(file.faces_of(material))]
        system = np.hstack([2 * ball, np.ones((len(ball), 1))])  # |p|^2 = 2 p.c + r^2 - |c|^2
        solved = np.linalg.lstsq(system, (ball**2).sum(1), rcond=None)[0]
        out.append(solved[:3] - shape[ring].mean(0))
    return np.array(out)


def _sum(file: IctFile, name: str, weight: float) -> Floats:
    return np.asarray(weight * sum(file.expression[side] for side in action_units.sided(name)))


def _openings(file: IctFile, points: Floats) -> list[Opening]:
    """Return mouth, right and left eye, over the file's vertices."""
    skin = file.faces_of("M_Face", "M_BackHead")
    return [Opening.found(ring, points, skin, file.landmarks) for ring in (MOUTH, *EYES)]


def _identity(file: IctFile, frame: _Frame, mouth: Opening, eyes: list[Opening]) -> Floats:
    """Return (I, V, 3), people who all shut their mouths at rest."""
    fields = mouth.narrowed(frame.moves(file.identity))
    for eye in eyes:
        fields = eye.narrowed(fields, EYES_ALIKE)
    return fields


def _unit(file: IctFile, frame: _Frame, au: int, points: Floats, mouth: Opening) -> Floats:
    """Return (V, 3), how an AU at intensity 5 moves the file's vertices."""
    field = _moved(file, frame, [(name, weight) for name, weight, _ in action_units.SHAPES[au]])
    if au in action_units.FADES:
        full, faded, left = action_units.FADES[au]
        part = np.clip((points[:, 1] - full) / (faded - full), 0, 1)
        field *= (1 - (1 - left) * part * part * (3 - 2 * part))[:, None].astype(np.float32)
    return field + mouth.parted().astype(np.float32) if au == 25 else field


def _moved(file: IctFile, frame: _Frame, rows: Sequence[tuple[str, float]]) -> Floats:
    """Return (V, 3), the sum of some shapes, in the canonical frame."""
    field = np.zeros(file.neutral.shape, np.float32)
    for name, weight in rows:
        field += frame.moves(_sum(file, name, weight))
    return field


def _padded(field: Floats, rest: Floats) -> Floats:
    """Return a field (..., V, 3) with zeros for the added parts."""
    still = np.zeros((*field.shape[:-2], len(rest), 3), field.dtype)
    return np.concatenate([field, still], -2)


def _added_parts(shape: Floats, low: Ints) -> list[canonical_head.Part]:
    """Return shoulders below the bust, whose triangles are `low`, and the canonical long hair."""
    nothing, start = np.zeros((0, 3)), len(shape)
    parts = [bust.shoulders(shape, low, start)]
    for make in (_right_lock, _left_lock, canonical_head.hair_back):
        start += len(parts[-1].points)
        parts.append(make(nothing, start))
    return parts


def _right_lock(face: Floats, start: int) -> canonical_head.Part:
    return canonical_head.lock(face, start, -1)


def _left_lock(face: Floats, start: int) -> canonical_head.Part:
    return canonical_head.lock(face, start, 1)
