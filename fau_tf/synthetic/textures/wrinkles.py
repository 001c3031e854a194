"""Furrows and bulges of the skin for each AU, as heights on the unrolled head.

The patterns follow the appearance changes that FACS describes. Points are (|x|, y) in cm on the
neutral face, given for the right side and reflected.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from fau_tf.synthetic.rigs.rig import Floats
from fau_tf.synthetic.textures import uv_paint
from fau_tf.synthetic.textures.uv_paint import XY, FaceMap

ROWS, COLUMNS = slice(56, 346), slice(64, 449)
"""The part of the head where AUs wrinkle the skin; outside it the heights are 0."""

VARIANTS = 4
"""Number of variants of an AU's furrows, for different people."""


@dataclass(frozen=True)
class WrinklePattern:
    """The wrinkles of one AU.

    Attributes:
        furrows: (points, width in cm, depth in cm).
        bulges: (center, sigma x, sigma y, height in cm).
        pebbles: (center, sigma, height) of the chin's dimpled texture.
    """

    furrows: tuple[tuple[tuple[XY, ...], float, float], ...] = ()
    bulges: tuple[tuple[XY, float, float, float], ...] = ()
    pebbles: tuple[tuple[XY, float, float], ...] = field(default=())


def _arc(y: float, x0: float, x1: float, peak: float, sag: float) -> tuple[XY, ...]:
    return tuple((x, y - sag * (x - peak) ** 2) for x in np.linspace(x0, x1, 9).tolist())


NASOLABIAL = ((1.85, -1.2), (2.5, -2.1), (3.05, -3.1), (3.4, -4.2), (3.4, -5.0))

PATTERNS: dict[int, WrinklePattern] = {
    1: WrinklePattern(
        tuple((_arc(y, -3.0, 3.0, 0.0, 0.03), 0.15, 0.13) for y in (5.9, 6.65, 7.4)),
        (((1.2, 5.3), 0.9, 0.45, 0.12),),
    ),
    2: WrinklePattern(
        tuple((_arc(y, 1.8, 6.2, 3.9, 0.10), 0.15, 0.13) for y in (5.8, 6.5, 7.2)),
        (((4.4, 5.2), 1.0, 0.4, 0.08),),
    ),
    4: WrinklePattern(
        (
            (((0.62, 3.5), (0.78, 4.3), (0.95, 5.3)), 0.19, 0.24),
            (((0.0, 3.35), (0.75, 3.45)), 0.12, 0.07),
            (((1.5, 3.6), (2.6, 3.65), (4.0, 3.55)), 0.16, 0.06),
        ),
        (((0.0, 4.4), 0.40, 0.7, 0.10), ((1.6, 4.4), 0.5, 0.5, 0.10)),
    ),
    5: WrinklePattern(((((2.2, 3.35), (3.2, 3.55), (4.2, 3.3)), 0.12, 0.05),)),
    6: WrinklePattern(
        (
            (((4.95, 2.75), (5.7, 3.25), (6.3, 3.7)), 0.10, 0.13),
            (((5.0, 2.5), (5.8, 2.55), (6.5, 2.6)), 0.10, 0.13),
            (((4.95, 2.25), (5.6, 1.85), (6.2, 1.4)), 0.10, 0.13),
            (((1.9, 1.75), (2.6, 1.30), (3.5, 1.15), (4.5, 1.45), (5.1, 1.85)), 0.15, 0.12),
        ),
        (((3.3, 1.75), 1.0, 0.22, 0.09), ((4.2, -0.1), 1.2, 0.8, 0.36)),
    ),
    7: WrinklePattern(
        (
            (((1.9, 1.95), (2.6, 1.62), (3.4, 1.52), (4.3, 1.72)), 0.13, 0.11),
            (((4.75, 2.35), (5.3, 2.15)), 0.10, 0.07),
        ),
        (((3.1, 1.95), 0.95, 0.16, 0.08),),
    ),
    9: WrinklePattern(
        (
            (((0.15, 3.0), (0.9, 3.15)), 0.13, 0.13),
            (((0.25, 2.4), (1.2, 2.65)), 0.13, 0.16),
            (((0.35, 1.8), (1.45, 2.0)), 0.13, 0.16),
            (((0.55, 1.2), (1.6, 1.35)), 0.13, 0.11),
            (((1.75, -0.5), (2.1, -1.3), (2.7, -2.4)), 0.24, 0.13),
        ),
        (((1.3, -0.2), 0.5, 0.6, 0.10),),
    ),
    10: WrinklePattern(
        ((((1.95, -0.8), (2.6, -1.5), (3.1, -2.5), (3.3, -3.6)), 0.18, 0.16),),
        (((3.4, -1.2), 0.8, 0.7, 0.16), ((1.1, -2.9), 0.6, 0.35, 0.08)),
    ),
    12: WrinklePattern(
        ((NASOLABIAL, 0.20, 0.18), (((2.75, -4.0), (3.0, -4.6)), 0.16, 0.08)),
        (((4.1, -1.9), 1.0, 0.9, 0.22), ((4.3, -4.2), 0.7, 0.9, 0.08)),
    ),
    14: WrinklePattern(
        (
            (((3.05, -3.6), (3.25, -4.3), (3.05, -5.0)), 0.20, 0.24),
            (((2.55, -3.95), (2.62, -4.35), (2.55, -4.75)), 0.14, 0.16),
        ),
        (((3.95, -4.3), 0.45, 0.9, 0.20), ((2.75, -3.2), 0.4, 0.3, 0.08)),
    ),
    15: WrinklePattern(
        ((((2.65, -4.75), (3.05, -5.5), (3.15, -6.4)), 0.17, 0.17),),
        (((2.3, -5.6), 0.45, 0.5, 0.10), ((3.75, -5.7), 0.5, 0.8, 0.12)),
    ),
    17: WrinklePattern(
        ((((-1.9, -6.65), (-1.0, -6.15), (0.0, -6.0), (1.0, -6.15), (1.9, -6.65)), 0.18, 0.14),),
        (((0.0, -7.4), 1.1, 0.7, 0.16),),
        (((0.0, -7.8), 1.0, 0.06),),
    ),
    20: WrinklePattern(
        (
            (((3.35, -3.3), (3.85, -4.2), (3.85, -5.2), (3.4, -6.1)), 0.18, 0.17),
            (((2.9, -5.2), (3.2, -5.9), (3.0, -6.7)), 0.15, 0.11),
        ),
    ),
    23: WrinklePattern(
        (
            (((0.5, -2.75), (0.55, -3.25)), 0.10, 0.06),
            (((1.2, -2.85), (1.3, -3.45)), 0.10, 0.07),
            (((0.5, -5.45), (0.55, -5.95)), 0.10, 0.06),
            (((1.2, -5.3), (1.3, -5.8)), 0.10, 0.06),
        ),
        (((0.9, -3.05), 0.8, 0.25, 0.06), ((0.0, -5.75), 1.0, 0.25, 0.07)),
    ),
    25: WrinklePattern(),
    26: WrinklePattern(((((3.9, -2.9), (4.15, -4.4), (4.1, -5.8)), 0.28, 0.10),)),
    45: WrinklePattern(),
}


def heights(face: FaceMap, variant: int = 0) -> dict[int, Floats]:
    """Return AU -> height in cm at intensity 5, over ROWS x COLUMNS of the head.

    Args:
        face: the face to draw on.
        variant: below VARIANTS; 0 has the furrows of PATTERNS.
    """
    return {
        au: _height(face, varied(pattern, au, variant))[ROWS, COLUMNS].copy()
        for au, pattern in PATTERNS.items()
    }


def age_wrinkles(face: FaceMap) -> Floats:
    """Return the height of the wrinkles of an old face at rest, over the whole head."""
    out = -0.09 * uv_paint.both(uv_paint.line(face.texels(NASOLABIAL), 0.2))
    bags = ((1.9, 1.75), (2.7, 1.25), (3.6, 1.15), (4.5, 1.5))
    out -= 0.06 * uv_paint.both(uv_paint.line(face.texels(bags), 0.16))
    for y in (6.2, 7.0):
        out -= 0.022 * uv_paint.both(
            uv_paint.line(face.texels(_arc(y, -4.0, 4.0, 0.0, 0.02)), 0.12)
        )
    marionette = ((2.7, -4.9), (3.0, -5.8), (3.0, -6.6))
    out -= 0.05 * uv_paint.both(uv_paint.line(face.texels(marionette), 0.18))
    return np.asarray(out, np.float32)


def permanent_creases(face: FaceMap) -> Floats:
    """Return the height of the creases of every face: wings of the nose, philtrum."""
    wing = ((-1.45, -1.85), (-1.85, -1.3), (-1.65, -0.55))
    rims = ((-0.35, -2.35), (-0.45, -3.2))
    out = -0.06 * uv_paint.both(uv_paint.line(face.texels(wing), 0.11))
    out += 0.03 * uv_paint.both(uv_paint.line(face.texels(rims), 0.13))
    out -= 0.03 * uv_paint.line(face.texels(((0.0, -2.4), (0.0, -3.2))), 0.13)
    return np.asarray(out, np.float32)


def lid_creases(face: FaceMap) -> Floats:
    """Return the height of average creases of the upper eyelids."""
    lid = ((-2.0, 2.95), (-2.6, 3.32), (-3.3, 3.45), (-4.1, 3.22), (-4.6, 2.85))
    return np.asarray(-0.06 * uv_paint.both(uv_paint.line(face.texels(lid), 0.09)), np.float32)


def varied(pattern: WrinklePattern, au: int, variant: int) -> WrinklePattern:
    """Return a variant of a pattern: furrows shifted and widened, perhaps one less."""
    if not variant:
        return pattern
    rng = np.random.default_rng((au, variant, 18))
    furrows = []
    for points, width, depth in pattern.furrows:
        across, up = rng.normal(0, (0.10, 0.12))
        midline = min(x for x, _ in points) <= 0  # shifted sideways, its reflection would double it
        moved = tuple((x + (0.0 if midline else across), y + up) for x, y in points)
        furrows.append((moved, width * rng.uniform(0.85, 1.2), depth * rng.uniform(1.0, 1.3)))
    spare, which = rng.random() < 0.5, int(rng.integers(1, max(2, len(furrows))))
    if spare and len(furrows) > 2:
        del furrows[which]
    return replace(pattern, furrows=tuple(furrows))


def _height(face: FaceMap, pattern: WrinklePattern) -> Floats:
    out = uv_paint.blank()
    for points, width, depth in pattern.furrows:
        place = face.texels(_right(points))
        groove = uv_paint.both(uv_paint.line(place, width))
        shoulder = uv_paint.both(uv_paint.line(place, 2.4 * width))
        out += depth * (0.55 * shoulder - 1.35 * groove)
    for center, sigma_x, sigma_y, height in pattern.bulges:
        spot = uv_paint.spot(face.texels(_right([center]))[0], sigma_x, sigma_y)
        out += height * uv_paint.both(spot)
    for center, sigma, height in pattern.pebbles:
        rng = np.random.default_rng(17)
        spot = uv_paint.spot(face.texels(_right([center]))[0], sigma, sigma)
        pits = np.zeros(uv_paint.SHAPE, np.float32)
        for x, y in rng.normal(0, sigma, (26, 2)):
            pits += uv_paint.spot(
                face.texels([(center[0] + x, center[1] + 0.8 * y)])[0], 0.13, 0.11
            )
        out -= height * np.minimum(pits, 1.2) * (spot > 0.05)
    return out


def _right(points: tuple[XY, ...] | list[XY]) -> Floats:
    return np.array(points, float) * [-1, 1]
