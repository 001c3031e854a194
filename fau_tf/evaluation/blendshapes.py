"""MediaPipe's 52 blendshapes of a face, and the blendshapes that each AU moves."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf import facs
from fau_tf.face.bundle import default_bundle, read_bundle
from fau_tf.face.landmarker import DETECTION_CONFIDENCE, PRESENCE_CONFIDENCE
from fau_tf.utils import optional_imports

Array = npt.NDArray[Any]
COUNT: Final = 52
"""Blendshapes of MediaPipe's Face Landmarker."""
_STILL: Final = 1e-3
"""A blendshape with a smaller range over all faces never moves."""


def _sides(name: str) -> tuple[str, str]:
    return f"{name}Left", f"{name}Right"


AU_BLENDSHAPES: Final[dict[int, tuple[tuple[str, ...], ...]]] = {
    1: (("browInnerUp",),),
    2: (_sides("browOuterUp"),),
    4: (_sides("browDown"),),
    5: (_sides("eyeWide"),),
    6: (_sides("cheekSquint"), _sides("eyeSquint")),  # cheekSquint hardly ever leaves 0
    9: (_sides("noseSneer"),),
    10: (_sides("mouthUpperUp"),),
    12: (_sides("mouthSmile"),),
    14: (_sides("mouthDimple"),),
    15: (_sides("mouthFrown"),),
    17: (("mouthShrugLower",),),
    20: (_sides("mouthStretch"),),
    25: (_sides("mouthLowerDown"),),
    26: (("jawOpen",),),
}
"""AU -> the blendshapes that it raises, in groups of left and right."""


class BlendshapeReader(AbstractContextManager["BlendshapeReader"]):
    """MediaPipe's Face Landmarker with blendshapes; use it in a `with` block.

    Attributes:
        names: Of the blendshapes; empty until a face was found.
    """

    def __init__(self, num_faces: int = 1) -> None:
        """Load the model, which finds at most `num_faces` faces a picture."""
        self._mp = optional_imports.mediapipe()
        vision = self._mp.tasks.vision
        with optional_imports.explain_import_errors("MediaPipe"):
            self._landmarker = vision.FaceLandmarker.create_from_options(
                vision.FaceLandmarkerOptions(
                    base_options=self._mp.tasks.BaseOptions(
                        model_asset_buffer=read_bundle(default_bundle())
                    ),
                    min_face_detection_confidence=DETECTION_CONFIDENCE,
                    min_face_presence_confidence=PRESENCE_CONFIDENCE,
                    output_face_blendshapes=True,
                    num_faces=num_faces,
                )
            )
        self.names: tuple[str, ...] = ()

    def scores(self, photo: Array, near: Array | None = None) -> Array:
        """Return (52,) scores 0..1 of a face, NaN where none is found.

        Args:
            photo: (H, W, 3) RGB uint8.
            near: (x, y) px; of several faces, the one with its center nearest to it is scored.
        """
        picture = self._mp.Image(
            image_format=self._mp.ImageFormat.SRGB, data=np.ascontiguousarray(photo)
        )
        found = self._landmarker.detect(picture)
        if not found.face_blendshapes:
            return np.full(COUNT, np.nan)
        face = 0
        if near is not None:
            centers = [np.mean([(p.x, p.y) for p in mesh], axis=0) for mesh in found.face_landmarks]
            distance = (np.stack(centers) * photo.shape[1::-1] - near) ** 2
            face = int(distance.sum(axis=1).argmin())
        shapes = found.face_blendshapes[face]
        self.names = tuple(shape.category_name for shape in shapes)
        return np.array([shape.score for shape in shapes])

    def __exit__(self, *_: object) -> None:
        """Free the model."""
        self._landmarker.close()


def au_score(au: int, names: Sequence[str], scores: Array) -> Array:
    """Return (...) an AU's score: the mean of left and right, added up over its blendshapes.

    Args:
        au: Its number.
        names: Of the blendshapes.
        scores: (..., 52).
    """
    total = np.zeros(scores.shape[:-1])
    for group in AU_BLENDSHAPES[au]:
        total += np.mean([scores[..., names.index(name)] for name in group], axis=0)
    return total


def correlations(predicted: Array, names: Sequence[str], scores: Array) -> dict[str, Any]:
    """Return each AU's correlation with its blendshapes over the faces, and the mean of them.

    Args:
        predicted: (N, A) intensities, in the order of `facs.ALL`.
        names: Of the blendshapes.
        scores: (N, 52) of the same faces.

    Returns:
        `{"per_au": {label: Pearson's r}, "mean": r}`: NaN where the blendshapes never move, 0 where
        they move and the prediction never does.
    """
    per_au = {
        facs.AUS[au].label: _correlation(predicted[:, a], au_score(au, names, scores))
        for a, au in enumerate(facs.ALL)
    }
    known = [value for value in per_au.values() if np.isfinite(value)]
    return {"per_au": per_au, "mean": float(np.mean(known))}


def _correlation(predicted: Array, score: Array) -> float:
    if np.ptp(score) < _STILL:
        return float("nan")
    return float(np.corrcoef(predicted, score)[0, 1]) if np.ptp(predicted) else 0.0
