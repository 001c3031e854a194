"""Smoothing, neutral baseline and derived figures, made only on request.

They never replace the raw intensities, and every output names them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from fau_tf import facs
from fau_tf.inference.derived import EyeClosure
from fau_tf.inference.estimator import AUEstimator, Estimate, FaceResult, ImageSource
from fau_tf.inference.smoothing import FaceSmoother, OneEuro

MEDIAN: Final = "median"


class NeutralFaceError(ValueError):
    """A photo does not show one neutral face that can be read."""


@dataclass(frozen=True)
class Postprocessing:
    """What is done to the intensities of a source.

    Attributes:
        smooth: Settings of the One-Euro filter; None without it.
        neutral: `median`, the name of a neutral photo, or empty.
        neutral_intensity: AU label -> intensity of the face in that photo.
        sides: Whether tables have both sides of the face and their asymmetry.
        pspi: Whether tables have `derived.pspi`.
        eye_closure: Window of `derived.EyeClosure`, s; None without it.
    """

    smooth: OneEuro | None = None
    neutral: str = ""
    neutral_intensity: dict[str, float] | None = None
    sides: bool = False
    pspi: bool = False
    eye_closure: float | None = None

    @property
    def name(self) -> str:
        """What is done, as the outputs name it, e.g. `smooth=one-euro:0.5Hz,0.5`; or `none`."""
        done = []
        if self.smooth:
            done.append(f"smooth={self.smooth}")
        if self.neutral:
            done.append(f"neutral={Path(self.neutral).name}")
        if self.eye_closure:
            done.append(f"eye_closure={self.eye_closure:g}s")
        return " ".join(done) or "none"

    @classmethod
    def of_entries(cls, entries: Mapping[str, Any]) -> Self:
        """Return what `dataclasses.asdict` took apart."""
        smooth = entries["smooth"]
        return cls(**{**entries, "smooth": smooth and OneEuro(**smooth)})

    def begin(self) -> "Postprocessor":
        """Return what processes the frames of one source, from the first one."""
        return Postprocessor(self)


class Postprocessor:
    """Processes the frames of one source in order."""

    def __init__(self, steps: Postprocessing) -> None:
        self._neutral = steps.neutral_intensity
        self._smoother = FaceSmoother(steps.smooth) if steps.smooth else None
        self._eyes = EyeClosure(steps.eye_closure) if steps.eye_closure else None

    def __call__(self, estimate: Estimate, timestamp: float) -> Estimate:
        """Return the next frame's estimate with what was asked for beside the raw intensities.

        Args:
            estimate: With raw intensities.
            timestamp: Its time, s.
        """
        if self._smoother is None and self._neutral is None and self._eyes is None:
            return estimate
        smoothed = self._smoother(estimate, timestamp) if self._smoother else {}
        closure = self._eyes(estimate, timestamp) if self._eyes else {}
        faces = []
        for face in estimate.faces:
            i = face.face_id
            face = replace(face, smoothed=smoothed.get(i), eye_closure=closure.get(i))
            faces.append(above_neutral(face, self._neutral) if self._neutral else face)
        return replace(estimate, faces=tuple(faces))

    def skip(self, timestamp: float) -> None:
        """Take note of a frame that could not be read.

        Args:
            timestamp: Its time, s.
        """
        if self._smoother:
            self._smoother.skip()
        if self._eyes:
            self._eyes.skip(timestamp)


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
        UnreadableError: If it is a path or Pillow image that can't be read.
    """
    faces = estimator.estimate(photo).faces
    if len(faces) == 1 and not faces[0].reason:
        return faces[0].intensity
    found = f"a face that is {faces[0].reason}" if len(faces) == 1 else f"{len(faces)} faces"
    raise NeutralFaceError(
        f"--neutral: {name} must show one face that can be read: got {found}. "
        "Crop the photo to the person's neutral face."
    )
