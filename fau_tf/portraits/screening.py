"""Alignment of a photo into a portrait, or the reason why it can't be used."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf.face import align
from fau_tf.face.align_cv2 import fast_crop
from fau_tf.face.head_pose import head_pose
from fau_tf.face.mesh import ibug68
from fau_tf.face.tiling import Mesh
from fau_tf.portraits.editing.windows import MEASURED
from fau_tf.utils import optional_imports

Image = npt.NDArray[np.uint8]
Find = Callable[[Image], Sequence[Mesh]]
"""The (478, 2) meshes of the faces in a photo, px."""

OTHER_FACE: Final = 0.4
"""Width of a second face, relative to the largest, from which it is not background."""
ENLARGED: Final = 2.2
"""Largest enlargement of a photo; beyond it skin has no texture."""
TURNED: Final = 25.0
"""Largest yaw and pitch in degrees; beyond it half of the face is hidden."""
CUT: Final = 0.02
"""Share of the mesh that may lie outside the photo."""
CONTRAST: Final = 8.0
"""Smallest standard deviation of the face's gray levels."""
SHARPNESS: Final = 0.025
"""Smallest mean change from pixel to pixel, relative to the contrast. Sharp portraits have 0.04 to
0.16, and 0.017 to 0.028 after a Gaussian blur of 1.5 px."""


HIDDEN: Final = 0.35
"""Brightness of the skin around the eyes, relative to the cheeks, below which dark glasses cover
them: 0.22 and 0.23 under two pairs, 0.44 and more on 1,010 other faces."""
_LIDS: Final = (23, 24, 110, 22, 26, 253, 254, 339, 252, 256, 27, 29, 30, 28, 257, 259, 260, 258)
_CHEEKS: Final = (50, 280, 117, 346, 123, 352, 205, 425)


@dataclass(frozen=True, eq=False)
class Aligned:
    """A usable face.

    Attributes:
        image: (R, R, 3) RGB uint8, aligned.
        mesh: (478, 2) mesh points in px of `image`.
        factors: `yaw`, `pitch` in degrees, `enlarged`, `sharpness`.
    """

    image: Image
    mesh: npt.NDArray[np.float32]
    factors: dict[str, float]


class RefusedError(ValueError):
    """A photo that can't be used; the message is the reason."""


def screen(photo: Image, find: Find, size: int, margin: float) -> Aligned:
    """Return the aligned face of a photo.

    Args:
        photo: (H, W, 3) RGB uint8.
        find: Finds the faces.
        size: R, rows and columns of the portrait.
        margin: Field of view relative to the aligned crop.

    Raises:
        RefusedError: If the photo can't be used, by limits that hold at MEASURED px whatever the
            portrait's size.
    """
    mesh = _only_face(find(photo))
    yaw, pitch, _ = head_pose(mesh)
    if max(abs(yaw), abs(pitch)) > TURNED:
        raise RefusedError(f"turned: yaw {yaw:.0f}, pitch {pitch:.0f} degrees (limit {TURNED:.0f})")
    outside = ((mesh < 0) | (mesh > np.array(photo.shape[1::-1]) - 1)).any(1).mean()
    if outside > CUT:
        raise RefusedError(f"cut off: {100 * outside:.0f} % of the face is outside the photo")
    matrix = align.crop_matrix(ibug68(mesh), MEASURED, margin)
    enlarged = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if enlarged > ENLARGED:
        raise RefusedError(f"too small: must be enlarged {enlarged:.1f} times (limit {ENLARGED})")
    image = fast_crop(photo, matrix, MEASURED)
    placed = align.transform(matrix, mesh)
    contrast, sharpness = _quality(image, placed)
    if contrast < CONTRAST:
        raise RefusedError(f"flat: gray levels differ by {contrast:.1f} (limit {CONTRAST:.0f})")
    if sharpness < SHARPNESS:
        raise RefusedError(f"blurred: sharpness {sharpness:.3f} (limit {SHARPNESS})")
    shade = _level(image, placed, _LIDS) / max(_level(image, placed, _CHEEKS), 1.0)
    if shade < HIDDEN:
        raise RefusedError(f"eyes hidden: {shade:.2f} as bright as the cheeks (limit {HIDDEN})")
    factors = {"yaw": yaw, "pitch": pitch, "enlarged": enlarged, "sharpness": sharpness}
    matrix = align.crop_matrix(ibug68(mesh), size, margin)
    placed = align.transform(matrix, mesh)
    return Aligned(fast_crop(photo, matrix, size), placed.astype(np.float32), factors)


def _only_face(found: Sequence[Mesh]) -> Mesh:
    if not found:
        raise RefusedError("no face")
    widths = [float(np.ptp(mesh[:, 0])) for mesh in found]
    large = sum(width >= OTHER_FACE * max(widths) for width in widths)
    if large > 1:
        raise RefusedError(f"several faces: {large}")
    return found[int(np.argmax(widths))]


def _level(image: Image, mesh: npt.NDArray[np.floating[Any]], vertices: tuple[int, ...]) -> float:
    """Return the median gray level at vertices."""
    x, y = np.round(mesh[list(vertices)]).astype(int).clip(0, len(image) - 1).T
    return float(np.median(image[y, x].mean(1)))


def _quality(image: Image, mesh: npt.NDArray[np.floating[Any]]) -> tuple[float, float]:
    """Return the standard deviation of the face's gray levels, and its sharpness."""
    cv2: Any = optional_imports.cv2()
    low = np.clip(np.floor(mesh.min(0)).astype(int), 0, len(image) - 2)
    high = np.clip(np.ceil(mesh.max(0)).astype(int) + 1, low + 2, len(image))
    gray = cv2.cvtColor(image[low[1] : high[1], low[0] : high[0]], cv2.COLOR_RGB2GRAY)
    contrast = float(gray.std())
    detail = np.abs(cv2.Laplacian(gray, cv2.CV_32F)).mean()
    return contrast, float(detail / max(contrast, 1e-6) / 4)
