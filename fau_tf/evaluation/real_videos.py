"""A real video, which nobody has labeled: an AU beside its blendshape, from frame to frame."""

from pathlib import Path
from typing import Any, Final

import numpy as np

from fau_tf import facs
from fau_tf.evaluation import blendshapes
from fau_tf.evaluation.real_faces import correlations
from fau_tf.inference.estimator import AUEstimator
from fau_tf.io.videos import VideoFile

A_SECOND: Final = 3
"""Frames that are read: more change little."""


def agreement(model: Path, path: Path) -> dict[str, Any]:
    """Return per AU the correlation with its blendshapes over a video's frames, and their mean.

    One person has one resting face, so this asks less than photos of many people do.
    """
    ours, theirs = [], []
    with (
        VideoFile(path) as video,
        AUEstimator(model, num_faces=1) as estimator,
        blendshapes.Reader() as reader,
    ):
        for frame in video.frames(max(1, round(video.fps / A_SECOND))):
            faces = estimator.estimate(frame.image).faces
            scores = reader.scores(frame.image)
            if faces and not faces[0].reason and np.isfinite(scores[0]):
                ours.append(faces[0].intensity)
                theirs.append(scores)
        names = reader.names
    if len(ours) < 2:
        raise ValueError(
            f"{path}: must show a face. Received: one in {len(ours)} of the frames that were read. "
            "Choose another video."
        )
    read = np.array([[intensity[facs.AUS[au].label] for au in facs.ALL] for intensity in ours])
    found = correlations(read, names, np.stack(theirs))
    return {"video": path.name, "frames": len(ours), **found}
