"""Scene to posed triangles with eyeballs and accessories, and their projection on the photo."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fau_tf import facs
from fau_tf.synthetic.rigs import mesh
from fau_tf.synthetic.rigs.rig import (
    LIDS_SHUT,
    FaceRig,
    Floats,
    Ints,
    expression_offset,
    eye_opening,
    identity_shape,
    share_shut,
)
from fau_tf.synthetic.scene.occluders.accessory_mesh import AccessoryMesh
from fau_tf.synthetic.scene.occlusion import build_occluders
from fau_tf.synthetic.scene.person import Person
from fau_tf.synthetic.scene.scene import NOMINAL, Scene
from fau_tf.synthetic.textures import uv_atlas
from fau_tf.synthetic.textures.albedo import Appearance

PIVOT = np.array([0.0, -5.0, -4.5])
"""Point of the neck about which the head turns."""
LOOK_AT = np.array([0.0, -0.5, 0.0])
CAP_RINGS, CAP_SPOKES = 9, 18
RECEDE = 0.6
"""How far the eyeballs move back behind shut lids, cm: they would pierce those of some people."""
PAINTED_RADIUS = 1.30
"""Radius in cm of the eyeball in the atlas; a larger eyeball has no larger iris."""


@dataclass(frozen=True, eq=False)
class Surface:
    """The meshes of one scene.

    Attributes:
        points: (V, 3) in the camera's axes, cm.
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

    def extended(self, others: Sequence["Surface"]) -> "Surface":
        """Return the surface followed by others of the same head."""
        every = [self, *others]
        starts = np.cumsum([0, *(len(one.points) for one in every)])
        return Surface(
            np.vstack([one.points for one in every]),
            np.vstack([one.faces + start for one, start in zip(every, starts, strict=False)]),
            np.vstack([one.normals for one in every]),
            np.vstack([one.uv for one in every]),
            np.concatenate([one.shade for one in every]),
            self.turn,
        )


def surface(scene: Scene, look: Appearance) -> Surface:
    """Return the posed head of a scene with its eyeballs and occluders."""
    rig = scene.rig
    rest, eye_centers = _rest(rig, scene.person)
    head = _expressive(scene, rest)
    faces, normal_sum, uv = _topology(rig, look.long_hair)
    if look.hair.any():
        normals = mesh.vertex_normals(head, rig.faces, _head_normals(rig))
        head = head + look.hair[:, None] * normals
    shut = share_shut(scene.intensity[LIDS_SHUT] / facs.MAX_INTENSITY, scene.lid_droop)
    behind = np.array([0.0, 0.0, -RECEDE * shut**3])
    eyes = [_eyeball(center + behind, rig.eye_radius, scene.gaze) for center in eye_centers]
    turn = rotation(*scene.pose)
    points = _posed(np.vstack([head, *eyes]), turn, _weights(rig))
    normals = mesh.vertex_normals(points, faces, normal_sum)
    shade = np.concatenate([rig.shade, *_eye_shades(rig, head, eyes)])
    whole = Surface(points, faces, normals, uv, shade, turn)
    accessories = build_occluders(scene.occluders, rig, rest, head, scene.person.hairline)
    return whole.extended([_turned(one, turn) for one in accessories]) if accessories else whole


def landmark_points(scene: Scene) -> Floats:
    """Return (68, 3), the landmarks in the camera's axes, cm."""
    rig = scene.rig
    rest, _ = _rest(rig, scene.person)
    head = _expressive(scene, rest)[rig.landmarks]
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
def _rest(rig: FaceRig, person: Person) -> tuple[Floats, Floats]:
    """Return a person's head at rest (V, 3) and the centers of the eyeballs (2, 3)."""
    shape = identity_shape(rig, np.array(person.identity))
    return shape, np.array([shape[ring].mean(0) for ring in rig.eyes]) + rig.eye_offset


def _expressive(scene: Scene, rest: Floats) -> Floats:
    offset = expression_offset(
        scene.rig,
        scene.intensity,
        asymmetry=scene.asymmetry,
        au_gains=scene.person.variation.au_gains,
        unlabeled=scene.unlabeled,
        lid_droop=scene.lid_droop,
        eye_opening=eye_opening(scene.rig, rest),
    )
    return np.asarray(rest + offset)


def _rotated(turn: Floats, points: Floats) -> Floats:
    """Return rotated points; written out, so that the same bytes come out on any BLAS."""
    x, y, z = points.T
    return np.stack([row[0] * x + row[1] * y + row[2] * z for row in turn], 1)


def _posed(points: Floats, turn: Floats, weight: Floats) -> Floats:
    moved = _rotated(turn, points - PIVOT) + PIVOT
    return np.asarray(points + weight[:, None] * (moved - points))


def _turned(accessory: AccessoryMesh, turn: Floats) -> Surface:
    points = _posed(accessory.points, turn, np.ones(len(accessory.points)))
    operator = mesh.normal_operator(len(points), accessory.faces)
    normals = mesh.vertex_normals(points, accessory.faces, operator)
    return Surface(points, accessory.faces, normals, accessory.uv, np.ones(len(points)), turn)


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
    fan = np.stack([np.zeros_like(ids[0]), ids[0], np.roll(ids[0], -1)], -1)
    return points, np.vstack([fan, mesh.grid_faces(ids, closed=True)]).astype(np.int32)


def _eyeball(center: Floats, radius: float, gaze: tuple[float, float]) -> Floats:
    """Return the front of an eyeball with the bulge of its cornea."""
    points, _ = _cap()
    turned = _rotated(rotation(gaze[0], gaze[1], 0.0), points)
    bulge = 1 + 0.045 * np.exp(-((np.arccos(np.clip(points[:, 2], -1, 1)) / 0.38) ** 2))
    return np.asarray(center + radius * bulge[:, None] * turned)


def _eye_shades(rig: FaceRig, head: Floats, eyes: list[Floats]) -> list[Floats]:
    """Return the light that the upper eyelid leaves on each eyeball: less just below it."""
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
