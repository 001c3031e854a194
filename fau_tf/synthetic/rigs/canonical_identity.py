"""Identity components of the canonical head by hand: smooth displacement fields.

Scales and named proportions first, then random modes, symmetric and slightly asymmetric ones.
Portraits are edited with all of them. The canonical rig's people are measured, and `detail` adds
what portraits from the front don't tell.
"""

from dataclasses import dataclass

import numpy as np

from fau_tf.synthetic.rigs.rig import Floats

RANDOM_SYMMETRIC = 24
RANDOM_ASYMMETRIC = 8
SEED = 20200410


@dataclass(frozen=True)
class Proportion:
    """One named proportion: around a place (|x|, y, z), radius sigma per axis, one sd in cm."""

    name: str
    place: tuple[float, float, float]
    sigma: tuple[float, float, float]
    vector: tuple[float, float, float]


PROPORTIONS = (
    Proportion("jaw width", (6.2, -6.0, -0.5), (3.5, 3.5, 5.0), (0.38, 0.0, 0.0)),
    Proportion("cheekbone width", (6.5, 0.0, 1.5), (2.5, 2.5, 4.0), (0.30, 0.0, 0.05)),
    Proportion("cheek fullness", (4.5, -3.0, 3.0), (2.2, 2.2, 3.0), (0.15, 0.0, 0.30)),
    Proportion("chin length", (0.0, -9.0, 4.0), (3.5, 2.6, 4.0), (0.0, -0.42, 0.05)),
    Proportion("chin protrusion", (0.0, -8.4, 5.0), (2.4, 2.0, 3.0), (0.0, 0.0, 0.35)),
    Proportion("chin width", (1.8, -8.6, 4.0), (1.8, 2.0, 3.0), (0.28, 0.0, 0.0)),
    Proportion("nose width", (1.5, -1.4, 5.5), (0.9, 1.0, 2.0), (0.20, 0.0, 0.0)),
    Proportion("nose length", (0.0, -1.0, 7.0), (1.6, 1.4, 2.5), (0.0, -0.24, 0.0)),
    Proportion("nose tip", (0.0, -0.6, 7.4), (1.1, 1.1, 2.0), (0.0, 0.0, 0.28)),
    Proportion("nose tip turn", (0.0, -0.8, 7.4), (0.9, 0.9, 1.5), (0.0, 0.18, 0.05)),
    Proportion("nose bridge height", (0.0, 2.2, 5.6), (0.8, 1.9, 2.0), (0.0, 0.0, 0.28)),
    Proportion("nose bridge width", (0.7, 1.8, 5.0), (0.7, 1.8, 2.0), (0.12, 0.0, 0.0)),
    Proportion("mouth width", (2.4, -4.3, 4.3), (1.3, 1.2, 2.5), (0.24, 0.0, 0.0)),
    Proportion("upper lip fullness", (0.0, -3.7, 5.8), (2.2, 0.45, 2.0), (0.0, 0.14, 0.14)),
    Proportion("lower lip fullness", (0.0, -5.0, 5.8), (2.0, 0.55, 2.0), (0.0, -0.15, 0.14)),
    Proportion("philtrum length", (0.0, -4.6, 5.5), (3.0, 1.6, 3.0), (0.0, -0.22, 0.0)),
    Proportion("mouth protrusion", (0.0, -4.3, 5.5), (2.2, 1.6, 2.5), (0.0, 0.0, 0.28)),
    Proportion("eye distance", (3.1, 2.6, 3.7), (1.9, 1.2, 2.5), (0.14, 0.0, 0.0)),
    Proportion("eye height", (3.1, 2.6, 3.7), (2.0, 1.3, 2.5), (0.0, 0.15, 0.0)),
    Proportion("eye depth", (3.1, 2.6, 3.7), (1.9, 1.2, 2.5), (0.0, 0.0, 0.16)),
    Proportion("eye tilt", (4.5, 2.7, 3.1), (0.8, 0.6, 1.5), (0.0, 0.13, 0.0)),
    Proportion("eye opening", (3.2, 3.0, 3.9), (1.1, 0.28, 1.5), (0.0, 0.07, 0.0)),
    Proportion("lid fold", (3.2, 3.4, 3.9), (1.4, 0.35, 1.5), (0.0, -0.05, 0.10)),
    Proportion("brow height", (3.2, 4.4, 4.3), (2.8, 0.9, 2.5), (0.0, 0.22, 0.0)),
    Proportion("brow tilt", (5.2, 4.2, 3.3), (1.2, 0.9, 2.0), (0.0, 0.20, 0.0)),
    Proportion("brow ridge", (2.6, 4.2, 4.8), (2.6, 0.9, 2.0), (0.0, 0.0, 0.18)),
    Proportion("forehead height", (0.0, 8.6, 3.5), (6.0, 2.6, 4.0), (0.0, 0.40, 0.0)),
    Proportion("forehead slope", (0.0, 7.5, 4.0), (5.0, 2.4, 4.0), (0.0, 0.0, 0.36)),
    Proportion("temple width", (6.6, 5.0, 0.8), (2.2, 2.8, 4.0), (0.24, 0.0, 0.0)),
    Proportion("crown height", (0.0, 13.0, -3.0), (9.0, 4.0, 8.0), (0.0, 0.45, 0.0)),
    Proportion("ear size", (8.2, 0.8, -3.6), (1.2, 2.4, 1.6), (0.16, 0.0, -0.2)),
    Proportion("neck width", (5.5, -12.0, -4.5), (3.0, 3.0, 6.0), (0.35, 0.0, 0.0)),
)
SCALES = (("width", (0.036, 0, 0)), ("height", (0, 0.036, 0)), ("depth", (0, 0, 0.05)))
UNMEASURED = (
    "chin protrusion", "nose tip", "nose bridge height", "mouth protrusion", "brow ridge",
    "forehead slope", "crown height", "ear size", "neck width",
)  # fmt: skip
"""Proportions of `detail`: the landmark network hardly tells the depths of people apart."""
DEPTH, RANDOM_SHARE = 0.035, 0.4
"""In `detail`: relative depth, and size of the random modes relative to those of `basis`."""


def basis(points: Floats, anchors: Floats) -> Floats:
    """Return (I, V, 3), the displacement of one standard deviation of each component.

    Args:
        points: (V, 3) whole neutral head.
        anchors: (N, 3) points of the face, at which random modes are centered.
    """
    scales = [points * np.array(vector, float) for _, vector in SCALES]
    named = [_proportion(points, row) for row in PROPORTIONS]
    return np.stack([*scales, *named, *_random_modes(points, anchors)])


def detail(points: Floats, anchors: Floats) -> Floats:
    """Return (I, V, 3), one standard deviation of what portraits from the front don't measure.

    These are depths, the head around the face, and asymmetry.

    Args:
        points: (V, 3) whole neutral head.
        anchors: (N, 3) points of the face, at which random modes are centered.
    """
    depth = points * np.array([0.0, 0.0, DEPTH])
    named = [_proportion(points, row) for row in PROPORTIONS if row.name in UNMEASURED]
    random = [RANDOM_SHARE * mode for mode in _random_modes(points, anchors)]
    return np.stack([depth, *named, *random])


def _proportion(points: Floats, row: Proportion) -> Floats:
    sides = (1, -1) if row.place[0] else (1,)
    vector, sigma = np.array(row.vector), np.array(row.sigma)
    bumps = [_bump(points, np.array(row.place), sigma, vector, side) for side in sides]
    return np.asarray(np.sum(bumps, axis=0))


def _random_modes(points: Floats, anchors: Floats) -> list[Floats]:
    rng = np.random.default_rng(SEED)
    modes = []
    for index in range(RANDOM_SYMMETRIC + RANDOM_ASYMMETRIC):
        sides, size = ((1, -1), 0.065) if index < RANDOM_SYMMETRIC else ((1,), 0.045)
        field = np.zeros_like(points)
        for center in anchors[rng.integers(len(anchors), size=4)]:
            sigma, vector = np.full(3, rng.uniform(1.6, 3.2)), rng.normal(0, size, 3)
            for side in sides:
                field += _bump(points, center, sigma, vector, side)
        modes.append(field)
    return modes


def _bump(points: Floats, center: Floats, sigma: Floats, vector: Floats, side: int) -> Floats:
    flip = np.array([side, 1.0, 1.0])
    weight = np.exp(-0.5 * (((points - center * flip) / sigma) ** 2).sum(1))
    return np.asarray(weight[:, None] * vector * flip)
