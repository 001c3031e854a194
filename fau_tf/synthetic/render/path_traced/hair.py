"""Brows, lashes, beard and hair as strands on the moving skin.

The atlas is painted with hair too, so strands need not hide the skin, only break up its edges.
"""

import numpy as np

from fau_tf.synthetic.render.geometry import Surface
from fau_tf.synthetic.render.path_traced.strands import Roots, comb, curve, ribbons, sample_roots
from fau_tf.synthetic.rigs.rig import Floats, Ints
from fau_tf.synthetic.scene.person import HAIR_STYLES, Person
from fau_tf.synthetic.scene.scene import Scene
from fau_tf.synthetic.textures import uv_atlas
from fau_tf.synthetic.textures.uv_masks import uv_masks

BROW, HAIR, BEARD, UPPER_LASHES, LOWER_LASHES = 420, 3600, 1800, 70, 36
"""Number of strands: of both brows, the head, a full beard, and an eyelid."""
SHORTEST_BEARD = 0.35
"""Stubble below this is only painted."""


def add_hair(scene: Scene, body: Surface) -> Surface:
    """Return the surface with hair; a person has the same strands in every picture."""
    rng = np.random.default_rng((scene.person.texture, 21))
    strands = [part for kind in (_brows, _hair, _beard, _lashes) for part in kind(scene, body, rng)]
    return body.extended(strands)


def _brows(scene: Scene, body: Surface, rng: np.random.Generator) -> list[Surface]:
    person = scene.person
    edge = 1.0 - 0.75 * person.brow_thickness
    density = np.clip((uv_masks().brows - 0.35 - 0.35 * edge) * 2.0, 0, 1)
    roots = sample_roots(scene.rig, body, density, round(BROW * person.brow_density), rng)
    outwards, cm = _sides(roots)
    # upright at the nose, level at the temples
    up = -np.clip(1.1 - 0.42 * (cm - 0.8), -0.35, 1.0) + rng.normal(0, 0.2, len(cm))
    along = comb(roots, outwards, up)
    length = 0.42 * person.brow_thickness**0.5 * rng.uniform(0.6, 1.2, len(cm))
    strands = curve(roots.points, along, roots.normals, length, 0.2)
    return [ribbons(strands, 0.014, _hair_uv(rng, len(cm)), body.turn)]


def _hair(scene: Scene, body: Surface, rng: np.random.Generator) -> list[Surface]:
    person = scene.person
    thickness = HAIR_STYLES[person.style][2]
    if not thickness:
        return []
    roots = sample_roots(scene.rig, body, _scalp(person), HAIR, rng)
    count = len(roots.points)
    parting = rng.normal(0, 0.6)
    _, cm = _sides(roots)
    beside = np.clip((cm / uv_atlas.RADIUS - 0.8) / 0.3, 0, 1)
    front = 1.0 if person.fringe else rng.choice((-0.8, 0.5))
    down = (1 - beside) * front + beside + rng.normal(0, 0.18, count)
    across = (1 - beside) * parting + rng.normal(0, 0.18, count)
    length = np.minimum(0.3 + 0.9 * thickness, 1.3) * rng.uniform(0.6, 1.2, count)
    strands = curve(roots.points, comb(roots, across, down), roots.normals, length, 0.25)
    return [ribbons(strands, 0.028, _hair_uv(rng, count), body.turn)]


def _beard(scene: Scene, body: Surface, rng: np.random.Generator) -> list[Surface]:
    person = scene.person
    if person.stubble < SHORTEST_BEARD:
        return []
    roots = sample_roots(scene.rig, body, uv_masks().beard, round(BEARD * person.stubble), rng)
    outwards, _ = _sides(roots)
    count = len(outwards)
    along = comb(roots, 0.25 * outwards, 1 + rng.normal(0, 0.25, count))
    length = 0.30 * person.stubble * rng.uniform(0.6, 1.2, count)
    strands = curve(roots.points, along, roots.normals, length, 0.45)
    return [ribbons(strands, 0.010, _hair_uv(rng, count), body.turn)]


def _lashes(scene: Scene, body: Surface, rng: np.random.Generator) -> list[Surface]:
    out = []
    row, column = np.unravel_index(int(np.argmax(uv_masks().lashes)), uv_masks().lashes.shape)
    black = np.array([[column, row]], float)
    for ring in scene.rig.eyes:
        for upper, count in ((True, UPPER_LASHES), (False, LOWER_LASHES)):
            strands = _eyelid(scene, body, ring, upper, count, rng)
            uv = np.repeat(black, len(strands), 0)
            out.append(ribbons(strands, 0.011 if upper else 0.007, uv, body.turn))
    return out


def _eyelid(
    scene: Scene, body: Surface, ring: Ints, upper: bool, count: int, rng: np.random.Generator
) -> Floats:
    """Return the lashes (count, POINTS, 3) of one eyelid."""
    rest = scene.rig.neutral[ring]
    margin = ring[(rest[:, 1] > rest[:, 1].mean()) == upper]
    margin = margin[np.argsort(scene.rig.neutral[margin, 0], kind="stable")]
    head = (body.points[ring] - body.points[ring].mean(0)) @ body.turn
    gap = float(np.ptp(head[:, 1]))
    place = np.linspace(0.06, 0.94, count) + rng.normal(0, 0.006, count)
    knots = np.linspace(0, 1, len(margin))
    line = body.points[margin]
    start = np.stack([np.interp(place, knots, line[:, i]) for i in range(3)], 1)
    right, up, front = body.turn.T
    fan = (2 * place - 1)[:, None] * 0.55 + rng.normal(0, 0.10, (count, 1))
    # lashes follow an eyelid that closes
    height = np.clip(1.1 * gap - 0.45, -0.5, 0.65) if upper else -0.55
    along = fan * right + height * up + 0.75 * front
    longest = np.sin(np.pi * np.clip(place, 0.08, 0.92)) ** 0.5
    length = (0.62 if upper else 0.30) * longest * rng.uniform(0.75, 1.1, count)
    bend = np.broadcast_to(0.9 * front - 0.2 * up * (1 if upper else -1), along.shape)
    return curve(start, along, bend, length, 0.4)


def _scalp(person: Person) -> Floats:
    """Return (HEAD_ROWS, SIZE) density of strands on the head, a little inside the painted hair."""
    rows, columns = np.mgrid[: uv_atlas.HEAD_ROWS, : uv_atlas.SIZE]
    y = uv_atlas.TOP - rows / uv_atlas.TEXELS
    turn = np.abs(columns - uv_atlas.SIZE / 2) / uv_atlas.TEXELS / uv_atlas.RADIUS
    line = person.hairline + 0.35 * np.cos(5 * turn) - 1.3 * np.clip(turn - 0.5, 0, 1)
    temple = 1 / (1 + np.exp(-(turn - 1.18) * 9.0))
    line = line * (1 - temple) + temple * (0.8 - 4.0 * (turn > 1.5))
    return np.asarray(np.clip((y - line - 0.2) / 0.6, 0, 1))


def _sides(roots: Roots) -> tuple[Floats, Floats]:
    """Return (n,) -1 or 1, the side of the face, and (n,) the distance from its midline in cm."""
    off = roots.texel[:, 0] - uv_atlas.SIZE / 2
    return np.sign(off), np.abs(off) / uv_atlas.TEXELS


def _hair_uv(rng: np.random.Generator, count: int) -> Floats:
    """Return (count, 2) texels of hair, another shade for each strand."""
    return uv_atlas.patch_uv("hair", *rng.uniform(0.02, 0.98, (2, count)))
