"""Scene -> triangles on the picture: expression, pose, eyeballs, camera."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fau_tf.synthetic.rigs import mesh
from fau_tf.synthetic.rigs.rig import FaceRig, Floats, Ints, expression_offset, identity_shape
from fau_tf.synthetic.scene.occluders.accessory_mesh import Piece
from fau_tf.synthetic.scene.occluders.occluders import build
from fau_tf.synthetic.scene.person import Person
from fau_tf.synthetic.scene.scene import NOMINAL, Scene
from fau_tf.synthetic.textures import uv_atlas
from fau_tf.synthetic.textures.albedo import Appearance

PIVOT = np.array([0.0, -5.0, -4.5])
"""Where the head turns on the neck."""
LOOK_AT = np.array([0.0, -0.5, 0.0])
CAP_RINGS, CAP_SPOKES = 9, 18
PAINTED_RADIUS = 1.30
"""Of the eyeball in the atlas, cm: larger ones have no larger iris."""


@dataclass(frozen=True, eq=False)
class Surface:
    """The meshes of one scene.

    Attributes:
        points: (V, 3) turned to the camera's axes, cm.
        faces: (F, 3).
        normals: (V, 3) unit.
        uv: (V, 2) texels.
        shade: (V,) share of light that reaches the vertex.
        turn: (3, 3) rotation of the head.
    """

    points: Floats
    faces: Ints
    normals: Floats
    uv: Floats
    shade: Floats
    turn: Floats

    def with_parts(self, parts: Sequence["Surface"]) -> "Surface":
        """Return the surface with others of the same head after it."""
        both = [self, *parts]
        starts = np.cumsum([0, *(len(part.points) for part in both)])
        return Surface(
            np.vstack([part.points for part in both]),
            np.vstack([part.faces + start for part, start in zip(both, starts, strict=False)]),
            np.vstack([part.normals for part in both]),
            np.vstack([part.uv for part in both]),
            np.concatenate([part.shade for part in both]),
            self.turn,
        )


@dataclass(frozen=True, eq=False)
class _Body:
    """A person's head at rest."""

    shape: Floats
    eyes: Floats


def surface(scene: Scene, look: Appearance) -> Surface:
    """Return the posed head of a scene with its eyeballs."""
    rig, body = scene.rig, _body(scene.rig, scene.person)
    head = _expressive(scene, body)
    faces, normal_sum, uv = _topology(rig, look.long_hair)
    if look.hair.any():
        at_rest = mesh.vertex_normals(head, rig.faces, _head_normals(rig))
        head = head + look.hair[:, None] * at_rest
    eyes = [_eyeball(center, rig.eye_radius, scene.gaze) for center in body.eyes]
    local = np.vstack([head, *eyes])
    turn = rotation(*scene.pose)
    turned = _posed(local, turn, _weights(rig))
    normals = mesh.vertex_normals(turned, faces, normal_sum)
    shade = np.concatenate([rig.shade, *_eye_shades(rig, head, eyes)])
    whole = Surface(turned, faces, normals, uv, shade, turn)
    pieces = build(scene.occluders, rig, body.shape, head, scene.person.hairline)
    return whole.with_parts([_turned(piece, turn) for piece in pieces]) if pieces else whole


def _turned(piece: Piece, turn: Floats) -> Surface:
    """Return a piece that turns with the head."""
    points = _posed(piece.points, turn, np.ones(len(piece.points)))
    operator = mesh.normal_operator(len(points), piece.faces)
    normals = mesh.vertex_normals(points, piece.faces, operator)
    return Surface(points, piece.faces, normals, piece.uv, np.ones(len(points)), turn)


def landmark_points(scene: Scene) -> Floats:
    """Return (68, 3), the landmarks in the camera's axes, cm."""
    rig = scene.rig
    head = _expressive(scene, _body(rig, scene.person))[rig.landmarks]
    return _posed(head, rotation(*scene.pose), rig.head_weight[rig.landmarks])


def project(points: Floats, scene: Scene) -> Floats:
    """Return (V, 3): x, y in px of the nominal photo, and 1 / depth in 1 / cm."""
    camera = scene.camera
    focal = NOMINAL * camera.distance / camera.span
    inverse = 1.0 / (camera.distance - points[:, 2])
    middle = (NOMINAL - 1) / 2
    x = middle + NOMINAL * camera.shift[0] + focal * (points[:, 0] - LOOK_AT[0]) * inverse
    y = middle + NOMINAL * camera.shift[1] - focal * (points[:, 1] - LOOK_AT[1]) * inverse
    return np.stack([x, y, inverse], 1)


def rotation(yaw: float, pitch: float, roll: float) -> Floats:
    """Return the (3, 3) rotation of angles in degrees: to the image's right, down, clockwise."""
    (cy, cp, cr), (sy, sp, sr) = (f(np.radians([yaw, pitch, roll])) for f in (np.cos, np.sin))
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, sr, 0], [-sr, cr, 0], [0, 0, 1]])
    return np.asarray(about_z @ about_x @ about_y)


@lru_cache(maxsize=4)
def _body(rig: FaceRig, person: Person) -> _Body:
    shape = identity_shape(rig, np.array(person.identity))
    middles = np.array([shape[ring].mean(0) for ring in rig.eyes])
    return _Body(shape, middles + rig.eye_offset)


def _expressive(scene: Scene, body: _Body) -> Floats:
    offset = expression_offset(
        scene.rig,
        scene.intensity,
        asymmetry=scene.asymmetry,
        ways=scene.person.habits.ways,
        others=scene.others,
        blink=scene.blink,
    )
    return np.asarray(body.shape + offset)


def _posed(points: Floats, turn: Floats, weight: Floats) -> Floats:
    x, y, z = (points - PIVOT).T
    moved = np.stack([row[0] * x + row[1] * y + row[2] * z for row in turn], 1) + PIVOT
    return np.asarray(points + weight[:, None] * (moved - points))


@lru_cache(maxsize=4)
def _topology(rig: FaceRig, long_hair: bool) -> tuple[Ints, object, Floats]:
    drawn = rig.faces if long_hair else rig.faces[~rig.curtain[rig.faces].any(1)]
    cap_points, cap_faces = _cap()
    count, size = len(rig.neutral), len(cap_points)
    faces = np.vstack([drawn, cap_faces + count, cap_faces + count + size])
    part = rig.eye_radius / PAINTED_RADIUS * cap_points[:, :2]
    iris = uv_atlas.patch_uv("eye", 0.5 + 0.5 * part[:, 0], 0.5 - 0.5 * part[:, 1])
    uv = np.vstack([rig.uv, iris, iris])
    return faces, mesh.normal_operator(len(uv), faces), uv


@lru_cache(maxsize=2)
def _head_normals(rig: FaceRig) -> object:
    return mesh.normal_operator(len(rig.neutral), rig.faces)


@lru_cache(maxsize=2)
def _weights(rig: FaceRig) -> Floats:
    return np.concatenate([rig.head_weight, np.ones(2 * len(_cap()[0]))])


@lru_cache(maxsize=1)
def _cap() -> tuple[Floats, Ints]:
    """Return the front half of a unit sphere: pole first, then rings towards the equator."""
    tilt = np.linspace(0, np.radians(80), CAP_RINGS + 1)[1:, None]
    turn = np.arange(CAP_SPOKES) / CAP_SPOKES * 2 * np.pi
    ring = [np.sin(tilt) * np.cos(turn), np.sin(tilt) * np.sin(turn), np.cos(tilt) + 0 * turn]
    points = np.vstack([[0.0, 0.0, 1.0], np.stack(ring, -1).reshape(-1, 3)])
    ids = 1 + np.arange(CAP_RINGS * CAP_SPOKES).reshape(CAP_RINGS, -1)
    a, b = np.vstack([np.zeros_like(ids[:1]), ids[:-1]]), ids
    c, d = np.roll(a, -1, 1), np.roll(b, -1, 1)
    fan = np.stack([a[0], b[0], d[0]], -1)
    quads = [np.stack(q, -1)[1:].reshape(-1, 3) for q in ((a, b, c), (c, b, d))]
    return points, np.vstack([fan, *quads]).astype(np.int32)


def _eyeball(center: Floats, radius: float, gaze: tuple[float, float]) -> Floats:
    points, _ = _cap()
    turn = rotation(gaze[0], gaze[1], 0.0)
    x, y, z = points.T
    turned = np.stack([row[0] * x + row[1] * y + row[2] * z for row in turn], 1)
    bulge = 1 + 0.045 * np.exp(-((np.arccos(np.clip(z, -1, 1)) / 0.38) ** 2))  # the cornea
    return np.asarray(center + radius * bulge[:, None] * turned)


def _eye_shades(rig: FaceRig, head: Floats, eyes: list[Floats]) -> list[Floats]:
    """Return how the upper lid shades each eyeball: darker just below it."""
    out = []
    for ring, ball in zip(rig.eyes, eyes, strict=True):
        margin = head[ring]
        top = margin[margin[:, 1] > margin[:, 1].mean()]
        order = np.argsort(top[:, 0], kind="stable")
        lid = np.interp(ball[:, 0], top[order, 0], top[order, 1])
        side = np.abs(ball[:, 0] - margin[:, 0].mean()) / (np.ptp(margin[:, 0]) / 2)
        below = np.clip((lid - ball[:, 1]) / 0.42, 0, 1)
        out.append((0.30 + 0.70 * below) * (1 - 0.45 * np.clip(side, 0, 1) ** 2))
    return out
