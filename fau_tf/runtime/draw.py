"""The demo picture: photo with boxes, heatmaps and AU centres; a card of AU bars for each face."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from fau_tf import facs
from fau_tf.face import native
from fau_tf.face.align import Image, Matrix, crop_matrix, invert, transform
from fau_tf.face.fast_crop import fast_crop
from fau_tf.runtime.estimator import FaceResult
from fau_tf.runtime.output import PRESENT_FROM

PHOTO_SIDE: Final = 760
"""The longer side of the photo in the picture, px; small photos are enlarged to it."""

CARD_WIDTH: Final = 380
_GAP, _ROW, _THUMB = 14, 24, 224
_INK, _DIM, _PAPER, _CARD, _TRACK = "#f2f2f2", "#9aa0a8", "#15171b", "#212429", "#343941"
_FACES: Final = ("#4cc9f0", "#ffb703", "#b5e48c", "#f78fb3", "#c9a7ff", "#ff8c61")

# Colours from 0 to 5, blue over green to red: bright and saturated, so that they stand out from
# dark and from light skin.
_RAMP: Final = np.array(
    [(30, 60, 255), (0, 190, 255), (60, 240, 150), (255, 240, 60), (255, 120, 0), (255, 0, 60)],
    np.float32,
)


@dataclass(frozen=True)
class _Pen:
    """Draws on a canvas; fonts are Pillow's own, so that every machine draws the same."""

    draw: ImageDraw.ImageDraw

    def text(
        self, at: tuple[float, float], words: str, size: int, fill: str, anchor: str = "lm"
    ) -> None:
        self.draw.text(at, words, fill, ImageFont.load_default(size), anchor)

    def dot(self, at: npt.NDArray[np.float64], radius: float, fill: str) -> None:
        # A white ring in a black one stands out on any skin.
        for grown, colour in ((2.0, "black"), (1.0, "white"), (0.0, fill)):
            reach = radius + grown
            box = (at[0] - reach, at[1] - reach, at[0] + reach, at[1] + reach)
            self.draw.ellipse([float(side) for side in box], fill=colour)


def overlay(
    image: Image, faces: Sequence[FaceResult], reason: str = "", present_from: float = PRESENT_FROM
) -> Image:
    """Return the picture of a photo and what was read from it, (h, w, 3) RGB uint8.

    Args:
        image: (H, W, 3) RGB uint8, the photo.
        faces: What the estimator read.
        reason: Written over the photo where there are no faces.
        present_from: Intensity from which an AU is written in bright ink.
    """
    photo = _photo(image, faces, reason)
    cards = [_card(image, face, i, present_from) for i, face in enumerate(faces)]
    return np.array(_arranged(photo, cards))


def colours(intensity: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return (..., 3) RGB 0 to 255 for intensities (...,) in 0 to 5."""
    level = np.clip(intensity, 0.0, facs.MAX_INTENSITY)
    low = np.minimum(level.astype(int), len(_RAMP) - 2)
    share = (level - low)[..., None]
    mixed: npt.NDArray[np.float32] = _RAMP[low] * (1 - share) + _RAMP[low + 1] * share
    return mixed


def with_heatmaps(image: Image, heatmaps: npt.NDArray[np.float32], to_image: Matrix) -> Image:
    """Return the image with the strongest of the heatmaps laid over it.

    Args:
        image: (H, W, 3) RGB uint8.
        heatmaps: (h, w, K) in 0 to 5.
        to_image: (2, 3) heatmap px -> image px.
    """
    cv2 = native.cv2()
    height, width = image.shape[:2]
    strongest: npt.NDArray[np.float32] = cv2.warpAffine(
        np.ascontiguousarray(heatmaps.max(axis=-1)), to_image, (width, height), borderValue=0.0
    )
    cover = np.clip(strongest / 2.0, 0.0, 1.0)[..., None] * 0.65
    blend: Image = (image * (1 - cover) + colours(strongest) * cover).round().astype(np.uint8)
    return blend


def heatmap_to_crop(face: FaceResult) -> Matrix:
    """Return the (2, 3) map from heatmap px to px of the face's crop: cells cover whole strides."""
    stride = face.crop_size / face.heatmaps.shape[0]
    offset = (stride - 1) / 2
    return np.array(((stride, 0.0, offset), (0.0, stride, offset)))


def _photo(image: Image, faces: Sequence[FaceResult], reason: str) -> PillowImage.Image:
    zoom = PHOTO_SIDE / max(image.shape[:2])
    size = [max(1, round(side * zoom)) for side in image.shape[1::-1]]
    sheet = np.array(PillowImage.fromarray(image).resize(size, PillowImage.Resampling.LANCZOS))
    # Pixel centres are on integers, so enlarging moves them by half a pixel.
    enlarge = np.array(((zoom, 0.0, (zoom - 1) / 2), (0.0, zoom, (zoom - 1) / 2)))
    for face in faces:
        to_photo = _after(enlarge, _after(invert(face.matrix), heatmap_to_crop(face)))
        sheet = with_heatmaps(sheet, face.heatmaps, to_photo)
    canvas = PillowImage.fromarray(sheet)
    pen = _Pen(ImageDraw.Draw(canvas))
    for i, face in enumerate(faces):
        box = transform(enlarge, np.array(face.box).reshape(2, 2)).ravel().tolist()
        colour = _FACES[i % len(_FACES)]
        pen.draw.rectangle([box[0] - 2, box[1] - 2, box[2] + 2, box[3] + 2], None, "black", 5)
        pen.draw.rectangle(box, None, colour, 2)
        pen.draw.rectangle([box[0] - 2, box[1] - 24, box[0] + 22, box[1]], colour)
        pen.text((box[0] + 10, box[1] - 12), str(i), 16, "black", "mm")
        if box[2] - box[0] > 180:
            for at in transform(enlarge, face.centres):
                pen.dot(at, 1.5, "black")
    if not faces:
        pen.draw.rectangle((0, 0, canvas.width, 34), _PAPER)
        pen.text((12, 17), reason, 18, _INK)
    return canvas


def _card(image: Image, face: FaceResult, i: int, present_from: float) -> PillowImage.Image:
    bars = len(face.intensity) * _ROW
    card = PillowImage.new("RGB", (CARD_WIDTH, 30 + _THUMB + 2 * _GAP + bars), _CARD)
    pen = _Pen(ImageDraw.Draw(card))
    pen.draw.rectangle((0, 0, CARD_WIDTH, 4), _FACES[i % len(_FACES)])
    pen.text((_GAP, 19), f"Face {i}", 16, _INK)
    matrix = crop_matrix(face.landmarks, _THUMB)
    plain = fast_crop(image, matrix, _THUMB)
    zoom = _THUMB / face.heatmaps.shape[0]
    spread = np.array(((zoom, 0.0, (zoom - 1) / 2), (0.0, zoom, (zoom - 1) / 2)))
    thumb = PillowImage.fromarray(with_heatmaps(plain, face.heatmaps, spread))
    on_thumb = _Pen(ImageDraw.Draw(thumb))
    for at in transform(matrix, face.centres):
        on_thumb.dot(at, 1.5, "black")
    card.paste(thumb, (_GAP, 34))
    _scale(pen, _GAP + _THUMB + 24, 34)
    for row, (label, intensity) in enumerate(face.intensity.items()):
        y = 34 + _THUMB + _GAP + row * _ROW + _ROW // 2
        _bar(pen, y, label, intensity, intensity >= present_from)
    return card


def _scale(pen: _Pen, x: int, y: int) -> None:
    """Draw the key of the heatmap colours."""
    for step in range(_THUMB):
        level = facs.MAX_INTENSITY * (1 - step / (_THUMB - 1))
        red, green, blue = (int(part) for part in colours(np.array(level, np.float32)))
        pen.draw.line((x, y + step, x + 16, y + step), (red, green, blue))
    for level in range(int(facs.MAX_INTENSITY) + 1):
        at = y + (_THUMB - 1) * (1 - level / facs.MAX_INTENSITY)
        pen.text((x + 26, min(max(at, y + 7), y + _THUMB - 7)), str(level), 13, _DIM)
    pen.text((x + 44, y + _THUMB / 2), "intensity", 13, _DIM)


def _bar(pen: _Pen, y: int, label: str, intensity: float, present: bool) -> None:
    ink = _INK if present else _DIM
    name = facs.AUS[int(label[2:])].name
    pen.text((_GAP, y), label, 14, ink)
    pen.text((_GAP + 46, y), name, 13, ink)
    left, right = 208, CARD_WIDTH - 46
    pen.draw.rectangle((left, y - 6, right, y + 6), _TRACK)
    reach = left + (right - left) * min(max(intensity, 0.0), facs.MAX_INTENSITY) / 5
    red, green, blue = (int(part) for part in colours(np.array(intensity, np.float32)))
    if reach >= left + 1:
        pen.draw.rectangle((left, y - 6, reach, y + 6), (red, green, blue))
    for level in range(1, int(facs.MAX_INTENSITY)):
        x = left + (right - left) * level / facs.MAX_INTENSITY
        pen.draw.line((x, y - 6, x, y + 6), _CARD)
    pen.text((CARD_WIDTH - _GAP, y), f"{intensity:.1f}", 14, ink, "rm")


def _arranged(photo: PillowImage.Image, cards: Sequence[PillowImage.Image]) -> PillowImage.Image:
    """Return one or two cards beside the photo, more of them in rows below it."""
    beside = len(cards) <= 2
    columns = len(cards) if beside else min(max(3, -(-len(cards) // 2)), 5)
    rows = -(-len(cards) // max(columns, 1))
    tall = cards[0].height if cards else 0
    grid_width = columns * (CARD_WIDTH + _GAP)
    grid_height = rows * (tall + _GAP)
    if beside:
        size = (photo.width + grid_width + 2 * _GAP, max(photo.height, tall) + 2 * _GAP)
        start = (photo.width + 2 * _GAP, _GAP)
        corner = (_GAP, _GAP)
    else:
        size = (
            max(photo.width, grid_width - _GAP) + 2 * _GAP,
            photo.height + grid_height + 2 * _GAP,
        )
        start = ((size[0] - grid_width + _GAP) // 2, photo.height + 2 * _GAP)
        corner = ((size[0] - photo.width) // 2, _GAP)
    sheet = PillowImage.new("RGB", size, _PAPER)
    sheet.paste(photo, corner)
    for i, card in enumerate(cards):
        row, column = divmod(i, columns)
        x, y = start[0] + column * (CARD_WIDTH + _GAP), start[1] + row * (tall + _GAP)
        sheet.paste(card, (x, y))
    return sheet


def _after(second: Matrix, first: Matrix) -> Matrix:
    """Return the (2, 3) matrix that does `first`, then `second`."""
    return np.column_stack((second[:, :2] @ first[:, :2], transform(second, first[:, 2])))
