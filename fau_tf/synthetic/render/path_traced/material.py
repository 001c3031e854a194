"""The path tracer's material for all surfaces of the atlas."""

from typing import Any

import numpy as np

from fau_tf.synthetic.rigs.rig import Floats
from fau_tf.synthetic.scene.scene import Light
from fau_tf.synthetic.textures import uv_atlas

EYE_GLOSS = 1.5
"""Gloss from which a surface mirrors lights, as in the fast renderer: the eyes."""
WET_GLOSS = 0.9
"""Gloss of teeth and the rims of the eyelids."""
TEETH = 1.45
"""Factor on the color of teeth, since light also reaches them through the lips."""


def material(mi: Any, atlas: Floats, light: Light) -> dict[str, Any]:
    """Return the material of an atlas (SIZE, SIZE, 6), see `albedo.CHANNELS`.

    Wrinkles are a normal map and not a height map, since the atlas has slopes everywhere and
    heights only where AUs wrinkle the skin: both renderers then show the same furrows.
    """
    gloss = atlas[..., 3:4]
    rough = 0.56 - 0.9 * gloss * (0.4 + light.shine)
    # skin stays rough: small, sharp highlights on it would look wet
    floor = np.select([gloss >= EYE_GLOSS, gloss >= WET_GLOSS], [0.06, 0.18], 0.32)
    return {
        "type": "twosided",  # locks of hair and bars of glasses are sheets
        "inner": {
            "type": "normalmap",
            "normalmap": _texture(mi, 0.5 + 0.5 * _normals(atlas[..., 4:])),
            "bsdf": {
                "type": "principled",
                "base_color": _texture(mi, np.clip(_colors(atlas), 0.002, 0.95)),
                "roughness": _texture(mi, np.clip(rough, floor, 0.9)),
                "specular": float(0.14 + 0.45 * light.shine),  # 0.35 is skin: 2.8 % at right angles
            },
        },
    }


def _texture(mi: Any, image: Floats) -> dict[str, Any]:
    """Return an image (SIZE, SIZE, 1 or 3) as a texture whose first row is the atlas' first."""
    content = mi.Bitmap(np.ascontiguousarray(image, np.float32))
    return {"type": "bitmap", "bitmap": content, "raw": True, "wrap_mode": "clamp"}


def texture_coordinates(uv: Floats) -> Floats:
    """Return texels (V, 2) as texture coordinates: the center of texel i is (i + 0.5) / SIZE."""
    return np.asarray((uv + 0.5) / uv_atlas.SIZE, np.float32)


def _colors(atlas: Floats) -> Floats:
    out = atlas[..., :3].copy()
    out[uv_atlas.patch("teeth")] *= TEETH
    return out


def _normals(slope: Floats) -> Floats:
    """Return unit normals in the axes of the texture: along u, against v, outwards."""
    tilted = np.dstack([-slope[..., 0], slope[..., 1], np.ones_like(slope[..., 0])])
    return np.asarray(tilted / np.linalg.norm(tilted, axis=-1, keepdims=True))
