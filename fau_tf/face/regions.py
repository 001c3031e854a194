"""Square parts of an image, as the detector and the landmark network see them.

`cut` is the definition that other implementations follow; `fast_cut` does the same by OpenCV.
"""

import math
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from fau_tf.face.align import Image, Matrix, bilinear, transform
from fau_tf.face.align_cv2 import warp_rgb
from fau_tf.utils import optional_imports

Border = Literal["replicate", "zero"]

MARGIN: Final = 1.5
"""Side of a region, in longer sides of the box around the face."""
EYE_CORNERS: Final = (33, 263)
"""Outer eye corners of the mesh, on the image's left and right: they turn the next region."""
_STEPS: Final = 64
"""Of the grid of `next_region`, for a region's size and for a radian."""


@dataclass(frozen=True)
class Region:
    """A square around a center, turned.

    Attributes:
        x: Of the center, px.
        y: Of the center, px.
        size: Of a side, px.
        angle: From the image's x axis to the square's, in radians, -pi to pi; x right, y down, so
            a positive angle turns clockwise as seen.
    """

    x: float
    y: float
    size: float
    angle: float = 0.0

    def matrix(self, side: int) -> Matrix:
        """Return the (2, 3) similarity from the px of a crop of `side` px to image px.

        Crop position u is center + R(angle) (u - side / 2) size / side: position 0 of the crop
        lies on the border of the region.
        """
        scale = self.size / side
        cosine, sine = scale * math.cos(self.angle), scale * math.sin(self.angle)
        turn = np.array(((cosine, -sine), (sine, cosine)))
        return np.column_stack((turn, (self.x, self.y) - turn @ np.full(2, side / 2)))


def letterbox(height: int, width: int) -> Region:
    """Return the smallest centered square region that has all of an image in it."""
    return Region(width / 2, height / 2, max(height, width))


def region_of_box(
    low: npt.NDArray[np.floating[Any]],
    high: npt.NDArray[np.floating[Any]],
    eyes: npt.NDArray[np.floating[Any]],
) -> Region:
    """Return the region of a face.

    Args:
        low: (2,) upper left corner of a box around the face, px.
        high: (2,) lower right corner.
        eyes: (2, 2) points on the image's left and right that are level in an upright face.
    """
    (x, y), (dx, dy) = ((low + high) / 2).tolist(), (eyes[1] - eyes[0]).tolist()
    return Region(x, y, MARGIN * float((high - low).max()), math.atan2(dy, dx))


def next_region(mesh: npt.NDArray[np.floating[Any]]) -> Region:
    """Return where the next frame of a video has a face: around its (478, 2) mesh in this one.

    The region is snapped to a grid: its size to powers of 2 ** (1 / 32), its center to 64ths of
    that size, its angle to 64ths of a radian. So two runs over a video that began at different
    frames soon see the very same region, and from then on the same face. A region shifted by a
    128th of its size moves the mesh by 0.05 % of the outer eye distance.
    """
    exact = region_of_box(mesh.min(axis=0), mesh.max(axis=0), mesh[list(EYE_CORNERS)])
    if exact.size <= 0:  # all points in one place
        return exact
    size = 2 ** (round(math.log2(exact.size) * _STEPS / 2) * 2 / _STEPS)
    x, y = (round(value / size * _STEPS) * size / _STEPS for value in (exact.x, exact.y))
    return Region(x, y, size, round(exact.angle * _STEPS) / _STEPS)


def cut(image: Image, region: Region, side: int, border: Border) -> Image:
    """Return the (side, side, 3) uint8 crop of a region.

    Bilinear in float between the four pixels around each position, rounded half up. Around the
    image lie pixels that repeat its border, or zeros.

    Args:
        image: (H, W, 3) RGB uint8.
        region: Part of the image; it may reach over its borders.
        side: Of the crop, px.
        border: What lies around the image.
    """
    columns, rows = np.meshgrid(np.arange(side), np.arange(side))
    at = transform(region.matrix(side), np.stack((columns, rows), axis=-1))  # (side, side, 2)
    if border == "zero":
        # Beyond a ring of zeros all that is replicated is zero.
        image, at = np.pad(image, ((1, 1), (1, 1), (0, 0))), at + 1
    return np.floor(bilinear(image.astype(np.float32), at) + 0.5).astype(np.uint8)


def fast_cut(image: Image, region: Region, side: int, border: Border) -> Image:
    """Return `cut` by OpenCV, several times faster; rounding may differ by one gray level.

    OpenCV 5 computes positions in float32. OpenCV 4 rounds them to 1/32 px, which differs by up to
    six gray levels on noise.
    """
    cv2: Any = optional_imports.cv2()
    modes = {"replicate": cv2.BORDER_REPLICATE, "zero": cv2.BORDER_CONSTANT}
    matrix = region.matrix(side)
    if border == "replicate":
        image, matrix = _seen(image, matrix, side)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return warp_rgb(image, matrix, side, flags=flags, borderMode=modes[border])


def _seen(image: Image, matrix: Matrix, side: int) -> tuple[Image, Matrix]:
    """Return the part of an image that a crop shows, and the matrix to the px of that part.

    Outside lies what replicating its border gives; so a region beyond the image keeps one pixel.
    """
    corners = np.array(((0, 0), (0, side - 1), (side - 1, 0), (side - 1, side - 1)))
    at = transform(matrix, corners)
    limit = np.array(image.shape[1::-1])
    low = np.clip(np.floor(at.min(axis=0)).astype(int) - 1, 0, limit - 1)
    high = np.clip(np.ceil(at.max(axis=0)).astype(int) + 2, low + 1, limit)
    moved = np.column_stack((matrix[:, :2], matrix[:, 2] - low))
    return image[low[1] : high[1], low[0] : high[0]], moved
