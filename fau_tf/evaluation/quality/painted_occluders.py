"""Masks, sunglasses and hands painted over the face of a picture, with what they cover."""

from collections.abc import Callable
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from fau_tf.face.align import Image

Array = npt.NDArray[Any]
Shape = npt.NDArray[np.float32]

_FINE: Final = 16
"""Parts of a pixel in which outlines are drawn."""
_COLORS: Final = (
    (238, 240, 242), (150, 190, 215), (40, 42, 46), (120, 160, 140), (90, 40, 45), (205, 185, 160),
    (60, 80, 130), (180, 90, 120),
)  # fmt: skip
"""sRGB of masks: surgical white and blue, black, green, ..."""
_SKIN: Final = ((236, 196, 172), (205, 155, 125), (160, 108, 80), (98, 64, 48))


def mask(image: Image, landmarks: Array, height: float, rng: np.random.Generator) -> "Covered":
    """Return the face under a cloth mask.

    Args:
        image: (H, W, 3) RGB uint8.
        landmarks: (68, 2) iBUG landmarks, px.
        height: How far up it reaches: 0 to the chin, 0.5 over the mouth, 1 to the bridge of the
            nose.
        rng: Decides color, pattern and folds.
    """
    jaw, nose, chin = landmarks[1:16], landmarks[27:31], landmarks[8]
    top = chin + (nose[1] - chin) * height  # on the middle line
    sides = [jaw[0] + (jaw[i] - jaw[0]) * 1.04 for i in range(len(jaw))]
    level = (top - chin) @ _up(landmarks)
    kept = [point for point in sides if (point - chin) @ _up(landmarks) < 0.8 * level]
    if len(kept) < 3:
        kept = [landmarks[i] for i in (7, 8, 9)]
    middle = np.stack((kept[0], top, kept[-1]))
    arch = _curve(middle)
    outline = np.concatenate((np.stack(kept), arch[::-1]))
    cover = _filled(image, outline, 0.012 * _unit(landmarks))
    color = np.array(_COLORS[rng.integers(len(_COLORS))], np.float32)
    color = np.clip(color * rng.uniform(0.75, 1.05) + rng.normal(0, 8, 3), 5, 250)
    return _painted(image, cover, _cloth(image, landmarks, color, rng))


def sunglasses(
    image: Image, landmarks: Array, opacity: float, rng: np.random.Generator
) -> "Covered":
    """Return the face behind glasses with dark lenses.

    Args:
        image: (H, W, 3) RGB uint8.
        landmarks: (68, 2) iBUG landmarks, px.
        opacity: Of the lenses: 0 is clear, 1 is black.
        rng: Decides shape, color and reflections.
    """
    unit, across, up = _unit(landmarks), _across(landmarks), _up(landmarks)
    width, tall = rng.uniform(0.24, 0.31) * unit, rng.uniform(0.17, 0.25) * unit
    power = rng.uniform(2.0, 4.0)
    lenses, rims = np.zeros(image.shape[:2], np.float32), np.zeros(image.shape[:2], np.float32)
    for eye in (landmarks[36:42].mean(axis=0), landmarks[42:48].mean(axis=0)):
        center = eye - 0.03 * unit * up
        turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        x = np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** (2 / power)
        y = np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** (2 / power)
        ring = np.stack((x * width, y * tall), axis=-1)
        frame = np.stack((across, up))
        lenses = np.maximum(lenses, _filled(image, center + ring @ frame, 0.006 * unit))
        rims = np.maximum(rims, _filled(image, center + ring * 1.1 @ frame, 0.006 * unit))
    bridge = landmarks[27] + np.outer((-1, 1), across) * 0.12 * unit
    bar = np.concatenate((bridge + 0.02 * unit * up, (bridge - 0.02 * unit * up)[::-1]))
    rims = np.maximum(rims, _filled(image, bar, 0.006 * unit)) - lenses
    dark = np.array(rng.uniform(4, 45, 3), np.float32)
    shine = _smooth_noise(image, unit * 0.4, rng) * rng.uniform(0, 25)
    painted = _painted(image, lenses * opacity, dark + np.abs(shine)[..., None])
    framed = _painted(painted.image, rims.clip(0, 1), np.full(3, rng.uniform(5, 90), np.float32))
    return Covered(framed.image, lenses * opacity)


def hand(image: Image, landmarks: Array, size: float, rng: np.random.Generator) -> "Covered":
    """Return the face behind a hand that comes from below.

    Args:
        image: (H, W, 3) RGB uint8.
        landmarks: (68, 2) iBUG landmarks, px.
        size: How far up it reaches: 0 to the chin, 0.5 over the mouth, 1 to the bridge of the
            nose.
        rng: Decides side, fingers and color.
    """
    unit, across, up = _unit(landmarks), _across(landmarks), _up(landmarks)
    chin, bridge = landmarks[8], landmarks[28]
    lean = rng.uniform(-0.5, 0.5)
    along = up * np.cos(lean) + across * np.sin(lean)
    aside = across * np.cos(lean) - up * np.sin(lean)
    tip = chin + (bridge - chin) * size + across * rng.uniform(-0.25, 0.25) * unit
    width = rng.uniform(0.13, 0.17) * unit
    cover = np.zeros(image.shape[:2], np.float32)
    fingers = int(rng.integers(3, 5))
    other, own = np.array(_SKIN[rng.integers(len(_SKIN))], np.float32), rng.random() < 0.7
    light = 1.0 if own else _light(image, landmarks)
    tone: Array = (_skin(image, landmarks) if own else other) * rng.uniform(0.8, 1.1)
    color: Array = np.broadcast_to(tone, image.shape).copy()
    crease = rng.uniform(0.15, 0.45)
    for i in range(fingers):
        off = i - (fingers - 1) / 2
        end = tip + aside * off * width * 1.02 - along * abs(off) ** 2 * 0.06 * unit
        root = end - along * (0.9 + rng.uniform(0, 0.1)) * unit
        ring = _capsule(root, end, width / 2)
        one = _filled(image, ring, 0.01 * unit)
        color *= (1 - crease * _edge(one, 0.04 * unit))[..., None]
        cover = np.maximum(cover, one)
    palm = tip - along * 1.35 * unit
    back = _filled(image, _capsule(palm - along * unit, palm, fingers * width / 1.9), 0.01 * unit)
    cover = np.maximum(cover, back)
    color = color * light + _smooth_noise(image, unit * 0.2, rng)[..., None] * 6
    return _painted(image, cover, color)


def patch(image: Image, landmarks: Array, size: float, rng: np.random.Generator) -> "Covered":
    """Return the face behind a patch of any shape and color.

    Args:
        image: (H, W, 3) RGB uint8.
        landmarks: (68, 2) iBUG landmarks, px.
        size: 0 is small, 1 covers about a third of the face.
        rng: Decides place, shape, color and texture.
    """
    unit, center = _unit(landmarks), landmarks[rng.integers(17, 68)]
    turn = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(4, 12))))
    reach = (0.15 + 0.55 * size) * unit * rng.uniform(0.6, 1.2, len(turn))
    stretch = np.array((rng.uniform(0.4, 1.3), rng.uniform(0.4, 1.3)))
    ring = center + np.stack((np.cos(turn), np.sin(turn)), axis=-1) * reach[:, None] * stretch
    cover = _filled(image, ring, rng.uniform(0.005, 0.03) * unit)
    texture = _smooth_noise(image, rng.uniform(0.05, 0.5) * unit, rng)[..., None]
    color = rng.uniform(0, 255, 3) + texture * rng.uniform(0, 40, 3)
    return _painted(image, cover, color)


Occluder = Callable[[Image, Array, float, np.random.Generator], "Covered"]


class Covered:
    """A picture with something over the face.

    Attributes:
        image: (H, W, 3) RGB uint8.
        cover: (H, W) float32, 0 to 1: how much of each pixel is hidden.
    """

    def __init__(self, image: Image, cover: Shape) -> None:
        self.image = image
        self.cover = cover


def _unit(landmarks: Array) -> float:
    """Return the outer eye distance, px."""
    return float(np.hypot(*(landmarks[45] - landmarks[36])))


def _across(landmarks: Array) -> Array:
    across: Array = (landmarks[45] - landmarks[36]) / _unit(landmarks)
    return across


def _up(landmarks: Array) -> Array:
    x, y = _across(landmarks)
    return np.array((y, -x))


def _curve(points: Array) -> Array:
    """Return 16 points of the parabola through three."""
    t = np.linspace(0, 1, 16)[:, None]
    first, middle, last = points
    control = 2 * middle - (first + last) / 2
    curve: Array = (1 - t) ** 2 * first + 2 * t * (1 - t) * control + t**2 * last
    return curve


def _capsule(root: Array, end: Array, radius: float) -> Array:
    along = (end - root) / np.hypot(*(end - root))
    aside = np.array((-along[1], along[0]))
    turn = np.linspace(-np.pi / 2, np.pi / 2, 10)[:, None]
    cap = end + radius * (np.cos(turn) * along + np.sin(turn) * aside)
    foot = root - radius * (np.cos(turn) * along + np.sin(turn) * aside)
    return np.concatenate((cap, foot))


def _filled(image: Image, outline: Array, softness: float) -> Shape:
    """Return (H, W), 1 inside an outline, with an edge of `softness` px."""
    area = np.zeros(image.shape[:2], np.float32)
    fixed = np.round(outline * _FINE).astype(np.int32)
    cv2.fillPoly(area, [fixed], 1.0, cv2.LINE_8, int(np.log2(_FINE)))
    soft: Shape = cv2.GaussianBlur(area, (0, 0), max(softness, 0.6))
    return soft


def _edge(area: Shape, reach: float) -> Shape:
    """Return (H, W), 1 near the border of an area."""
    around: Shape = cv2.GaussianBlur(area, (0, 0), max(reach, 0.6))
    return 1 - np.abs(2 * around - 1)


def _light(image: Image, landmarks: Array) -> Array:
    """Return (H, W, 1), the light on the face as a factor around 1."""
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    smooth = cv2.GaussianBlur(gray, (0, 0), 0.35 * _unit(landmarks))
    level = float(np.median(smooth[_inside(image, landmarks)])) or 1.0
    return np.asarray((smooth / level).clip(0.5, 1.5)[..., None] * min(1.3, level / 130))


def _skin(image: Image, landmarks: Array) -> Array:
    """Return (3,) the color of the cheeks and the bridge of the nose."""
    rows, columns = _inside(image, landmarks)
    spots = [*range(11, 14), *range(31 - 17, 36 - 17)]  # of the landmarks from 17 on
    return np.asarray(np.median(image[rows[spots], columns[spots]], axis=0), np.float32)


def _inside(image: Image, landmarks: Array) -> tuple[Array, Array]:
    rows, columns = landmarks[17:, 1], landmarks[17:, 0]
    height, width = image.shape[:2]
    return rows.clip(0, height - 1).astype(int), columns.clip(0, width - 1).astype(int)


def _cloth(image: Image, landmarks: Array, color: Array, rng: np.random.Generator) -> Array:
    """Return (H, W, 3) cloth: lit like the face, with folds across it and perhaps a print."""
    unit, up, across = _unit(landmarks), _up(landmarks), _across(landmarks)
    rows, columns = np.indices(image.shape[:2], np.float32)
    y = ((columns - landmarks[33, 0]) * up[0] + (rows - landmarks[33, 1]) * up[1]) / unit
    x = ((columns - landmarks[33, 0]) * across[0] + (rows - landmarks[33, 1]) * across[1]) / unit
    folds = np.cos(2 * np.pi * y * rng.uniform(3, 6)) ** 8 * rng.uniform(0, 0.25)
    bulge = 1.05 - 0.5 * (x - rng.uniform(-0.1, 0.1)) ** 2
    shade = (1 - folds) * bulge + 0.05 * _smooth_noise(image, 0.1 * unit, rng)
    cloth = color * shade[..., None] * _light(image, landmarks)
    if rng.random() < 0.3:
        spots = _smooth_noise(image, rng.uniform(0.03, 0.09) * unit, rng) > rng.uniform(0.3, 1.2)
        cloth = np.where(spots[..., None], rng.uniform(20, 230, 3), cloth)
    return np.asarray(cloth)


def _smooth_noise(image: Image, scale: float, rng: np.random.Generator) -> Shape:
    """Return (H, W) noise of standard deviation 1 with blobs of about `scale` px."""
    height, width = image.shape[:2]
    size = (max(2, int(height / scale)), max(2, int(width / scale)))
    small = rng.standard_normal(size, np.float32)
    grown: Shape = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return grown


def _painted(image: Image, cover: Shape, color: Array) -> Covered:
    alpha = cover[..., None]
    mixed = image * (1 - alpha) + color * alpha
    return Covered((mixed + 0.5).clip(0, 255).astype(np.uint8), cover)
