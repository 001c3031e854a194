"""Skin color from melanin and hemoglobin."""

import numpy as np

from fau_tf.synthetic.rigs.rig import Floats

WHITE = np.array([0.91, 0.68, 0.585])
"""Linear reflectance of skin without pigment: very light skin, not paper."""
SURFACE = np.array([0.020, 0.015, 0.012])
"""Reflection at the surface; the color of the darkest skin."""
MELANIN = np.array([2.60, 3.65, 4.60])
"""Absorption per unit of melanin. It rises towards blue (Jacques), but less than wavelength **
-3.3, since blue light that returns has gone less deep."""
HEMOGLOBIN = np.array([0.22, 1.50, 1.15])


def skin_color(melanin: Floats, hemoglobin: Floats) -> Floats:
    """Return (..., 3) linear RGB reflectance of skin.

    Args:
        melanin: 0 (none) to about 1.25 (very dark).
        hemoglobin: 0 to about 1 (lips).

    Reference:
        Jacques, Optical properties of biological tissues, Phys. Med. Biol. 58, 2013: absorbers of
        skin. The strengths are fitted by eye to photographed skin from light to dark.
    """
    melanin, hemoglobin = np.asarray(melanin)[..., None], np.asarray(hemoglobin)[..., None]
    kind = np.result_type(melanin, hemoglobin)
    through_melanin, through_blood = MELANIN.astype(kind), HEMOGLOBIN.astype(kind)
    hemoglobin = hemoglobin * np.exp(-0.8 * melanin)  # melanin lies above the blood
    passed = np.exp(-(melanin * through_melanin + hemoglobin * through_blood))
    return np.asarray(SURFACE.astype(kind) + (WHITE - SURFACE).astype(kind) * passed)
