"""A face's card: the aligned face with its heatmaps and AU centers, and a bar for each AU."""

import functools
import math
from typing import Final

import numpy as np
from PIL import Image as PillowImage

from fau_tf import facs
from fau_tf.face.align import Image, crop_matrix, transform
from fau_tf.face.align_cv2 import fast_crop
from fau_tf.inference.estimator import FaceResult
from fau_tf.outputs.drawing import AMBER, CARD, DIM, INK, RED, TRACK, Pen, face_color
from fau_tf.outputs.heatmap_overlay import color, enlargement, with_heatmaps

CARD_WIDTH: Final = 380
GAP: Final = 14
_ROW, _THUMB, _TOP, _STATUS = 24, 224, 34, 28
_BARS: Final = _TOP + _THUMB + _STATUS


def card_height(rows: int) -> int:
    """Return the height of a card with this many AUs, px."""
    return _BARS + rows * _ROW + GAP


def card(image: Image, face: FaceResult, number: int, present_from: float) -> PillowImage.Image:
    """Return a face's card, `CARD_WIDTH` px wide.

    Args:
        image: (H, W, 3) RGB uint8, the photo.
        face: What was read from it.
        number: The face's.
        present_from: Intensity from which an AU is written in bright ink.
    """
    sheet = PillowImage.new("RGB", (CARD_WIDTH, card_height(len(face.intensity))), CARD)
    pen = Pen.on(sheet)
    pen.draw.rectangle((0, 0, CARD_WIDTH, 4), face_color(number))
    pen.text((GAP, 19), f"Face {number}", 16, INK)
    sure = f"confidence {face.quality.confidence:.2f}"
    pen.text((CARD_WIDTH - GAP, 19), sure, 13, DIM, "rm")
    sheet.paste(_thumb(image, face), (GAP, _TOP))
    sheet.paste(_scale(), (GAP + _THUMB + 24, _TOP))
    note = f"not read: {face.reason}" if face.reason else ", ".join(face.quality.flags)
    _status(pen, note, RED if face.reason else AMBER, _headings(face))
    for row, (label, intensity) in enumerate(face.shown.items()):
        calibrated = None if face.calibrated is None else face.calibrated[label]
        y = _BARS + row * _ROW + _ROW // 2
        _bar(pen, y, label, (intensity, calibrated), intensity >= present_from)
    return sheet


def _thumb(image: Image, face: FaceResult) -> PillowImage.Image:
    """Return the aligned face with its heatmaps and AU centers; gray where it was not read."""
    matrix = crop_matrix(face.landmarks, _THUMB)
    plain = fast_crop(image, matrix, _THUMB)
    if face.reason:
        return PillowImage.fromarray(plain).convert("L").convert("RGB")
    spread = enlargement(_THUMB / face.heatmaps.shape[0])
    thumb = PillowImage.fromarray(with_heatmaps(plain, face.heatmaps, spread))
    pen = Pen.on(thumb)
    for at in transform(matrix, face.centers):
        pen.dot(at, 0.8)
    return thumb


@functools.cache
def _scale() -> PillowImage.Image:
    """Return the key of the heatmap colors."""
    sheet = PillowImage.new("RGB", (CARD_WIDTH - 2 * GAP - _THUMB - 24, _THUMB), CARD)
    pen = Pen.on(sheet)
    for step in range(_THUMB):
        level = facs.MAX_INTENSITY * (1 - step / (_THUMB - 1))
        pen.draw.line((0, step, 16, step), color(level))
    for level in range(int(facs.MAX_INTENSITY) + 1):
        at = (_THUMB - 1) * (1 - level / facs.MAX_INTENSITY)
        pen.text((26, min(max(at, 7), _THUMB - 7)), str(level), 13, DIM)
    pen.text((44, _THUMB / 2), "intensity", 13, DIM)
    return sheet


def _headings(face: FaceResult) -> list[str]:
    """Return what stands over the figures, from the right; nothing over raw ones alone."""
    shown = "raw" if face.smoothed is None else "smooth"
    if face.calibrated is not None:
        return ["cal.", shown]
    return [] if face.smoothed is None else [shown]


def _status(pen: Pen, note: str, ink: str, headings: list[str]) -> None:
    y = _TOP + _THUMB + _STATUS // 2
    right = CARD_WIDTH - GAP
    for heading in headings:
        pen.text((right, y), heading, 13, DIM, "rm")
        right -= 38
    pen.fitted((GAP, y), note, 14, ink, right - GAP)


def _bar(pen: Pen, y: int, label: str, values: tuple[float, float | None], present: bool) -> None:
    """Draw the bar of the intensity shown; the calibrated one is a white mark on it."""
    raw, calibrated = values
    ink = INK if present else DIM
    pen.text((GAP, y), label, 14, ink)
    pen.text((GAP + 46, y), facs.AUS[int(label[2:])].name, 13, ink)
    left, right = 208, CARD_WIDTH - (46 if calibrated is None else 84)
    unit = (right - left) / facs.MAX_INTENSITY
    pen.draw.rectangle((left, y - 6, right, y + 6), TRACK)
    if raw * unit >= 1:
        reach = left + min(raw, facs.MAX_INTENSITY) * unit
        pen.draw.rectangle((left, y - 6, reach, y + 6), color(raw))
    for level in range(1, int(facs.MAX_INTENSITY)):
        pen.draw.line((left + level * unit, y - 6, left + level * unit, y + 6), CARD)
    figures = [raw] if calibrated is None else [calibrated, raw]
    for column, value in enumerate(figures):
        words = "-" if math.isnan(value) else f"{value + 0.0:.1f}"
        pen.text((CARD_WIDTH - GAP - 38 * column, y), words, 14, ink, "rm")
    if calibrated is not None and math.isfinite(calibrated):
        at = left + float(np.clip(calibrated, 0.0, facs.MAX_INTENSITY)) * unit
        pen.draw.rectangle((at - 2, y - 8, at + 2, y + 8), "white", "black")
