"""Intensities over time, of a source of any length, in memory that does not grow."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf.inference.estimator import Estimate, FaceResult

BINS: Final = 1024
"""Bins of the time line, each with mean and range of its values."""

MOST_FACES: Final = 16
"""Faces kept; beyond that, the one with the fewest values is dropped."""

SHOWN, ABOVE_NEUTRAL, INTERVAL_LOW, INTERVAL_HIGH = range(4)
"""Rows of `Track.total` and `Track.count`: shown intensities, those above neutral, and the ends of
the prediction intervals."""

_FINEST: Final = 0.01  # s, of a bin before the time line grows

Values = npt.NDArray[np.float64]


@dataclass
class Track:
    """One face over time; A action units.

    Attributes:
        total: (4, A, BINS) sums.
        count: (4, BINS) how many values each sum has.
        low: (A, BINS) smallest shown intensity, infinity if there is none.
        high: (A, BINS) largest shown intensity, minus infinity if there is none.
        rows: Number of values so far.
    """

    total: Values
    count: Values
    low: Values
    high: Values
    rows: int = 0

    def mean(self, row: int) -> Values:
        """Return (A, BINS) means of a row; NaN in empty bins."""
        filled = np.where(self.count[row] > 0, self.count[row], np.nan)
        mean: Values = self.total[row] / filled
        return mean


@dataclass
class TimeSeries:
    """Collects the estimates of one source.

    The time line starts with bins of 10 ms; when a time lies beyond its end, pairs of bins are
    merged. Memory is at most `MOST_FACES` x A x `BINS` x 48 bytes: 11 MiB for 14 AUs.

    Attributes:
        labels: The A labels of the AUs.
        tracks: Face id -> its values.
        unread: (BINS,) how many frames of a bin have nothing that could be read.
        step: Seconds of a bin.
        end: Latest time, s.
        dropped: How many faces were too many.
        smoothed: Whether the intensities are smoothed.
    """

    labels: Sequence[str]
    tracks: dict[int, Track] = field(default_factory=dict)
    unread: Values = field(default_factory=lambda: np.zeros(BINS))
    step: float = _FINEST
    end: float = 0.0
    dropped: int = 0
    smoothed: bool = False

    @property
    def empty(self) -> bool:
        """Whether there is nothing to plot."""
        return not (self.tracks or self.unread.any())

    def add(self, time: float, estimate: Estimate) -> None:
        """Add the faces of a frame; one whose time is negative or not finite is left out."""
        if not (math.isfinite(time) and time >= 0):
            return
        self._extend_to(time)
        self.end = max(self.end, time)
        place = min(int(time / self.step), BINS - 1)
        for face in estimate.faces or (None,):
            if face is None or face.reason:
                self.unread[place] += 1
            else:
                self._add_face(face, place)

    def times(self) -> Values:
        """Return (BINS,) the middle of each bin, s."""
        return np.asarray((np.arange(BINS) + 0.5) * self.step, np.float64)

    def longest(self, most: int) -> list[int]:
        """Return the ids of the faces with the most values, in order of id."""
        by_rows = sorted(self.tracks, key=lambda face_id: -self.tracks[face_id].rows)
        return sorted(by_rows[:most])

    def _add_face(self, face: FaceResult, place: int) -> None:
        track = self._track(face.face_id)
        track.rows += 1
        levels = self._array(face.shown.values())
        self._sum(track, SHOWN, place, levels)
        track.low[:, place] = np.minimum(track.low[:, place], levels)
        track.high[:, place] = np.maximum(track.high[:, place], levels)
        if face.above_neutral is not None:
            self._sum(track, ABOVE_NEUTRAL, place, self._array(face.above_neutral.values()))
        if face.smoothed is not None:
            self.smoothed = True
        elif face.interval is not None:
            low, high = zip(*face.interval.values(), strict=True)
            self._sum(track, INTERVAL_LOW, place, self._array(low))
            self._sum(track, INTERVAL_HIGH, place, self._array(high))

    def _sum(self, track: Track, row: int, place: int, levels: Values) -> None:
        track.total[row, :, place] += levels
        track.count[row, place] += 1

    def _array(self, values: Iterable[float]) -> Values:
        return np.fromiter(values, np.float64, len(self.labels))

    def _track(self, face_id: int) -> Track:
        if face_id in self.tracks:
            return self.tracks[face_id]
        if len(self.tracks) == MOST_FACES:
            fewest = min(self.tracks, key=lambda known: self.tracks[known].rows)
            del self.tracks[fewest]
            self.dropped += 1
        shape = (len(self.labels), BINS)
        self.tracks[face_id] = Track(
            total=np.zeros((4, *shape)),
            count=np.zeros((4, BINS)),
            low=np.full(shape, np.inf),
            high=np.full(shape, -np.inf),
        )
        return self.tracks[face_id]

    def _extend_to(self, time: float) -> None:
        """Double the length of the bins until the time line holds a time."""
        while time >= self.step * BINS:
            self.step *= 2
            self.unread = _paired(self.unread, np.add, 0.0)
            for track in self.tracks.values():
                track.total = _paired(track.total, np.add, 0.0)
                track.count = _paired(track.count, np.add, 0.0)
                track.low = _paired(track.low, np.minimum, np.inf)
                track.high = _paired(track.high, np.maximum, -np.inf)


def _paired(bins: Values, merge: Any, empty: float) -> Values:
    """Return bins (..., BINS) with pairs merged, and empty bins after them."""
    half: Values = merge(bins[..., ::2], bins[..., 1::2])
    return np.concatenate((half, np.full_like(half, empty)), axis=-1)
