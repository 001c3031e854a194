"""Glasses, built onto the bones of one person's face."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from fau_tf.synthetic.rigs.rig import FaceRig, Floats
from fau_tf.synthetic.scene.occluders.accessory_mesh import Piece, flat, strip


@dataclass(frozen=True)
class Frame:
    """A shape of glasses: half width and height of a lens in cm, roundness, rim in cm."""

    name: str
    width: float
    height: float
    power: float
    rim: float


FRAMES: Final = (
    Frame("round", 2.35, 2.15, 2.0, 0.16),
    Frame("oval", 2.55, 1.75, 2.2, 0.12),
    Frame("rectangular", 2.75, 1.65, 4.5, 0.20),
    Frame("square", 2.75, 2.10, 4.0, 0.30),
    Frame("large", 3.00, 2.50, 2.8, 0.22),
)
COLORS: Final = (
    (0.012, 0.011, 0.011), (0.05, 0.022, 0.010), (0.20, 0.19, 0.18), (0.25, 0.16, 0.05),
    (0.02, 0.03, 0.10), (0.22, 0.02, 0.03), (0.45, 0.42, 0.38),
)  # fmt: skip
"""Of frames, linear light."""
BLACK: Final = (0.010, 0.010, 0.012)
"""Of dark glasses, frame and lenses."""


@dataclass(frozen=True)
class Glasses:
    """A person's glasses.

    Attributes:
        frame: row of FRAMES.
        color: linear light.
        dark: whether the lenses are black.
        low: how far they have slid down the nose, cm.
    """

    frame: int
    color: tuple[float, float, float]
    dark: bool
    low: float


def build(glasses: Glasses, rig: FaceRig, rest: Floats) -> Piece:
    """Return the mesh of a person's glasses on the person at rest, (V, 3)."""
    frame = FRAMES[glasses.frame]
    marks = rest[rig.landmarks]
    bridge = marks[27:29].mean(0) - [0, 0.35 * glasses.low, 0]
    front = max(float(marks[17:27, 2].mean()), float(bridge[2])) + 0.35
    pieces = []
    for ring, side in zip(rig.eyes, (-1.0, 1.0), strict=True):
        eye = rest[ring].mean(0)
        center = np.array(
            [side * max(abs(eye[0]), frame.width + 0.45), eye[1] - glasses.low, front]
        )
        pieces += [_rim(frame, center, side), _temple(frame, center, side, rest)]
        if glasses.dark:
            pieces.append(_lens(frame, center, side))
    inner = [side * max(abs(rest[ring].mean(0)[0]) - frame.width, 0.45)
             for ring, side in zip(rig.eyes, (-1.0, 1.0), strict=True)]  # fmt: skip
    pieces.append(_nose_piece(frame, inner, float(bridge[1]) - glasses.low * 0.6, front))
    return Piece.joined(pieces)


def _outline(frame: Frame, center: Floats, side: float, grow: float) -> Floats:
    """Return (n, 3), a superellipse around a lens, counter-clockwise, bent back at the temples."""
    turn = np.arange(28) / 28 * 2 * np.pi
    c, s = np.cos(turn), np.sin(turn)
    bend = 2 / frame.power
    x = center[0] + (frame.width + grow) * np.sign(c) * np.abs(c) ** bend
    y = center[1] + (frame.height + grow) * np.sign(s) * np.abs(s) ** bend
    z = center[2] - 0.055 * np.clip(side * x - 1.0, 0, None) ** 2
    return np.stack([x, y, z], 1)


def _rim(frame: Frame, center: Floats, side: float) -> Piece:
    inner = _outline(frame, center, side, -frame.rim / 2)
    outer = _outline(frame, center, side, frame.rim / 2)
    back = outer - [0, 0, 0.25]
    points = np.vstack([inner, outer, back])
    n = len(inner)
    faces = np.vstack([
        strip(n, closed=True), strip(n, closed=True) + n,
    ])  # fmt: skip
    return Piece(points, faces, flat("frame", len(points)))


def _lens(frame: Frame, center: Floats, side: float) -> Piece:
    rim = _outline(frame, center, side, 0.0) - [0, 0, 0.05]
    points = np.vstack([rim, rim.mean(0)])
    n = len(rim)
    i = np.arange(n)
    faces = np.stack([i, (i + 1) % n, np.full(n, n)], 1)
    return Piece(points, faces, flat("frame", len(points)))


def _temple(frame: Frame, center: Floats, side: float, rest: Floats) -> Piece:
    """Return the bar from the rim to above the ear."""
    wide = max(float(np.abs(rest[np.abs(rest[:, 1] - center[1]) < 2, 0]).max()) - 0.5, 7.0)
    start = _outline(frame, center, side, 0.0)
    corner = start[np.argmax(side * start[:, 0])] + [0, 0.5 * frame.height, 0]
    end = np.array([side * wide, center[1] + 0.6, -3.4])
    t = np.linspace(0, 1, 6)[:, None]
    line = corner * (1 - t) + end * t + np.array([side * 0.35, 0, 0]) * np.sin(np.pi * t)
    half = np.array([0, max(0.12, frame.rim / 2), 0]) * side  # seen from its outer side
    return Piece(np.vstack([line + half, line - half]), strip(6), flat("frame", 12))


def _nose_piece(frame: Frame, inner: list[float], height: float, front: float) -> Piece:
    t = np.linspace(0, 1, 7)
    line = np.stack([
        inner[0] + (inner[1] - inner[0]) * t, height + 0.35 * np.sin(np.pi * t),
        front + 0.15 * np.sin(np.pi * t),
    ], 1)  # fmt: skip
    half = np.array([0, max(0.10, frame.rim * 0.55), 0])
    return Piece(np.vstack([line + half, line - half]), strip(7), flat("frame", 14))
