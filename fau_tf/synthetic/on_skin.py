"""What lies on a face's skin: strands of hair that fall into it, a hand that is held to it."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.spatial import cKDTree

from fau_tf.synthetic import atlas
from fau_tf.synthetic.piece import Piece, flat, strip, tube
from fau_tf.synthetic.rig import FaceRig, Floats, Ints


@dataclass(frozen=True)
class Hand:
    """A hand at the face: fingers that end at a place on it.

    Attributes:
        place: (x, y) in cm on the neutral face where the middle finger ends.
        toward: degrees, where the fingers point: 90 is up.
        fingers: how many, side by side.
        length: of a finger that can be seen, cm.
    """

    place: tuple[float, float]
    toward: float
    fingers: int
    length: float


def strands(seed: int, rig: FaceRig, head: Floats, hairline: float) -> Piece:
    """Return locks of hair that hang from the hairline across forehead, temple or cheek."""
    rng = np.random.default_rng(np.random.SeedSequence((seed, 13)))
    side, pieces = float(rng.choice((-1.0, 1.0))), []
    root = rng.uniform(1.0, 4.5) * side
    end = np.array([root + side * rng.uniform(0.5, 3.0), rng.uniform(-3.0, 4.0)])
    t = np.linspace(0, 1, 12)[:, None]
    for _ in range(int(rng.integers(3, 9))):
        start = np.array([root + rng.normal(0, 0.8), hairline + 0.8])
        stop = end + rng.normal(0, 0.7, 2)
        middle = (start + stop) / 2 + [side * rng.uniform(0.2, 1.4), 0]
        plane = (1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * stop
        line = _above_skin(rig, head, plane, 0.14 + 0.25 * np.sin(np.pi * t[:, 0]))
        half = np.zeros_like(line)
        half[:, 0] = rng.uniform(0.05, 0.16) * (1.15 - t[:, 0])
        s = np.full(12, rng.uniform(0.1, 0.9))
        uv = np.vstack([atlas.patch_uv("hair", s + d, t[:, 0]) for d in (0.0, 0.06)])
        pieces.append(Piece(np.vstack([line + half, line - half]), strip(12), uv))
    return Piece.joined(pieces)


def fingers(hand: Hand, rig: FaceRig, head: Floats) -> Piece:
    """Return fingers whose tips lie on the skin, and the back of the hand they come from."""
    turn = np.radians(hand.toward)
    ahead, aside = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    t = np.linspace(0, 1, 7)[:, None]
    pieces = []
    for number in range(hand.fingers):
        off = number - (hand.fingers - 1) / 2
        tip = np.array(hand.place) + 1.55 * off * aside - 0.35 * off**2 * ahead
        plane = tip - hand.length * ahead * (1 - t) * (1 + 0.04 * off)
        line = _above_skin(rig, head, plane, 0.55 + 1.1 * (1 - t[:, 0]))
        radius = np.interp(t[:, 0], [0, 0.55, 0.62, 1], [0.86, 0.78, 0.82, 0.60])
        points, faces = tube(line, radius, 10)
        pieces.append(Piece(points, faces, flat("hand", len(points))))
    back = np.array(hand.place) - (hand.length + 1.5) * ahead
    line = _above_skin(rig, head, back - 4.5 * ahead * (1 - t), np.full(7, 1.9))
    width = 0.85 * hand.fingers
    points, faces = tube(line, np.full(7, width) * np.interp(t[:, 0], [0, 1], [0.8, 1.0]), 12)
    middle = line.mean(0)
    points = middle + (points - middle) * [1, 1, 0.45]
    pieces.append(Piece(points, faces, flat("hand", len(points))))
    return Piece.joined(pieces)


def _above_skin(rig: FaceRig, head: Floats, plane: Floats, gap: Floats) -> Floats:
    """Return (n, 3): places (n, 2) on the face, `gap` cm in front of its skin."""
    tree, skin = _skin(rig)
    distance, near = tree.query(plane, k=3)
    depth = head[skin[near], 2].mean(1) - 0.25 * np.clip(distance.mean(1) - 1, 0, None) ** 2
    return np.column_stack([plane, depth + gap])


@lru_cache(maxsize=2)
def _skin(rig: FaceRig) -> tuple[cKDTree, Ints]:
    front = (rig.uv[:, 1] < atlas.HEAD_ROWS) & (rig.neutral[:, 2] > -1) & ~rig.curtain
    skin = np.flatnonzero(front)
    skin = skin[:: max(1, len(skin) // 1500)]
    return cKDTree(rig.neutral[skin, :2]), skin
