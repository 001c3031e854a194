"""The atlas' patches beside the skin of the head: eyes, mouth, teeth, hair, ears, hand, neck."""

import numpy as np

from fau_tf.synthetic.rigs.rig import Floats
from fau_tf.synthetic.scene.occlusion import sample_glasses
from fau_tf.synthetic.scene.person import Person
from fau_tf.synthetic.textures import uv_atlas
from fau_tf.synthetic.textures.skin_color import skin_color


def paint(out: Floats, person: Person, noise: dict[str, Floats], rng: np.random.Generator) -> None:
    """Paint a person's patches into an atlas (SIZE, SIZE, CHANNELS) of `albedo`."""
    skin = skin_color(np.array(person.melanin), np.array(person.hemoglobin))
    rows, columns = uv_atlas.patch("eye")
    out[rows, columns, :3], out[rows, columns, 3] = _eye(person, noise), 2.0
    rows, columns = uv_atlas.patch("mouth")
    depth = np.linspace(0, 1, rows.stop - rows.start)[:, None, None]
    # lip margin, lip, vestibule, throat; from 0.7 on the tongue
    shade = np.interp(
        depth, [0, 0.2, 0.45, 0.6, 0.7, 0.72, 1], [1.1, 0.8, 0.25, 0.06, 0.06, 0.7, 1.4]
    )
    wet = np.array([0.22, 0.045, 0.045]) * shade
    out[rows, columns, :3], out[rows, columns, 3] = wet, 0.25
    rows, columns = uv_atlas.patch("lid")
    out[rows, columns, 3] = 1.2  # the wet line along the eyelid
    rim = np.linspace(0, 1, columns.stop - columns.start)[None, :, None] < 0.5
    out[rows, columns, :3] = np.where(rim, 0.06 * skin, 0.55 * skin + [0.06, 0.0, 0.0])
    rows, columns = uv_atlas.patch("teeth")
    lit = person.variation.teeth_light
    out[rows, columns, :3] = lit * _teeth(rng, rows, columns)
    out[rows, columns, 3] = lit
    rows, columns = uv_atlas.patch("hair")
    strand = np.clip(1 + 0.25 * noise["strand"][:160, :160, None], 0.2, 2.0)
    out[rows, columns, :3], out[rows, columns, 3] = np.array(person.hair, np.float32) * strand, 0.4
    rows, columns = uv_atlas.patch("ear")
    out[rows, columns, :3], out[rows, columns, 3] = skin * [1.0, 0.90, 0.90], 0.15
    ramp = np.linspace(0.55, 1.0, columns.stop - columns.start)[None, :, None]
    out[rows, columns, :3] *= ramp
    rows, columns = uv_atlas.patch("hand")
    out[rows, columns, :3], out[rows, columns, 3] = _hand(skin, rows, columns), 0.2
    glasses = sample_glasses(person.seed)
    if glasses:
        rows, columns = uv_atlas.patch("frame")
        out[rows, columns, :3], out[rows, columns, 3] = np.array(glasses.color), 1.0
    _neck(out, person, noise, skin, rng)


def _eye(person: Person, noise: dict[str, Floats]) -> Floats:
    """Return the eyeball from the front, its radius of 1.3 cm scaled to 1."""
    _, _, width, height = uv_atlas.PATCHES["eye"]
    y, x = np.mgrid[:height, :width]
    x, y = (x - (width - 1) / 2) / (width / 2), (y - (height - 1) / 2) / (height / 2)
    own = np.random.default_rng((person.texture, 16))
    size, pupil_radius, veins = own.uniform(0.94, 1.05), own.uniform(0.14, 0.21), own.uniform(0, 1)
    radius, turn = np.hypot(x, y) / size, np.arctan2(y, x)
    # Between the lids the white of an eye is hardly lighter than fair skin, and duller over dark.
    white = np.array([0.40, 0.355, 0.335]) * (1 - 0.32 * np.array([0.8, 1.0, 1.2]) * person.melanin)
    white = white * own.uniform(0.75, 1.1)
    outer = np.clip((radius - 0.5) / 0.4, 0, 1)[..., None]
    sclera = white * (1 - outer * np.array([0.22, 0.36, 0.38]))
    thread = np.clip(np.sin(9 * turn + 2.2 * noise["mid"][:height, :width]) - 0.72, 0, 1)[..., None]
    sclera = sclera * (1 - thread * outer * veins * np.array([0.3, 1.3, 1.3]))
    fiber = 1 + 0.22 * np.sin(turn * 23 + 2 * np.sin(turn * 5)) + 0.6 * (radius < 0.27)
    iris = np.array(person.iris) * fiber[..., None] * (1.15 - 0.45 * y[..., None])
    ring = np.clip((radius - 0.33) / 0.09, 0, 1)[..., None]
    iris = iris * (1 - 0.82 * ring)  # the limbal ring
    edge = np.clip((radius - 0.42) / 0.07, 0, 1)[..., None]
    color = iris * (1 - edge) + sclera * edge
    pupil = np.clip((pupil_radius - radius) / 0.03, 0, 1)[..., None]
    return np.asarray(color * (1 - pupil) + 0.004 * pupil)


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


def _hand(skin: Floats, rows: slice, columns: slice) -> Floats:
    """Return a finger, its root to the left, its back above and its shaded inner side below."""
    t = np.linspace(0, 1, rows.stop - rows.start)[:, None, None]
    s = np.linspace(0, 1, columns.stop - columns.start)[None, :, None]
    joint = np.exp(-(((s - 0.30) / 0.035) ** 2)) + np.exp(-(((s - 0.66) / 0.03) ** 2))
    shade = (1 - 0.22 * joint * (t < 0.4)) * (1 - 0.55 * np.clip((t - 0.35) / 0.4, 0, 1))
    red = np.array([0.0, 0.06, 0.05]) * np.clip((s - 0.75) / 0.2, 0, 1)
    nail = np.clip((s - 0.86) / 0.03, 0, 1) * np.clip((0.24 - t) / 0.05, 0, 1)
    color = skin * (np.array([0.97, 0.93, 0.92]) - red) * shade
    return np.asarray(color + nail * (0.75 * skin + [0.16, 0.10, 0.10] - color))


def _neck(
    out: Floats, person: Person, noise: dict[str, Floats], skin: Floats, rng: np.random.Generator
) -> None:
    rows, columns = uv_atlas.patch("neck")
    height, width = rows.stop - rows.start, columns.stop - columns.start
    v, u = np.mgrid[:height, :width]
    y, x = -3.0 - v / (height - 3) * 31, (u / (width - 3) - 0.5) * 41
    mottle = 1 + 0.05 * noise["mid"][:height, :width, None]
    below = np.clip((-7.5 - y) / 2.5, 0, 1)[..., None]
    base = skin * mottle * (0.50 + 0.42 * below)
    neckline = rng.uniform(-17.0, -13.2) + rng.uniform(0, 0.12) * x**2 + 4 * (np.abs(x) > 8)
    cloth = np.array(person.cloth) * (1 + 0.05 * noise["fine"][:height, :width, None])
    worn = np.clip((neckline - y) / 0.6, 0, 1)[..., None]
    out[rows, columns, :3] = base * (1 - worn) + cloth * worn
    out[rows, columns, 3] = 0.12 * (1 - worn[..., 0])
