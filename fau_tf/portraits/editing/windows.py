"""Small windows of a picture, lengths in its px, soft polygons, and blends."""

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf.synthetic.rigs.rig import Floats
from fau_tf.utils import optional_imports

Mask = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.float32] | npt.NDArray[np.uint8]
MEASURED: Final = 160
"""Side in px of the portraits on which all limits in px were chosen."""
_FINE = 4
_SHIFT = 4  # fractional bits of OpenCV's polygon corners


@cache
def opencv() -> Any:
    """Return the OpenCV module, looked up once.

    Raises:
        MissingLibraryError: If it is not installed.
    """
    return optional_imports.cv2()


def px_of(size: int) -> float:
    """Return how many px of a portrait of `size` px are one px at MEASURED."""
    return size / MEASURED


def margin_kernel(px: float) -> npt.NDArray[np.uint8]:
    """Return the square (n, n) that erodes a mask by one px at MEASURED, at least by one."""
    side = 2 * max(1, round(px)) + 1
    return np.ones((side, side), np.uint8)


@dataclass(frozen=True)
class Window:
    """A rectangle of a picture: its first column and row, width and height in px."""

    left: int
    top: int
    width: int
    height: int

    def of(self, picture: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the window's part of a picture, a view."""
        return picture[self.top : self.top + self.height, self.left : self.left + self.width]

    def local(self, points: Floats) -> Floats:
        """Return points (..., 2) in px of the window."""
        return np.asarray(points - (self.left, self.top))


def window_around(points: Floats, size: int, pad: int = 3) -> Window:
    """Return the smallest window around points (n, 2), `pad` px wider, inside the picture."""
    x, y = np.ascontiguousarray(points.T)  # a reduction over a long axis is much faster
    low = np.clip(np.floor([x.min(), y.min()]).astype(int) - pad, 0, size - 2)
    high = np.clip(np.ceil([x.max(), y.max()]).astype(int) + pad + 1, low + 2, size)
    return Window(int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1]))


def polygon_mask(window: Window, corners: Floats) -> Mask:
    """Return (height, width), the share of each pixel that a polygon covers, 0 to 1.

    Args:
        window: Its size is that of the mask.
        corners: (n, 2) in px of the window.
    """
    cv2 = opencv()
    fine = np.zeros((window.height * _FINE, window.width * _FINE), np.uint8)
    # Pixel centers lie on integers, in the fine mask as well. OpenCV also fills the pixels on the
    # border, half a fine pixel too many on each side.
    fixed = np.round(((corners + 0.5) * _FINE - 0.5) * (1 << _SHIFT)).astype(np.int32)
    cv2.fillPoly(fine, [fixed], 255, shift=_SHIFT)
    mask = cv2.resize(fine, (window.width, window.height), interpolation=cv2.INTER_AREA)
    return np.asarray(mask, np.float32) * np.float32(1 / 255)


def blend(below: Pixels, above: Pixels, share: Mask) -> Mask:
    """Return pictures (H, W, 3) mixed by the share (H, W) of the one above, float32."""
    under = below.astype(np.float32)
    return np.asarray(under + share[..., None] * (above - under), np.float32)


def rounded(picture: Mask) -> npt.NDArray[np.uint8]:
    """Return a picture as uint8."""
    return np.asarray(np.clip(picture + 0.5, 0, 255), np.uint8)
