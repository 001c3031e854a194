"""The second rig: USC ICT-FaceKit, from the user's own download, in the canonical rig's frame.

A smooth map takes eyelids, lips, brows and the other landmarks to their counterparts on the
canonical head, so that both rigs share the UV atlas, its masks and wrinkles. Long hair is the
canonical rig's; shoulders continue ICT-FaceKit's bust.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from fau_tf import facs
from fau_tf.synthetic.rigs import canonical_head, mesh
from fau_tf.synthetic.rigs.canonical import template
from fau_tf.synthetic.rigs.ict import action_units, bust, ict_file, uv_mapping
from fau_tf.synthetic.rigs.ict.ict_file import IctFile
from fau_tf.synthetic.rigs.ict.openings import EYES, MOUTH, Opening
from fau_tf.synthetic.rigs.rig import FaceRig, Floats, Ints

COLLAR = -10.6
"""Height in cm below which the skin is in the neck's patch of the atlas, with clothes."""
_SCLERAS = ("M_ScleraRight", "M_ScleraLeft")
EYE_RADIUS = 1.40
"""In cm; ICT-FaceKit's own eyeballs, 1.45 at the eyelids, would show through a blink."""
EYES_ALIKE = 0.6
"""Share by which the identity components' variation of the eye opening is reduced: where white
shows above the iris at rest, AU5 can't be recognized."""


@lru_cache(maxsize=2)
def ict_rig(path: Path) -> FaceRig:
    """Return the rig of a converted ICT-FaceKit.

    Raises:
        ValueError: If it is not a file that `fau_tf.synthetic.rigs.ict.convert` writes.
    """
    file = ict_file.load(path)
    to_rig = _Similarity.fitted(file)
    points = to_rig.points(file.neutral)
    faces, used, region = _visible(file, points)
    number = np.full(len(points), -1)
    number[used[::-1]] = np.arange(len(used))[::-1]  # the first copy of each
    landmarks, lids = number[file.landmarks], [number[ring] for ring in _lid_rings(file)]
    mouth, *eyes = _openings(file, points)
    shape = mouth.narrowed(points)[used]
    parts = _added_parts(shape, faces[(region[faces] == uv_mapping.NECK).all(1)])
    placed = uv_mapping.place(file, shape, faces, used, region, landmarks, lids)
    rest = np.vstack([part.points for part in parts])
    return FaceRig(
        name="ict",
        neutral=np.vstack([shape, rest]),
        faces=np.vstack([faces, *(part.faces for part in parts)]),
        identity=_padded(_identity(file, to_rig, mouth, eyes)[:, used], rest),
        action_units={
            au: _padded(_unit(file, to_rig, au, points, mouth)[used], rest) for au in facs.AUS
        },
        unlabeled={
            name: _padded(_moved(file, to_rig, rows)[used], rest)
            for name, rows in action_units.UNLABELED.items()
        },
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
class _Similarity:
    """The map from ICT-FaceKit's axes to the canonical rig's."""

    turn: Floats
    shift: Floats

    @classmethod
    def fitted(cls, file: IctFile) -> "_Similarity":
        """Return the map that fits the inner landmarks best; jaw landmarks are less exact."""
        target = template().points[list(facs.IBUG_FROM_MEDIAPIPE)][17:]
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

    def vectors(self, offset: Floats) -> Floats:
        """Return displacements (..., 3) in the canonical frame."""
        return np.asarray(offset @ self.turn.T.astype(offset.dtype))


def _visible(file: IctFile, points: Floats) -> tuple[Ints, Ints, Ints]:
    """Return the mesh without eyeballs, lashes, tears and backs of teeth.

    Returns:
        (F, 3) triangles, (V,) the numbers of their vertices in the file, and (V,) the regions of
        the vertices; a vertex on the border of two regions is there twice.
    """
    hard = file.faces_of("M_Teeth", "M_GumsTongue")
    normal = np.cross(
        points[hard[:, 1]] - points[hard[:, 0]], points[hard[:, 2]] - points[hard[:, 0]]
    )
    seen = normal[:, 2] > -0.35 * np.linalg.norm(normal, axis=1)
    faces = np.vstack([file.faces_of("M_Face", "M_BackHead"), hard[seen]])
    skin = (faces < ict_file.SKIN_END).all(1)
    ears = np.zeros(len(points), bool)
    ears[: ict_file.SKIN_END] = uv_mapping.ears(points[: ict_file.SKIN_END])
    owner = np.full(len(faces), uv_mapping.HEAD)
    owner[skin & ears[faces].all(1)] = uv_mapping.EAR
    owner[skin & (points[faces][..., 1].mean(1) < COLLAR)] = uv_mapping.NECK
    last = faces.max(1)
    owner[(last >= ict_file.SKIN_END) & (last < ict_file.MOUTH_END)] = uv_mapping.MOUTH
    owner[(last >= ict_file.MOUTH_END) & (last < ict_file.SOCKETS_END)] = uv_mapping.SOCKET
    owner[last >= ict_file.SOCKETS_END] = uv_mapping.HARD
    corners, used, region, start = [], [], [], 0
    for which in range(uv_mapping.HARD + 1):
        own, local = np.unique(faces[owner == which], return_inverse=True)
        corners.append(local.reshape(-1, 3) + start)
        used.append(own)
        region.append(np.full(len(own), which))
        start += len(own)
    return np.vstack(corners), np.concatenate(used), np.concatenate(region)


def _lid_rings(file: IctFile) -> list[Ints]:
    """Return the vertices of the eyelid margins, right and left: borders of the face's skin."""
    face = file.faces_of("M_Face", "M_BackHead")
    border = mesh.borders(face[(face < ict_file.SKIN_END).all(1)])
    eyes = []
    for landmarks in (file.landmarks[36:42], file.landmarks[42:48]):
        center = file.neutral[landmarks].mean(0)
        gaps = [np.linalg.norm(file.neutral[ring].mean(0) - center) for ring in border]
        eyes.append(border[int(np.argmin(gaps))])
    return eyes


def _eye_offset(file: IctFile, points: Floats, shape: Floats, lids: list[Ints]) -> Floats:
    """Return (2, 3), the centers of the eyeballs from the mean of the eyelid margins."""
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
    """Return the openings of mouth, right and left eye, over the file's vertices."""
    skin = file.faces_of("M_Face", "M_BackHead")
    return [Opening.found(ring, points, skin, file.landmarks) for ring in (MOUTH, *EYES)]


def _identity(file: IctFile, to_rig: _Similarity, mouth: Opening, eyes: list[Opening]) -> Floats:
    """Return (I, V, 3), identity components that leave the mouth closed."""
    fields = mouth.narrowed(to_rig.vectors(file.identity))
    for eye in eyes:
        fields = eye.narrowed(fields, EYES_ALIKE)
    return fields


def _unit(file: IctFile, to_rig: _Similarity, au: int, points: Floats, mouth: Opening) -> Floats:
    """Return the (V, 3) displacement of the file's vertices for an AU at intensity 5."""
    field = _moved(file, to_rig, [(name, weight) for name, weight, _ in action_units.SHAPES[au]])
    if au in action_units.FADES:
        full, faded, left = action_units.FADES[au]
        part = np.clip((points[:, 1] - full) / (faded - full), 0, 1)
        field *= (1 - (1 - left) * part * part * (3 - 2 * part))[:, None].astype(np.float32)
    if au == 23:
        return mouth.narrowed(field)  # rolled in alone, the lips of some people would part
    return field + mouth.parted().astype(np.float32) if au == 25 else field


def _moved(file: IctFile, to_rig: _Similarity, rows: Sequence[tuple[str, float]]) -> Floats:
    """Return (V, 3), a weighted sum of shapes in the canonical frame."""
    field = np.zeros(file.neutral.shape, np.float32)
    for name, weight in rows:
        field += to_rig.vectors(_sum(file, name, weight))
    return field


def _padded(field: Floats, rest: Floats) -> Floats:
    """Return a field (..., V, 3) followed by zeros for the added parts."""
    still = np.zeros((*field.shape[:-2], len(rest), 3), field.dtype)
    return np.concatenate([field, still], -2)


def _added_parts(shape: Floats, low: Ints) -> list[canonical_head.HeadPart]:
    """Return shoulders below the bust, whose triangles are `low`, and canonical long hair."""
    nothing, start = np.zeros((0, 3)), len(shape)
    right, left = (partial(canonical_head.lock, side=side) for side in (-1, 1))
    makers: tuple[canonical_head.Maker, ...] = (right, left, canonical_head.hair_back)
    parts = [bust.shoulders(shape, low, start)]
    for make in makers:
        start += len(parts[-1].points)
        parts.append(make(nothing, start))
    return parts
