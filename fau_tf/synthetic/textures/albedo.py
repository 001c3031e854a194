"""One person's UV atlas: color, gloss and slopes of skin, lips, brows, hair, eyes, teeth, cloth."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fau_tf.synthetic.rigs.rig import FaceRig, Floats
from fau_tf.synthetic.scene.person import HAIR_STYLES, Color, Person
from fau_tf.synthetic.textures import uv_atlas as atlas
from fau_tf.synthetic.textures import uv_patches, wrinkles
from fau_tf.synthetic.textures.skin_color import skin_color
from fau_tf.synthetic.textures.uv_masks import UvMasks, uv_masks, wrinkle_heights

CHANNELS = 6
"""Red, green, blue in linear light, gloss, slope along u, slope along v."""
FURROW_DARKNESS = 5.0
"""Relative loss of light in a furrow, per cm of its depth."""


@dataclass(frozen=True, eq=False)
class Appearance:
    """A person's appearance at rest.

    Attributes:
        atlas: (SIZE, SIZE, CHANNELS) float32.
        height: wrinkles.ROWS x COLUMNS height in cm of the skin at rest.
        wrinkle_shift: (down, right) texels by which this person's wrinkles are shifted.
        variant: AU -> variant of its furrows, below `wrinkles.VARIANTS`.
        hair: (V,) thickness of hair on the surface, cm.
        long_hair: whether the rig's long hair is drawn.
    """

    atlas: Floats
    height: Floats
    wrinkle_shift: tuple[int, int]
    variant: Mapping[int, int]
    hair: Floats
    long_hair: bool


@lru_cache(maxsize=4)
def appearance(rig: FaceRig, person: Person) -> Appearance:
    """Return a person's appearance, cached for further faces of the same person."""
    masks = uv_masks()
    rng = np.random.default_rng((person.texture, 2))
    noise = {name: _shifted(field, rng) for name, field in masks.noise.items()}
    hair = _hair_cover(person, noise)
    out = np.zeros((atlas.SIZE, atlas.SIZE, CHANNELS), np.float32)
    head = out[: atlas.HEAD_ROWS]
    lids = _lids(person)
    creases = masks.creases + _lid_creases(lids, masks.lid_creases) + person.age * masks.age
    head[..., :3], head[..., 3] = _skin(person, masks, noise, creases)
    _blend(head, _brow_cover(person, masks, noise), _rgb(person.hair) * 0.8, 0.1)
    lash = np.clip(masks.lashes * (lids.lashes + 0.4 * person.liner), 0, 1)
    _blend(head, lash, np.full(3, 0.008, np.float32), 0.1)
    strands = 1 + 0.20 * noise["strand"][..., None] + 0.15 * noise["mid"][..., None]
    _blend(head, hair, _rgb(person.hair) * np.clip(strands, 0.25, 2.2), 0.35)
    height = np.float32(0.006) * noise["grain"] + 0.5 * masks.lips * 0.01 * noise["strand"]
    height = height + creases - 0.05 * masks.lip_line
    height = height + hair * 0.035 * noise["strand"]
    head[..., 4:] = slopes(height)
    uv_patches.paint(out, person, noise, rng)
    return Appearance(
        out,
        height[wrinkles.ROWS, wrinkles.COLUMNS].copy(),
        (int(rng.integers(-3, 4)), int(rng.integers(-1, 2))),
        _variants(person),
        _hair_lift(rig, person),
        HAIR_STYLES[person.style][3],
    )


def wrinkled_atlas(look: Appearance, depths: Mapping[int, float]) -> Floats:
    """Return the atlas (SIZE, SIZE, CHANNELS) with the wrinkles of an expression.

    Args:
        look: the person's appearance at rest.
        depths: AU number -> factor on the depth of `wrinkles.PATTERNS`.
    """
    raised = np.zeros_like(look.height)
    for au, depth in depths.items():
        if depth:
            raised += np.float32(depth) * wrinkle_heights(look.variant[au])[au]
    raised = np.roll(raised, look.wrinkle_shift, (0, 1))
    out = look.atlas.copy()
    part = out[wrinkles.ROWS, wrinkles.COLUMNS]
    part[..., :3] *= np.clip(1 + FURROW_DARKNESS * np.minimum(raised, 0), 0.25, 1)[..., None]
    part[..., 4:] = slopes(look.height + raised)
    return out


def _variants(person: Person) -> dict[int, int]:
    rng = np.random.default_rng((person.texture, 17))
    return {au: int(rng.integers(wrinkles.VARIANTS)) for au in wrinkles.PATTERNS}


def slopes(height: Floats) -> Floats:
    """Return (..., 2) slopes of a height map in cm per cm, along u and v."""
    down, right = np.gradient(height)
    return np.stack([right, down], -1) * np.float32(atlas.TEXELS)


@dataclass(frozen=True)
class _Lids:
    """A person's eyelids.

    Attributes:
        lashes: 0..1, how dark the lids' edges are.
        crease: depth of the upper lid's crease; 1 is average, near 0 a lid without one.
        rise: of the crease, texels.
    """

    lashes: float
    crease: float
    rise: int


def _lids(person: Person) -> _Lids:
    rng = np.random.default_rng((person.texture, 22))
    return _Lids(
        float(rng.uniform(0.6, 1.0)), float(rng.uniform(0.2, 2.4)), int(rng.integers(-1, 3))
    )


def _lid_creases(lids: _Lids, average: Floats) -> Floats:
    return np.asarray(lids.crease * np.roll(average, -lids.rise, 0), np.float32)


def _skin(
    person: Person, masks: UvMasks, noise: dict[str, Floats], creases: Floats
) -> tuple[Floats, Floats]:
    """Return color (HEAD_ROWS, SIZE, 3) and gloss (HEAD_ROWS, SIZE) of the skin of the head."""
    spots = np.clip(noise["speck"] - 1.3, 0, 1) * person.freckles * masks.blush
    melanin = person.melanin * (1 + 0.05 * noise["low"] + 0.025 * noise["mid"])
    melanin = melanin + 0.05 * (1 - masks.blush) + 0.35 * spots + 0.012 * noise["speck"]
    melanin = melanin + 0.10 * masks.sockets * (0.4 + person.age)
    mottle = 0.10 * noise["low"] + 0.07 * noise["mid"]
    blood = person.hemoglobin * (1 + 0.7 * masks.blush + mottle)
    blood = blood + 0.012 * noise["fine"]
    blood = blood + masks.lips * (0.42 + 0.08 * noise["strand"])
    melanin = melanin + masks.lips * 0.10
    color: Floats = skin_color(np.maximum(melanin, 0), np.maximum(blood, 0))
    tint = (masks.lips * person.lipstick)[..., None]
    color = color * (1 - tint) + tint * _rgb(person.lip_tint)
    stubble = masks.beard * person.stubble * np.clip(0.62 + 0.25 * noise["grain"], 0, 0.9)
    color = color * (1 - stubble[..., None]) + stubble[..., None] * _rgb(person.hair) * 0.6
    dark = masks.shade * (1 - 0.55 * masks.lip_line) * (1 - 0.92 * masks.nostrils)
    dark = dark * np.clip(1 + 3.0 * np.minimum(creases, 0), 0.4, 1)
    gloss = 0.22 + 0.25 * masks.lips + 0.08 * masks.blush
    return color * dark[..., None], gloss


def _rgb(color: Color) -> Floats:
    return np.array(color, np.float32)


def _blend(head: Floats, cover: Floats, color: Floats, gloss: float) -> None:
    cover = cover[..., None]
    head[..., :3] += cover * (color - head[..., :3])
    head[..., 3:4] += cover * (gloss - head[..., 3:4])


def _brow_cover(person: Person, masks: UvMasks, noise: dict[str, Floats]) -> Floats:
    edge = 1.0 - 0.75 * person.brow_thickness
    cover = np.clip((masks.brows - 0.35 - 0.35 * edge) * 3.2, 0, 1)
    return np.asarray(cover * np.clip(person.brow_density + 0.14 * noise["slant"], 0.1, 0.97))


def _hair_cover(person: Person, noise: dict[str, Floats]) -> Floats:
    """Return the coverage of hair on the head: above the hairline and behind the temples."""
    rows, columns = np.mgrid[: atlas.HEAD_ROWS, : atlas.SIZE]
    y = atlas.TOP - rows / atlas.TEXELS
    turn = np.abs(columns - atlas.SIZE / 2) / atlas.TEXELS / atlas.RADIUS
    thickness = HAIR_STYLES[person.style][2]
    temple = 1 / (1 + np.exp(-(turn - 1.12) * 9.0))
    line = person.hairline + 0.35 * np.cos(5 * turn) - 1.3 * np.clip(turn - 0.5, 0, 1)
    line = line * (1 - temple) + temple * (0.5 - 4.0 * (turn > 1.5)) + 0.25 * noise["mid"]
    rough, depth = (0.30 * noise["strand"], 0.8) if person.fringe else (0.09 * noise["speck"], 1.5)
    cover = np.clip((y - line) / depth + 0.5 + rough, 0, 1)
    if thickness == 0:
        return np.asarray(cover * 0.12, np.float32)
    return np.asarray(cover, np.float32)


def _hair_lift(rig: FaceRig, person: Person) -> Floats:
    """Return (V,) thickness of the hair on each vertex, cm."""
    x, y, _ = rig.neutral.T
    thickness = HAIR_STYLES[person.style][2]
    above = np.clip((y - person.hairline) / 3.5, 0, 1)
    turn = np.abs(atlas.angle(rig.neutral))
    behind = np.clip((turn - 1.15) / 0.4, 0, 1) * np.clip((y - 0.5) / 3.0, 0, 1)
    cover = np.maximum(above, behind * 0.9) * np.clip(rig.scalp * 1.5 - 0.25, 0, 1)
    wave = 1 + 0.18 * np.sin(1.7 * x + person.hairline * 5) * np.cos(1.3 * y)
    return np.asarray(thickness * cover * wave * (~rig.curtain))


def _shifted(field: Floats, rng: np.random.Generator) -> Floats:
    """Return a periodic field, shifted at random."""
    shift = (int(rng.integers(field.shape[0])), int(rng.integers(field.shape[1])))
    return np.roll(field, shift, (0, 1))
