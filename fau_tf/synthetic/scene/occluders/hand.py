"""A hand held to the face: fingers on the skin, knuckles, thumb, back of the hand, sleeve."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from fau_tf.synthetic.rigs.rig import Floats
from fau_tf.synthetic.scene.occluders.accessory_mesh import AccessoryMesh, concatenate, tube
from fau_tf.synthetic.scene.occluders.face_surface import FaceSurface
from fau_tf.synthetic.textures import uv_atlas

SPACING = (1.50, 1.36)
"""Centimeters between neighboring fingers, at their roots and at their tips."""
FINGER = ([0, 0.2, 0.3, 0.42, 0.66, 0.8, 1], [0.80, 0.74, 0.79, 0.70, 0.73, 0.66, 0.56])
"""Radius of a finger in cm, from root (0) to tip (1)."""
BACK = ([-8.5, -7.5, -4.0, -1.0, 0.2, 0.7], [2.2, 2.3, 2.9, 3.15, 2.9, 2.0])
SLEEVE = ([-24.0, -14.0, -9.0, -7.6], [4.4, 3.8, 3.1, 2.8])
"""Of hand and sleeve: centimeters ahead of the knuckles, half width in cm."""


@dataclass(frozen=True)
class Hand:
    """A hand at the face.

    Attributes:
        tip: (x, y) in cm on the face where the stretched fingers end.
        direction: degrees in which the fingers point: 90 is up.
        fingers: number of stretched fingers; the others are bent.
        length: of a stretched finger, cm.
    """

    tip: tuple[float, float]
    direction: float
    fingers: int
    length: float


def build_hand(hand: Hand, skin: FaceSurface) -> AccessoryMesh:
    """Return the mesh of a hand on a face."""
    angle = np.radians(hand.direction)
    ahead = np.array([np.cos(angle), np.sin(angle)])
    aside = np.array([-np.sin(angle), np.cos(angle)])
    # the bent fingers are those further from the middle of the face
    aside = aside * (1.0 if aside[0] * hand.tip[0] > 0 else -1.0)
    middle = (hand.fingers - 1) / 2
    knuckles = np.array(hand.tip) - hand.length * ahead
    below = np.linspace(0, 1, 9)[:, None] * hand.length * ahead + knuckles
    height = float(skin.depth(below).max()) + 1.3
    parts = []
    for number in range(4):
        off = number - middle
        root = knuckles + SPACING[0] * off * aside - 0.12 * off**2 * ahead
        if number < hand.fingers:
            tip = np.array(hand.tip) + SPACING[1] * off * aside - 0.35 * off**2 * ahead
            parts.append(_stretched_finger(skin, root, tip, height))
        else:
            parts.append(_bent_finger(root, ahead, height))
    center = knuckles + SPACING[0] * (1.5 - middle) * aside
    parts.append(_thumb(center, ahead, aside, height))
    parts.append(_flat_tube(BACK, center, ahead, height, 0.34, "hand"))
    parts.append(_flat_tube(SLEEVE, center, ahead, height, 0.55, "neck"))
    return concatenate(parts)


def _stretched_finger(skin: FaceSurface, root: Floats, tip: Floats, height: float) -> AccessoryMesh:
    t = np.linspace(0, 1, 11)[:, None]
    plane = root * (1 - t) + tip * t
    depth = skin.depth(plane)
    straight = height * (1 - t[:, 0]) + (depth[-1] + 0.35) * t[:, 0]
    lying = np.maximum(straight, depth + 0.35)
    return _finger(np.column_stack([plane, ndimage.gaussian_filter1d(lying, 1, mode="nearest")]))


def _bent_finger(root: Floats, ahead: Floats, height: float) -> AccessoryMesh:
    """Return a finger of which the first bone is seen; the others lie behind it."""
    turn = np.linspace(0, 1, 11) * 2.4
    forth, down = 2.3 * np.sin(turn), 2.0 * (1 - np.cos(turn))
    return _finger(np.column_stack([root + forth[:, None] * ahead, height - down]))


def _thumb(center: Floats, ahead: Floats, aside: Floats, height: float) -> AccessoryMesh:
    t = np.linspace(0, 1, 11)[:, None]
    plane = center - 2.6 * aside + (5.2 * t - 6.5) * ahead - 1.7 * np.sin(1.5 * t) * aside
    return _finger(np.column_stack([plane, height - 0.5 - 0.6 * t[:, 0]]), 1.1)


def _finger(line: Floats, thick: float = 1.0) -> AccessoryMesh:
    sides = 10
    s = np.linspace(0, 1, len(line))
    points, faces = tube(line, thick * np.interp(s, *FINGER), sides)
    return AccessoryMesh(points, faces, _tube_uv("hand", s, sides))


def _flat_tube(
    shape: tuple[list[float], list[float]], center: Floats, ahead: Floats, height: float,
    thick: float, patch: str,
) -> AccessoryMesh:  # fmt: skip
    """Return a tube of an oval section behind the knuckles, `thick` times as deep as wide."""
    forth, width = (np.array(row) for row in shape)
    sides = 14
    depth = height + 0.16 * np.minimum(forth, 0)
    line = np.column_stack([center + forth[:, None] * ahead, depth])
    points, faces = tube(line, width, sides)
    level = np.append(np.repeat(depth, sides), depth[[0, -1]])
    points[:, 2] = level + thick * (points[:, 2] - level)
    s = np.full(len(forth), 0.12 if patch == "hand" else 0.5)
    return AccessoryMesh(points, faces, _tube_uv(patch, s, sides))


def _tube_uv(patch: str, s: Floats, sides: int) -> Floats:
    """Return texels of a tube: s along it; its back above, its inner side below."""
    turn = np.arange(sides) / sides * 2 * np.pi
    t = np.tile(0.5 - 0.5 * np.sin(turn), len(s))
    if patch == "neck":  # cloth lies at its lower end
        t = 0.93 + 0.05 * t
    return uv_atlas.patch_uv(patch, np.append(np.repeat(s, sides), s[[0, -1]]), np.append(t, t[:2]))
