"""Smoothing over time: only where it is asked for, and named in every output."""

import math

from fau_tf.inference.estimator import Estimate, FaceResult


class ExponentialSmoother:
    """An exponential moving average of each face's intensities, by time.

    A value's weight falls to 1 / e after `seconds`; what changes at once is followed with that lag.
    No frame sees a later one. A face that was not read, or has a new id, starts afresh: nothing is
    carried over a gap.
    """

    def __init__(self, seconds: float) -> None:
        """Start without a face.

        Args:
            seconds: Time constant, above 0.

        Raises:
            ValueError: If it is not above 0.
        """
        if not (math.isfinite(seconds) and seconds > 0):
            raise ValueError(f"--smooth: seconds must be above 0. Received: {seconds}.")
        self.name = f"exponential:{seconds:g}s"
        self._seconds = seconds
        self._last: dict[int, tuple[float, dict[str, float]]] = {}

    def __call__(self, estimate: Estimate, timestamp: float) -> dict[int, dict[str, float]]:
        """Return the smoothed intensities of each face that was read, by its id.

        Args:
            estimate: Of the next frame.
            timestamp: Its time, s.
        """
        read = {
            face.face_id: self._next(face, timestamp) for face in estimate.faces if not face.reason
        }
        self._last = {face_id: (timestamp, values) for face_id, values in read.items()}
        return read

    def _next(self, face: FaceResult, timestamp: float) -> dict[str, float]:
        before = self._last.get(face.face_id)
        if before is None:
            return dict(face.intensity)
        keep = math.exp(-max(timestamp - before[0], 0.0) / self._seconds)
        return {
            label: value + (before[1][label] - value) * keep
            for label, value in face.intensity.items()
        }
