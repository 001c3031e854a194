"""AUs edited into photos: landmarks are moved as the AU would, and the picture with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
from scipy.interpolate import RBFInterpolator

Array = npt.NDArray[Any]
_MOUTH_COLOR: Final = (45, 20, 20)  # RGB of an open mouth
# Numbers of the 68 landmarks.
_BROWS, _INNER, _OUTER = range(17, 27), (20, 21, 22, 23), (17, 18, 19, 24, 25, 26)
_CORNERS, _UPPER, _LOWER = (
    (48, 54, 60, 64), (*range(49, 54), 61, 62, 63), (*range(55, 60), 65, 66, 67),
)  # fmt: skip
_LIDS, _JAW, _CHIN = (37, 38, 43, 44), range(5, 12), (7, 8, 9)
_INNER_LIPS = slice(60, 68)


@dataclass(frozen=True)
class AUEdit:
    """A displacement of landmarks that shows one or more AUs.

    Attributes:
        name: What is seen.
        aus: AUs that must rise.
        related: AUs that may rise.
        moves: (landmarks, outward, down) in outer eye distances.
        opens: Whether the gap between the lips becomes a dark mouth.
    """

    name: str
    aus: tuple[int, ...]
    related: tuple[int, ...]
    moves: tuple[tuple[Sequence[int], float, float], ...]
    opens: bool = False


# About as far as the AU moves them at intensity 4 on synthetic faces. A part of a brow takes all of
# its landmarks along: a brow with a kink is no AU.
EDITS: Final = (
    AUEdit("brows up", (1, 2), (5,), ((_BROWS, 0.0, -0.10),)),
    AUEdit("inner brows up", (1,), (2, 4, 15), ((_INNER, 0.0, -0.10),)),
    AUEdit("outer brows up", (2,), (1, 5), ((_OUTER, 0.0, -0.10),)),
    AUEdit("brows down", (4,), (6, 9), ((_BROWS, 0.0, 0.07), (_INNER, -0.03, 0.0))),
    AUEdit("upper lids up", (5,), (1, 2), ((_LIDS, 0.0, -0.04),)),
    AUEdit("corners up", (12,), (6, 10, 14, 25), ((_CORNERS, 0.06, -0.08),)),
    AUEdit("corners down", (15,), (14, 17), ((_CORNERS, 0.04, 0.08),)),
    AUEdit("corners out", (20,), (12, 14, 25), ((_CORNERS, 0.10, 0.02),)),
    AUEdit("upper lip up", (10,), (9, 25), ((_UPPER, 0.0, -0.06),)),
    AUEdit("lower lip down", (25,), (20, 26), ((_LOWER, 0.0, 0.07),), opens=True),
    AUEdit("jaw down", (26,), (25,), ((_LOWER, 0.0, 0.15), (_JAW, 0.0, 0.18)), opens=True),
    AUEdit("chin up", (17,), (15, 14), ((_LOWER, 0.0, -0.06), (_CHIN, 0.0, -0.06))),
)


def edited(picture: Array, points: Array, edit: AUEdit) -> Array:
    """Return the picture with its landmarks moved, by thin-plate splines with a fixed border.

    Args:
        picture: (S, S, 3) RGB uint8.
        points: (68, 2) landmarks in px.
        edit: Which landmarks move, and where to.
    """
    unit = float(np.hypot(*(points[45] - points[36])))
    middle = points[27, 0]
    move = np.zeros_like(points)
    for which, outward, down in edit.moves:
        for i in which:
            side = np.sign(points[i, 0] - middle)
            move[i] += np.array((side * outward, down)) * unit
    size = len(picture)
    shift = _backward_shift(points, move, size)
    here = np.stack(np.meshgrid(np.arange(size), np.arange(size)), axis=-1).astype(np.float32)
    moved: Array = cv2.remap(
        picture, here + shift, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return _opened(picture, moved, points, points + move) if edit.opens else moved


def _backward_shift(points: Array, move: Array, size: int) -> Array:
    """Return (size, size, 2) from each pixel of the edited picture to its source, in px."""
    edge = np.linspace(0, size - 1, 7)
    border = np.array([(x, y) for x in edge for y in edge if {x, y} & {edge[0], edge[-1]}])
    target = np.concatenate([points + move, border])
    back = np.concatenate([-move, np.zeros_like(border)])
    inside = (target >= 0).all(axis=1) & (target <= size - 1).all(axis=1)
    target, at = np.unique(np.round(target[inside], 3), axis=0, return_index=True)
    field = RBFInterpolator(target, back[inside][at], smoothing=1e-3)
    coarse = np.linspace(0, size - 1, 33)
    grid = np.stack(np.meshgrid(coarse, coarse), axis=-1).reshape(-1, 2)
    shift: Array = cv2.resize(field(grid).reshape(33, 33, 2).astype(np.float32), (size, size))
    return shift


def _opened(picture: Array, moved: Array, before: Array, after: Array) -> Array:
    """Return the moved picture with a dark gap between the lips, and the old mouth as it was."""
    gap, mouth = (_mask(picture.shape[:2], points[_INNER_LIPS]) for points in (after, before))
    dark = moved * (1 - gap) + np.array(_MOUTH_COLOR, np.float32) * gap
    opened: Array = (dark * (1 - mouth) + picture * mouth).astype(np.uint8)
    return opened


def _mask(shape: tuple[int, ...], outline: Array) -> Array:
    mask = np.zeros(shape, np.float32)
    cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], 1.0)
    blurred: Array = cv2.GaussianBlur(mask, (0, 0), 1.0)[..., None]
    return blurred
