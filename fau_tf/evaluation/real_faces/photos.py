"""Checks on photos without labels: blendshape correlation, stability and edited AUs.

- Blendshapes: an AU correlates with the blendshapes that it moves, over the photos.
- Stability: a mirrored, shifted, scaled, brighter or darker face keeps its intensities.
- Edits: an AU that is edited into a photo rises, and unrelated AUs don't.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fau_tf.evaluation.blendshapes import correlations
from fau_tf.evaluation.real_faces.au_readers import AUReaders
from fau_tf.evaluation.real_faces.edits.rises import edited_rises, read_edits
from fau_tf.evaluation.real_faces.face_reader import FaceReader, ReadFace
from fau_tf.evaluation.real_faces.faces import annotated_faces
from fau_tf.evaluation.real_faces.stability import read_changes, stability
from fau_tf.face.blendshapes import NAMES
from fau_tf.inference.estimator import AUEstimator
from fau_tf.inference.interpreter import AUInterpreter
from fau_tf.io.images import read_image
from fau_tf.outputs.annotate import annotate
from fau_tf.outputs.drawing import save_picture

Array = npt.NDArray[Any]


def evaluate_photos(
    model: Path,
    folder: Path,
    sample: Path | None,
    pictures: Path | None = None,
    kept: Path | None = None,
) -> dict[str, Any]:
    """Return the figures of all checks on photos.

    Args:
        model: An exported .tflite.
        folder: Of dlib's annotated example faces.
        sample: One more photo.
        pictures: Folder for annotated pictures of the faces.
        kept: Folder that keeps landmarks.
    """
    with FaceReader(kept) as reader:
        readers = AUReaders(reader, AUInterpreter(model))
        found = {name: reader(image) for name, image in _sources(folder, sample)}
        faces = {name: face for name, face in found.items() if face}
        edited = read_edits(readers, faces.items())
        blendshapes = _blendshape_correlations(readers, list(faces.values()))
    if pictures:
        _annotate(pictures, model, faces)
    return {
        "model": model.name,
        "blendshapes": blendshapes,
        "stability": stability(read_changes(readers.model, faces.items())),
        "edited": edited_rises(edited["model"]),
    }


def _sources(folder: Path, sample: Path | None) -> Iterator[tuple[str, Array]]:
    """Yield the sample photo and each part of an annotated photo, with a name."""
    if sample:
        yield "sample", read_image(sample)
    for i, (part, _) in enumerate(annotated_faces(folder)):
        yield f"photo {i}", part


def _blendshape_correlations(readers: AUReaders, faces: list[ReadFace]) -> dict[str, Any]:
    predicted = np.stack([readers.read(face)[0] for face in faces])
    scores = np.stack([face.blendshapes for face in faces])
    return {"faces": len(faces), **correlations(readers.aus, predicted, NAMES, scores)}


def _annotate(folder: Path, model: Path, faces: Mapping[str, ReadFace]) -> None:
    """Write each photo with its intensities."""
    folder.mkdir(parents=True, exist_ok=True)
    with AUEstimator(model, num_faces=1) as estimator:
        for name, face in faces.items():
            estimate = estimator.estimate(face.image)
            picture = annotate(face.image, estimate, estimator.info)
            save_picture(folder / f"{name.replace(' ', '_')}.png", picture, estimator.info)
