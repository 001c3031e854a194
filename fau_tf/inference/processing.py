"""What is done to the values of a source after they were read: only what was asked for."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from fau_tf.inference.estimator import Estimate
from fau_tf.inference.neutral_baseline import calibrated
from fau_tf.inference.smoothing import ExponentialSmoother

MEDIAN: Final = "median"


@dataclass(frozen=True)
class Processing:
    """Smoothing and calibration of one source, frame after frame.

    Attributes:
        smooth: Time constant of the smoothing, s; None without it.
        neutral: `median`, the name of a neutral photo, or empty.
        rest: Intensities of the face in that photo.
    """

    smooth: float | None = None
    neutral: str = ""
    rest: dict[str, float] | None = None

    @property
    def name(self) -> str:
        """What is done, as the outputs name it."""
        done = {
            "smooth": self.smooth and ExponentialSmoother(self.smooth).name,
            "neutral": self.neutral and Path(self.neutral).name,
        }
        return " ".join(f"{key}={value}" for key, value in done.items() if value) or "none"

    def begin(self) -> "Processor":
        """Return what processes the frames of one source, from its first one."""
        return Processor(self)


class Processor:
    """Carries from frame to frame what smoothing needs."""

    def __init__(self, processing: Processing) -> None:
        self._rest = processing.rest
        self._smooth = ExponentialSmoother(processing.smooth) if processing.smooth else None

    def __call__(self, estimate: Estimate, timestamp: float) -> Estimate:
        """Return the next frame's estimate with smoothed and calibrated values.

        Args:
            estimate: As it was read.
            timestamp: Its time, s.
        """
        smoothed = self._smooth(estimate, timestamp) if self._smooth else {}
        faces = []
        for face in estimate.faces:
            face = replace(face, smoothed=smoothed.get(face.face_id))
            rested = calibrated(face.shown, self._rest) if self._rest else None
            faces.append(replace(face, calibrated=rested))
        return replace(estimate, faces=tuple(faces))
