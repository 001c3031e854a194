"""The one material of the path tracer: every surface of the atlas, told apart by its texels."""

from typing import Any

import numpy as np

from fau_tf.synthetic.rigs.rig import Floats
from fau_tf.synthetic.scene.scene import Light
from fau_tf.synthetic.textures import uv_atlas

SHARP = 1.5
"""Gloss from which a surface mirrors lights, as in the fast renderer: the eyes."""
WET = 0.9
"""Gloss of teeth and the rims of the lids."""

TEETH = 1.45


def material(mi: Any, skin: Floats, light: Light) -> dict[str, Any]:
    """Return the material of the atlas (SIZE, SIZE, 6): color, gloss and slopes, see CHANNELS.

    Wrinkles are a map of normals and not of heights, since the atlas has slopes everywhere and
    heights only where AUs leave marks: both renderers then show the same furrows.
    """
    gloss = skin[..., 3:4]
    rough = 0.56 - 0.9 * gloss * (0.4 + light.shine)
    # a rougher floor for skin: small, sharp lights on it would be water
    floor = np.select([gloss >= SHARP, gloss >= WET], [0.06, 0.18], 0.32)
    return {
        "type": "twosided",  # locks of hair and bars of glasses are sheets
        "inner": {
            "type": "normalmap",
            "normalmap": texture(mi, 0.5 + 0.5 * _normals(skin[..., 4:])),
            "bsdf": {
                "type": "principled",
                "base_color": texture(mi, np.clip(_colors(skin), 0.002, 0.95)),
                "roughness": texture(mi, np.clip(rough, floor, 0.9)),
                "specular": float(0.14 + 0.45 * light.shine),  # 0.35 is skin: 2.8 % at right angles
            },
        },
    }


def texture(mi: Any, image: Floats) -> dict[str, Any]:
    """Return an image (SIZE, SIZE, 1 or 3) as a texture whose first row is the atlas' first."""
    content = mi.Bitmap(np.ascontiguousarray(image, np.float32))
    return {"type": "bitmap", "bitmap": content, "raw": True, "wrap_mode": "clamp"}


def texture_places(uv: Floats) -> Floats:
    """Return texels (V, 2) as the tracer's coordinates: texel i's middle is (i + 0.5) / SIZE."""
    return np.asarray((uv + 0.5) / uv_atlas.SIZE, np.float32)


def _colors(skin: Floats) -> Floats:
    """Return reflectances; teeth are lighter, for light also reaches them through the lips."""
    out = skin[..., :3].copy()
    out[uv_atlas.patch("teeth")] *= TEETH
    return out


def _normals(slope: Floats) -> Floats:
    """Return unit normals in the axes of the texture: u, up against v, outwards."""
    tilted = np.dstack([-slope[..., 0], slope[..., 1], np.ones_like(slope[..., 0])])
    return np.asarray(tilted / np.linalg.norm(tilted, axis=-1, keepdims=True))
