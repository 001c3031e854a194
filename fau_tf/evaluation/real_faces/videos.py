"""Correlation of AUs with the blendshapes that they move, over a video."""

from pathlib import Path
from typing import Any, Final

import numpy as np

from fau_tf.evaluation.blendshapes import correlations
from fau_tf.evaluation.real_faces.face_reader import FaceReader
from fau_tf.face.blendshapes import NAMES
from fau_tf.inference.estimator import AUEstimator
from fau_tf.inference.model_info import load_model_info
from fau_tf.io.images import UnreadFrame
from fau_tf.io.videos import VideoFile

FRAMES_A_SECOND: Final = 3
"""Of a video that are read: more change the correlation little."""


def video_blendshapes(model: Path, path: Path) -> dict[str, Any]:
    """Return each AU's correlation with its blendshapes over a video's frames, and the mean.

    One subject has one neutral face, so this is easier than photos of many subjects.

    Raises:
        ValueError: If fewer than two frames show a face.
    """
    predicted, scores = [], []
    info = load_model_info(model)
    with (
        VideoFile(path) as video,
        AUEstimator(model, num_faces=1) as estimator,
        FaceReader() as reader,
    ):
        for frame in video.frames(max(1, round(video.fps / FRAMES_A_SECOND))):
            if isinstance(frame, UnreadFrame):
                continue
            faces = estimator.estimate(frame.image).faces
            read = reader(frame.image)
            if faces and not faces[0].reason and read:
                predicted.append(faces[0].intensity)
                scores.append(read.blendshapes)
    if len(predicted) < 2:
        raise ValueError(
            f"{path}: a face was found in {len(predicted)} frames, and 2 are needed. Choose "
            "another video."
        )
    table = np.array([[intensity[label] for label in info.labels] for intensity in predicted])
    found = correlations(info.aus, table, NAMES, np.stack(scores))
    return {"video": path.name, "frames": len(predicted), **found}
