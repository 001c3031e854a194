"""Smoothing and neutral baseline: changes to the intensities, made only on request.

They never replace the raw intensities, and every output names them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from fau_tf import facs
from fau_tf.inference.estimator import AUEstimator, Estimate, FaceResult, ImageSource

MEDIAN: Final = "median"


class NeutralFaceError(ValueError):
    """A photo does not show one neutral face that can be read."""


@dataclass(frozen=True)
class Postprocessing:
    """What is done to the intensities of a source.

    Attributes:
        smooth: Time constant of the exponential moving average, s; None without it.
        neutral: `median`, the name of a neutral photo, or empty.
        neutral_intensity: AU label -> intensity of the face in that photo.
    """

    smooth: float | None = None
    neutral: str = ""
    neutral_intensity: dict[str, float] | None = None

    @property
    def name(self) -> str:
        """What is done, as the outputs name it, e.g. `smooth=exponential:0.3s`; or `none`."""
        done = []
        if self.smooth:
            done.append(f"smooth=exponential:{self.smooth:g}s")
        if self.neutral:
            done.append(f"neutral={Path(self.neutral).name}")
        return " ".join(done) or "none"

    def begin(self) -> "Postprocessor":
        """Return what processes the frames of one source, from the first one."""
        return Postprocessor(self)


class Postprocessor:
    """Processes the frames of one source in order."""

    def __init__(self, steps: Postprocessing) -> None:
        self._neutral = steps.neutral_intensity
        self._smoother = ExponentialSmoother(steps.smooth) if steps.smooth else None

    def __call__(self, estimate: Estimate, timestamp: float) -> Estimate:
        """Return the next frame's estimate with smoothed intensities and those above neutral.

        Args:
            estimate: With raw intensities.
            timestamp: Its time, s.
        """
        if self._smoother is None and self._neutral is None:
            return estimate
        smoothed = self._smoother(estimate, timestamp) if self._smoother else {}
        faces = []
        for face in estimate.faces:
            face = replace(face, smoothed=smoothed.get(face.face_id))
            faces.append(above_neutral(face, self._neutral) if self._neutral else face)
        return replace(estimate, faces=tuple(faces))


class ExponentialSmoother:
    """An exponential moving average of each face's intensities, by time.

    A value's weight falls to 1 / e after `seconds`; a step is followed with that lag. No frame
    depends on a later one. A face that was not read, or has a new id, starts afresh.
    """

    def __init__(self, seconds: float) -> None:
        """Start without a face.

        Args:
            seconds: Time constant, above 0.

        Raises:
            ValueError: If it is not above 0.
        """
        if not (math.isfinite(seconds) and seconds > 0):
            raise ValueError(f"The time constant must be above 0 seconds: got {seconds}.")
        self._seconds = seconds
        self._last: dict[int, tuple[float, dict[str, float]]] = {}

    def __call__(self, estimate: Estimate, timestamp: float) -> dict[int, dict[str, float]]:
        """Return face id -> smoothed intensities of each face that was read.

        Args:
            estimate: Of the next frame.
            timestamp: Its time, s.
        """
        smoothed = {
            face.face_id: self._next(face, timestamp) for face in estimate.faces if not face.reason
        }
        self._last = {face_id: (timestamp, values) for face_id, values in smoothed.items()}
        return smoothed

    def _next(self, face: FaceResult, timestamp: float) -> dict[str, float]:
        before = self._last.get(face.face_id)
        if before is None:
            return dict(face.intensity)
        keep = math.exp(-max(timestamp - before[0], 0.0) / self._seconds)
        return {
            label: value + (before[1][label] - value) * keep
            for label, value in face.intensity.items()
        }


def above_neutral(face: FaceResult, neutral: Mapping[str, float]) -> FaceResult:
    """Return the face with its shown intensities minus `neutral`, within 0 to 5; NaN stays NaN.

    A neutral face may have intensities above 0: low brows, deep folds, lip corners that point down.
    """
    values = {
        label: float(np.clip(value - neutral[label], 0.0, facs.MAX_INTENSITY))
        for label, value in face.shown.items()
    }
    return replace(face, above_neutral=values)


def neutral_face(estimator: AUEstimator, photo: ImageSource, name: str) -> dict[str, float]:
    """Return the intensities of the one face in a photo.

    Args:
        estimator: Reads the photo.
        photo: As `AUEstimator.estimate` takes it.
        name: What errors call the photo.

    Raises:
        NeutralFaceError: If it does not show exactly one face, or that face can't be read.
        UnreadableImageError: If it is a path that can't be read.
    """
    faces = estimator.estimate(photo).faces
    if len(faces) == 1 and not faces[0].reason:
        return faces[0].intensity
    found = f"a face that is {faces[0].reason}" if len(faces) == 1 else f"{len(faces)} faces"
    raise NeutralFaceError(
        f"--neutral: {name} must show one face that can be read: got {found}. "
        "Crop the photo to the person's neutral face."
    )
