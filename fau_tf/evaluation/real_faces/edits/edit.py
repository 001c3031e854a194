"""AUs edited into photos: vertices of the mesh are moved as the AUs would, and the picture along.

The warp is a thin-plate spline through the moved vertices, with a fixed border around the face.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
from scipy.interpolate import RBFInterpolator

from fau_tf import facs
from fau_tf.evaluation.real_faces.edits import fields
from fau_tf.evaluation.real_faces.edits.fields import FIELDS, LOWER_LIDS, UPPER_LIDS, Fold

Array = npt.NDArray[Any]
Edit = Callable[[Array, Array, Mapping[int, float]], Array]
"""(H, W, 3) photo, (478, 2) mesh in px, AU -> intensity added -> (H, W, 3) edited photo."""

_AT: Final = 4.0
"""Intensity of the fields in `fields`."""
_MARGIN: Final = 0.3  # of the outer eye distance, around the face
_GRID: Final = 33  # nodes a side at which the spline is evaluated
_MOUTH_COLOR: Final = (45, 20, 20)  # RGB of an open mouth
_FOLD_WIDTH: Final = 0.016  # outer eye distances, standard deviation
_RIGHT_CORNER, _LEFT_CORNER, _BRIDGE = (facs.IBUG_FROM_MEDIAPIPE[i] for i in (36, 45, 27))
_INNER_LIPS: Final = facs.IBUG_FROM_MEDIAPIPE[60:68]
_RINGS: Final = (
    (*UPPER_LIDS[:7], *LOWER_LIDS[6::-1]),
    (*UPPER_LIDS[7:], *LOWER_LIDS[:6:-1]),
)
"""Outlines of the right and left eye."""
_CONTROL: Final = np.unique(
    (
        *facs.IBUG_FROM_MEDIAPIPE,
        *fields.FOREHEAD,
        *(v for field in FIELDS.values() for move in field.moves for v in move.vertices),
        *(UPPER_LIDS + LOWER_LIDS),
    )
)
"""Vertices that the spline goes through."""


@dataclass(frozen=True)
class EditRow:
    """One row of the table of edits.

    Attributes:
        name: What is seen.
        aus: AUs that are edited, and must rise.
        related: AUs that may rise.
    """

    name: str
    aus: tuple[int, ...]
    related: tuple[int, ...]


ROWS: Final = (
    EditRow("brows up", (1, 2), (5,)),
    EditRow("inner brows up", (1,), (2, 4, 15)),
    EditRow("outer brows up", (2,), (1, 5)),
    EditRow("brows down", (4,), (6, 7, 9)),
    EditRow("upper lids up", (5,), (1, 2)),
    EditRow("cheeks up", (6,), (7, 12)),
    EditRow("lids tight", (7,), (6, 45)),
    EditRow("nose wrinkled", (9,), (4, 6, 7, 10)),
    EditRow("upper lip up", (10,), (9, 25)),
    EditRow("corners up", (12,), (6, 10, 14, 25)),
    EditRow("corners dimpled", (14,), (12, 15, 20)),
    EditRow("corners down", (15,), (14, 17)),
    EditRow("chin up", (17,), (15, 14, 23)),
    EditRow("corners out", (20,), (12, 14, 25)),
    EditRow("lips tight", (23,), (17,)),
    EditRow("lower lip down", (25,), (20, 26)),
    EditRow("jaw down", (26,), (25,)),
    EditRow("lids closed", (45,), (7,)),
)
"""Each AU alone, and what brows do most often."""


def edited(photo: Array, mesh: Array, intensity: Mapping[int, float]) -> Array:
    """Return a photo in which AUs were added to a face.

    Args:
        photo: (H, W, 3) RGB uint8.
        mesh: (478, 2) points of MediaPipe's mesh, px.
        intensity: AU -> what is added, 0 to 5.

    Raises:
        ValueError: If there is no field for an AU.
    """
    unknown = sorted(set(intensity) - set(FIELDS))
    if unknown:
        raise ValueError(f"Edits show the AUs {sorted(FIELDS)}: got {unknown}. Leave those out.")
    unit = float(np.hypot(*(mesh[_LEFT_CORNER] - mesh[_RIGHT_CORNER])))
    low, high = _window(mesh, unit, photo.shape)
    part = photo[low[1] : high[1], low[0] : high[0]]
    before = mesh - low
    after = before + _displacement(before, intensity)
    moved = _warped(part, before, after)
    moved = _keep(moved, part, [(before[list(ring)], after[list(ring)]) for ring in _RINGS])
    if any(FIELDS[au].opens for au in intensity):
        moved = _opened(part, moved, before[list(_INNER_LIPS)], after[list(_INNER_LIPS)])
    for au, level in intensity.items():
        for fold in FIELDS[au].folds:
            moved = _folded(moved, after, fold, level / _AT, unit)
    result = photo.copy()
    result[low[1] : high[1], low[0] : high[0]] = moved
    return result


def _window(mesh: Array, unit: float, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Return the corners of the part of the photo that changes, whole px."""
    limit = np.array(shape[1::-1])
    low = np.clip(np.floor(mesh.min(axis=0) - _MARGIN * unit), 0, limit - 2)
    high = np.clip(np.ceil(mesh.max(axis=0) + _MARGIN * unit), low + 2, limit)
    return low.astype(int), high.astype(int)


def _displacement(mesh: Array, intensity: Mapping[int, float]) -> Array:
    """Return (478, 2) how far each vertex moves, px."""
    across = mesh[_LEFT_CORNER] - mesh[_RIGHT_CORNER]  # as long as the unit
    down = np.array((-across[1], across[0]))
    place = (mesh - mesh[_BRIDGE]) @ across / (across @ across)
    side = np.sign(np.where(np.abs(place) < 0.02, 0.0, place))  # 0 on the midline
    move = np.zeros_like(mesh)
    for au, level in intensity.items():
        field = FIELDS[au]
        for one in field.moves:
            where = list(one.vertices)
            outward = side[where, None] * one.outward * across
            move[where] += (outward + one.down * down) * level / _AT
        if field.closes:
            gap = mesh[list(LOWER_LIDS)] - mesh[list(UPPER_LIDS)]
            closed = min(level / facs.MAX_INTENSITY, 1.0)
            move[list(UPPER_LIDS)] += 0.85 * closed * gap
            move[list(LOWER_LIDS)] -= 0.13 * closed * gap  # not quite: a spline has one value
    return move


def _warped(part: Array, before: Array, after: Array) -> Array:
    """Return the part of the photo with the control vertices moved."""
    height, width = part.shape[:2]
    edge = np.linspace(0, 1, 7)
    around = np.array([(x, y) for x in edge for y in edge if {x, y} & {0.0, 1.0}])
    border = around * (width - 1, height - 1)
    target = np.concatenate([after[_CONTROL], border])
    back = np.concatenate([(before - after)[_CONTROL], np.zeros_like(border)])
    inside = (target >= 0).all(axis=1) & (target <= (width - 1, height - 1)).all(axis=1)
    target, at = np.unique(np.round(target[inside], 3), axis=0, return_index=True)
    field = RBFInterpolator(target, back[inside][at], smoothing=1e-3)
    nodes = np.stack(
        np.meshgrid(np.linspace(0, width - 1, _GRID), np.linspace(0, height - 1, _GRID)), axis=-1
    )
    coarse = field(nodes.reshape(-1, 2)).reshape(_GRID, _GRID, 2)
    here = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)
    # Node i lies on pixel i * (width - 1) / (_GRID - 1), which `cv2.resize` would shift.
    at_node = here * ((_GRID - 1) / np.array((width - 1, height - 1)))
    shift = cv2.remap(coarse.astype(np.float32), at_node.astype(np.float32), None, cv2.INTER_LINEAR)
    warped: Array = cv2.remap(
        part, here + shift, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return warped


def _keep(moved: Array, part: Array, outlines: list[tuple[Array, Array]]) -> Array:
    """Return the moved picture with what both outlines hold as it was: eyeballs don't move."""
    shape = part.shape[:2]
    still = np.zeros((*shape, 1), np.float32)
    for before, after in outlines:
        still = np.maximum(still, _mask(shape, before) * _mask(shape, after))
    kept: Array = (moved * (1 - still) + part * still + 0.5).astype(np.uint8)
    return kept


def _opened(part: Array, moved: Array, before: Array, after: Array) -> Array:
    """Return the moved picture with a dark gap between the lips, and the old mouth as it was."""
    gap, mouth = (_mask(part.shape[:2], outline) for outline in (after, before))
    dark = moved * (1 - gap) + np.array(_MOUTH_COLOR, np.float32) * gap
    opened: Array = (dark * (1 - mouth) + part * mouth).astype(np.uint8)
    return opened


def _folded(moved: Array, mesh: Array, fold: Fold, strength: float, unit: float) -> Array:
    """Return the picture with a furrow: dark along the line, brighter beside it."""
    line = np.zeros(moved.shape[:2], np.float32)
    points = np.round(mesh[list(fold.vertices)] * 8).astype(np.int32)
    cv2.polylines(line, [points], False, 1.0, 1, cv2.LINE_AA, 3)
    sigma = _FOLD_WIDTH * unit
    # A line one pixel wide, blurred, has a ridge of 1 / (sqrt(2 pi) sigma).
    furrow = cv2.GaussianBlur(line, (0, 0), sigma) * np.sqrt(2 * np.pi) * sigma
    bulge = cv2.GaussianBlur(line, (0, 0), 2 * sigma) * np.sqrt(2 * np.pi) * 2 * sigma
    light = 1 - fold.depth * strength * (1.5 * furrow - 0.5 * bulge)
    folded: Array = np.clip(moved * light[..., None] + 0.5, 0, 255).astype(np.uint8)
    return folded


def _mask(shape: tuple[int, ...], outline: Array) -> Array:
    mask = np.zeros(shape, np.float32)
    cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], 1.0)
    blurred: Array = cv2.GaussianBlur(mask, (0, 0), 1.0)[..., None]
    return blurred
