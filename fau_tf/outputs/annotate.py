"""The annotated picture: photo with boxes, heatmaps and AU centers; beside it a card per face."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from PIL import Image as PillowImage

from fau_tf.face.align import Image, Matrix, invert, transform
from fau_tf.inference.estimator import PRESENT_FROM, Estimate, FaceResult
from fau_tf.inference.model_info import ModelInfo
from fau_tf.outputs.drawing import DIM, INK, PAPER, RED, TRACK, Pen, face_color
from fau_tf.outputs.face_card import CARD_WIDTH, GAP, card_height, draw_card
from fau_tf.outputs.heatmap_overlay import after, enlargement, heatmap_to_crop, with_heatmaps

PHOTO_SIDE: Final = 760
"""The longer side of the photo in the picture, px; small photos are enlarged to it."""

NARROWEST: Final = 380
"""Room for the photo, px: enough to read a reason beside a photo one pixel wide."""

_STRIP: Final = 34  # of the reason above, of the caption below the photo, px
_DOTS_FROM: Final = 180  # px: AU centers on a narrower face would hide it


def annotate(
    image: Image,
    estimate: Estimate,
    info: ModelInfo,
    *,
    present_from: float = PRESENT_FROM,
    cards: int | None = None,
) -> Image:
    """Return the picture of a photo and its faces, (h, w, 3) RGB uint8.

    Args:
        image: (H, W, 3) RGB uint8, the photo.
        estimate: Of the photo.
        info: The model's; its caption is below the photo.
        present_from: Intensity from which an AU is written in bright ink.
        cards: Places for cards; as many as there are faces by default. With a number, the pictures
            of a video's frames are all of one size; faces beyond it have a box only.
    """
    faces = estimate.faces
    numbers = face_numbers(faces)
    places = len(faces) if cards is None else cards
    photo = _framed(
        _photo(image, faces, numbers), estimate.reason, info, in_video=cards is not None
    )
    shown = list(zip(faces, numbers, strict=True))[:places]
    drawn = [draw_card(image, face, number, info, present_from) for face, number in shown]
    return np.array(_arranged(photo, drawn, places, card_height(info) if places else 0))


def face_numbers(faces: Sequence[FaceResult]) -> list[int]:
    """Return the faces' ids; their places from 0 if ids repeat."""
    ids = [face.face_id for face in faces]
    return ids if len(set(ids)) == len(ids) else list(range(len(ids)))


def _photo(image: Image, faces: Sequence[FaceResult], numbers: Sequence[int]) -> PillowImage.Image:
    zoom = PHOTO_SIDE / max(image.shape[:2])
    size = [max(1, round(side * zoom)) for side in image.shape[1::-1]]
    small = PillowImage.fromarray(image)
    # `reducing_gap` first shrinks large photos by whole steps: much faster, and looks alike.
    sheet = np.array(small.resize(size, PillowImage.Resampling.BICUBIC, reducing_gap=3.0))
    enlarge = enlargement(zoom)
    for face in faces:
        if not face.reason:
            to_photo = after(enlarge, after(invert(face.matrix), heatmap_to_crop(face)))
            sheet = with_heatmaps(sheet, face.heatmaps, to_photo)
    canvas = PillowImage.fromarray(sheet)
    pen = Pen.on(canvas)
    for face, number in zip(faces, numbers, strict=True):
        _draw_box(pen, face, number, enlarge)
    return canvas


def _draw_box(pen: Pen, face: FaceResult, number: int, enlarge: Matrix) -> None:
    box = transform(enlarge, np.array(face.box).reshape(2, 2)).ravel().tolist()
    pen.tag(box, f"{number}", DIM if face.reason else face_color(number))
    if not face.reason and box[2] - box[0] > _DOTS_FROM:
        for at in transform(enlarge, face.centers):
            pen.dot(at, 1.5)


def _framed(
    photo: PillowImage.Image, reason: str, info: ModelInfo, *, in_video: bool
) -> PillowImage.Image:
    """Return the photo with the reason above it, in a video always room for one; the caption below.

    A narrow photo gets a margin, so that both can be read.
    """
    above = _STRIP if reason or in_video else 0
    width, height = max(photo.width, NARROWEST), max(photo.height, _STRIP)
    sheet = PillowImage.new("RGB", (width, height + above + _STRIP), PAPER)
    pen = Pen.on(sheet)
    if (width, height) != photo.size:
        pen.draw.rectangle((0, above, width - 1, above + height - 1), TRACK)
    sheet.paste(photo, ((width - photo.width) // 2, above + (height - photo.height) // 2))
    if reason:
        pen.draw.rectangle((0, 0, width, above - 4), TRACK)
        pen.draw.rectangle((0, 0, 5, above - 4), RED)
        pen.fitted((16, (above - 4) / 2), reason, 18, INK, width - 24)
    pen.fitted((0, above + height + _STRIP / 2), info.caption, 13, DIM, width)
    return sheet


def _arranged(
    photo: PillowImage.Image, cards: Sequence[PillowImage.Image], places: int, tall: int
) -> PillowImage.Image:
    """Return one or two cards beside the photo, more of them in rows below it."""
    beside = places <= 2
    columns = places if beside else min(max(3, -(-places // 2)), 5)
    rows = -(-places // max(columns, 1))
    grid_width, grid_height = columns * (CARD_WIDTH + GAP), rows * (tall + GAP)
    if beside:
        size = (photo.width + grid_width + 2 * GAP, max(photo.height, tall) + 2 * GAP)
        start, corner = (photo.width + 2 * GAP, GAP), (GAP, GAP)
    else:
        size = (
            max(photo.width, grid_width - GAP) + 2 * GAP,
            photo.height + grid_height + 2 * GAP,
        )
        start = ((size[0] - grid_width + GAP) // 2, photo.height + 2 * GAP)
        corner = ((size[0] - photo.width) // 2, GAP)
    sheet = PillowImage.new("RGB", size, PAPER)
    sheet.paste(photo, corner)
    for i, drawn in enumerate(cards):
        row, column = divmod(i, columns)
        sheet.paste(drawn, (start[0] + column * (CARD_WIDTH + GAP), start[1] + row * (tall + GAP)))
    return sheet
