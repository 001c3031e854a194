"""How the intensities rise when AUs are edited into photos."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf import facs
from fau_tf.evaluation.real_faces.au_readers import READERS, AUReaders
from fau_tf.evaluation.real_faces.edits import ROWS, Edit, EditRow, edited
from fau_tf.evaluation.real_faces.face_reader import ReadFace
from fau_tf.metrics.bootstrap import figure_intervals

Array = npt.NDArray[Any]
LEVEL: Final = 4.0
"""Intensity that is added to a face."""


def edited_rises(
    readers: AUReaders, faces: Iterable[tuple[str, ReadFace]], edit: Edit = edited
) -> dict[str, list[dict[str, Any]]]:
    """Return how the AUs rise for each of `edits.ROWS` whose AUs the model has, by reader.

    Landmarks are found anew in the edited photo, as in any photo. Faces on which the AU is above
    half its scale already are left out of a row: a full smile can't grow.

    Args:
        readers: The model and the baseline.
        faces: Subject and face, one at a time: photos may be many.
        edit: Adds AUs to a face of a photo.

    Raises:
        ValueError: If there is no face.
    """
    rows = [row for row in ROWS if set(row.aus) <= set(readers.aus)]
    subjects, before, after = [], [], []
    for subject, face in faces:
        subjects.append(subject)
        before.append(readers.read(face))
        after.append([readers(_edited(face, row, edit)) for row in rows])
    if not subjects:
        raise ValueError("No face was found to edit AUs into. Give photos that show one.")
    plain: Array = np.stack(before)  # (N, 2, A)
    changed: Array = np.array(after)  # (N, rows, 2, A)
    names = np.array(subjects)
    found: dict[str, list[dict[str, Any]]] = {}
    for r, name in enumerate(READERS):
        figures = [
            _row(row, readers.aus, plain[:, r], changed[:, i, r], names)
            for i, row in enumerate(rows)
        ]
        found[name] = [row for row in figures if row]
    return found


def _edited(face: ReadFace, row: EditRow, edit: Edit) -> Array:
    return edit(face.image, face.mesh, dict.fromkeys(row.aus, LEVEL))


def _row(
    row: EditRow, aus: Sequence[int], before: Array, after: Array, subjects: Array
) -> dict[str, Any]:
    """Return the figures of one edit; `before` and `after` are (N, A). Empty without faces."""
    own = [aus.index(au) for au in row.aus]
    others = [a for a, au in enumerate(aus) if au not in (*row.aus, *row.related)]
    can_grow = before[:, own].max(axis=1) <= facs.MAX_INTENSITY / 2
    used = can_grow & np.isfinite(after).all(axis=1)
    if not used.any():
        return {}
    rise = (after - before)[used]
    risen = rise[:, own].min(axis=1) >= 1
    median = np.median(rise[:, others], axis=0)
    labels = [facs.AUS[au].label for au in aus]
    interval = figure_intervals(lambda of: risen[of].mean(), subjects[used].tolist())
    return {
        "edit": row.name,
        "aus": list(row.aus),
        "faces": len(rise),
        "median_rise": {labels[a]: float(np.median(rise[:, a])) for a in own},
        "share_risen_by_1": float(risen.mean()),
        "risen_interval": interval.tolist(),
        "largest_other": [labels[others[int(median.argmax())]], float(median.max())],
        "share_above_others": float(
            (rise[:, own].min(axis=1) > rise[:, others].max(axis=1)).mean()
        ),
    }
