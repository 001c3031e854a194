"""How the intensities rise when AUs are edited into photos."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf import facs
from fau_tf.evaluation.real_faces.au_readers import READERS, AUReaders
from fau_tf.evaluation.real_faces.edits.edit import ROWS, Edit, EditRow, edited
from fau_tf.evaluation.real_faces.face_reader import ReadFace
from fau_tf.metrics.bootstrap import figure_intervals

Array = npt.NDArray[Any]
LEVEL: Final = 4.0
"""Intensity that is added to a face."""


@dataclass(frozen=True, eq=False)
class EditReadings:
    """Intensities of faces before and after edits, by one reader.

    Attributes:
        subjects: N names.
        aus: A numbers.
        rows: R edits whose AUs the reader has.
        before: (N, A).
        after: (N, R, A); NaN where no face was found in the edited photo.
    """

    subjects: Sequence[str]
    aus: Sequence[int]
    rows: Sequence[EditRow]
    before: Array
    after: Array

    def used(self, row: int) -> Array:
        """Return (N,) whether a face counts in a row.

        Faces on which the AU is above half its scale already don't: a full smile can't grow.
        """
        can_grow = self.before[:, self._own(row)].max(axis=1) <= facs.MAX_INTENSITY / 2
        found: Array = can_grow & np.isfinite(self.after[:, row]).all(axis=1)
        return found

    def risen(self, row: int) -> Array:
        """Return (N,) 1 where all AUs of an edit rise by 1 or more, else 0; NaN if not `used`."""
        rise = (self.after[:, row] - self.before)[:, self._own(row)].min(axis=1)
        risen: Array = np.where(self.used(row), rise >= 1, np.nan)
        return risen

    def _own(self, row: int) -> list[int]:
        return [self.aus.index(au) for au in self.rows[row].aus]


def read_edits(
    readers: AUReaders, faces: Iterable[tuple[str, ReadFace]], edit: Edit = edited
) -> dict[str, EditReadings]:
    """Return what each reader reads before and after the edits of `edit.ROWS`.

    Landmarks are found anew in the edited photo, as in any photo.

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
    changed: Array = np.array(after)  # (N, R, 2, A)
    return {
        name: EditReadings(subjects, readers.aus, rows, plain[:, r], changed[:, :, r])
        for r, name in enumerate(READERS)
    }


def edited_rises(readings: EditReadings) -> list[dict[str, Any]]:
    """Return how the AUs rise in each edit that has faces.

    Returns:
        Rows of `edit`, `aus`, `faces`; `median_rise` (label -> over faces); `share_risen_by_1` of
        the faces, and the `risen_interval`; `largest_other`, the unrelated AU of the largest median
        rise; `largest_other_of_a_face`, the median over faces of the largest rise of an unrelated
        AU; `share_above_others`, faces on which the edit's AUs rise more than every unrelated AU.
        Of a reader without unrelated AUs the last three are None, NaN and NaN.
    """
    found = [_row(readings, row) for row in range(len(readings.rows))]
    return [row for row in found if row]


def rises_per_au(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return label -> figures of the edit of that AU alone, of the rows of `edited_rises`.

    Returns:
        `faces`; `value` and `interval` of the share on which the AU rises by 1 or more;
        `median_rise`; `largest_other` and `largest_other_of_a_face`.
    """
    return {
        label: {
            "faces": row["faces"],
            "value": row["share_risen_by_1"],
            "interval": row["risen_interval"],
            "median_rise": rise,
            "largest_other": row["largest_other"],
            "largest_other_of_a_face": row["largest_other_of_a_face"],
        }
        for row in rows
        if len(row["aus"]) == 1
        for label, rise in row["median_rise"].items()
    }


def _edited(face: ReadFace, row: EditRow, edit: Edit) -> Array:
    return edit(face.image, face.mesh, dict.fromkeys(row.aus, LEVEL))


def _row(readings: EditReadings, index: int) -> dict[str, Any]:
    """Return the figures of one edit; empty without faces."""
    row, used = readings.rows[index], readings.used(index)
    if not used.any():
        return {}
    own = [readings.aus.index(au) for au in row.aus]
    rise = (readings.after[:, index] - readings.before)[used]
    risen = readings.risen(index)[used]
    labels = [facs.AUS[au].label for au in readings.aus]
    subjects = np.array(readings.subjects)[used].tolist()
    interval = figure_intervals(lambda of: risen[of].mean(), subjects)
    return {
        "edit": row.name,
        "aus": list(row.aus),
        "faces": len(rise),
        "median_rise": {labels[a]: float(np.median(rise[:, a])) for a in own},
        "share_risen_by_1": float(risen.mean()),
        "risen_interval": interval.tolist(),
        **_beside_others(row, rise, readings.aus),
    }


def _beside_others(row: EditRow, rise: Array, aus: Sequence[int]) -> dict[str, Any]:
    """Return the last three figures of a row of `edited_rises`, from (n, A) rises."""
    others = [a for a, au in enumerate(aus) if au not in (*row.aus, *row.related)]
    if not others:
        nan = float("nan")
        return {
            "largest_other": None,
            "largest_other_of_a_face": nan,
            "share_above_others": nan,
        }
    median, largest = np.median(rise[:, others], axis=0), rise[:, others].max(axis=1)
    own = rise[:, [aus.index(au) for au in row.aus]].min(axis=1)
    strongest = int(median.argmax())
    return {
        "largest_other": [facs.AUS[aus[others[strongest]]].label, float(median[strongest])],
        "largest_other_of_a_face": float(np.median(largest)),
        "share_above_others": float((own > largest).mean()),
    }
