"""Faces as the estimator returns them, for tests of outputs; rendered photos to show them on."""

import functools
from typing import Any

import numpy as np

from fau_tf import facs
from fau_tf.codec import HeatmapCodec
from fau_tf.face.align import Image, crop_matrix, invert, transform
from fau_tf.face.au_centers import au_centers
from fau_tf.inference.estimator import FaceResult
from fau_tf.inference.model_info import ModelInfo
from fau_tf.inference.quality import Quality
from fau_tf.io.images import Frame
from fau_tf.synthetic import sample

SIZE, HEATMAP, PHOTO = 64, 16, 160
LABELS = tuple(au.label for au in facs.AUS.values())
SEEN = {
    "presence_logit": 20.5, "noise": 0.04, "brightness": 170.0, "contrast": 35.5, "clipped": 0.01,
    "color": 0.3, "eyes_covered": 0.05, "mouth_covered": 0.06, "face": 0.99,
}  # fmt: skip
QUALITY = Quality(91.5, 0.04, 0.61, 0.83, yaw=-7.25, pitch=2.0, roll=0.5, **SEEN)
TURNED = Quality(91.5, 0.04, 0.61, float("nan"), yaw=-50.0, pitch=2.0, roll=0.5, **SEEN)
FLAGGED = Quality(20.0, 0.04, 0.61, 0.83, yaw=-30.0, pitch=2.0, roll=0.5, **SEEN)
AUS = (6, 12)
FRAME = Frame(np.zeros((1, 1, 3), np.uint8), 3, 0.08, "a.mp4")


def small_face(level: float = 2.0, **changes: Any) -> FaceResult:
    """Return a face with two AUs at one level, without a photo."""
    entries: dict[str, Any] = {
        "box": (1, 2, 3.5, 4),
        "landmarks": np.arange(136.0).reshape(68, 2) / 7,
        "centers": np.zeros((4, 2)),
        "intensity": {"AU06": level, "AU12": level},
        "heatmaps": np.zeros((1, 1, 4), np.float32),
        "matrix": np.eye(2, 3),
        "crop_size": 8,
        "quality": QUALITY,
    }
    return FaceResult(**(entries | changes))


def info(aus: tuple[int, ...] = facs.ALL, name: str = "tiny", **changes: Any) -> ModelInfo:
    names = tuple(center.name for center in facs.centers(aus))
    return ModelInfo(name, SIZE, HEATMAP, aus, "fau", names, "ab" * 32, **changes)


@functools.cache
def scene_of(person: int) -> Any:
    return sample.sample_scene(sample.canonical_rig(), person_seed=person, face_seed=person)


@functools.cache
def _view(person: int) -> Any:
    return crop_matrix(sample.landmarks(scene_of(person)), PHOTO, margin=1.3)


@functools.cache
def _landmarks(person: int) -> Any:
    return transform(_view(person), sample.landmarks(scene_of(person)))


@functools.cache
def photo(person: int = 0) -> Image:
    """Return a rendered face, (160, 160, 3), not to be written to."""
    return np.array(sample.render(scene_of(person), size=PHOTO, view=_view(person)))


def face(person: int = 0, level: float = 3.0, **changes: Any) -> FaceResult:
    """Return a face of `photo(person)` with all AUs at one level."""
    landmarks = _landmarks(person)
    matrix = crop_matrix(landmarks, SIZE)
    centers = au_centers(transform(matrix, landmarks), facs.ALL)
    codec = HeatmapCodec(SIZE, HEATMAP, 1.5)
    levels = np.full(len(centers), level, np.float32)
    (x0, y0), (x1, y1) = landmarks.min(axis=0).tolist(), landmarks.max(axis=0).tolist()
    entries: dict[str, Any] = {
        "box": (x0, y0, x1, y1),
        "landmarks": landmarks,
        "centers": transform(invert(matrix), centers),
        "intensity": dict.fromkeys(LABELS, level),
        "heatmaps": codec.encode(centers, levels).astype(np.float32),
        "matrix": matrix,
        "crop_size": SIZE,
        "quality": QUALITY,
    }
    return FaceResult(**(entries | changes))
