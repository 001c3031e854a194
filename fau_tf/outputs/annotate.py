"""The annotated picture: photo with boxes, heatmaps and AU centers; a card for each face."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from PIL import Image as PillowImage

from fau_tf.face.align import Image, Matrix, invert, transform
from fau_tf.inference.estimator import PRESENT_FROM, Estimate, FaceResult
from fau_tf.inference.model_info import ModelInfo
from fau_tf.outputs.drawing import DIM, INK, PAPER, RED, TRACK, Pen, face_color
from fau_tf.outputs.face_card import card_height, draw_card
from fau_tf.outputs.heatmap_overlay import after, enlargement, heatmap_to_crop, with_heatmaps
from fau_tf.outputs.layout import STRIP, Layout, arrange

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
    layout = arrange(
        (image.shape[1], image.shape[0]),
        places,
        card_height(info),
        # In a video always, so that the frames are of one size.
        reason=bool(estimate.reason) or cards is not None,
    )
    sheet = PillowImage.new("RGB", layout.sheet, PAPER)
    photo = _photo(image, layout.photo, faces, numbers)
    sheet.paste(_framed(photo, estimate.reason, info, layout), layout.frame_corner)
    for i, (face, number) in enumerate(list(zip(faces, numbers, strict=True))[:places]):
        sheet.paste(draw_card(image, face, number, info, present_from), layout.card_corner(i))
    return np.array(sheet)


def face_numbers(faces: Sequence[FaceResult]) -> list[int]:
    """Return the faces' ids; their places from 0 if ids repeat."""
    ids = [face.face_id for face in faces]
    return ids if len(set(ids)) == len(ids) else list(range(len(ids)))


def _photo(
    image: Image, size: tuple[int, int], faces: Sequence[FaceResult], numbers: Sequence[int]
) -> PillowImage.Image:
    zoom = max(size) / max(image.shape[:2])
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
    photo: PillowImage.Image, reason: str, info: ModelInfo, layout: Layout
) -> PillowImage.Image:
    """Return the photo with the reason above it and the caption below.

    A narrow photo gets a margin, so that both can be read.
    """
    above, width = layout.above, layout.frame[0]
    height = layout.frame[1] - above - STRIP
    sheet = PillowImage.new("RGB", layout.frame, PAPER)
    pen = Pen.on(sheet)
    if (width, height) != photo.size:
        pen.draw.rectangle((0, above, width - 1, above + height - 1), TRACK)
    sheet.paste(photo, ((width - photo.width) // 2, above + (height - photo.height) // 2))
    if reason:
        pen.draw.rectangle((0, 0, width, above - 4), TRACK)
        pen.draw.rectangle((0, 0, 5, above - 4), RED)
        pen.fitted((16, (above - 4) / 2), reason, 18, INK, width - 24)
    pen.fitted((0, above + height + STRIP / 2), info.caption, 13, DIM, width)
    return sheet
