"""Whether a portrait wears glasses, whose frames must not bend with the skin."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf.portraits.editing.windows import MEASURED, opencv

MOVE_FRAMES: Final = (1, 2, 4, 6, 9)
"""AUs that move the skin under a frame."""
BAR: Final = 0.15
"""Contrast of a bar across the bridge of the nose, from which it is a frame. Of 1,012 portraits
those with a visible frame have 0.16 to 0.8, those without 0 to 0.14; rimless glasses have none."""
_BROWS, _NOSE = 9, 5  # mesh points above and below the bridge
_SAMPLES, _WIDTH = 24, 4  # along the bridge; half of the widest bar


def wears_glasses(image: npt.NDArray[np.uint8], mesh: npt.NDArray[np.floating[Any]]) -> bool:
    """Return whether a bar crosses the bridge of the nose, darker or brighter than both sides.

    It is looked for in a copy of MEASURED px, in which BAR was measured.

    Args:
        image: (S, S, 3) RGB uint8.
        mesh: (478, 2) mesh points, px.
    """
    cv2 = opencv()
    if len(image) != MEASURED:
        mesh = (mesh + 0.5) * (MEASURED / len(image)) - 0.5
        image = cv2.resize(image, (MEASURED, MEASURED), interpolation=cv2.INTER_AREA)
    part = np.linspace(0.15, 0.85, _SAMPLES)[:, None]
    line = mesh[_BROWS] + part * (mesh[_NOSE] - mesh[_BROWS])
    across = np.arange(-2.0, 3.0)[:, None] * (1, 0)
    at = (line[:, None] + across).astype(np.float32)  # (samples, 5, 2)
    seen = cv2.remap(image, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    level = seen.astype(np.float64).mean((1, 2))
    above = level[_WIDTH:-_WIDTH] - level[: -2 * _WIDTH]
    below = level[_WIDTH:-_WIDTH] - level[2 * _WIDTH :]
    bar = np.where(above * below > 0, np.minimum(np.abs(above), np.abs(below)), 0)
    return bool(bar.max() > BAR * (level.mean() + 10))
