"""Aligned face crops: one similarity transform, fitted on points that expressions hardly move.

Points are (x, y) px, x right, y down, pixel centers on integers: pixel x covers x - 0.5 to
x + 0.5, so fraction f of a crop of `size` px is pixel f * size - 0.5.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.floating[Any]]
Matrix = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]
Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.float32]

ANCHORS: Final = (36, 39, 42, 45, 27, 28, 29, 30, 33)
"""iBUG landmarks of the fit: eye corners, bridge and tip of the nose, base of the nose."""

TEMPLATE: Final[Matrix] = np.array(
    (
        (0.3044, 0.3388),
        (0.4183, 0.3422),
        (0.5817, 0.3422),
        (0.6956, 0.3388),
        (0.5000, 0.3120),
        (0.5000, 0.3799),
        (0.5000, 0.4399),
        (0.5000, 0.4764),
        (0.5000, 0.5479),
    )
)
"""(9, 2) positions of the anchors, in fractions of the crop.

The frontal canonical MediaPipe mesh with eye centers at (.36, .34) and (.64, .34): its chin is at
.87, and at .96 with the jaw fully open. With eye centers at (.35, .36) and (.65, .36) the chin of
the open jaw would be at 1.02, outside the crop.
"""
TEMPLATE.setflags(write=False)

MAX_SPAN: Final = 2
"""Image px per crop px above which the image is halved first."""


def crop_matrix(landmarks: Points, size: int, margin: float = 1.0) -> Matrix:
    """Return the (2, 3) similarity from image px to crop px.

    Args:
        landmarks: (68, 2) iBUG landmarks in image px.
        size: Side of the crop in px.
        margin: Field of view relative to the default crop, about the same center.

    Raises:
        ValueError: If the landmarks are not (68, 2), not finite, or have no extent; if size or
            margin is not positive.
    """
    landmarks = np.asarray(landmarks, np.float64)
    if landmarks.shape != (68, 2):
        raise ValueError(f"Landmarks must be (68, 2) iBUG points, got {landmarks.shape}.")
    if size < 1 or not margin > 0:
        raise ValueError(f"Crop size and margin must be positive, got {size} and {margin}.")
    target = (0.5 + (TEMPLATE - 0.5) / margin) * size - 0.5
    return similarity(landmarks[list(ANCHORS)], target)


def similarity(source: Points, target: Points) -> Matrix:
    """Return the (2, 3) similarity that maps source to target with the least squared error.

    Args:
        source: (N, 2) points, at least two of them distinct.
        target: (N, 2) points to map them to.

    Raises:
        ValueError: If the shapes differ, a value is not finite, or all source points coincide.
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    if source.shape != target.shape or source.ndim != 2 or source.shape[1] != 2:
        raise ValueError(
            f"Source and target must both be (N, 2), got {source.shape} and {target.shape}."
        )
    if not (np.isfinite(source).all() and np.isfinite(target).all()):
        raise ValueError("Points must be finite, got NaN or infinity.")
    if np.ptp(source, axis=0).max(initial=0.0) == 0.0:
        raise ValueError(f"Source needs two distinct points, got {len(source)} equal ones.")
    from_center, to_center = source.mean(axis=0), target.mean(axis=0)
    s, t = source - from_center, target - to_center
    spread = np.sum(s**2)
    # As complex numbers t = z s, and least squares gives z = sum(conj(s) t) / sum(|s|^2).
    real = np.sum(s * t) / spread
    imag = np.sum(s[:, 0] * t[:, 1] - s[:, 1] * t[:, 0]) / spread
    turn = np.array(((real, -imag), (imag, real)))
    return np.column_stack((turn, to_center - turn @ from_center))


def invert(matrix: Matrix) -> Matrix:
    """Return the (2, 3) inverse of a (2, 3) affine matrix."""
    turn = np.linalg.inv(matrix[:, :2])
    return np.column_stack((turn, -turn @ matrix[:, 2]))


def transform(matrix: Matrix, points: Points) -> npt.NDArray[np.float64]:
    """Return points (..., 2) mapped by a (2, 3) matrix."""
    mapped: npt.NDArray[np.float64] = points @ matrix[:, :2].T + matrix[:, 2]
    return mapped


def crop(image: Image, matrix: Matrix, size: int) -> Image:
    """Return the (size, size, 3) uint8 crop; the definition that other implementations follow.

    Bilinear in float between pixel centers on integers, borders replicated, rounded half up. While
    a crop pixel spans more than 2 image px, the image is first shrunk by means of 2 x 2 px (blocks
    start at pixel 0; a last odd row or column counts twice).

    Args:
        image: (H, W, 3) RGB uint8.
        matrix: (2, 3) image px -> crop px, from `crop_matrix`.
        size: Side of the crop in px.
    """
    require_image(image)
    pixels, matrix = shrunk(image, matrix, size)
    columns, rows = np.meshgrid(np.arange(size), np.arange(size))
    at = transform(invert(matrix), np.stack((columns, rows), axis=-1))  # (size, size, 2)
    values = bilinear(pixels.astype(np.float32), at)
    return np.floor(values + 0.5).clip(0, 255).astype(np.uint8)


def require_image(image: Image) -> None:
    """Raise ValueError unless the image is (H, W, 3) uint8 and not empty."""
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[-1] != 3 or image.size == 0 or image.dtype != np.uint8:
        raise ValueError(
            f"An image must be (H, W, 3) RGB uint8, got {image.shape} {image.dtype}. Read files "
            "with fau_tf.io.images.read_image."
        )


def halved(pixels: Pixels) -> npt.NDArray[np.float32]:
    """Return the means of 2 x 2 px; a last odd row or column counts twice."""
    odd = [(0, side % 2) for side in pixels.shape[:2]]
    even = np.pad(pixels, (*odd, (0, 0)), mode="edge").astype(np.float32)
    total = even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]
    quarter: npt.NDArray[np.float32] = total * np.float32(0.25)
    return quarter


def shrunk(
    image: Image, matrix: Matrix, size: int, halve: Callable[[Pixels], Pixels] = halved
) -> tuple[Pixels, Matrix]:
    """Return the visible part of the image at no more than 2 px per crop px, and its matrix."""
    scale = 1.0 / np.sqrt(abs(np.linalg.det(matrix[:, :2])))  # image px per crop px
    halvings = 0
    while scale / 2**halvings > MAX_SPAN:
        halvings += 1
    block = 2**halvings
    corner = np.array(((0, 0), (0, size - 1), (size - 1, 0), (size - 1, size - 1)))
    seen = transform(invert(matrix), corner)
    limit = np.array(image.shape[1::-1])
    # One block more on each side than the bilinear neighbors need, and whole blocks, so the halved
    # pixels are those of the whole image.
    low = (np.floor(seen.min(axis=0)) // block - 1).astype(int) * block
    low = np.clip(low, 0, (limit - 1) // block * block)
    high = np.clip(np.ceil(seen.max(axis=0)).astype(int) + 2 * block + 1, low + 1, limit)
    high = np.minimum(low + -(-(high - low) // block) * block, limit)
    pixels: Pixels = image[low[1] : high[1], low[0] : high[0]]
    matrix = np.column_stack((matrix[:, :2], transform(matrix, low)))
    for _ in range(halvings):
        pixels = halve(pixels)
        # Pixel x of the half covers pixels 2x and 2x + 1, whose middle is 2x + 0.5.
        matrix = np.column_stack((2 * matrix[:, :2], transform(matrix, np.array((0.5, 0.5)))))
    return pixels, matrix


def bilinear(
    pixels: npt.NDArray[np.float32], at: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the (..., 3) float values at (..., 2) points of an image; borders are replicated.

    Args:
        pixels: (H, W, 3).
        at: Points in px.
    """
    height, width = pixels.shape[:2]
    # Clamping the point replicates the border.
    x = at[..., 0].clip(0, width - 1)
    y = at[..., 1].clip(0, height - 1)
    x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
    x1, y1 = np.minimum(x0 + 1, width - 1), np.minimum(y0 + 1, height - 1)
    dx, dy = (x - x0)[..., None], (y - y0)[..., None]
    upper = pixels[y0, x0] * (1 - dx) + pixels[y0, x1] * dx
    lower = pixels[y1, x0] * (1 - dx) + pixels[y1, x1] * dx
    blend: npt.NDArray[np.float64] = upper * (1 - dy) + lower * dy
    return blend
