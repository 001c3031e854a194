"""Figures derived from intensities: PSPI and the share of time with shut eyes.

Neither makes this a medical device: no pain and no drowsiness was ever measured with it.
"""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from fau_tf import facs
from fau_tf.inference.estimator import Estimate

EYES: Final = facs.AUS[45].label
_BROW, _CHEEK, _LIDS, _NOSE, _LIP = (facs.AUS[au].label for au in (4, 6, 7, 9, 10))
CLOSED: Final = 0.8
"""Share of the way from eyes at rest to shut eyes from which they count as closed: P80."""


def pspi(intensity: Mapping[str, float]) -> float:
    """Return AU4 + max(AU6, AU7) + max(AU9, AU10) + AU45 / 5, 0 to 16.

    The pain intensity of Prkachin and Solomon has AU43 (eyes closed, 0 or 1) for the last term.
    AU45 / 5, how far the eyes are shut, stands in for it, without a threshold. Where coders write
    whole intensities, the others are those of the model.

    Args:
        intensity: AU label -> 0 to 5.

    Returns:
        NaN if one of these AUs is missing or NaN.

    Reference:
        Prkachin and Solomon, The structure, reliability and validity of pain expression, Pain
        139(2), 2008.
    """
    labels = (_BROW, _CHEEK, _LIDS, _NOSE, _LIP, EYES)
    brow, cheek, lids, nose, lip, eyes = (intensity.get(label, math.nan) for label in labels)
    # `max` of NaN depends on the order.
    if math.isnan(brow + cheek + lids + nose + lip + eyes):
        return math.nan
    return brow + max(cheek, lids) + max(nose, lip) + eyes / facs.MAX_INTENSITY


@dataclass
class _Window:
    """Frames of a face: time, and whether the eyes were closed; None if they were not read."""

    start: float
    frames: deque[tuple[float, bool | None]] = field(default_factory=deque)
    read: int = 0
    closed: int = 0

    def add(self, time: float, shut: bool | None) -> None:
        self.frames.append((time, shut))
        self._count(shut, 1)

    def forget_until(self, time: float) -> None:
        while self.frames and self.frames[0][0] <= time:
            self._count(self.frames.popleft()[1], -1)

    def _count(self, shut: bool | None, by: int) -> None:
        self.read += by * (shut is not None)
        self.closed += by * bool(shut)


class EyeClosure:
    """The share of a face's frames in the last seconds in which its eyes are closed.

    Like PERCLOS: frames later than `seconds` ago, of those that were read the share with an AU45 of
    4 (80 % of the way from rest to shut) or more. NaN until a face has been followed for the whole
    window, where less than half of it was read, and for models without AU45. A face with a new id
    starts afresh.
    """

    def __init__(self, seconds: float) -> None:
        """Start without a face.

        Args:
            seconds: Length of the window, above 0.

        Raises:
            ValueError: If it is not above 0.
        """
        if not (math.isfinite(seconds) and seconds > 0):
            raise ValueError(f"The window must be above 0 seconds: got {seconds}.")
        self._seconds = seconds
        self._faces: dict[int, _Window] = {}

    def __call__(self, estimate: Estimate, timestamp: float) -> dict[int, float]:
        """Return face id -> share of each face, 0 to 1.

        Args:
            estimate: Of the next frame.
            timestamp: Its time, s.
        """
        self._faces = {
            face.face_id: self._faces.get(face.face_id) or _Window(timestamp)
            for face in estimate.faces
        }
        shares = {}
        for face in estimate.faces:
            window = self._faces[face.face_id]
            eyes = math.nan if face.reason else face.intensity.get(EYES, math.nan)
            shut = None if math.isnan(eyes) else eyes >= CLOSED * facs.MAX_INTENSITY
            window.add(timestamp, shut)
            window.forget_until(timestamp - self._seconds)
            shares[face.face_id] = self._share(window, timestamp)
        return shares

    def skip(self, timestamp: float) -> None:
        """Count a frame that could not be read for each face of the frame before."""
        for window in self._faces.values():
            window.add(timestamp, None)

    def _share(self, window: _Window, timestamp: float) -> float:
        too_short = timestamp - window.start < self._seconds
        if too_short or not window.read or 2 * window.read < len(window.frames):
            return math.nan
        return window.closed / window.read
