"""Checks on photos without labels: blendshape correlation, stability and edited AUs.

- Blendshapes: an AU correlates with the blendshapes that it moves, over the photos.
- Stability: a mirrored, shifted, scaled, brighter or darker face keeps its intensities.
- Edits: an AU that is edited into a photo rises, and unrelated AUs don't.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fau_tf.evaluation.blendshapes import BlendshapeReader, correlations
from fau_tf.evaluation.real_faces.edit_rises import edited_rises
from fau_tf.evaluation.real_faces.faces import MOST_FACES, PhotoFace, photo_faces
from fau_tf.evaluation.real_faces.stability import aligned_crops, stability
from fau_tf.inference.estimator import AUEstimator
from fau_tf.inference.interpreter import AUInterpreter
from fau_tf.outputs.annotate import annotate
from fau_tf.outputs.drawing import save_picture

Array = npt.NDArray[Any]


def evaluate_photos(
    model: Path, folder: Path, sample: Path | None, pictures: Path | None = None
) -> dict[str, Any]:
    """Return the figures of all checks on photos.

    Args:
        model: An exported .tflite.
        folder: Of dlib's annotated example faces.
        sample: One more photo.
        pictures: Folder for annotated pictures of the faces.
    """
    reader = AUInterpreter(model)
    faces = photo_faces(folder, sample)
    predicted = np.stack([reader(crop)[0] for crop in aligned_crops(faces, reader.info.image_size)])
    if pictures:
        _annotate(pictures, model, faces)
    return {
        "model": model.name,
        "blendshapes": _blendshape_correlations(faces, predicted),
        "stability": stability(reader, faces, predicted),
        "edited": edited_rises(reader, faces),
    }


def _blendshape_correlations(faces: Sequence[PhotoFace], predicted: Array) -> dict[str, Any]:
    with BlendshapeReader(MOST_FACES) as reader:
        scores = np.stack([reader.scores(f.image, f.landmarks.mean(axis=0)) for f in faces])
        names = reader.names
    known = np.isfinite(scores[:, 0])
    return {"faces": int(known.sum()), **correlations(predicted[known], names, scores[known])}


def _annotate(folder: Path, model: Path, faces: Sequence[PhotoFace]) -> None:
    """Write each photo with its intensities."""
    folder.mkdir(parents=True, exist_ok=True)
    with AUEstimator(model, num_faces=1) as estimator:
        for face in faces:
            estimate = estimator.estimate(face.image)
            picture = annotate(face.image, estimate, estimator.info)
            file = folder / f"{face.name.replace(' ', '_')}.png"
            save_picture(file, picture, estimator.info)
