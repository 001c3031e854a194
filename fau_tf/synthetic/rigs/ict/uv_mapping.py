"""Mapping of the ICT head into the UV atlas of the canonical head."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.spatial import Delaunay, cKDTree

from fau_tf import facs
from fau_tf.synthetic.rigs import canonical_topology as topology
from fau_tf.synthetic.rigs import mesh
from fau_tf.synthetic.rigs.canonical import template
from fau_tf.synthetic.rigs.ict import bust
from fau_tf.synthetic.rigs.ict.ict_file import IctFile
from fau_tf.synthetic.rigs.rig import Floats, Ints
from fau_tf.synthetic.textures import uv_atlas

HEAD, EAR, NECK, MOUTH, SOCKET, HARD = range(6)
"""Regions of the head in different patches of the atlas; no triangle spans two of them."""
_STILL = np.array([
    [0, 9.5, 5.0], [4, 9.5, 4.0], [-4, 9.5, 4.0], [0, 13, -3], [7.5, 6, -2], [-7.5, 6, -2],
    [7.0, -6, -3], [-7.0, -6, -3], [0, 4, -13], [0, -12, -3], [5.6, 0, 3.0], [-5.6, 0, 3.0],
    [6.3, 2.5, 1.5], [-6.3, 2.5, 1.5], [6.6, -1, 0.8], [-6.6, -1, 0.8], [6.0, -4.5, 1.0],
    [-6.0, -4.5, 1.0], [6.6, 4.5, 1.0], [-6.6, 4.5, 1.0],
], float)  # fmt: skip
"""Points around the face that the map leaves in place, so that it stays smooth there."""
_EAR = np.array([[7.05, 0.35, -2.4], [7.1, 3.25, -3.5], [7.1, -2.05, -3.9]])
"""Front, top and bottom of the left ear of the canonical head; hair grows in front of it."""


@dataclass(frozen=True, eq=False)
class UvPlacement:
    """Properties of each vertex that follow from its position.

    Attributes:
        uv: (V, 2) texels.
        scalp: (V,) 1 where the skull can carry hair.
        shade: (V,) share of light that reaches it.
    """

    uv: Floats
    scalp: Floats
    shade: Floats


def place(
    file: IctFile,
    shape: Floats,
    faces: Ints,
    used: Ints,
    region: Ints,
    landmarks: Ints,
    lids: list[Ints],
) -> UvPlacement:
    """Return texels, scalp and shade of the rig's vertices.

    Args:
        file: the converted file.
        shape: (V, 3) the rig's vertices in the canonical frame.
        faces: (F, 3) its triangles.
        used: (V,) their numbers in the file.
        region: (V,) HEAD, EAR, NECK and so on.
        landmarks: 68 of the V.
        lids: vertices of the right and the left eyelid margin.
    """
    head, ear, neck = (region == which for which in (HEAD, EAR, NECK))
    to_canonical = _to_canonical(shape, landmarks, lids, shape[ear])
    on_canonical = shape.copy()
    on_canonical[head] = to_canonical(shape[head])
    uv = uv_atlas.head_uv(on_canonical)
    uv[ear] = _ear_uv(shape[ear])
    uv[neck] = bust.neck_uv(shape[neck])
    depth = _map_insides(file, shape, used, region, uv)
    normals = mesh.vertex_normals(shape, faces, mesh.normal_operator(len(shape), faces))
    # lips at rest lie on the teeth, and would darken them even when they part
    open_part = np.where(region <= MOUTH, openness(shape, normals), 1.0)
    shade = open_part * (1 - 0.75 * depth)
    return UvPlacement(uv, _scalp(on_canonical, shape, ear) * head, shade)


def openness(shape: Floats, normals: Floats) -> Floats:
    """Return (V,) ambient visibility: 1 on flat and raised skin, less in hollows.

    Args:
        shape: (V, 3) vertices.
        normals: (V, 3) unit.
    """
    _, near = cKDTree(shape).query(shape, k=48)
    toward = shape[near] - shape[:, None]
    away = np.sqrt((toward**2).sum(-1))
    rises = np.einsum("vnc,vc->vn", toward, normals) / np.maximum(away, 1e-6)
    blocked = (np.clip(rises, 0, 1) * (away < 1.0)).mean(1)
    return np.asarray(np.clip(1.06 - 1.9 * blocked, 0.25, 1.0))


def _to_canonical(shape: Floats, landmarks: Ints, lids: list[Ints], ear: Floats) -> RBFInterpolator:
    """Return the smooth map from this face to the corresponding points of the canonical face."""
    points = template().points
    known = points[list(facs.IBUG_FROM_MEDIAPIPE)]
    here, there = [shape[landmarks[17:]], _STILL], [known[17:], _STILL]
    here.append(shape[landmarks[[8]]])
    there.append(known[[8]])
    rings = (topology.RIGHT_EYE, topology.LEFT_EYE)
    for ring, canonical in zip(lids, rings, strict=True):
        target = points[list(canonical)]
        here.append(_corresponding(shape[ring], target))
        there.append(target)
    for side in (-1, 1):
        rim = ear[side * ear[:, 0] > 0]
        if len(rim):
            ends = rim[:, 2].argmax(), rim[:, 1].argmax(), rim[:, 1].argmin()
            here.append(rim[list(ends)])
            there.append(_EAR * [side, 1, 1])
    source, target = np.vstack(here), np.vstack(there)
    _, first = np.unique(source.round(4), axis=0, return_index=True)
    return RBFInterpolator(source[first], target[first], kernel="thin_plate_spline", smoothing=1e-3)


def _corresponding(margin: Floats, wanted: Floats) -> Floats:
    """Return the points of an eyelid margin (N, 3) that correspond to those of another (n, 3).

    Both are split at the corners; along each eyelid, equal fractions of the width correspond.
    """
    part = (wanted[:, 0] - wanted[:, 0].min()) / np.ptp(wanted[:, 0])
    middle = np.interp(wanted[:, 0], *_chord(wanted))
    x = margin[:, 0].min() + part * np.ptp(margin[:, 0])
    out = np.empty_like(wanted)
    height = margin[:, 1] - np.interp(margin[:, 0], *_chord(margin))
    for upper in (True, False):
        lid = margin[height >= 0 if upper else height <= 0]
        lid = lid[np.argsort(lid[:, 0], kind="stable")]
        rows = (wanted[:, 1] >= middle) == upper
        for axis in range(3):
            out[rows, axis] = np.interp(x[rows], lid[:, 0], lid[:, axis])
    return out


def _chord(points: Floats) -> tuple[Floats, Floats]:
    """Return x and y of the leftmost and the rightmost point, the corners of an eye."""
    ends = points[[points[:, 0].argmin(), points[:, 0].argmax()]]
    return ends[:, 0], ends[:, 1]


def ears(points: Floats) -> NDArray[np.bool_]:
    """Return (V,) whether each point of a head's skin belongs to an ear.

    A quadratic surface is fitted to each side of the skull around the ear; the ear is the inside of
    the outline of all points that stand out from it.
    """
    x, y, z = np.abs(points[:, 0]), points[:, 1], points[:, 2]
    quadratic = np.stack([np.ones(len(x)), y, z, y**2, z**2, y * z], 1)
    out = np.zeros(len(points), bool)
    for side in (points[:, 0] < 0, points[:, 0] > 0):
        wide = side & (x > 5) & (y > -6.5) & (y < 8) & (z > -11) & (z < 1)
        near = side & (x > 5.5) & (y > -5) & (y < 5.5) & (z > -9.5) & (z < -1.2)
        around = wide & ~near
        fitted = np.linalg.lstsq(quadratic[around], x[around], rcond=None)[0]
        proud = near & (x - quadratic @ fitted > 0.3)
        if np.count_nonzero(proud) > 3:
            outline = Delaunay(points[proud, 1:])
            out |= near & (outline.find_simplex(points[:, 1:]) >= 0)
    return out


def _ear_uv(points: Floats) -> Floats:
    out = np.clip((np.abs(points[:, 0]) - 6.9) / 1.8, 0, 1)
    # only the light part of the patch: `openness` darkens the bowl
    return uv_atlas.patch_uv("ear", 0.75 + 0.25 * out, (4.6 - points[:, 1]) / 8.6)


def _scalp(on_canonical: Floats, shape: Floats, ear: NDArray[np.bool_]) -> Floats:
    y = on_canonical[:, 1]
    turn = np.abs(uv_atlas.angle(on_canonical))
    crown = np.clip((y - 7.4) / 1.2, 0, 1)
    behind = np.clip((turn - 1.15) / 0.4, 0, 1) * np.clip((y + 2) / 2, 0, 1)
    ear_gap = cKDTree(shape[ear]).query(shape)[0] if ear.any() else 9 + 0 * y
    return np.asarray(np.maximum(crown, behind) * np.clip((ear_gap - 0.3) / 1.4, 0, 1))


def _map_insides(file: IctFile, shape: Floats, used: Ints, region: Ints, uv: Floats) -> Floats:
    """Write the texels of mouth, eye sockets, teeth and gums; return the depth of each, 0..1."""
    x, y, z = shape.T
    front = z[region == HEAD].max()
    depth = np.clip((front - 2.4 - z) / 4.5, 0, 1)
    mouth, socket = region == MOUTH, region == SOCKET
    uv[mouth] = uv_atlas.patch_uv("mouth", 0.5 + x[mouth] / 8, 0.05 + 0.57 * depth[mouth])
    uv[socket] = uv_atlas.patch_uv("lid", 0.75 + 0 * x[socket], 0.9 + 0 * x[socket])
    gums = np.isin(used, np.unique(file.faces_of("M_GumsTongue")))
    uv[gums] = uv_atlas.patch_uv("mouth", 0.5 + x[gums] / 8, np.full(gums.sum(), 0.22))
    teeth = np.isin(used, np.unique(file.faces_of("M_Teeth")))
    # the center of one painted tooth: the mesh itself has gaps between teeth
    uv[teeth] = uv_atlas.patch_uv("teeth", 0.58 + 0 * x[teeth], np.where(y[teeth] > -3.9, 0.3, 0.7))
    return np.asarray(depth * (gums | teeth | mouth))
