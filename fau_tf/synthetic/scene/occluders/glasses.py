"""Glasses, fitted to the bones of one person's face."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from fau_tf.synthetic.rigs import mesh
from fau_tf.synthetic.rigs.rig import FaceRig, Floats
from fau_tf.synthetic.scene.occluders.accessory_mesh import (
    AccessoryMesh,
    band,
    concatenate,
    single_color,
)


@dataclass(frozen=True)
class LensShape:
    """A superellipse: half width and height of a lens in cm, its exponent, the rim in cm."""

    name: str
    width: float
    height: float
    power: float
    rim: float


LENS_SHAPES: Final = (
    LensShape("round", 2.35, 2.15, 2.0, 0.16),
    LensShape("oval", 2.55, 1.75, 2.2, 0.12),
    LensShape("rectangular", 2.75, 1.65, 4.5, 0.20),
    LensShape("square", 2.75, 2.10, 4.0, 0.30),
    LensShape("large", 3.00, 2.50, 2.8, 0.22),
)
COLORS: Final = (
    (0.012, 0.011, 0.011), (0.05, 0.022, 0.010), (0.20, 0.19, 0.18), (0.25, 0.16, 0.05),
    (0.02, 0.03, 0.10), (0.22, 0.02, 0.03), (0.45, 0.42, 0.38),
)  # fmt: skip
"""Frame colors in linear light."""
BLACK: Final = (0.010, 0.010, 0.012)
"""Color of sunglasses, frame and lenses."""
_OUTLINE_POINTS = 28
_SIDES = (-1.0, 1.0)


@dataclass(frozen=True)
class Glasses:
    """A person's glasses.

    Attributes:
        shape: row of LENS_SHAPES.
        color: of the frame, linear light.
        dark: whether the lenses are black.
        low: how far they have slid down the nose, cm.
    """

    shape: int
    color: tuple[float, float, float]
    dark: bool
    low: float


def build_glasses(glasses: Glasses, rig: FaceRig, rest: Floats) -> AccessoryMesh:
    """Return the mesh of a person's glasses on the person at rest, (V, 3)."""
    shape = LENS_SHAPES[glasses.shape]
    landmarks = rest[rig.landmarks]
    bridge = landmarks[27:29].mean(0) - [0, 0.35 * glasses.low, 0]
    front = max(float(landmarks[17:27, 2].mean()), float(bridge[2])) + 0.35
    eyes = [rest[ring].mean(0) for ring in rig.eyes]
    parts = []
    for eye, side in zip(eyes, _SIDES, strict=True):
        center = np.array(
            [side * max(abs(eye[0]), shape.width + 0.45), eye[1] - glasses.low, front]
        )
        parts += [_rim(shape, center, side), _temple(shape, center, side, rest)]
        if glasses.dark:
            parts.append(_lens(shape, center, side))
    inner = [
        side * max(abs(eye[0]) - shape.width, 0.45) for eye, side in zip(eyes, _SIDES, strict=True)
    ]
    parts.append(_bridge(shape, inner, float(bridge[1]) - glasses.low * 0.6, front))
    return concatenate(parts)


def _outline(shape: LensShape, center: Floats, side: float, grow: float) -> Floats:
    """Return (n, 3), a superellipse around a lens, counter-clockwise, bent back at the temples."""
    turn = np.arange(_OUTLINE_POINTS) / _OUTLINE_POINTS * 2 * np.pi
    c, s = np.cos(turn), np.sin(turn)
    bend = 2 / shape.power
    x = center[0] + (shape.width + grow) * np.sign(c) * np.abs(c) ** bend
    y = center[1] + (shape.height + grow) * np.sign(s) * np.abs(s) ** bend
    z = center[2] - 0.055 * np.clip(side * x - 1.0, 0, None) ** 2
    return np.stack([x, y, z], 1)


def _rim(shape: LensShape, center: Floats, side: float) -> AccessoryMesh:
    inner = _outline(shape, center, side, -shape.rim / 2)
    outer = _outline(shape, center, side, shape.rim / 2)
    points = np.vstack([inner, outer, outer - [0, 0, 0.25]])
    n = len(inner)
    ring = mesh.grid_faces(np.arange(2 * n).reshape(2, n), closed=True)
    return AccessoryMesh(points, np.vstack([ring, ring + n]), single_color("frame", len(points)))


def _lens(shape: LensShape, center: Floats, side: float) -> AccessoryMesh:
    rim = _outline(shape, center, side, 0.0) - [0, 0, 0.05]
    points = np.vstack([rim, rim.mean(0)])
    n = len(rim)
    i = np.arange(n)
    faces = np.stack([i, (i + 1) % n, np.full(n, n)], 1)
    return AccessoryMesh(points, faces, single_color("frame", len(points)))


def _temple(shape: LensShape, center: Floats, side: float, rest: Floats) -> AccessoryMesh:
    """Return the bar from the rim to above the ear."""
    wide = max(float(np.abs(rest[np.abs(rest[:, 1] - center[1]) < 2, 0]).max()) - 0.5, 7.0)
    start = _outline(shape, center, side, 0.0)
    corner = start[np.argmax(side * start[:, 0])] + [0, 0.5 * shape.height, 0]
    end = np.array([side * wide, center[1] + 0.6, -3.4])
    t = np.linspace(0, 1, 6)[:, None]
    line = corner * (1 - t) + end * t + np.array([side * 0.35, 0, 0]) * np.sin(np.pi * t)
    half = np.array([0, max(0.12, shape.rim / 2), 0]) * side  # seen from its outer side
    return band(line + half, line - half, single_color("frame", 12))


def _bridge(shape: LensShape, inner: list[float], height: float, front: float) -> AccessoryMesh:
    """Return the bar over the nose, between the inner ends of the lenses."""
    t = np.linspace(0, 1, 7)
    x = inner[0] + (inner[1] - inner[0]) * t
    arch = np.sin(np.pi * t)
    line = np.stack([x, height + 0.35 * arch, front + 0.15 * arch], 1)
    half = np.array([0, max(0.10, shape.rim * 0.55), 0])
    return band(line + half, line - half, single_color("frame", 14))
