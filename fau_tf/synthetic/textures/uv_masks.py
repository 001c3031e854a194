"""UV masks that all people share: lips, brows, lashes, beard, hollows, wrinkles, noise."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import ndimage

from fau_tf.synthetic.rigs import canonical_topology as topology
from fau_tf.synthetic.rigs.canonical import template
from fau_tf.synthetic.rigs.rig import Floats
from fau_tf.synthetic.textures import uv_atlas, uv_paint, wrinkles

NOISE = {
    "low": (26.0, 26.0),
    "mid": (7.0, 7.0),
    "fine": (2.2, 2.2),
    "speck": (1.1, 1.1),
    "grain": (0.8, 0.8),
    "strand": (9.0, 0.9),
    "slant": (0.9, 2.2),
}
"""Name -> smoothing in texels, down and across."""


@dataclass(frozen=True, eq=False)
class UvMasks:
    """Masks of the unrolled head, (HEAD_ROWS, SIZE) float32."""

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
    lid_creases: Floats
    noise: dict[str, Floats]


@lru_cache(maxsize=1)
def uv_masks() -> UvMasks:
    """Return the masks, drawn on the canonical head; all rigs share its UV atlas."""
    face = uv_paint.FaceMap(template())
    lips, lip_line = uv_paint.lips(face)
    rng = np.random.default_rng(7)
    noise = {name: _noise(rng, sigma) for name, sigma in NOISE.items()}
    upper = (33, *topology.RIGHT_UPPER_LID, 133)
    lower = (33, *topology.RIGHT_LOWER_LID, 133)
    lash = uv_paint.line(face.vertices(upper), 0.09, taper=False)
    lash += 0.45 * uv_paint.line(face.vertices(lower), 0.06)
    return UvMasks(
        lips=lips,
        lip_line=lip_line,
        brows=_brows(face),
        lashes=uv_paint.both(lash),
        sockets=uv_paint.both(uv_paint.spot(face.texels([(-3.0, 2.6)])[0], 1.5, 0.8)),
        blush=_blush(face),
        beard=_beard(face, lips),
        nostrils=_nostrils(face),
        shade=_shade(face),
        age=wrinkles.age_wrinkles(face),
        creases=wrinkles.permanent_creases(face),
        lid_creases=wrinkles.lid_creases(face),
        noise=noise,
    )


@lru_cache(maxsize=wrinkles.VARIANTS)
def wrinkle_heights(variant: int) -> dict[int, Floats]:
    """Return `wrinkles.heights` of a variant on the canonical head."""
    return wrinkles.heights(uv_paint.FaceMap(template()), variant)


def _noise(rng: np.random.Generator, sigma: tuple[float, float]) -> Floats:
    field = ndimage.gaussian_filter(rng.normal(0, 1, uv_paint.SHAPE), sigma, mode="wrap")
    return np.asarray(field / field.std(), np.float32)


def _brows(face: uv_paint.FaceMap) -> Floats:
    top = face.vertices(topology.RIGHT_BROW_TOP) + np.array([0, 2.0])
    bottom = face.vertices(topology.RIGHT_BROW_BOTTOM) + np.array([0, 1.0])
    outline = np.vstack([top, bottom[::-1]])
    return uv_paint.both(uv_paint.polygon(outline, 0.16))


def _blush(face: uv_paint.FaceMap) -> Floats:
    cheek = uv_paint.both(uv_paint.spot(face.texels([(-4.3, -0.6)])[0], 1.5, 1.3))
    nose = uv_paint.spot(face.texels([(0.0, -0.3)])[0], 1.0, 1.2)
    return np.asarray(np.maximum(cheek, 0.8 * nose))


def _nostrils(face: uv_paint.FaceMap) -> Floats:
    middle = face.vertices((79, 239, 238, 241, 20, 60)).mean(0)
    return uv_paint.both(uv_paint.spot(middle, 0.26, 0.15))


def _beard(face: uv_paint.FaceMap, lips: Floats) -> Floats:
    rows, columns = np.mgrid[: uv_atlas.HEAD_ROWS, : uv_atlas.SIZE]
    y = uv_atlas.TOP - rows / uv_atlas.TEXELS
    turn = np.abs(columns - uv_atlas.SIZE / 2) / uv_atlas.TEXELS
    start = -2.35 - 1.6 * np.exp(-(((turn - 3.6) / 1.6) ** 2)) + 3.5 * np.clip((turn - 6) / 4, 0, 1)
    cover = np.clip((start - y) / 0.9, 0, 1) * np.clip((13 - turn) / 1.5, 0, 1)
    bare = uv_paint.spot(face.texels([(0.0, -5.9)])[0], 1.6, 0.3)
    return np.asarray(cover * (1 - lips) * (1 - 0.5 * bare), np.float32)


def _shade(face: uv_paint.FaceMap) -> Floats:
    """Return the share of light in hollows: inner eye corners, under the nose and the lower lip."""
    dark = 0.35 * uv_paint.both(uv_paint.spot(face.texels([(-1.75, 2.75)])[0], 0.5, 0.5))
    dark = dark + 0.25 * uv_paint.spot(face.texels([(0.0, -2.2)])[0], 1.2, 0.35)
    dark = dark + 0.22 * uv_paint.spot(face.texels([(0.0, -5.95)])[0], 1.4, 0.3)
    dark = dark + 0.30 * uv_paint.both(uv_paint.spot(face.texels([(-2.6, -4.35)])[0], 0.25, 0.2))
    return np.asarray(1 - np.clip(dark, 0, 0.7), np.float32)
