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
from fau_tf.inference.model_info import ModelInfo
from fau_tf.outputs.drawing import AMBER, CARD, DIM, GRAY, INK, RED, TRACK, Pen, face_color
from fau_tf.outputs.heatmap_overlay import color, enlargement, with_heatmaps

CARD_WIDTH: Final = 380
GAP: Final = 14
_ROW, _THUMB, _TOP, _STATUS, _LEGEND = 24, 224, 34, 28, 26
_BARS: Final = _TOP + _THUMB + _STATUS
_BAR_LEFT: Final = 208
_FIGURE: Final = 38  # of a column of figures, px


def card_height(info: ModelInfo) -> int:
    """Return the height of a model's cards, px."""
    return _BARS + len(info.aus) * _ROW + GAP + _LEGEND * _has_legend(info)


def draw_card(
    image: Image, face: FaceResult, number: int, info: ModelInfo, present_from: float
) -> PillowImage.Image:
    """Return a face's card, `CARD_WIDTH` px wide.

    A bar is the shown intensity. A whisker on it is the prediction interval, unless the intensity
    was smoothed; a white mark is the intensity above neutral; an AU of low reliability is hatched.

    Args:
        image: (H, W, 3) RGB uint8, the photo.
        face: Read from it.
        number: The face's.
        info: The model's.
        present_from: Intensity from which an AU is written in bright ink.
    """
    sheet = PillowImage.new("RGB", (CARD_WIDTH, card_height(info)), CARD)
    pen = Pen.on(sheet)
    pen.draw.rectangle((0, 0, CARD_WIDTH, 4), face_color(number))
    pen.text((GAP, 19), f"Face {number}", 16, INK)
    pen.text((CARD_WIDTH - GAP, 19), f"quality {face.quality.score:.2f}", 13, DIM, "rm")
    sheet.paste(_thumb(image, face), (GAP, _TOP))
    sheet.paste(_scale(), (GAP + _THUMB + 24, _TOP))
    note = f"not read: {face.reason}" if face.reason else ", ".join(face.quality.flags)
    _status(pen, note, RED if face.reason else AMBER, _headings(face))
    for row, label in enumerate(face.shown):
        _bar(pen, _BARS + row * _ROW + _ROW // 2, face, label, present_from)
    if _has_legend(info):
        _legend(pen, sheet.height - GAP - _LEGEND // 2, info)
    return sheet


def _thumb(image: Image, face: FaceResult) -> PillowImage.Image:
    """Return the aligned face with its heatmaps and AU centers; gray if it was not read."""
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
    """Return the color bar of the heatmaps."""
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
    """Return the headings of the columns of figures, from the right; none for raw ones alone."""
    shown = "raw" if face.smoothed is None else "smooth"
    if face.above_neutral is not None:
        return ["net", shown]
    return [] if face.smoothed is None else [shown]


def _status(pen: Pen, note: str, ink: str, headings: list[str]) -> None:
    y = _TOP + _THUMB + _STATUS // 2
    right = CARD_WIDTH - GAP
    for heading in headings:
        pen.text((right, y), heading, 13, DIM, "rm")
        right -= _FIGURE
    pen.fitted((GAP, y), note, 14, ink, right - GAP)


def _bar(pen: Pen, y: int, face: FaceResult, label: str, present_from: float) -> None:
    shown = face.shown[label]
    net = None if face.above_neutral is None else face.above_neutral[label]
    doubtful = label in face.low_reliability
    ink = INK if shown >= present_from and not doubtful else DIM
    pen.text((GAP, y), f"{label}*" if doubtful else label, 14, ink)
    pen.text((GAP + 46, y), facs.AUS[int(label[2:])].name, 13, ink)
    right = CARD_WIDTH - GAP - _FIGURE * (1 if net is None else 2) + 6
    unit = (right - _BAR_LEFT) / facs.MAX_INTENSITY
    track = (_BAR_LEFT, y - 6, right, y + 6)
    pen.draw.rectangle(track, TRACK)
    if doubtful:
        pen.hatch(track, GRAY)
    if shown * unit >= 1:
        reach = _BAR_LEFT + min(shown, facs.MAX_INTENSITY) * unit
        pen.draw.rectangle((_BAR_LEFT, y - 6, reach, y + 6), GRAY if doubtful else color(shown))
    for level in range(1, int(facs.MAX_INTENSITY)):
        at = _BAR_LEFT + level * unit
        pen.draw.line((at, y - 6, at, y + 6), CARD)
    if face.interval and face.smoothed is None:
        low, high = (_BAR_LEFT + end * unit for end in face.interval[label])
        pen.whisker(y, low, high)
    for column, value in enumerate([shown] if net is None else [net, shown]):
        words = "-" if math.isnan(value) else f"{value + 0.0:.1f}"
        pen.text((CARD_WIDTH - GAP - _FIGURE * column, y), words, 14, ink, "rm")
    if net is not None and math.isfinite(net):
        at = _BAR_LEFT + float(np.clip(net, 0.0, facs.MAX_INTENSITY)) * unit
        pen.draw.rectangle((at - 2, y - 8, at + 2, y + 8), "white", "black")


def _has_legend(info: ModelInfo) -> bool:
    return info.intervals is not None or bool(info.low_reliability)


def _legend(pen: Pen, y: int, info: ModelInfo) -> None:
    if info.low_reliability:
        swatch = (GAP, y - 6, GAP + 24, y + 6)
        pen.draw.rectangle(swatch, TRACK)
        pen.hatch(swatch, GRAY)
        pen.text((GAP + 32, y), "* low reliability", 13, DIM)
    if info.intervals:
        left = CARD_WIDTH // 2 - 8
        pen.whisker(y, left, left + 26)
        pen.text((left + 36, y), f"{100 * info.intervals.level:.0f} % prediction interval", 13, DIM)
