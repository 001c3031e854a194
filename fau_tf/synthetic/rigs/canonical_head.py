"""The parts of the head around the face mesh: skull, ears, neck, mouth, eyelid margins, hair."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from fau_tf.synthetic.rigs import canonical_topology as topology
from fau_tf.synthetic.rigs import mesh
from fau_tf.synthetic.rigs.rig import Floats, Ints
from fau_tf.synthetic.textures import uv_atlas

SKULL = np.array([0.0, 2.5, -3.5])
SKULL_AXES = np.array([7.9, 10.4, 9.9])
BACK = np.array([0.0, -0.05, -1.0])
MOUTH_LINE = -4.27


@dataclass(eq=False)
class HeadPart:
    """A part of the mesh beside the face.

    Attributes:
        points: (n, 3) in the neutral face.
        faces: (f, 3) vertex numbers of the whole mesh.
        uv: (n, 2) texels.
        follow: (n, 468) share of each face vertex's displacement that a point follows.
        jaw: (n,) share of the jaw bone's movement that a point follows.
        head_weight: (n,) 1 turns with the head, 0 stays with the shoulders.
        curtain: whether it is long hair.
    """

    points: Floats
    faces: Ints
    uv: Floats
    follow: Floats = field(default_factory=lambda: np.zeros((0, topology.FACE_VERTICES)))
    jaw: Floats = field(default_factory=lambda: np.zeros(0))
    head_weight: Floats = field(default_factory=lambda: np.ones(0))
    curtain: bool = False

    def __post_init__(self) -> None:
        n = len(self.points)
        if not len(self.follow):
            self.follow = np.zeros((n, topology.FACE_VERTICES))
        if not len(self.jaw):
            self.jaw = np.zeros(n)
        if not len(self.head_weight):
            self.head_weight = np.ones(n)


Maker = Callable[[Floats, int], HeadPart]
"""(face, number of the first new vertex) -> part."""


def parts(face: Floats, start: int) -> list[HeadPart]:
    """Return all parts around a neutral face (468, 3); their vertices count from `start`."""
    makers: tuple[Maker, ...] = (
        skull, mouth, partial(teeth, upper=True), partial(teeth, upper=False), tongue,
        partial(lid_margin, ring=topology.RIGHT_EYE), partial(lid_margin, ring=topology.LEFT_EYE),
        partial(ear, side=-1), partial(ear, side=1), neck,
        partial(lock, side=-1), partial(lock, side=1), hair_back,
    )  # fmt: skip
    out = []
    for make in makers:
        out.append(make(face, start))
        start += len(out[-1].points)
    return out


def skull(face: Floats, start: int, rings: int = 8) -> HeadPart:
    """Return the skin behind the face's rim, over the crown and under the jaw to the back."""
    rim = np.array(topology.FACE_OVAL)
    ray = face[rim] - SKULL
    reach = np.linalg.norm(ray, axis=1, keepdims=True)
    ray = ray / reach
    points, follow = [], []
    for t in (np.arange(1, rings + 1) / (rings + 0.6)) ** 0.85:
        ahead = _slerp(ray, BACK, t)
        ellipsoid = 1 / np.sqrt(((ahead / SKULL_AXES) ** 2).sum(1, keepdims=True))
        blend = min(1.0, t * 2.2)
        blend = blend * blend * (3 - 2 * blend)
        points.append(SKULL + ahead * ((1 - blend) * reach + blend * ellipsoid))
        follow.append(np.eye(topology.FACE_VERTICES)[rim] * max(0.0, 1 - 1.6 * t) ** 2)
    all_points = np.vstack([*points, SKULL + BACK * SKULL_AXES[2]])
    weights = np.vstack([*follow, np.zeros((1, topology.FACE_VERTICES))])
    ids = np.vstack([rim, start + np.arange(rings * len(rim)).reshape(rings, -1)])
    pole = np.full_like(ids[-1:], start + rings * len(rim))
    faces = _tube(np.vstack([ids, pole]))[:, ::-1]
    return HeadPart(all_points, faces, uv_atlas.head_uv(all_points), weights)


def mouth(face: Floats, start: int) -> HeadPart:
    """Return the inside of the mouth: a pocket on the margin of the lips."""
    rim = np.array(topology.INNER_LIPS)
    upper = np.isin(rim, topology.UPPER_INNER_LIP)
    lower = np.isin(rim, topology.LOWER_INNER_LIP)
    away = (upper * 1.0 - lower * 1.0)[:, None] * [0, 1, 0]
    n = len(rim)
    behind = ((0.0, 0.0), (0.30, 0.05), (0.42, 1.0), (2.0, 1.1))  # depth, how far up and down
    rings = [face[rim] + np.array([0, 0, -depth]) + away * out for depth, out in behind]
    throat = face[rim].mean(0) - [0, 0.3, 3.6]
    points = np.vstack([*rings, throat])
    ids = start + np.arange(4 * n).reshape(4, n)
    t = np.append(np.repeat([0.0, 0.2, 0.45, 0.6], n), 0.62)
    s = np.append(np.tile(np.linspace(0, 1, n), 4), 0.5)
    follow = np.tile(np.eye(topology.FACE_VERTICES)[rim], (4, 1))
    follow = np.vstack([follow, follow[:n].mean(0)])
    faces = _tube(np.vstack([ids, np.full_like(ids[:1], start + 4 * n)]))
    return HeadPart(points, faces, uv_atlas.patch_uv("mouth", s, t), follow)


def teeth(_face: Floats, start: int, *, upper: bool) -> HeadPart:
    """Return one row of teeth on its dental arch."""
    columns = 13
    s, t = _sheet(np.linspace(-1, 1, columns), np.array([0.0, 0.5, 1.0]))
    edge, root = (MOUTH_LINE - 0.12, 1.1) if upper else (MOUTH_LINE - 0.22, -1.1)
    y = edge + root * (1 - t) + (0.12 if upper else -0.08) * s**2
    z = (4.78 if upper else 4.55) - 1.2 * s**2 - 0.12 * (1 - t)
    rows = _grid(start, 3, columns)
    uv = uv_atlas.patch_uv("teeth", (s + 1) / 2, t * 0.5 if upper else 1 - t * 0.5)
    jaw = np.full(len(s), 0.0 if upper else 1.0)
    return HeadPart(np.stack([1.95 * s, y, z], 1), rows if upper else rows[:, ::-1], uv, jaw=jaw)


def tongue(_face: Floats, start: int) -> HeadPart:
    """Return the upper side of the tongue, behind the lower teeth."""
    s, t = _sheet(np.linspace(-1, 1, 7), np.linspace(0, 1, 4))
    y = MOUTH_LINE - 0.75 - 0.9 * t**2 - 0.35 * s**2
    points = np.stack([1.45 * s, y, 2.2 + 1.7 * t - 0.5 * s**2 * t], 1)
    uv = uv_atlas.patch_uv("mouth", (s + 1) / 2, 0.74 + 0.24 * t)
    return HeadPart(points, _grid(start, 4, 7), uv, jaw=np.full(len(s), 0.85))


def lid_margin(face: Floats, start: int, ring: tuple[int, ...]) -> HeadPart:
    """Return the margin of the eyelids and the eye socket behind it."""
    rim = np.array(ring)
    n = len(rim)
    center = face[rim].mean(0)
    inner = face[rim] + [0, 0, -0.34] + (center - face[rim]) * [0.0, 0.06, 0]
    points = np.vstack([face[rim], inner, face[rim] - [0, 0, 1.2], center - [0, 0, 2.0]])
    ids = start + np.arange(3 * n).reshape(3, n)
    faces = _tube(np.vstack([ids, np.full_like(ids[:1], start + 3 * n)]))
    if face[ring[0], 0] < 0:  # the ring of the right eye has the other direction
        faces = faces[:, ::-1]
    s = np.append(np.tile(np.where(np.isin(rim, topology.UPPER_LIDS), 0.25, 0.75), 3), 0.75)
    t = np.append(np.repeat([0.0, 1.0, 1.0], n), 1.0)
    own = np.eye(topology.FACE_VERTICES)[rim]
    follow = np.vstack([own, own, own, np.zeros((1, topology.FACE_VERTICES))])
    return HeadPart(points, faces, uv_atlas.patch_uv("lid", s, t), follow)


def ear(_face: Floats, start: int, side: int) -> HeadPart:
    """Return one ear (side -1 right, 1 left): bowl, antihelix, helix and back edge."""
    n, rings = 14, 4
    phase = np.arange(n) / n * 2 * np.pi
    radius = np.array([0.30, 0.62, 0.95, 1.0])
    height = np.array([-0.10, 0.22, 0.42, 0.0])
    out = np.cos(phase) * 1.55 * radius[:, None] - 1.1  # towards the back is negative
    up = np.sin(phase) * (2.9 - 0.5 * (np.sin(phase) < 0)) * radius[:, None]
    flare = 0.32 * (0.45 - out) * (out < 0.45) + height[:, None]
    z = -2.55 + out + 0.12 * up
    points = np.stack([side * (7.05 + flare), 0.35 + up, z], -1).reshape(-1, 3)
    ids = start + np.arange(rings * n).reshape(rings, n)
    middle = np.vstack([points, points[:n].mean(0)])
    faces = _tube(np.vstack([np.full((1, n), start + rings * n), ids]))
    t = np.append(np.repeat(radius, n), 0.0)
    uv = uv_atlas.patch_uv("ear", t, np.append(np.tile(0.5 - 0.5 * np.sin(phase), rings), 0.5))
    return HeadPart(middle, faces[:, ::-1] if side > 0 else faces, uv)


def neck(_face: Floats, start: int) -> HeadPart:
    """Return neck and shoulders; the atlas paints skin above the neckline and cloth below."""
    profile = np.array([  # height, half width, half depth, center z, turns with the head
        (-3.0, 5.2, 5.2, -4.4, 1.0), (-7.0, 5.3, 5.3, -4.6, 0.9), (-10.5, 5.5, 5.3, -4.9, 0.6),
        (-13.5, 5.9, 5.3, -5.2, 0.3), (-15.2, 7.6, 5.6, -5.4, 0.1), (-16.6, 12.0, 6.0, -5.4, 0.0),
        (-18.2, 17.0, 6.6, -5.4, 0.0), (-21.0, 19.5, 7.6, -5.4, 0.0), (-34.0, 21.5, 9.0, -5.4, 0.0),
    ])  # fmt: skip
    n = 24
    phase = np.arange(n) / n * 2 * np.pi
    y, wide, deep, z, turns = profile.T[:, :, None]
    points = np.stack([wide * np.sin(phase), y + 0 * phase, z + deep * np.cos(phase)], -1)
    ids = start + np.arange(points.shape[0] * n).reshape(-1, n)
    flat = points.reshape(-1, 3)
    uv = uv_atlas.patch_uv("neck", 0.5 + flat[:, 0] / 41, (-3.0 - flat[:, 1]) / 31)
    weight = (turns + 0 * phase).ravel()
    return HeadPart(flat, _tube(ids), uv, head_weight=weight)


def lock(_face: Floats, start: int, side: int) -> HeadPart:
    """Return the hair that falls beside one cheek."""
    rings, n = 8, 10
    phase = np.arange(n) / n * 2 * np.pi
    t = np.linspace(0, 1, rings)[:, None]
    thick = 0.35 + 1.0 * np.sin(np.pi * (0.12 + 0.80 * t))
    x = 6.9 + 1.1 * np.sin(np.pi * t * 0.7) + thick * 1.05 * np.sin(phase)
    z = -3.6 + 0.8 * t + thick * 2.3 * np.cos(phase)
    y = 6.5 - 21.0 * t + 0 * phase
    points = np.stack([side * x, y, z], -1).reshape(-1, 3)
    faces = _tube(start + np.arange(rings * n).reshape(rings, n))
    uv = uv_atlas.patch_uv(
        "hair", np.tile(0.5 + 0.45 * np.cos(phase), rings), np.repeat(t[:, 0], n)
    )
    weight = np.repeat(np.clip(1.25 - t[:, 0], 0, 1), n)
    faces = faces[:, ::-1] if side < 0 else faces
    return HeadPart(points, faces, uv, head_weight=weight, curtain=True)


def hair_back(_face: Floats, start: int) -> HeadPart:
    """Return the hair that hangs behind the neck, seen from the front."""
    s, t = _sheet(np.linspace(-1, 1, 9), np.linspace(0, 1, 7))
    points = np.stack([7.7 * s * (1 - 0.1 * t), 3 - 17.0 * t, -9.5 + 4.5 * s**2], 1)
    uv = uv_atlas.patch_uv("hair", (s + 1) / 2, t)
    weight = np.clip(1.25 - t, 0, 1)
    return HeadPart(points, _grid(start, 7, 9), uv, head_weight=weight, curtain=True)


def _sheet(across: Floats, down: Floats) -> tuple[Floats, Floats]:
    """Return the two parameters at each point of a sheet, row by row."""
    return np.tile(across, len(down)), np.repeat(down, len(across))


def _slerp(rays: Floats, pole: Floats, t: float) -> Floats:
    angle = np.arccos(np.clip(rays @ pole / np.linalg.norm(pole), -1, 1))[:, None]
    end = pole / np.linalg.norm(pole)
    mixed = (np.sin((1 - t) * angle) * rays + np.sin(t * angle) * end) / np.sin(angle)
    return np.asarray(mixed)


def _tube(ids: Ints) -> Ints:
    """Return triangles between closed rings (rings, n), mirror-symmetric.

    They show their inner side to a viewer to whom rings are clockwise and recede.
    """
    a, b = ids[:-1], ids[1:]
    c, d = np.roll(a, -1, 1), np.roll(b, -1, 1)
    half = ids.shape[1] // 2  # opposite diagonals left and right keep a head symmetric
    right = [np.stack(q, -1)[:, :half].reshape(-1, 3) for q in ((a, b, c), (c, b, d))]
    left = [np.stack(q, -1)[:, half:].reshape(-1, 3) for q in ((a, b, d), (a, d, c))]
    faces = np.vstack(right + left)
    return mesh.without_degenerate(faces)


def _grid(start: int, rows: int, columns: int) -> Ints:
    return mesh.grid_faces(start + np.arange(rows * columns).reshape(rows, columns))
