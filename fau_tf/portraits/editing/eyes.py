"""What shows between the eyelids of an edited portrait: lids move over a still eyeball."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fau_tf.portraits.editing.windows import (
    Mask,
    Window,
    blend,
    margin_kernel,
    opencv,
    polygon_mask,
    px_of,
    rounded,
    window_around,
)
from fau_tf.synthetic.rigs import canonical_topology as topology
from fau_tf.synthetic.rigs.rig import Floats

Image = npt.NDArray[np.uint8]

EYES: Final = ((topology.RIGHT_EYE, 468), (topology.LEFT_EYE, 473))
"""Eyelid margin, and the center of the iris; the four points after it lie on its edge."""
_MARGINS: Final = [*topology.RIGHT_EYE, *topology.LEFT_EYE]
STILL: Final = 0.15
"""Movement of a lid, px at MEASURED, below which an eye stays as it is."""
_LEAST_WHITE: Final = 6
"""Pixels at MEASURED of a sclera from which its color is the photo's."""
WHITE: Final = np.array([196.0, 186.0, 178.0])
"""Color of a sclera of which too little shows, in a well exposed photo."""


@dataclass(frozen=True, eq=False)
class _Eye:
    """One eye in a window of the picture; points in px of the window, `px` from `px_of`."""

    before: Floats
    after: Floats
    iris: Floats
    radius: float
    px: float


def lids_move(before: Floats, after: Floats, size: int) -> bool:
    """Return whether a margin of the eyelids moves between two meshes, in a portrait of `size`."""
    return bool(np.abs(after[_MARGINS] - before[_MARGINS]).max() >= STILL * px_of(size))


def show_eyes(picture: Image, photo: Image, before: Floats, after: Floats, white: Floats) -> None:
    """Put the eyes of the photo between the moved lids of the picture, in place.

    Args:
        picture: (S, S, 3) uint8, the warped photo.
        photo: (S, S, 3) uint8, as it was.
        before: (478, 2) mesh of the photo, px.
        after: (468, 2) or more, mesh of the picture.
        white: (3,) color of a sclera, from `sclera_color`.
    """
    px = px_of(len(photo))
    for ring, center in EYES:
        margin = list(ring)
        if np.abs(after[margin] - before[margin]).max() < STILL * px:
            continue
        window = window_around(np.vstack([before[margin], after[margin]]), len(photo))
        iris = before[center]
        radius = float(np.linalg.norm(before[center + 1 : center + 5] - iris, axis=1).mean())
        eye = _Eye(
            window.local(before[margin]), window.local(after[margin]), window.local(iris),
            radius, px,
        )  # fmt: skip
        _show(window.of(picture), window.of(photo), eye, white)


def draw_lashes(picture: Image, photo: Image, before: Floats, after: Floats, shut: Floats) -> None:
    """Draw the lashes of closing lids along their margin, in place.

    Args:
        picture: (S, S, 3) the edited photo.
        photo: (S, S, 3) uint8, as it was.
        before: (478, 2) mesh of the photo, px.
        after: (468, 2) or more, mesh of the picture.
        shut: (2,) by how much the right and the left eye close, 0 to 1.
    """
    cv2 = opencv()
    px = px_of(len(photo))
    width = max(1, round(px))
    strength = 0.55 * px / width  # a line of whole px is as dark in all as one of `px`
    for (ring, _), part in zip(EYES, shut, strict=True):
        if not part:
            continue
        window = window_around(before[list(ring)], len(photo))
        color = np.quantile(window.of(photo).reshape(-1, 3), 0.04, axis=0)
        margin = np.vstack([after[list(ring[8:])], after[[ring[0]]]])
        window = window_around(margin, len(photo))
        line = np.zeros((window.height, window.width), np.uint8)
        at = np.round(window.local(margin) * 16).astype(np.int32)
        cv2.polylines(line, [at], False, 255, width, cv2.LINE_AA, shift=4)
        share = np.float32(strength * part / 255) * line.astype(np.float32)
        target = window.of(picture)
        target[:] = rounded(blend(target, np.asarray(color, np.float32), share))


def sclera_color(photo: Image, mesh: Floats) -> Floats:
    """Return (3,) the color of the whites of the eyes; WHITE, dimmed as the face, if none shows."""
    whites = []
    for ring, center in EYES:
        margin = mesh[list(ring)]
        window = window_around(margin, len(photo))
        iris = window.local(mesh[center])
        radius = np.linalg.norm(mesh[center + 1 : center + 5] - mesh[center], axis=1).mean()
        shown = polygon_mask(window, window.local(margin)) > 0.95
        shown &= _distance(window, iris) > 1.15 * radius
        whites.append(window.of(photo)[shown])
    pixels = np.concatenate(whites)
    if len(pixels) < _LEAST_WHITE * px_of(len(photo)) ** 2:
        level = photo[mesh[4, 1].astype(int).clip(0, len(photo) - 1)].max() / 255
        return np.asarray(WHITE * min(1.0, level))
    bright = pixels.sum(1)
    return np.asarray(pixels[bright >= np.quantile(bright, 0.7)].mean(0))


def _show(picture: Image, photo: Image, eye: _Eye, white: Floats) -> None:
    window = Window(0, 0, *photo.shape[1::-1])
    now = polygon_mask(window, eye.after)
    then = polygon_mask(window, eye.before)
    eyeball: Mask | Image = photo
    if (now - then).max() > 0.2:
        # The photo shows lashes and the lid's shadow at its margin; they would stay behind.
        cv2 = opencv()
        seen = cv2.erode(then, margin_kernel(eye.px)[:, :1])
        eyeball = blend(_revealed(photo, eye, white), photo, seen)
    picture[:] = rounded(blend(picture, eyeball, now))


def _revealed(photo: Image, eye: _Eye, white: Floats) -> Mask:
    """Return the eyeball under the lids: the iris mirrored at its middle, and sclera around it."""
    cv2 = opencv()
    rows, columns = photo.shape[:2]
    x, y = np.meshgrid(np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32))
    top, bottom = _lid_lines(eye.before, x[0])
    high = top + eye.px
    mirrored = (2 * eye.iris[1] - y).astype(np.float32)
    place = np.clip(mirrored, high, np.maximum(bottom - 0.7 * eye.px, high)).astype(np.float32)
    iris = cv2.remap(photo, x, place, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    over, _ = _lid_lines(eye.after, x[0])
    shadow = 0.72 + 0.28 * np.clip((y - over) / (2.5 * eye.px), 0, 1)
    sclera = (np.float32(white) * shadow[..., None]).astype(np.float32)
    inside = np.clip(eye.radius - np.hypot(x - eye.iris[0], y - eye.iris[1]) + 0.5, 0, 1)
    return blend(sclera, iris, inside.astype(np.float32))


def _lid_lines(ring: Floats, x: Floats) -> tuple[Floats, Floats]:
    """Return the heights of the upper and the lower lid at columns x."""
    lines = []
    for half in (ring[8:], ring[:9]):
        points = np.vstack([half, ring[:1]]) if len(half) == 8 else half
        order = np.argsort(points[:, 0], kind="stable")
        lines.append(np.interp(x, points[order, 0], points[order, 1]))
    upper, lower = lines
    return upper, lower


def _distance(window: Window, point: Floats) -> Floats:
    x, y = np.meshgrid(np.arange(window.width), np.arange(window.height))
    return np.asarray(np.hypot(x - point[0], y - point[1]))
