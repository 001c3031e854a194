"""Evaluation of a model on neutral and smiling photos of people, beside the blendshape baseline.

The photos have no FACS codes. What can be checked without them: a neutral face is read near 0, a
smile raises its AUs, also in gray, small or compressed photos; an AU that is edited into a photo
rises, and a face that is presented differently keeps its intensities.
"""

import hashlib
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np

from fau_tf import facs
from fau_tf.evaluation.real_faces.au_readers import READERS
from fau_tf.evaluation.real_faces.by_group import by_group
from fau_tf.evaluation.real_faces.comparison import compare
from fau_tf.evaluation.real_faces.edits.edit import Edit, edited
from fau_tf.evaluation.real_faces.edits.rises import edited_rises, rises_per_au
from fau_tf.evaluation.real_faces.edits.sheet import draw_edit_sheet
from fau_tf.evaluation.real_faces.expressions import NEUTRAL, neutral_alarms, smile_pairs
from fau_tf.evaluation.real_faces.face_reader import FaceReader
from fau_tf.evaluation.real_faces.readings import (
    FolderReadings,
    faces,
    neutral_photos,
    read_folder,
)
from fau_tf.evaluation.real_faces.stability import SHIFTED, stability
from fau_tf.evaluation.real_faces.versions import COLOR, GRAY
from fau_tf.inference.interpreter import AUInterpreter
from fau_tf.portraits.collection import Collection, Photo, photos
from fau_tf.portraits.groups import Grouping, read_groupings
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
    other: Path | None = None,
    kept: Path | None = None,
    pictures: Path | None = None,
    edit: Edit = edited,
) -> dict[str, Any]:
    """Return the figures of a model and of the baseline on one part of a folder's subjects.

    Args:
        model: An exported .tflite.
        folder: Of portraits, see `portraits.london.open_collection`.
        part: One of `portraits.collection.PARTS`, or `all`.
        other: A second model, to be compared with the first on the same photos.
        kept: Folder that keeps landmarks and blendshapes from one run to the next.
        pictures: Folder for a sheet of edited faces, which are not to be published without
            the consent of the people shown.
        edit: Adds AUs to a face of a photo.

    Returns:
        `model`, `aus` (labels), `collection` (name, license, attribution, source, consent), `part`,
        `subjects`, `photos`, `not_found` (photos without a face); `readers`: name -> `versions`
        (name -> `neutral`, `smile`, see `expressions`, and `not_found`), `edited` and
        `edited_per_au`, see `edits.rises`, and, if a table states groups, `groups`, see
        `by_group`; `stability` of the model; `selection`, see there; with `other`, `compared`, see
        `comparison.compare`, and the two models (`name`, `sha256`, `image_size`).

    Raises:
        CollectionError: If the folder is not described, or is not complete.
        ValueError: If the part is empty, or has no neutral photo that shows a face.
    """
    collection = open_collection(folder)
    chosen = _of_part(collection, part)
    groupings = _groupings(collection, chosen)
    models = [(path, AUInterpreter(path)) for path in (model, other) if path]
    with FaceReader(kept) as reader:
        if pictures:
            _draw_edits(pictures, reader, chosen, edit)
        read = [read_folder(one, reader, chosen, edit) for _, one in models]
    steady = stability(read[0].changes)
    figures = {name: _figures(read[0], name, groupings) for name in READERS}
    found = {
        "model": model.name,
        "aus": [facs.AUS[au].label for au in read[0].model.info.aus],
        **_described_photos(collection, part, chosen),
        "not_found": len(chosen) - steady["faces"],
        "readers": figures,
        "stability": steady,
        "selection": {
            "model": selection(figures["model"], steady),
            "blendshapes": selection(figures["blendshapes"], None),
        },
    }
    if other:
        described = {key: _described_model(*one) for key, one in zip("ab", models, strict=True)}
        found["compared"] = {**described, **compare(*read)}
    return found


def _figures(read: FolderReadings, name: str, groupings: Mapping[str, Grouping]) -> dict[str, Any]:
    """Return the figures of one reader."""
    rises = edited_rises(read.edits[name])
    found: dict[str, Any] = {
        "versions": {
            version: {
                "neutral": neutral_alarms(readings),
                "smile": smile_pairs(readings),
                "not_found": int(np.isnan(readings.intensity[:, 0]).sum()),
            }
            for version, readings in read.versions[name].items()
        },
        "edited": rises,
        "edited_per_au": rises_per_au(rises),
    }
    if groupings:
        found["groups"] = by_group(read.versions[name][COLOR], groupings)
    return found


def _groupings(collection: Collection, chosen: Sequence[Photo]) -> dict[str, Grouping]:
    if collection.groups is None:
        return {}
    return read_groupings(collection.groups, [photo.subject for photo in chosen])


def _described_photos(collection: Collection, part: str, chosen: Sequence[Photo]) -> dict[str, Any]:
    return {
        "collection": {name: getattr(collection, name) for name in _DESCRIPTION},
        "part": part,
        "subjects": len({photo.subject for photo in chosen}),
        "photos": len(chosen),
    }


def _described_model(path: Path, model: AUInterpreter) -> dict[str, Any]:
    return {
        "name": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "image_size": model.info.image_size,
    }


def _draw_edits(folder: Path, reader: FaceReader, chosen: Sequence[Photo], edit: Edit) -> None:
    """Draw edits of the first neutral faces, before minutes of work."""
    shown = [face for _, face in islice(faces(reader, neutral_photos(chosen)), _SHEET_FACES)]
    draw_edit_sheet(folder / "edits.png", shown, edit)


def _of_part(collection: Collection, part: str) -> list[Photo]:
    """Return the photos of a part, some of them neutral."""
    there = [photo for photo in photos(collection) if part in (ALL, photo.part)]
    chosen = [photo for photo in there if not photo.skip]
    file = collection.file.name
    if not there:
        raise ValueError(
            f"{collection.folder}: the part {part!r} is empty. Add [split] to {file}, or use "
            f"--part {ALL}."
        )
    if not chosen:
        raise ValueError(
            f"{collection.folder}: the part {part!r} is empty: `skip` in {file} leaves out all of "
            f"its photos ({len(there)}). Change the rule, or add photos."
        )
    if not neutral_photos(chosen):
        raise ValueError(
            f"{collection.folder}: none of {len(chosen)} photos is {NEUTRAL!r}. State in {file} "
            "which are, or add some."
        )
    return chosen


def selection(figures: Mapping[str, Any], steady: Mapping[str, Any] | None) -> dict[str, float]:
    """Return the five figures by which recipes are compared on validation subjects.

    Args:
        figures: `versions` and `edited_per_au` of a reader, see `evaluate_folder`.
        steady: What `stability` returns; None for the baseline, which reads no crops.

    Returns:
        `neutral_alarms`: share of intensities of 1 or more on neutral faces; `gray_alarms`: the
        same in gray; `smile_auc`: mean AUC of AU6, AU12 and AU25; `edited_rise`: mean over AUs of
        the share of faces on which an edited AU rises by 1 or more; `shift_p95`: 95th percentile of
        what a shift by 1/32 of the crop moves, NaN without `steady`.
    """
    alone = [row["value"] for row in figures["edited_per_au"].values()]
    versions = figures["versions"]
    return {
        "neutral_alarms": versions[COLOR]["neutral"]["all"]["value"],
        "gray_alarms": versions[GRAY]["neutral"]["all"]["value"],
        "smile_auc": versions[COLOR]["smile"]["mean_auc"]["value"],
        "edited_rise": float(np.mean(alone)) if alone else float("nan"),
        "shift_p95": steady["rows"][SHIFTED]["p95"] if steady else float("nan"),
    }
