"""What hides parts of a face: glasses, hair that falls into it, a hand. Drawn, then built."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from scipy.spatial import cKDTree

from fau_tf.synthetic import atlas
from fau_tf.synthetic.piece import Piece, strip, tube
from fau_tf.synthetic.rig import FaceRig, Floats, Ints

GLASSES, SUNGLASSES, STRANDS, HAND = 0.24, 0.06, 0.14, 0.08
"""How often: people with glasses, of them dark ones; faces with strands, with a hand."""


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
COLOURS: Final = (
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
        colour: linear light.
        dark: whether the lenses are black.
        low: how far they have slid down the nose, cm.
    """

    frame: int
    colour: tuple[float, float, float]
    dark: bool
    low: float


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


@dataclass(frozen=True)
class Occluders:
    """What hides parts of one face; `strands` is the seed of the hair in it, or None."""

    glasses: Glasses | None = None
    strands: int | None = None
    hand: Hand | None = None

    @property
    def factors(self) -> Mapping[str, float]:
        """Return name -> 1 where there is one, else 0."""
        return {
            name: float(getattr(self, name) is not None) for name in ("glasses", "strands", "hand")
        }


def sample_glasses(seed: int) -> Glasses | None:
    """Return the glasses of a person of a seed, who may have none."""
    rng = np.random.default_rng(np.random.SeedSequence((seed, 11)))
    wears, dark = rng.random() < GLASSES, rng.random() < SUNGLASSES
    red, green, blue = COLOURS[int(rng.integers(len(COLOURS)))]
    frame, low = int(rng.integers(len(FRAMES))), float(rng.uniform(0.0, 0.7))
    colour = BLACK if dark else (red, green, blue)
    return Glasses(frame, colour, bool(dark), low) if wears else None


def sample(person_seed: int, face_seed: int, *, hair: bool) -> Occluders:
    """Return the occluders of a face; strands need hair."""
    rng = np.random.default_rng(np.random.SeedSequence((person_seed, face_seed, 12)))
    strands, seed = rng.random() < STRANDS, int(rng.integers(2**31))
    held, side = rng.random() < HAND, float(rng.choice((-1.0, 1.0)))
    at_chin = rng.random() < 0.5
    place = (side * rng.uniform(1.0, 3.2), rng.uniform(-8.2, -6.6)) if at_chin else (
        side * rng.uniform(4.2, 6.0), rng.uniform(-4.5, -1.5)
    )  # fmt: skip
    toward = 90 + side * rng.uniform(10, 55)
    hand = Hand(
        (float(place[0]), float(place[1])), float(toward), int(rng.integers(2, 5)),
        float(rng.uniform(5.0, 7.5)),
    )  # fmt: skip
    return Occluders(
        glasses=sample_glasses(person_seed),
        strands=seed if strands and hair else None,
        hand=hand if held else None,
    )


def build(
    occluders: Occluders, rig: FaceRig, rest: Floats, head: Floats, hairline: float
) -> list[Piece]:
    """Return the meshes.

    Args:
        occluders: what there is.
        rig: the face model.
        rest: (V, 3) the person at rest: glasses sit on bones, which expressions don't move.
        head: (V, 3) with the expression: hair and hands lie on the skin.
        hairline: height in cm where the person's hair begins.
    """
    pieces = []
    if occluders.glasses:
        pieces.append(_glasses(occluders.glasses, rig, rest))
    if occluders.strands is not None:
        pieces.append(_strands(occluders.strands, rig, head, hairline))
    if occluders.hand:
        pieces.append(_hand(occluders.hand, rig, head))
    return pieces


def _glasses(glasses: Glasses, rig: FaceRig, rest: Floats) -> Piece:
    frame = FRAMES[glasses.frame]
    marks = rest[rig.landmarks]
    bridge = marks[27:29].mean(0) - [0, 0.35 * glasses.low, 0]
    front = max(float(marks[17:27, 2].mean()), float(bridge[2])) + 0.35
    pieces = []
    for ring, side in zip(rig.eyes, (-1.0, 1.0), strict=True):
        eye = rest[ring].mean(0)
        centre = np.array(
            [side * max(abs(eye[0]), frame.width + 0.45), eye[1] - glasses.low, front]
        )
        pieces += [_rim(frame, centre, side), _temple(frame, centre, side, rest)]
        if glasses.dark:
            pieces.append(_lens(frame, centre, side))
    inner = [side * max(abs(rest[ring].mean(0)[0]) - frame.width, 0.45)
             for ring, side in zip(rig.eyes, (-1.0, 1.0), strict=True)]  # fmt: skip
    pieces.append(_nose_piece(frame, inner, float(bridge[1]) - glasses.low * 0.6, front))
    return Piece.joined(pieces)


def _outline(frame: Frame, centre: Floats, side: float, grow: float) -> Floats:
    """Return (n, 3), a superellipse around a lens, counter-clockwise, bent back at the temples."""
    turn = np.arange(28) / 28 * 2 * np.pi
    c, s = np.cos(turn), np.sin(turn)
    bend = 2 / frame.power
    x = centre[0] + (frame.width + grow) * np.sign(c) * np.abs(c) ** bend
    y = centre[1] + (frame.height + grow) * np.sign(s) * np.abs(s) ** bend
    z = centre[2] - 0.055 * np.clip(side * x - 1.0, 0, None) ** 2
    return np.stack([x, y, z], 1)


def _rim(frame: Frame, centre: Floats, side: float) -> Piece:
    inner = _outline(frame, centre, side, -frame.rim / 2)
    outer = _outline(frame, centre, side, frame.rim / 2)
    back = outer - [0, 0, 0.25]
    points = np.vstack([inner, outer, back])
    n = len(inner)
    faces = np.vstack([
        strip(n, closed=True), strip(n, closed=True) + n,
    ])  # fmt: skip
    return Piece(points, faces, _flat("frame", len(points)))


def _lens(frame: Frame, centre: Floats, side: float) -> Piece:
    rim = _outline(frame, centre, side, 0.0) - [0, 0, 0.05]
    points = np.vstack([rim, rim.mean(0)])
    n = len(rim)
    i = np.arange(n)
    faces = np.stack([i, (i + 1) % n, np.full(n, n)], 1)
    return Piece(points, faces, _flat("frame", len(points)))


def _temple(frame: Frame, centre: Floats, side: float, rest: Floats) -> Piece:
    """Return the bar from the rim to above the ear."""
    wide = max(float(np.abs(rest[np.abs(rest[:, 1] - centre[1]) < 2, 0]).max()) - 0.5, 7.0)
    start = _outline(frame, centre, side, 0.0)
    corner = start[np.argmax(side * start[:, 0])] + [0, 0.5 * frame.height, 0]
    end = np.array([side * wide, centre[1] + 0.6, -3.4])
    t = np.linspace(0, 1, 6)[:, None]
    line = corner * (1 - t) + end * t + np.array([side * 0.35, 0, 0]) * np.sin(np.pi * t)
    half = np.array([0, max(0.12, frame.rim / 2), 0]) * side  # seen from its outer side
    return Piece(np.vstack([line + half, line - half]), strip(6), _flat("frame", 12))


def _nose_piece(frame: Frame, inner: list[float], height: float, front: float) -> Piece:
    t = np.linspace(0, 1, 7)
    line = np.stack([
        inner[0] + (inner[1] - inner[0]) * t, height + 0.35 * np.sin(np.pi * t),
        front + 0.15 * np.sin(np.pi * t),
    ], 1)  # fmt: skip
    half = np.array([0, max(0.10, frame.rim * 0.55), 0])
    return Piece(np.vstack([line + half, line - half]), strip(7), _flat("frame", 14))


def _strands(seed: int, rig: FaceRig, head: Floats, hairline: float) -> Piece:
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


def _hand(hand: Hand, rig: FaceRig, head: Floats) -> Piece:
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
        pieces.append(Piece(points, faces, _flat("hand", len(points))))
    back = np.array(hand.place) - (hand.length + 1.5) * ahead
    line = _above_skin(rig, head, back - 4.5 * ahead * (1 - t), np.full(7, 1.9))
    width = 0.85 * hand.fingers
    points, faces = tube(line, np.full(7, width) * np.interp(t[:, 0], [0, 1], [0.8, 1.0]), 12)
    middle = line.mean(0)
    points = middle + (points - middle) * [1, 1, 0.45]
    pieces.append(Piece(points, faces, _flat("hand", len(points))))
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


def _flat(patch: str, count: int) -> Floats:
    return atlas.patch_uv(patch, np.full(count, 0.5), np.full(count, 0.5))
