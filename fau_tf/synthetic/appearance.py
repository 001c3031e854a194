"""The look of one person, painted into the atlas: skin, lips, brows, hair, eyes, teeth, cloth."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import ndimage

from fau_tf.synthetic import atlas, canvas, topology, wrinkles
from fau_tf.synthetic.person import HAIR_STYLES, Person
from fau_tf.synthetic.rig import FaceRig, Floats
from fau_tf.synthetic.skin import skin_colour

NOISE = {
    "low": (26.0, 26.0),
    "mid": (7.0, 7.0),
    "fine": (2.2, 2.2),
    "speck": (1.1, 1.1),
    "grain": (0.8, 0.8),
    "strand": (9.0, 0.9),
    "slant": (1.4, 4.0),
}
"""Name -> smoothing in texels, down and across."""
CHANNELS = 6
"""Red, green, blue in linear light, gloss, slope along u, slope along v."""


@dataclass(frozen=True, eq=False)
class Appearance:
    """What the renderer needs of a person.

    Attributes:
        atlas: (SIZE, SIZE, CHANNELS) float32.
        height: wrinkles.ROWS x COLUMNS height in cm of the skin at rest.
        hair: (V,) how far hair lifts the surface, in cm.
        long_hair: whether the curtain is drawn.
    """

    atlas: Floats
    height: Floats
    hair: Floats
    long_hair: bool


@dataclass(frozen=True, eq=False)
class Paints:
    """Maps of a rig that all people share; head maps are (HEAD_ROWS, SIZE) float32."""

    lips: Floats
    lip_line: Floats
    brows: Floats
    lashes: Floats
    sockets: Floats
    blush: Floats
    beard: Floats
    nostrils: Floats
    shade: Floats
    age: Floats
    creases: Floats
    noise: dict[str, Floats]


@lru_cache(maxsize=2)
def paints(rig: FaceRig) -> Paints:
    """Return the shared maps of a rig."""
    where = canvas.FaceMap(rig)
    lips, lip_line = canvas.lips(where)
    rng = np.random.default_rng(7)
    noise = {name: _noise(rng, sigma) for name, sigma in NOISE.items()}
    upper = (33, *topology.RIGHT_UPPER_LID, 133)
    lower = (33, *topology.RIGHT_LOWER_LID, 133)
    lash = canvas.line(where.vertices(upper), 0.06, taper=False)
    lash += 0.35 * canvas.line(where.vertices(lower), 0.05)
    return Paints(
        lips=lips,
        lip_line=lip_line,
        brows=_brows(where),
        lashes=canvas.both(lash),
        sockets=canvas.both(canvas.blot(where.texels([(-3.0, 2.6)])[0], 1.5, 0.8)),
        blush=_blush(where),
        beard=_beard(where, lips),
        nostrils=_nostrils(where),
        shade=_shade(where),
        age=wrinkles.age_lines(where),
        creases=wrinkles.young_lines(where),
        noise=noise,
    )


@lru_cache(maxsize=4)
def appearance(rig: FaceRig, person: Person) -> Appearance:
    """Return how a person looks; kept for the next faces of the same person."""
    shared = paints(rig)
    rng = np.random.default_rng(np.random.SeedSequence((person.texture, 2)))
    noise = {name: _moved(field, rng) for name, field in shared.noise.items()}
    hair = _hair_cover(person, noise)
    out = np.zeros((atlas.SIZE, atlas.SIZE, CHANNELS), np.float32)
    head = out[: atlas.HEAD_ROWS]
    head[..., :3], head[..., 3] = _skin(person, shared, noise)
    _paint_over(head, _brow_cover(person, shared, noise), np.array(person.hair) * 0.8, 0.1)
    lash = np.clip(shared.lashes * (0.75 + 0.4 * person.liner), 0, 1)
    _paint_over(head, lash, np.full(3, 0.008), 0.1)
    strands = 1 + 0.20 * noise["strand"][..., None] + 0.15 * noise["mid"][..., None]
    _paint_over(head, hair, np.array(person.hair) * np.clip(strands, 0.25, 2.2), 0.35)
    height = 0.006 * noise["grain"] + 0.5 * shared.lips * 0.01 * noise["strand"]
    height = height + shared.creases + person.age * shared.age - 0.05 * shared.lip_line
    height = height + hair * 0.035 * noise["strand"]
    head[..., 4:] = slopes(height)
    _patches(out, person, noise, rng)
    return Appearance(
        out, height[wrinkles.ROWS, wrinkles.COLUMNS].copy(), _hair_lift(rig, person),
        HAIR_STYLES[person.style][3],
    )  # fmt: skip


@lru_cache(maxsize=2)
def au_heights(rig: FaceRig) -> dict[int, Floats]:
    """Return AU -> height in cm at intensity 5 over wrinkles.ROWS x COLUMNS of a rig's head."""
    return wrinkles.heights(canvas.FaceMap(rig))


def slopes(height: Floats) -> Floats:
    """Return (..., 2) slopes of a height map in cm per cm, along u and v."""
    down, right = np.gradient(height)
    return np.stack([right, down], -1) * np.float32(atlas.TEXELS)


def _skin(person: Person, shared: Paints, noise: dict[str, Floats]) -> tuple[Floats, Floats]:
    spots = np.clip(noise["speck"] - 1.3, 0, 1) * person.freckles * shared.blush
    melanin = person.melanin * (1 + 0.05 * noise["low"] + 0.025 * noise["mid"])
    melanin = melanin + 0.05 * (1 - shared.blush) + 0.35 * spots + 0.012 * noise["speck"]
    melanin = melanin + 0.10 * shared.sockets * (0.4 + person.age)
    mottle = 0.10 * noise["low"] + 0.07 * noise["mid"]
    blood = person.haemoglobin * (1 + 0.7 * shared.blush + mottle)
    blood = blood + 0.012 * noise["fine"]
    blood = blood + shared.lips * (0.42 + 0.08 * noise["strand"])
    melanin = melanin + shared.lips * 0.10
    colour = skin_colour(np.maximum(melanin, 0), np.maximum(blood, 0)).astype(np.float32)
    tint = (shared.lips * person.lipstick)[..., None]
    colour = colour * (1 - tint) + tint * np.array(person.lip_tint)
    stubble = shared.beard * person.stubble * np.clip(0.62 + 0.25 * noise["grain"], 0, 0.9)
    colour = colour * (1 - stubble[..., None]) + stubble[..., None] * np.array(person.hair) * 0.6
    dark = shared.shade * (1 - 0.55 * shared.lip_line) * (1 - 0.92 * shared.nostrils)
    dark = dark * np.clip(1 + 3.0 * np.minimum(shared.creases + person.age * shared.age, 0), 0.4, 1)
    gloss = 0.22 + 0.25 * shared.lips + 0.08 * shared.blush
    return colour * dark[..., None], gloss


def _paint_over(head: Floats, cover: Floats, colour: Floats, gloss: float) -> None:
    cover = cover[..., None]
    head[..., :3] += cover * (colour - head[..., :3])
    head[..., 3:4] += cover * (gloss - head[..., 3:4])


def _brow_cover(person: Person, shared: Paints, noise: dict[str, Floats]) -> Floats:
    edge = 1.0 - 0.75 * person.brow_thickness
    cover = np.clip((shared.brows - 0.35 - 0.35 * edge) * 3.2, 0, 1)
    return np.asarray(cover * np.clip(person.brow_density + 0.3 * noise["slant"], 0.1, 0.97))


def _hair_cover(person: Person, noise: dict[str, Floats]) -> Floats:
    """Return where hair hides the skin of the head: above the hairline and behind the temples."""
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
    x, y, _ = rig.neutral.T
    thickness = HAIR_STYLES[person.style][2]
    above = np.clip((y - person.hairline) / 3.5, 0, 1)
    turn = np.abs(atlas.angle(rig.neutral))
    behind = np.clip((turn - 1.15) / 0.4, 0, 1) * np.clip((y - 0.5) / 3.0, 0, 1)
    cover = np.maximum(above, behind * 0.9) * np.clip(rig.scalp * 1.5 - 0.25, 0, 1)
    wave = 1 + 0.18 * np.sin(1.7 * x + person.hairline * 5) * np.cos(1.3 * y)
    return np.asarray(thickness * cover * wave * (~rig.curtain))


def _patches(
    out: Floats, person: Person, noise: dict[str, Floats], rng: np.random.Generator
) -> None:
    skin = skin_colour(np.array(person.melanin), np.array(person.haemoglobin))
    rows, columns = atlas.patch("eye")
    out[rows, columns, :3], out[rows, columns, 3] = _eye(person, noise), 2.0
    rows, columns = atlas.patch("mouth")
    depth = np.linspace(0, 1, rows.stop - rows.start)[:, None, None]
    wet = np.array([0.22, 0.045, 0.045]) * np.interp(
        depth, [0, 0.2, 0.45, 0.5, 0.64, 0.66, 1], [1.1, 0.8, 0.25, 0.9, 1.5, 0.1, 0.06]
    )
    out[rows, columns, :3], out[rows, columns, 3] = wet, 0.25
    rows, columns = atlas.patch("lid")
    rim = np.linspace(0, 1, columns.stop - columns.start)[None, :, None] < 0.5
    out[rows, columns, :3] = np.where(rim, 0.06 * skin, 0.55 * skin + [0.06, 0.0, 0.0])
    rows, columns = atlas.patch("teeth")
    out[rows, columns, :3], out[rows, columns, 3] = _teeth(rng, rows, columns), 1.0
    rows, columns = atlas.patch("hair")
    strand = np.clip(1 + 0.25 * noise["strand"][:160, :160, None], 0.2, 2.0)
    out[rows, columns, :3], out[rows, columns, 3] = np.array(person.hair) * strand, 0.4
    rows, columns = atlas.patch("ear")
    out[rows, columns, :3], out[rows, columns, 3] = skin * [1.0, 0.90, 0.90], 0.15
    ramp = np.linspace(0.55, 1.0, columns.stop - columns.start)[None, :, None]
    out[rows, columns, :3] *= ramp
    _neck(out, person, noise, skin, rng)


def _eye(person: Person, noise: dict[str, Floats]) -> Floats:
    _, _, width, height = atlas.PATCHES["eye"]
    y, x = np.mgrid[:height, :width]
    x, y = (x - (width - 1) / 2) / (width / 2), (y - (height - 1) / 2) / (height / 2)
    radius, turn = np.hypot(x, y), np.arctan2(y, x)
    sclera = np.array([0.62, 0.56, 0.52]) * (1 - 0.35 * np.clip(radius - 0.6, 0, 1))[..., None]
    sclera[..., 1:] *= (1 - 0.03 * np.clip(noise["fine"][:height, :width], 0, 2))[..., None]
    fibre = 1 + 0.25 * np.sin(turn * 23 + 2 * np.sin(turn * 5)) + 0.5 * (radius < 0.27)
    iris = np.array(person.iris) * fibre[..., None]
    ring = np.clip((radius - 0.36) / 0.08, 0, 1)[..., None]
    iris = iris * (1 - 0.7 * ring)
    edge = np.clip((radius - 0.43) / 0.04, 0, 1)[..., None]
    colour = iris * (1 - edge) + sclera * edge
    pupil = np.clip((0.185 - radius) / 0.03, 0, 1)[..., None]
    return np.asarray(colour * (1 - pupil) + 0.004 * pupil)


def _teeth(rng: np.random.Generator, rows: slice, columns: slice) -> Floats:
    height, width = rows.stop - rows.start, columns.stop - columns.start
    place = np.linspace(-1, 1, width)
    bend = np.arcsin(place * 0.98) * 3.2
    gap = np.abs((bend + 0.5) % 1 - 0.5) / 0.5
    seam = np.clip(gap / 0.16, 0.35, 1)[None, :, None]
    back = (1 - 0.6 * place**2)[None, :, None]
    gum = np.abs(np.linspace(-1, 1, height))[:, None, None] > 0.86
    white = np.array([0.66, 0.60, 0.49]) * rng.uniform(0.8, 1.1)
    return np.asarray(np.where(gum, np.array([0.34, 0.09, 0.08]), white * seam) * back)


def _neck(
    out: Floats, person: Person, noise: dict[str, Floats], skin: Floats, rng: np.random.Generator
) -> None:
    rows, columns = atlas.patch("neck")
    height, width = rows.stop - rows.start, columns.stop - columns.start
    v, u = np.mgrid[:height, :width]
    y, x = -3.0 - v / (height - 3) * 31, (u / (width - 3) - 0.5) * 41
    mottle = 1 + 0.05 * noise["mid"][:height, :width, None]
    below = np.clip((-7.5 - y) / 2.5, 0, 1)[..., None]
    base = skin * mottle * (0.50 + 0.42 * below)
    neckline = rng.uniform(-17.5, -13.2) + rng.uniform(0, 0.12) * x**2 * (np.abs(x) < 9)
    cloth = np.array(person.cloth) * (1 + 0.05 * noise["fine"][:height, :width, None])
    worn = np.clip((neckline - y) / 0.25, 0, 1)[..., None]
    out[rows, columns, :3] = base * (1 - worn) + cloth * worn
    out[rows, columns, 3] = 0.12 * (1 - worn[..., 0])


def _noise(rng: np.random.Generator, sigma: tuple[float, float]) -> Floats:
    field = ndimage.gaussian_filter(rng.normal(0, 1, canvas.SHAPE), sigma, mode="wrap")
    return np.asarray(field / field.std(), np.float32)


def _moved(field: Floats, rng: np.random.Generator) -> Floats:
    """Return the field at another place: it repeats at its edges."""
    shift = (int(rng.integers(field.shape[0])), int(rng.integers(field.shape[1])))
    return np.roll(field, shift, (0, 1))


def _brows(where: canvas.FaceMap) -> Floats:
    top = where.vertices(topology.RIGHT_BROW_TOP) + np.array([0, 2.0])
    bottom = where.vertices(topology.RIGHT_BROW_BOTTOM) + np.array([0, 1.0])
    outline = np.vstack([top, bottom[::-1]])
    return canvas.both(canvas.polygon(outline, 0.16))


def _blush(where: canvas.FaceMap) -> Floats:
    cheek = canvas.both(canvas.blot(where.texels([(-4.3, -0.6)])[0], 1.5, 1.3))
    nose = canvas.blot(where.texels([(0.0, -0.3)])[0], 1.0, 1.2)
    return np.asarray(np.maximum(cheek, 0.8 * nose))


def _nostrils(where: canvas.FaceMap) -> Floats:
    middle = where.vertices((79, 239, 238, 241, 20, 60)).mean(0)
    return canvas.both(canvas.blot(middle, 0.26, 0.15))


def _beard(where: canvas.FaceMap, lips: Floats) -> Floats:
    rows, columns = np.mgrid[: atlas.HEAD_ROWS, : atlas.SIZE]
    y = atlas.TOP - rows / atlas.TEXELS
    turn = np.abs(columns - atlas.SIZE / 2) / atlas.TEXELS
    start = -2.35 - 1.6 * np.exp(-(((turn - 3.6) / 1.6) ** 2)) + 3.5 * np.clip((turn - 6) / 4, 0, 1)
    cover = np.clip((start - y) / 0.9, 0, 1) * np.clip((13 - turn) / 1.5, 0, 1)
    bare = canvas.blot(where.texels([(0.0, -5.9)])[0], 1.6, 0.3)
    return np.asarray(cover * (1 - lips) * (1 - 0.5 * bare), np.float32)


def _shade(where: canvas.FaceMap) -> Floats:
    """Return how much light reaches hollows: inner eye corners, under nose and lower lip."""
    dark = 0.35 * canvas.both(canvas.blot(where.texels([(-1.75, 2.75)])[0], 0.5, 0.5))
    dark = dark + 0.25 * canvas.blot(where.texels([(0.0, -2.2)])[0], 1.2, 0.35)
    dark = dark + 0.22 * canvas.blot(where.texels([(0.0, -5.95)])[0], 1.4, 0.3)
    dark = dark + 0.30 * canvas.both(canvas.blot(where.texels([(-2.6, -4.35)])[0], 0.25, 0.2))
    return np.asarray(1 - np.clip(dark, 0, 0.7), np.float32)
