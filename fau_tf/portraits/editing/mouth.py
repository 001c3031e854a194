"""What shows in a mouth that opens: teeth, tongue or dark."""

from dataclasses import dataclass, replace
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

RING: Final = list(topology.INNER_LIPS)
_UPPER: Final = [78, *topology.UPPER_INNER_LIP, 308]
_LOWER: Final = [78, *topology.LOWER_INNER_LIP, 308]
UPPER_MIDDLE, LOWER_MIDDLE, CHIN = 13, 14, 152
STILL: Final = 0.2
"""Movement of the lips, px at MEASURED, below which the mouth stays as it is."""
_OPEN, _TEETH = 12, 0.55
"""Pixels at MEASURED of an open mouth from which it shows what is in it; brightness of teeth,
relative to the whites of the eyes."""
_PARTED: Final = 0.3
"""Parting of the lips, px at MEASURED, from which the inside begins to show."""
TOOTH: Final = 0.8
"""Width of a front tooth, cm."""


@dataclass(frozen=True)
class MouthLook:
    """The inside of one person's mouth.

    Attributes:
        teeth: Whether the light reaches the teeth.
        edge: How far the upper teeth end below the resting upper lip, cm.
        lower_edge: How far the lower teeth end below the resting lower lip, cm.
        brightness: Of the teeth, relative to the whites of the eyes.
        darkness: Of the cavity, relative to the whites of the eyes.
        tongue: Height of the tongue over the lower lip, cm; 0 or less is none.
    """

    teeth: bool = True
    edge: float = 0.2
    lower_edge: float = -0.1
    brightness: float = 0.9
    darkness: float = 0.15
    tongue: float = 0.0


def sample_look(rng: np.random.Generator) -> MouthLook:
    """Return a random mouth."""
    return MouthLook(
        teeth=bool(rng.random() < 0.8),
        edge=float(rng.normal(0.22, 0.14)),
        lower_edge=float(rng.normal(-0.05, 0.12)),
        brightness=float(rng.uniform(0.75, 1.1)),
        darkness=float(rng.uniform(0.06, 0.4)),
        tongue=float(rng.uniform(-0.5, 1.3)),
    )


@dataclass(frozen=True, eq=False)
class _Mouth:
    """One mouth in a window; points in px of the window, lengths in px.

    Attributes:
        before: (468, 2) mesh of the photo.
        after: (468, 2) mesh of the picture.
        px: From `px_of`.
        scale: px per cm.
        white: (3,) color of the sclera.
        lip: (3,) color of the lips.
        look: Of the inside.
        teeth: (3,) color of the upper teeth.
        teeth_end: Height in px to which the upper teeth reach in the middle.
    """

    before: Floats
    after: Floats
    px: float
    scale: float
    white: Floats
    lip: Floats
    look: MouthLook
    teeth: Floats
    teeth_end: float


def lips_move(before: Floats, after: Floats, size: int) -> bool:
    """Return whether the lips' margins move between two meshes, in a portrait of `size` px."""
    return bool(np.abs(after[RING] - before[RING]).max() >= STILL * px_of(size))


def show_mouth(
    picture: Image, photo: Image, before: Floats, after: Floats, *, scale: float,
    white: Floats, look: MouthLook,
) -> None:  # fmt: skip
    """Put the inside of the mouth between the moved lips of the picture, in place.

    What the photo shows between the lips stays; the rest is drawn.

    Args:
        picture: (S, S, 3) uint8, the warped photo.
        photo: (S, S, 3) uint8, as it was.
        before: (478, 2) mesh of the photo, px.
        after: (468, 2) or more, mesh of the picture.
        scale: px per cm.
        white: (3,) color of a sclera.
        look: Of the inside.
    """
    window = window_around(np.vstack([before[RING], after[RING]]), len(photo))
    local = Window(0, 0, window.width, window.height)
    now = polygon_mask(local, window.local(after)[RING])
    then = polygon_mask(local, window.local(before)[RING])
    mouth = _mouth(window, photo, before, after, then, scale, white, look)
    # The photo's lips shade and shine at the margin; a thin slit between them is no mouth.
    cv2 = opencv()
    kernel = margin_kernel(mouth.px)
    seen = cv2.erode(then, kernel)
    target = window.of(picture)
    target[:] = rounded(blend(target, window.of(photo), now * seen))
    opened = now * _opened(mouth, local.width) * (1 - seen)
    # Lips are round: no edge between them is sharp.
    opened = cv2.GaussianBlur(opened, kernel.shape, 0.6 * mouth.px)
    if opened.max() > 0.05:
        target[:] = rounded(blend(target, _interior(local, mouth), opened))


def _mouth(
    window: Window, photo: Image, before: Floats, after: Floats, then: Mask, scale: float,
    white: Floats, look: MouthLook,
) -> _Mouth:  # fmt: skip
    """Return the mouth of a photo; teeth that it shows decide those that are drawn."""
    lip = before[[17, 84, 314]].mean(0).round().astype(int).clip(0, len(photo) - 1)
    teeth = white * look.brightness * _YELLOWISH
    end = window.local(before)[UPPER_MIDDLE, 1] + scale * look.edge
    shown = window.of(photo)[then > 0.9]
    px = px_of(len(photo))
    if len(shown) >= _OPEN * px**2:
        bright = shown[shown.mean(1) >= np.median(shown.mean(1))].mean(0)
        has_teeth = bool(bright.mean() > _TEETH * white.mean())
        look = replace(look, teeth=has_teeth)
        if has_teeth:
            teeth, end = bright, window.local(before)[LOWER_MIDDLE, 1]
    return _Mouth(
        before=window.local(before), after=window.local(after), px=px, scale=scale, white=white,
        lip=photo[lip[1], lip[0]], look=look, teeth=teeth, teeth_end=float(end),
    )  # fmt: skip


def _opened(mouth: _Mouth, width: int) -> npt.NDArray[np.float32]:
    """Return (width,), 1 in columns in which the lips part further, 0 where they only move."""
    column = np.arange(width, dtype=np.float32)
    gaps = [
        _line(points[_LOWER], column) - _line(points[_UPPER], column)
        for points in (mouth.after, mouth.before)
    ]
    least = _PARTED * mouth.px
    return np.clip((gaps[0] - gaps[1] - least) / least, 0, 1).astype(np.float32)


def _interior(window: Window, mouth: _Mouth) -> Mask:
    x, y = np.meshgrid(
        np.arange(window.width, dtype=np.float32), np.arange(window.height, dtype=np.float32)
    )
    look, scale = mouth.look, mouth.scale
    top = _line(mouth.after[_UPPER], x[0])
    bottom = _line(mouth.after[_LOWER], x[0])
    half = np.ptp(mouth.after[RING, 0]) / 2 + 1e-3
    aside = (x - mouth.after[UPPER_MIDDLE, 0]) / half  # -1..1 between the corners
    out = np.ones((*x.shape, 3), np.float32) * np.float32(look.darkness * mouth.white * _REDDISH)
    if look.tongue > 0:
        rise = scale * look.tongue * np.sqrt(np.clip(1 - (aside / 0.75) ** 2, 0, 1))
        tongue = np.float32(mouth.lip * 0.75) * (1 - 0.25 * np.abs(aside[..., None]))
        out = blend(out, tongue, _soft(y - (bottom - rise)))
    if look.teeth:
        out = _with_teeth(out, mouth, aside, y)
    # The lips shade what is behind them, and the cheeks the corners.
    shade = (0.66 + 0.34 * np.clip((y - top) / (0.3 * scale), 0, 1)) * (1 - 0.5 * aside**4)
    return np.asarray(out * np.clip(shade, 0.15, 1)[..., None], np.float32)


_YELLOWISH: Final = np.array([1.06, 1.0, 0.88])
"""Tint of teeth, relative to the whites of the eyes."""
_REDDISH: Final = np.array([1.0, 0.5, 0.48])


def _with_teeth(out: Mask, mouth: _Mouth, aside: Floats, y: Floats) -> Mask:
    look, scale = mouth.look, mouth.scale
    arch = 0.25 * scale * aside**2
    upper = mouth.teeth_end - arch
    jaw = max(0.0, mouth.after[CHIN, 1] - mouth.before[CHIN, 1])
    lower = mouth.before[LOWER_MIDDLE, 1] + jaw + scale * look.lower_edge + arch
    half = np.ptp(mouth.after[RING, 0]) / 2
    gap = np.abs(np.cos(np.pi * aside * half / (TOOTH * scale)))  # 0 between two teeth
    row = np.float32(mouth.teeth) * (0.86 + 0.14 * np.clip(gap * 4, 0, 1))[..., None]
    row = (row * (1 - 0.35 * aside[..., None] ** 2)).astype(np.float32)
    out = blend(out, (0.8 * row).astype(np.float32), _soft(y - lower))
    return blend(out, row, _soft(upper - y))


def _line(points: Floats, x: Floats) -> Floats:
    order = np.argsort(points[:, 0], kind="stable")
    return np.asarray(np.interp(x, points[order, 0], points[order, 1]))


def _soft(distance: Floats) -> npt.NDArray[np.float32]:
    return np.asarray(np.clip(distance + 0.5, 0, 1), np.float32)
