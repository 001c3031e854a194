"""Heatmaps as a color overlay on a picture."""

import functools
from typing import Final

import numpy as np
import numpy.typing as npt

from fau_tf import facs
from fau_tf.face.align import Image, Matrix, transform
from fau_tf.inference.estimator import FaceResult
from fau_tf.utils import optional_imports

OPAQUE_FROM, COVER = 2.0, 0.65
"""Intensity from which a heatmap is most opaque, and its opacity there."""

_STEPS: Final = 128  # levels per unit of intensity: 1.5 gray levels from the next

# Colors from 0 to 5, blue over green to red: bright and saturated, so that they stand out from
# dark and from light skin.
_RAMP: Final = np.array(
    [(30, 60, 255), (0, 190, 255), (60, 240, 150), (255, 240, 60), (255, 120, 0), (255, 0, 60)],
    np.float32,
)


def colors(intensity: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return (..., 3) RGB 0 to 255 for intensities (...,) in 0 to 5."""
    level = np.clip(intensity, 0.0, facs.MAX_INTENSITY)
    low = np.minimum(level.astype(int), len(_RAMP) - 2)
    share = (level - low)[..., None]
    mixed: npt.NDArray[np.float32] = _RAMP[low] * (1 - share) + _RAMP[low + 1] * share
    return mixed


def color(intensity: float) -> tuple[int, int, int]:
    """Return the RGB of one intensity."""
    red, green, blue = colors(np.array(intensity, np.float32)).round().astype(int).tolist()
    return red, green, blue


def with_heatmaps(image: Image, heatmaps: npt.NDArray[np.float32], to_image: Matrix) -> Image:
    """Return the image with the maximum of the heatmaps laid over it.

    Args:
        image: (H, W, 3) RGB uint8.
        heatmaps: (h, w, K) in 0 to 5; NaN counts as 0.
        to_image: (2, 3) heatmap px -> image px.
    """
    maximum = np.nan_to_num(heatmaps).max(axis=-1)
    x0, y0, x1, y1 = _extent(maximum.shape, to_image, image.shape)
    overlaid = image.copy()
    if x0 >= x1 or y0 >= y1:
        return overlaid
    # Only where the face is: a fraction of a picture's pixels.
    here = np.column_stack((to_image[:, :2], to_image[:, 2] - (x0, y0)))
    warped: npt.NDArray[np.float32] = optional_imports.cv2().warpAffine(
        np.ascontiguousarray(maximum, np.float32), here, (x1 - x0, y1 - y0), borderValue=0.0
    )
    added, kept = _table()
    level = (warped.clip(0.0, facs.MAX_INTENSITY) * _STEPS + 0.5).astype(np.intp)
    part = overlaid[y0:y1, x0:x1]
    part[:] = part * kept[level] + added[level] + np.float32(0.5)
    return overlaid


@functools.cache
def _table() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return for each level in `_STEPS` of an intensity what is added, and the share that stays."""
    # A table is three times as fast as computing the colors of each pixel.
    last = int(facs.MAX_INTENSITY)
    level: npt.NDArray[np.float32] = np.linspace(0, last, last * _STEPS + 1, dtype=np.float32)
    cover = (COVER * np.clip(level / OPAQUE_FROM, 0.0, 1.0)[:, None]).astype(np.float32)
    return colors(level) * cover, np.float32(1) - cover


def heatmap_to_crop(face: FaceResult) -> Matrix:
    """Return the (2, 3) map from heatmap px to px of the face's crop: cells cover whole strides."""
    stride = face.crop_size / face.heatmaps.shape[0]
    offset = (stride - 1) / 2
    return np.array(((stride, 0.0, offset), (0.0, stride, offset)))


def after(second: Matrix, first: Matrix) -> Matrix:
    """Return the (2, 3) matrix that does `first`, then `second`."""
    return np.column_stack((second[:, :2] @ first[:, :2], transform(second, first[:, 2])))


def enlargement(zoom: float) -> Matrix:
    """Return the (2, 3) map from px of a picture to those of the same, resized by `zoom`."""
    # Pixel centers are on integers, so enlarging moves them by half a pixel.
    return np.array(((zoom, 0.0, (zoom - 1) / 2), (0.0, zoom, (zoom - 1) / 2)))


def _extent(
    cells: tuple[int, ...], to_image: Matrix, shape: tuple[int, ...]
) -> tuple[int, int, int, int]:
    """Return the part x0, y0, x1, y1 of the image that heatmaps of `cells` (h, w) can change."""
    h, w = cells
    # A cell fades to nothing over the width of the next one.
    corners = np.array(((-1, -1), (w, -1), (-1, h), (w, h)), np.float64)
    seen = transform(to_image, corners)
    limit = np.array(shape[1::-1])
    x0, y0 = np.clip(np.floor(seen.min(axis=0)), 0, limit).astype(int).tolist()
    x1, y1 = np.clip(np.ceil(seen.max(axis=0)) + 1, 0, limit).astype(int).tolist()
    return x0, y0, x1, y1
