"""How the intensities rise when AUs are edited into photos."""

from collections.abc import Sequence
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
    readers: AUReaders, faces: Sequence[ReadFace], subjects: Sequence[str], edit: Edit = edited
) -> dict[str, list[dict[str, Any]]]:
    """Return how the AUs rise for each of `edits.ROWS` whose AUs the model has, by reader.

    Landmarks are found anew in the edited photo, as in any photo. Faces on which the AU is above
    half its scale already are left out of a row: a full smile can't grow.

    Args:
        readers: The model and the baseline.
        faces: N of them.
        subjects: N names.
        edit: Adds AUs to a face of a photo.
    """
    before = np.stack([readers.read(face) for face in faces])  # (N, 2, A)
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in READERS}
    for row in ROWS:
        if not set(row.aus) <= set(readers.aus):
            continue
        added = dict.fromkeys(row.aus, LEVEL)
        after = np.stack([readers(edit(face.image, face.mesh, added)) for face in faces])
        for r, name in enumerate(READERS):
            figures = _row(row, readers.aus, before[:, r], after[:, r], np.array(subjects))
            if figures:
                rows[name].append(figures)
    return rows


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
