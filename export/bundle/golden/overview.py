"""overview.png: picture, crop, heatmaps and intensities of each golden face, for inspection."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from fau_tf import facs
from fau_tf.face.align import Image
from fau_tf.outputs.drawing import DIM, INK, PAPER, TRACK, Pen
from fau_tf.outputs.heatmap_overlay import COVER, OPAQUE_FROM, color, colors

_SIDE: Final = 220  # px of each of the pictures
_GAP: Final = 10
_BARS: Final = 300
_ROW: Final = _SIDE + 2 * _GAP + 20

Shown = tuple[str, Image, Mapping[str, npt.NDArray[Any]]]
"""Name, picture and arrays of a golden face."""


def draw_overview(path: Path, faces: Sequence[Shown], labels: Sequence[str]) -> None:
    """Draw one row per face."""
    canvas = PillowImage.new("RGB", (3 * (_SIDE + _GAP) + _BARS + _GAP, _ROW * len(faces)), PAPER)
    for row, (name, pixels, arrays) in enumerate(faces):
        top = row * _ROW + _GAP
        pen = Pen.on(canvas)
        pen.text((_GAP, top + 8), f"{name}, {pixels.shape[1]} x {pixels.shape[0]} px", 13, INK)
        strip = (_marked(pixels, arrays["landmarks"]), _grown(arrays["crop"]), _heat(arrays))
        for column, shown in enumerate(strip):
            canvas.paste(shown, (_GAP + column * (_SIDE + _GAP), top + 20))
        _bars(pen, (3 * (_SIDE + _GAP) + _GAP, top + 20), arrays, labels)
    # A palette takes a quarter of the bytes.
    canvas.quantize(128).save(path, "PNG", optimize=True)


def _grown(pixels: Image) -> PillowImage.Image:
    return PillowImage.fromarray(pixels).resize((_SIDE, _SIDE), PillowImage.Resampling.BICUBIC)


def _marked(pixels: Image, points: npt.NDArray[np.float64]) -> PillowImage.Image:
    """Return the whole picture, as large as fits, with its landmarks."""
    height, width = pixels.shape[:2]
    zoom = _SIDE / max(height, width)
    size = round(width * zoom), round(height * zoom)
    shown = PillowImage.fromarray(pixels).resize(size, PillowImage.Resampling.BICUBIC)
    pen = Pen.on(shown)
    for x, y in (points + 0.5) * zoom - 0.5:
        pen.draw.rectangle((x - 1, y - 1, x, y), "#00ff80")
    return shown


def _heat(arrays: Mapping[str, npt.NDArray[Any]]) -> PillowImage.Image:
    """Return the crop under the strongest of the first variant's heatmaps."""
    first = next(name for name in arrays if name.startswith("heatmaps."))
    strongest = np.asarray(arrays[first][0].max(axis=-1), np.float32)  # (h, w)
    grown = np.asarray(
        PillowImage.fromarray(strongest).resize((_SIDE, _SIDE), PillowImage.Resampling.BILINEAR)
    )
    cover = (COVER * np.clip(grown / OPAQUE_FROM, 0, 1))[..., None]
    mixed = np.asarray(_grown(arrays["crop"]), np.float32) * (1 - cover) + colors(grown) * cover
    return PillowImage.fromarray(mixed.round().astype(np.uint8))


def _bars(
    pen: Pen,
    at: tuple[int, int],
    arrays: Mapping[str, npt.NDArray[Any]],
    labels: Sequence[str],
) -> None:
    """Draw one line per AU with one bar per variant, and the variants' names above."""
    given = [name for name in arrays if name.startswith("intensity.")]
    left, top = at
    pen.text((left, top - 12), " / ".join(name.partition(".")[2] for name in given), 11, DIM)
    high = _SIDE / len(labels)
    for number, label in enumerate(labels):
        y = top + number * high
        pen.text((left, y + high / 2), label, 11, INK)
        for part, name in enumerate(given):
            value = float(arrays[name][0, number])
            y0 = y + part * (high - 3) / len(given)
            y1 = y0 + (high - 3) / len(given) - 1
            long = (_BARS - 60) / facs.MAX_INTENSITY
            pen.draw.rectangle((left + 45, y0, left + 45 + long * facs.MAX_INTENSITY, y1), TRACK)
            pen.draw.rectangle((left + 45, y0, left + 45 + long * value, y1), color(value))
