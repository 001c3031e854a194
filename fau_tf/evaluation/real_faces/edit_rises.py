"""How the intensities rise when AUs are edited into photos."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf import facs
from fau_tf.evaluation.real_faces import edits
from fau_tf.evaluation.real_faces.edits import AUEdit
from fau_tf.evaluation.real_faces.faces import PhotoFace
from fau_tf.face.align import crop_matrix, transform
from fau_tf.face.align_cv2 import fast_crop
from fau_tf.inference.interpreter import AUInterpreter

Array = npt.NDArray[Any]
_EDITED_SIZE: Final = 256  # px of the crop that is edited


def edited_rises(model: AUInterpreter, faces: Sequence[PhotoFace]) -> list[dict[str, Any]]:
    """Return how the AUs rise for each of `edits.EDITS`, one row an edit.

    Faces on which the AU is above half its scale already are left out of a row: a full smile can't
    grow.
    """
    rows = []
    for edit in edits.EDITS:
        rises = [rise for face in faces if (rise := _rise(model, face, edit)) is not None]
        if rises:
            rows.append(_edit_row(edit, np.stack(rises)))
    return rows


def _rise(model: AUInterpreter, face: PhotoFace, edit: AUEdit) -> Array | None:
    """Return the (A,) rise of the intensities by an edit; None if the AU is high already."""
    matrix = crop_matrix(face.landmarks, _EDITED_SIZE)
    crop = fast_crop(face.image, matrix, _EDITED_SIZE)
    size = model.info.image_size
    before = model(_resized(crop, size))[0]
    if before[[facs.ALL.index(au) for au in edit.aus]].max() > facs.MAX_INTENSITY / 2:
        return None
    edited = edits.edited(crop, transform(matrix, face.landmarks), edit)
    rise: Array = model(_resized(edited, size))[0] - before
    return rise


def _edit_row(edit: AUEdit, rise: Array) -> dict[str, Any]:
    """Return the figures of one edit; `rise` is (faces, A)."""
    own = rise[:, [facs.ALL.index(au) for au in edit.aus]]
    others = [au for au in facs.ALL if au not in (*edit.aus, *edit.related)]
    other = rise[:, [facs.ALL.index(au) for au in others]]
    median = np.median(other, axis=0)
    return {
        "edit": edit.name,
        "faces": len(rise),
        "median_rise": {
            facs.AUS[au].label: float(np.median(own[:, i])) for i, au in enumerate(edit.aus)
        },
        "share_risen_by_1": float((own.min(axis=1) >= 1).mean()),
        "largest_other": [facs.AUS[others[int(median.argmax())]].label, float(median.max())],
        "share_above_others": float((own.min(axis=1) > other.max(axis=1)).mean()),
    }


def _resized(picture: Array, size: int) -> Array:
    scale = size / len(picture)
    matrix = np.array(((scale, 0, 0.5 * scale - 0.5), (0, scale, 0.5 * scale - 0.5)))
    return fast_crop(picture, matrix, size)
