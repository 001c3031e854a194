"""What the face mesh lacks: skull, ears, neck, mouth, lid margins, teeth, long hair."""

from dataclasses import dataclass, field

import numpy as np

from fau_tf.synthetic.rigs import canonical_topology
from fau_tf.synthetic.rigs.rig import Floats, Ints
from fau_tf.synthetic.textures import uv_atlas

SKULL = np.array([0.0, 2.5, -3.5])
SKULL_AXES = np.array([7.9, 10.4, 9.9])
BACK = np.array([0.0, -0.05, -1.0])
MOUTH_LINE = -4.27


@dataclass(eq=False)
class Part:
    """A piece of mesh beside the face.

    Attributes:
        points: (n, 3) in the neutral face.
        faces: (f, 3) of numbers in the whole mesh.
        uv: (n, 2) texels.
        follow: (n, 468) how much of each face vertex' expression a point takes over.
        jaw: (n,) how far a point opens with the jaw bone.
        head_weight: (n,) 1 turns with the head, 0 stays with the shoulders.
        curtain: drawn for long hair only.
    """

    points: Floats
    faces: Ints
    uv: Floats
    follow: Floats = field(default_factory=lambda: np.zeros((0, canonical_topology.FACE_VERTICES)))
    jaw: Floats = field(default_factory=lambda: np.zeros(0))
    head_weight: Floats = field(default_factory=lambda: np.ones(0))
    curtain: bool = False

    def __post_init__(self) -> None:
        n = len(self.points)
        if not len(self.follow):
            self.follow = np.zeros((n, canonical_topology.FACE_VERTICES))
        if not len(self.jaw):
            self.jaw = np.zeros(n)
        if not len(self.head_weight):
            self.head_weight = np.ones(n)


def parts(face: Floats, start: int) -> list[Part]:
    """Return all parts around a neutral face (468, 3); their vertices count from `start`."""
    makers = (
        skull, mouth, lambda f, s: teeth(f, s, upper=True),
        lambda f, s: teeth(f, s, upper=False), tongue,
        lambda f, s: lid_margin(f, s, canonical_topology.RIGHT_EYE),
        lambda f, s: lid_margin(f, s, canonical_topology.LEFT_EYE),
        lambda f, s: ear(f, s, -1), lambda f, s: ear(f, s, 1), neck,
        lambda f, s: lock(f, s, -1), lambda f, s: lock(f, s, 1), hair_back,
    )  # fmt: skip
    out = []
    for make in makers:
        out.append(make(face, start))
        start += len(out[-1].points)
    return out


def skull(face: Floats, start: int, rings: int = 8) -> Part:
    """Return the skin behind the face's rim, over the crown and under the jaw to the back."""
    rim = np.array(canonical_topology.FACE_OVAL)
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
        follow.append(np.eye(canonical_topology.FACE_VERTICES)[rim] * max(0.0, 1 - 1.6 * t) ** 2)
    all_points = np.vstack([*points, SKULL + BACK * SKULL_AXES[2]])
    weights = np.vstack([*follow, np.zeros((1, canonical_topology.FACE_VERTICES))])
    ids = np.vstack([rim, start + np.arange(rings * len(rim)).reshape(rings, -1)])
    pole = np.full_like(ids[-1:], start + rings * len(rim))
    faces = _tube(np.vstack([ids, pole]))[:, ::-1]
    return Part(all_points, faces, uv_atlas.head_uv(all_points), weights)


def mouth(face: Floats, start: int) -> Part:
    """Return the inside of the mouth: a pocket that hangs on the lips' margin."""
    rim = np.array(canonical_topology.INNER_LIPS)
    upper = np.isin(rim, canonical_topology.UPPER_INNER_LIP)
    lower = np.isin(rim, canonical_topology.LOWER_INNER_LIP)
    away = (upper * 1.0 - lower * 1.0)[:, None] * [0, 1, 0]
    n = len(rim)
    behind = ((0.0, 0.0), (0.30, 0.05), (0.42, 1.0), (2.0, 1.1))  # depth, how far up and down
    rings = [face[rim] + np.array([0, 0, -depth]) + away * out for depth, out in behind]
    throat = face[rim].mean(0) - [0, 0.3, 3.6]
    points = np.vstack([*rings, throat])
    ids = start + np.arange(4 * n).reshape(4, n)
    t = np.append(np.repeat([0.0, 0.2, 0.45, 0.6], n), 0.62)
    s = np.append(np.tile(np.linspace(0, 1, n), 4), 0.5)
    follow = np.tile(np.eye(canonical_topology.FACE_VERTICES)[rim], (4, 1))
    follow = np.vstack([follow, follow[:n].mean(0)])
    faces = _tube(np.vstack([ids, np.full_like(ids[:1], start + 4 * n)]))
    return Part(points, faces, uv_atlas.patch_uv("mouth", s, t), follow)


def teeth(_face: Floats, start: int, *, upper: bool) -> Part:
    """Return one row of teeth on its dental arch."""
    columns = 13
    s, t = _sheet(np.linspace(-1, 1, columns), np.array([0.0, 0.5, 1.0]))
    edge, root = (MOUTH_LINE - 0.12, 1.1) if upper else (MOUTH_LINE - 0.22, -1.1)
    y = edge + root * (1 - t) + (0.12 if upper else -0.08) * s**2
    z = (4.78 if upper else 4.55) - 1.2 * s**2 - 0.12 * (1 - t)
    rows = _grid(start, 3, columns)
    uv = uv_atlas.patch_uv("teeth", (s + 1) / 2, t * 0.5 if upper else 1 - t * 0.5)
    jaw = np.full(len(s), 0.0 if upper else 1.0)
    return Part(np.stack([1.95 * s, y, z], 1), rows if upper else rows[:, ::-1], uv, jaw=jaw)


def tongue(_face: Floats, start: int) -> Part:
    """Return the tongue's upper side, resting behind the lower teeth."""
    s, t = _sheet(np.linspace(-1, 1, 7), np.linspace(0, 1, 4))
    y = MOUTH_LINE - 0.75 - 0.9 * t**2 - 0.35 * s**2
    points = np.stack([1.45 * s, y, 2.2 + 1.7 * t - 0.5 * s**2 * t], 1)
    uv = uv_atlas.patch_uv("mouth", (s + 1) / 2, 0.74 + 0.24 * t)
    return Part(points, _grid(start, 4, 7), uv, jaw=np.full(len(s), 0.85))


def lid_margin(face: Floats, start: int, ring: tuple[int, ...]) -> Part:
    """Return the edge of the lids and the pocket behind it in which the eyeball lies."""
    rim = np.array(ring)
    n = len(rim)
    center = face[rim].mean(0)
    inner = face[rim] + [0, 0, -0.34] + (center - face[rim]) * [0.0, 0.06, 0]
    points = np.vstack([face[rim], inner, face[rim] - [0, 0, 1.2], center - [0, 0, 2.0]])
    ids = start + np.arange(3 * n).reshape(3, n)
    faces = _tube(np.vstack([ids, np.full_like(ids[:1], start + 3 * n)]))
    if face[ring[0], 0] < 0:  # the ring of the right eye runs the other way round
        faces = faces[:, ::-1]
    s = np.append(
        np.tile(np.where(np.isin(rim, canonical_topology.UPPER_LIDS), 0.25, 0.75), 3), 0.75
    )
    t = np.append(np.repeat([0.0, 1.0, 1.0], n), 1.0)
    follow = np.vstack(
        [
            *[np.eye(canonical_topology.FACE_VERTICES)[rim]] * 3,
            np.zeros((1, canonical_topology.FACE_VERTICES)),
        ]
    )
    return Part(points, faces, uv_atlas.patch_uv("lid", s, t), follow)


def ear(_face: Floats, start: int, side: int) -> Part:
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
    return Part(middle, faces[:, ::-1] if side > 0 else faces, uv)


def neck(_face: Floats, start: int) -> Part:
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
    return Part(flat, _tube(ids), uv, head_weight=weight)


def lock(_face: Floats, start: int, side: int) -> Part:
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
    return Part(points, faces, uv, head_weight=weight, curtain=True)


def hair_back(_face: Floats, start: int) -> Part:
    """Return the hair that hangs behind the neck, seen from the front."""
    s, t = _sheet(np.linspace(-1, 1, 9), np.linspace(0, 1, 7))
    points = np.stack([7.7 * s * (1 - 0.1 * t), 3 - 17.0 * t, -9.5 + 4.5 * s**2], 1)
    uv = uv_atlas.patch_uv("hair", (s + 1) / 2, t)
    weight = np.clip(1.25 - t, 0, 1)
    return Part(points, _grid(start, 7, 9), uv, head_weight=weight, curtain=True)


def _sheet(across: Floats, down: Floats) -> tuple[Floats, Floats]:
    """Return the two parameters at each point of a sheet, row by row."""
    return np.tile(across, len(down)), np.repeat(down, len(across))


def _slerp(rays: Floats, pole: Floats, t: float) -> Floats:
    angle = np.arccos(np.clip(rays @ pole / np.linalg.norm(pole), -1, 1))[:, None]
    end = pole / np.linalg.norm(pole)
    mixed = (np.sin((1 - t) * angle) * rays + np.sin(t * angle) * end) / np.sin(angle)
    return np.asarray(mixed)


def _tube(ids: Ints) -> Ints:
    """Return triangles between closed rings (rings, n), the last ring furthest away.

    Clockwise rings show their inner side to the viewer from whom they recede.
    """
    a, b = ids[:-1], ids[1:]
    c, d = np.roll(a, -1, 1), np.roll(b, -1, 1)
    half = ids.shape[1] // 2  # opposite diagonals left and right keep a head symmetric
    right = [np.stack(q, -1)[:, :half].reshape(-1, 3) for q in ((a, b, c), (c, b, d))]
    left = [np.stack(q, -1)[:, half:].reshape(-1, 3) for q in ((a, b, d), (a, d, c))]
    faces = np.vstack(right + left)
    distinct = (
        (faces[:, 0] != faces[:, 1])
        & (faces[:, 1] != faces[:, 2])
        & (faces[:, 0] != faces[:, 2])
    )  # fmt: skip
    return np.asarray(faces[distinct])


def _grid(start: int, rows: int, columns: int) -> Ints:
    """Return triangles of a sheet whose rows go down, columns right; they face the viewer."""
    ids = start + np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = ids[:-1, :-1], ids[1:, :-1], ids[:-1, 1:], ids[1:, 1:]
    return np.vstack([np.stack(q, -1).reshape(-1, 3) for q in ((a, b, c), (c, b, d))])
