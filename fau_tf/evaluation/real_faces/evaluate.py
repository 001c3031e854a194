"""Evaluation of a model on neutral and smiling photos of people, beside the blendshape baseline.

The photos have no FACS codes. What must hold without them: a neutral face is read near 0, a smile
raises its AUs, also in gray, small or compressed photos; an AU that is edited into a photo rises,
and a face that is presented differently keeps its intensities.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf import facs
from fau_tf.evaluation.real_faces.au_readers import READERS, AUReaders
from fau_tf.evaluation.real_faces.edit_rises import edited_rises
from fau_tf.evaluation.real_faces.edit_sheet import draw_edit_sheet
from fau_tf.evaluation.real_faces.edits import Edit, edited
from fau_tf.evaluation.real_faces.expressions import (
    NEUTRAL,
    Readings,
    neutral_alarms,
    smile_pairs,
)
from fau_tf.evaluation.real_faces.face_reader import FaceReader, ReadFace
from fau_tf.evaluation.real_faces.stability import SHIFTED, stability
from fau_tf.evaluation.real_faces.versions import COLOR, GRAY, VERSIONS
from fau_tf.inference.interpreter import AUInterpreter
from fau_tf.io.images import read_image
from fau_tf.portraits.collection import FILE, Collection, Photo, photos
from fau_tf.portraits.london import open_collection

ALL: Final = "all"
"""Name of the part that holds every subject."""
_DESCRIPTION: Final = ("name", "license", "attribution", "source", "consent")
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
        folder: Of portraits, see `portraits.london.open_collection`.
        part: One of `portraits.collection.PARTS`, or `all`.
        kept: Folder that keeps landmarks and blendshapes from one run to the next.
        pictures: Folder for a sheet of edited faces, which are not to be published without
            the consent of the people shown.
        edit: Adds AUs to a face of a photo.

    Returns:
        `model`, `aus` (labels), `collection` (name, license, attribution, source, consent), `part`,
        `subjects`, `photos`, `not_found` (photos without a face); `readers`: name -> `versions`
        (name -> `neutral`, `smile`, see `expressions`, and `not_found`) and `edited`; `stability`
        of the model; `selection`, see there.

    Raises:
        CollectionError: If the folder is not described, or is not complete.
        ValueError: If the part is empty, or has no neutral photo that shows a face.
    """
    collection = open_collection(folder)
    chosen = _of_part(collection, part)
    neutral = [photo for photo in chosen if photo.expression == NEUTRAL]
    if not neutral:
        raise ValueError(
            f"{collection.folder}: none of {len(chosen)} photos is {NEUTRAL!r}. State in {FILE} "
            "which are, or add some."
        )
    with FaceReader(kept) as reader:
        readers = AUReaders(reader, AUInterpreter(model))
        if pictures:
            shown = [face for _, face in islice(_faces(reader, neutral), _SHEET_FACES)]
            draw_edit_sheet(pictures / "edits.png", shown, edit)
        rises = edited_rises(readers, _faces(reader, neutral), edit)
        versions = _versions(readers, chosen)
        steady = stability(readers.model, _faces(reader, chosen))
    figures = {name: {"versions": versions[name], "edited": rises[name]} for name in READERS}
    return {
        "model": model.name,
        "aus": [facs.AUS[au].label for au in readers.aus],
        "collection": {name: getattr(collection, name) for name in _DESCRIPTION},
        "part": part,
        "subjects": len({photo.subject for photo in chosen}),
        "photos": len(chosen),
        "not_found": len(chosen) - steady["faces"],
        "readers": figures,
        "stability": steady,
        "selection": {
            "model": selection(figures["model"], steady),
            "blendshapes": selection(figures["blendshapes"], None),
        },
    }


def _of_part(collection: Collection, part: str) -> list[Photo]:
    chosen = [photo for photo in photos(collection) if part in (ALL, photo.part)]
    if not chosen:
        raise ValueError(
            f"{collection.folder}: the part {part!r} is empty. Add [split] to {FILE}, or use "
            f"--part {ALL}."
        )
    return chosen


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


def _faces(reader: FaceReader, chosen: Sequence[Photo]) -> Iterator[tuple[str, ReadFace]]:
    """Yield subject and face of each photo on which one is found."""
    for photo in chosen:
        face = reader(read_image(photo.path))
        if face:
            yield photo.subject, face


def _versions(readers: AUReaders, chosen: Sequence[Photo]) -> dict[str, dict[str, Any]]:
    """Return reader -> version of the photos -> its figures."""
    rows = []
    for photo in chosen:
        image = read_image(photo.path)
        rows.append([readers(change(image)) for change in VERSIONS.values()])
    table: npt.NDArray[np.floating] = np.array(rows)  # (N, versions, 2, A)
    subjects = [photo.subject for photo in chosen]
    expressions = [photo.expression for photo in chosen]
    found: dict[str, dict[str, Any]] = {name: {} for name in READERS}
    for v, version in enumerate(VERSIONS):
        for r, name in enumerate(READERS):
            readings = Readings(table[:, v, r], subjects, expressions, readers.aus)
            found[name][version] = {
                "neutral": neutral_alarms(readings),
                "smile": smile_pairs(readings),
                "not_found": int(np.isnan(table[:, v, r, 0]).sum()),
            }
    return found
