"""How sharp, noisy, bright and colored the picture of a face is."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf.face.align import Image
from fau_tf.utils import optional_imports

Gray = npt.NDArray[np.float32]

CLIPPED_FROM: Final = 253
"""Level of a color from which it counts as clipped."""
_NOISE_KERNEL: Final = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
_TO_SIGMA: Final = 1.4826  # median absolute deviation -> standard deviation
_MANY: Final = 4000  # pixels, of which a quarter gives the median as well
_LEAST: Final = 1e-3  # squared gray levels


@dataclass(frozen=True)
class PictureQuality:
    """Measures of the pixels of a face, see `inference.quality.Quality`."""

    sharpness: float
    noise: float
    brightness: float
    contrast: float
    clipped: float
    color: float


def picture_quality(face: Image) -> PictureQuality:
    """Return the measures of a face from brows to chin.

    Args:
        face: (H, W, 3) RGB uint8, 8 px or more on each side.
    """
    cv2: Any = optional_imports.cv2()
    face = np.ascontiguousarray(face)
    levels = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)
    gray = levels.astype(np.float32)
    noise = noise_level(gray)
    red, green, blue = cv2.split(face)
    largest, smallest = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
    mean, contrast = float(gray.mean()), float(gray.std())
    return PictureQuality(
        sharpness=sharpness(gray, noise),
        noise=noise / max(contrast, 1.0),
        brightness=_percentile(levels, 0.9),
        contrast=contrast,
        clipped=float((largest >= CLIPPED_FROM).mean()),
        color=float(cv2.subtract(largest, smallest).mean()) / max(mean, 1.0),
    )


def noise_level(gray: Gray) -> float:
    """Return the standard deviation of the noise, in gray levels.

    The kernel of Immerkaer (Fast noise variance estimation, CVIU 64(2), 1996), which cancels edges
    and slopes, with the median instead of the mean, which the rest of the edges would raise.

    Args:
        gray: (H, W) float32.
    """
    cv2: Any = optional_imports.cv2()
    residual = np.abs(cv2.filter2D(gray, -1, _NOISE_KERNEL)[1:-1, 1:-1])
    if residual.size > _MANY:
        residual = residual[::2, ::2]
    return _TO_SIGMA * float(np.median(residual))


def sharpness(gray: Gray, noise: float) -> float:
    """Return how fine the details of a picture are, 0 to 1, whatever its noise and contrast.

    Differences between neighbors, at a half and at a quarter of the size, without the share that
    noise has in them. On a smooth picture differences at a quarter are twice as large: 0. On one
    whose details are as fine as its pixels they are as large: 1. The less sharp of both directions
    counts, so that a shaken picture is not sharp.

    Args:
        gray: (H, W) float32, 8 px or more on each side.
        noise: Its standard deviation, gray levels.
    """
    half = _halved(gray)
    quarter = _halved(half)
    ratios = []
    for axis in (0, 1):
        # Means of 4 and 16 px have a half and a quarter of the noise; a difference has two of them.
        fine = float((np.diff(half, axis=axis) ** 2).mean()) - 2 * noise**2 / 4
        coarse = float((np.diff(quarter, axis=axis) ** 2).mean()) - 2 * noise**2 / 16
        ratios.append(np.sqrt(max(fine, 0.0) / max(coarse, _LEAST)))
    return float(np.clip(2 * min(ratios) - 1, 0.0, 1.0))


def _percentile(levels: Image, share: float) -> float:
    """Return the smallest gray level that this share of the pixels has at most."""
    counts = np.bincount(levels.ravel(), minlength=256).cumsum()
    return float(np.searchsorted(counts, share * levels.size))


def _halved(gray: Gray) -> Gray:
    """Return the means of 2 x 2 px; a last odd row or column is left out."""
    height, width = (side // 2 * 2 for side in gray.shape)
    rows = gray[0:height:2, :width] + gray[1:height:2, :width]
    return np.asarray((rows[:, 0::2] + rows[:, 1::2]) / 4, np.float32)
