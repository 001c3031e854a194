"""Evaluation of a model on a folder of neutral and smiling photos, beside the blendshape baseline.

The photos have no FACS codes. What must hold without them: a neutral face is read near 0, a smile
raises its AUs, also in gray, small or compressed photos; an AU that is edited into a photo rises,
and a face that is presented differently keeps its intensities.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf import facs
from fau_tf.data.photo_folder import (
    NEUTRAL,
    Photo,
    credit,
    photos_of_part,
    read_photo_folder,
    subjects_in_order,
)
from fau_tf.evaluation.real_faces.au_readers import READERS, AUReaders
from fau_tf.evaluation.real_faces.edit_rises import edited_rises
from fau_tf.evaluation.real_faces.edit_sheet import draw_edit_sheet
from fau_tf.evaluation.real_faces.edits import Edit, edited
from fau_tf.evaluation.real_faces.expressions import Readings, neutral_alarms, smile_pairs
from fau_tf.evaluation.real_faces.face_reader import FaceReader
from fau_tf.evaluation.real_faces.stability import SHIFTED, stability
from fau_tf.evaluation.real_faces.versions import COLOR, GRAY, VERSIONS
from fau_tf.inference.interpreter import AUInterpreter
from fau_tf.io.images import read_image

Array = npt.NDArray[Any]
ALL: Final = "all"
"""Name of the part that holds every subject."""
_SHEET_FACES: Final = 8


def evaluate_folder(
    model: Path,
    folder: Path,
    part: str,
    *,
    kept: Path | None = None,
    pictures: Path | None = None,
    edit: Edit = edited,
) -> dict[str, Any]:
    """Return the figures of a model and of the baseline on one part of a folder's subjects.

    Args:
        model: An exported .tflite.
        folder: See `photo_folder`.
        part: One of `photo_folder.PARTS`, or `all`.
        kept: Folder that keeps landmarks and blendshapes from one run to the next.
        pictures: Folder for a sheet of edited faces, which are not to be published without
            the consent of the people shown.
        edit: Adds AUs to a face of a photo.

    Returns:
        `model`, `aus` (labels), `folder` (its name), `credit`, `part`, `subjects`, `photos`,
        `not_found` (photos without a face); `readers`: name -> `versions` (name -> `neutral`,
        `smile`, see `expressions`, and `not_found`) and `edited`; `stability` of the model;
        `selection`, see there.

    Raises:
        FileNotFoundError: If the folder or a file of it is missing.
        ValueError: If the part is empty, or no face is found on a neutral photo.
    """
    every = read_photo_folder(folder)
    photos = every if part == ALL else photos_of_part(every, part)
    with FaceReader(kept) as reader:
        readers = AUReaders(reader, AUInterpreter(model))
        images = [read_image(photo.path) for photo in photos]
        faces = [reader(image) for image in images]
        pairs = zip(photos, faces, strict=True)
        neutral = [(photo, face) for photo, face in pairs if photo.expression == NEUTRAL and face]
        if not neutral:
            raise ValueError(
                f"{folder}: no face found on a photo whose expression is {NEUTRAL!r}, of "
                f"{len(photos)} photos. Add such photos, or correct the list."
            )
        neutral_faces = [face for _, face in neutral]
        if pictures:
            draw_edit_sheet(pictures / "edits.png", neutral_faces[:_SHEET_FACES], edit)
        rises = edited_rises(readers, neutral_faces, [photo.subject for photo, _ in neutral], edit)
        versions = _versions(readers, photos, images)
    known = [(photo.subject, face) for photo, face in zip(photos, faces, strict=True) if face]
    steady = stability(readers.model, [face for _, face in known], [name for name, _ in known])
    figures = {name: {"versions": versions[name], "edited": rises[name]} for name in READERS}
    return {
        "model": model.name,
        "aus": [facs.AUS[au].label for au in readers.aus],
        "folder": folder.name,
        "credit": credit(folder),
        "part": part,
        "subjects": len(subjects_in_order(photos)),
        "photos": len(photos),
        "not_found": len(photos) - len(known),
        "readers": figures,
        "stability": steady,
        "selection": {
            "model": selection(figures["model"], steady),
            "blendshapes": selection(figures["blendshapes"], None),
        },
    }


def selection(figures: Mapping[str, Any], steady: Mapping[str, Any] | None) -> dict[str, float]:
    """Return the five figures by which recipes are compared on validation subjects.

    Args:
        figures: `versions` and `edited` of a reader, see `evaluate_folder`.
        steady: What `stability` returns; None for the baseline, which reads no crops.

    Returns:
        `neutral_alarms`: share of intensities of 1 or more on neutral faces; `gray_alarms`: the
        same in gray; `smile_auc`: mean AUC of AU6, AU12 and AU25; `edited_rise`: mean over AUs of
        the share of faces on which an edited AU rises by 1 or more; `shift_p95`: 95th percentile of
        what a shift of 4 px moves, NaN without `steady`.
    """
    alone = [row["share_risen_by_1"] for row in figures["edited"] if len(row["aus"]) == 1]
    versions = figures["versions"]
    return {
        "neutral_alarms": versions[COLOR]["neutral"]["all"]["value"],
        "gray_alarms": versions[GRAY]["neutral"]["all"]["value"],
        "smile_auc": versions[COLOR]["smile"]["mean_auc"]["value"],
        "edited_rise": float(np.mean(alone)) if alone else float("nan"),
        "shift_p95": steady["rows"][SHIFTED]["p95"] if steady else float("nan"),
    }


def _versions(
    readers: AUReaders, photos: Sequence[Photo], images: Sequence[Array]
) -> dict[str, dict[str, Any]]:
    """Return reader -> version of the photos -> its figures."""
    subjects = [photo.subject for photo in photos]
    expressions = [photo.expression for photo in photos]
    found: dict[str, dict[str, Any]] = {name: {} for name in READERS}
    for version, change in VERSIONS.items():
        table = np.stack([readers(change(image)) for image in images])  # (N, 2, A)
        for r, name in enumerate(READERS):
            readings = Readings(table[:, r], subjects, expressions, readers.aus)
            found[name][version] = {
                "neutral": neutral_alarms(readings),
                "smile": smile_pairs(readings),
                "not_found": int(np.isnan(table[:, r, 0]).sum()),
            }
    return found
