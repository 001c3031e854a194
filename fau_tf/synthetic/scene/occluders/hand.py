"""A hand that is held to the face: fingers on the skin, knuckles, thumb, back and sleeve."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from fau_tf.synthetic.rigs.rig import Floats
from fau_tf.synthetic.scene.occluders.accessory_mesh import Piece, tube
from fau_tf.synthetic.scene.occluders.face_surface import Skin
from fau_tf.synthetic.textures import uv_atlas

APART = (1.50, 1.36)
"""Centimeters between the middles of fingers, at their roots and at their tips."""
JOINTS = ([0, 0.2, 0.3, 0.42, 0.66, 0.8, 1], [0.80, 0.74, 0.79, 0.70, 0.73, 0.66, 0.56])
"""Radius of a finger in cm, from root to tip."""
BACK = ([-8.5, -7.5, -4.0, -1.0, 0.2, 0.7], [2.2, 2.3, 2.9, 3.15, 2.9, 2.0])
"""Half width of hand and wrist in cm, so far ahead of the knuckles."""
SLEEVE = ([-24.0, -14.0, -9.0, -7.6], [4.4, 3.8, 3.1, 2.8])


@dataclass(frozen=True)
class Hand:
    """A hand at the face: fingers that end at a place on it.

    Attributes:
        place: (x, y) in cm on the face where the stretched fingers end.
        toward: degrees, where the fingers point: 90 is up.
        fingers: how many are stretched; the others are bent.
        length: of a stretched finger, cm.
    """

    place: tuple[float, float]
    toward: float
    fingers: int
    length: float


def build(hand: Hand, skin: Skin) -> Piece:
    """Return the mesh of a hand on a face."""
    turn = np.radians(hand.toward)
    ahead, aside = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    # bent fingers are those further from the face's middle
    outward = 1.0 if aside[0] * hand.place[0] > 0 else -1.0
    aside = aside * outward
    middle = (hand.fingers - 1) / 2
    knuckles = np.array(hand.place) - hand.length * ahead
    below = np.linspace(0, 1, 9)[:, None] * hand.length * ahead + knuckles
    height = float(skin.depth(below).max()) + 1.3
    pieces = []
    for number in range(4):
        off = number - middle
        root = knuckles + APART[0] * off * aside - 0.12 * off**2 * ahead
        if number < hand.fingers:
            tip = np.array(hand.place) + APART[1] * off * aside - 0.35 * off**2 * ahead
            pieces.append(_stretched(skin, root, tip, height))
        else:
            pieces.append(_bent(root, ahead, height))
    center = knuckles + APART[0] * (1.5 - middle) * aside
    pieces.append(_thumb(center, ahead, aside, height))
    pieces.append(_flat(BACK, center, ahead, height, 0.34, "hand"))
    pieces.append(_flat(SLEEVE, center, ahead, height, 0.55, "neck"))
    return Piece.joined(pieces)


def _stretched(skin: Skin, root: Floats, tip: Floats, height: float) -> Piece:
    t = np.linspace(0, 1, 11)[:, None]
    plane = root * (1 - t) + tip * t
    depth = skin.depth(plane)
    straight = height * (1 - t[:, 0]) + (depth[-1] + 0.35) * t[:, 0]
    lying = np.maximum(straight, depth + 0.35)
    return _finger(np.column_stack([plane, ndimage.gaussian_filter1d(lying, 1, mode="nearest")]))


def _bent(root: Floats, ahead: Floats, height: float) -> Piece:
    """Return a finger whose first bone is seen, the others lie behind it."""
    turn = np.linspace(0, 1, 11) * 2.4
    forth, down = 2.3 * np.sin(turn), 2.0 * (1 - np.cos(turn))
    return _finger(np.column_stack([root + forth[:, None] * ahead, height - down]))


def _thumb(center: Floats, ahead: Floats, aside: Floats, height: float) -> Piece:
    t = np.linspace(0, 1, 11)[:, None]
    plane = center - 2.6 * aside + (5.2 * t - 6.5) * ahead - 1.7 * np.sin(1.5 * t) * aside
    return _finger(np.column_stack([plane, height - 0.5 - 0.6 * t[:, 0]]), 1.1)


def _finger(line: Floats, thick: float = 1.0) -> Piece:
    sides = 10
    s = np.linspace(0, 1, len(line))
    points, faces = tube(line, thick * np.interp(s, *JOINTS), sides)
    return Piece(points, faces, _around("hand", s, sides))


def _flat(
    shape: tuple[list[float], list[float]], center: Floats, ahead: Floats, height: float,
    thick: float, patch: str,
) -> Piece:  # fmt: skip
    """Return a tube of an oval section behind the knuckles, `thick` of its width."""
    forth, width = (np.array(row) for row in shape)
    sides = 14
    depth = height + 0.16 * np.minimum(forth, 0)
    line = np.column_stack([center + forth[:, None] * ahead, depth])
    points, faces = tube(line, width, sides)
    level = np.append(np.repeat(depth, sides), depth[[0, -1]])
    points[:, 2] = level + thick * (points[:, 2] - level)
    s = np.full(len(forth), 0.12 if patch == "hand" else 0.5)
    return Piece(points, faces, _around(patch, s, sides))


def _around(patch: str, s: Floats, sides: int) -> Floats:
    """Return texels of a tube: s along it; its back above, its inner side below."""
    turn = np.arange(sides) / sides * 2 * np.pi
    t = np.tile(0.5 - 0.5 * np.sin(turn), len(s))
    if patch == "neck":  # cloth lies at its lower end
        t = 0.93 + 0.05 * t
    return uv_atlas.patch_uv(patch, np.append(np.repeat(s, sides), s[[0, -1]]), np.append(t, t[:2]))
