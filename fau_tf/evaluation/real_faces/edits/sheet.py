"""A sheet of faces with every edit of the table, to look at before its figures are believed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw

from fau_tf.evaluation.real_faces.edits.edit import ROWS, Edit, edited
from fau_tf.evaluation.real_faces.edits.rises import LEVEL
from fau_tf.evaluation.real_faces.face_reader import ReadFace
from fau_tf.face.align import crop_matrix
from fau_tf.face.align_cv2 import fast_crop
from fau_tf.utils.files import replacing

_CELL: Final = 144  # px
_LINE: Final = 20  # px, of the names


def draw_edit_sheet(path: Path, faces: Sequence[ReadFace], edit: Edit = edited) -> None:
    """Draw faces, one a row, as they are and with each edit of the table."""
    names = ["as it is", *(row.name for row in ROWS)]
    sheet = Image.new("RGB", (_CELL * len(names), _LINE + _CELL * len(faces)))
    for x, name in enumerate(names):
        ImageDraw.Draw(sheet).text((_CELL * x + 4, 4), name)
    for y, face in enumerate(faces):
        matrix = crop_matrix(face.landmarks, _CELL)
        added = [{}, *(dict.fromkeys(row.aus, LEVEL) for row in ROWS)]
        for x, intensity in enumerate(added):
            photo = edit(face.image, face.mesh, intensity) if intensity else face.image
            cell = Image.fromarray(fast_crop(photo, matrix, _CELL))
            sheet.paste(cell, (_CELL * x, _LINE + _CELL * y))
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as unfinished:
        sheet.save(unfinished)
