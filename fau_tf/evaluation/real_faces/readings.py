"""Everything that a model and the baseline read on photos of a folder."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fau_tf.evaluation.real_faces.au_readers import READERS, AUReaders
from fau_tf.evaluation.real_faces.edits.edit import Edit
from fau_tf.evaluation.real_faces.edits.rises import EditReadings, read_edits
from fau_tf.evaluation.real_faces.expressions import NEUTRAL, Readings
from fau_tf.evaluation.real_faces.face_reader import FaceReader, ReadFace
from fau_tf.evaluation.real_faces.stability import Changes, read_changes
from fau_tf.evaluation.real_faces.versions import GLASSES, VERSIONS, glasses
from fau_tf.inference.interpreter import AUInterpreter
from fau_tf.io.images import read_image
from fau_tf.portraits.collection import Photo

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class FolderReadings:
    """What a model and the baseline read.

    Attributes:
        model: The model.
        versions: Reader -> version of the photos -> intensities.
        edits: Reader -> intensities before and after edits of the neutral photos.
        changes: How far the model's intensities move when a face is presented differently.
    """

    model: AUInterpreter
    versions: Mapping[str, Mapping[str, Readings]]
    edits: Mapping[str, EditReadings]
    changes: Changes


def read_folder(
    model: AUInterpreter, reader: FaceReader, chosen: Sequence[Photo], edit: Edit
) -> FolderReadings:
    """Return what a model and the baseline read.

    Args:
        model: The model.
        reader: Finds faces.
        chosen: Photos, some of them neutral.
        edit: Adds AUs to a face of a photo.

    Raises:
        ValueError: If no neutral photo shows a face.
    """
    readers = AUReaders(reader, model)
    return FolderReadings(
        model=model,
        edits=read_edits(readers, faces(reader, neutral_photos(chosen)), edit),
        versions=_versions(readers, reader, chosen),
        changes=read_changes(model, faces(reader, chosen)),
    )


def neutral_photos(chosen: Sequence[Photo]) -> list[Photo]:
    """Return the neutral ones."""
    return [photo for photo in chosen if photo.expression == NEUTRAL]


def faces(reader: FaceReader, chosen: Sequence[Photo]) -> Iterator[tuple[str, ReadFace]]:
    """Yield subject and face of each photo on which one is found."""
    for photo in chosen:
        face = reader(read_image(photo.path))
        if face:
            yield photo.subject, face


def _versions(
    readers: AUReaders, reader: FaceReader, chosen: Sequence[Photo]
) -> dict[str, dict[str, Readings]]:
    """Return reader -> version of the photos -> intensities."""
    names = [*VERSIONS, GLASSES]
    rows = []
    for photo in chosen:
        image = read_image(photo.path)
        changed = [change(image) for change in VERSIONS.values()]
        face = reader(image)
        changed += [image if face is None else glasses(image, face.landmarks, photo.subject)]
        rows.append([readers(one) for one in changed])
    table: Array = np.array(rows)  # (N, versions, 2, A)
    subjects = [photo.subject for photo in chosen]
    expressions = [photo.expression for photo in chosen]
    return {
        name: {
            version: Readings(table[:, v, r], subjects, expressions, readers.aus)
            for v, version in enumerate(names)
        }
        for r, name in enumerate(READERS)
    }
