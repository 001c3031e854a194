"""Intensities over time, of a source of any length, in memory that does not grow."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf.outputs.csv_jsonl import Reading

BINS: Final = 1024
"""Parts of the time line, each with the mean and the range of its readings."""

MOST_FACES: Final = 16
"""Faces kept; of more, the ones with the fewest readings go."""

_FINEST: Final = 0.01  # s, of a part before the time line grows

Values = npt.NDArray[np.float64]


@dataclass
class Track:
    """One face over time; NaN where nothing was read.

    Attributes:
        rows: Readings with values so far.
        total: (2, A, BINS) sums of the intensities, raw or smoothed, and of the calibrated ones.
        count: (2, BINS) how many those are.
        low: (A, BINS) least intensity, infinity where there is none.
        high: (A, BINS) greatest intensity, minus infinity where there is none.
    """

    total: Values
    count: Values
    low: Values
    high: Values
    rows: int = 0

    def mean(self, kind: int) -> Values:
        """Return (A, BINS) mean intensities: raw or smoothed for 0, calibrated for 1."""
        filled = np.where(self.count[kind] > 0, self.count[kind], np.nan)
        mean: Values = self.total[kind] / filled
        return mean


@dataclass
class TimeSeries:
    """Collects the readings of one source.

    The time line starts with parts of 10 ms; whenever a reading lies beyond its end, pairs of parts
    become one. Memory is at most `MOST_FACES` x A x `BINS` x 32 bytes: 7 MiB for 14 AUs.

    Attributes:
        labels: The A labels of the AUs.
        tracks: Face id -> what was read of it.
        unread: (BINS,) how many frames of a part had nothing that could be read.
        step: Seconds of a part.
        end: Time of the last reading, s.
        dropped: How many faces were too many.
        smoothed: Whether the intensities are smoothed ones.
    """

    labels: Sequence[str]
    tracks: dict[int, Track] = field(default_factory=dict)
    unread: Values = field(default_factory=lambda: np.zeros(BINS))
    step: float = _FINEST
    end: float = 0.0
    dropped: int = 0
    smoothed: bool = False

    def add(self, reading: Reading) -> None:
        """Take a reading; one whose time is negative or not finite is left out."""
        time = reading.timestamp
        if not (math.isfinite(time) and time >= 0):
            return
        self._reach(time)
        self.end = max(self.end, time)
        place = min(int(time / self.step), BINS - 1)
        levels = self._levels(reading.shown) if reading.success else None
        if levels is None:
            self.unread[place] += 1
            return
        track = self._track(reading.face_id)
        track.rows += 1
        self.smoothed |= reading.smoothed is not None
        track.total[0, :, place] += levels
        track.count[0, place] += 1
        track.low[:, place] = np.minimum(track.low[:, place], levels)
        track.high[:, place] = np.maximum(track.high[:, place], levels)
        calibrated = self._levels(reading.calibrated)
        if calibrated is not None:
            track.total[1, :, place] += calibrated
            track.count[1, place] += 1

    def times(self) -> Values:
        """Return (BINS,) the middle of each part, s."""
        return np.asarray((np.arange(BINS) + 0.5) * self.step, np.float64)

    def longest(self, most: int) -> list[int]:
        """Return the ids of the faces with the most readings, in order of id."""
        by_rows = sorted(self.tracks, key=lambda number: -self.tracks[number].rows)
        return sorted(by_rows[:most])

    def _levels(self, values: Mapping[str, float] | None) -> Values | None:
        if values is None:
            return None
        levels = np.array([values[label] for label in self.labels], np.float64)
        return levels if np.isfinite(levels).all() else None

    def _track(self, number: int) -> Track:
        if number in self.tracks:
            return self.tracks[number]
        if len(self.tracks) == MOST_FACES:
            fewest = min(self.tracks, key=lambda known: self.tracks[known].rows)
            del self.tracks[fewest]
            self.dropped += 1
        shape = (len(self.labels), BINS)
        self.tracks[number] = Track(
            total=np.zeros((2, *shape)),
            count=np.zeros((2, BINS)),
            low=np.full(shape, np.inf),
            high=np.full(shape, -np.inf),
        )
        return self.tracks[number]

    def _reach(self, time: float) -> None:
        """Make the parts as long as it takes for the time line to hold a time."""
        while time >= self.step * BINS:
            self.step *= 2
            self.unread = _paired(self.unread, np.add, 0.0)
            for track in self.tracks.values():
                track.total = _paired(track.total, np.add, 0.0)
                track.count = _paired(track.count, np.add, 0.0)
                track.low = _paired(track.low, np.minimum, np.inf)
                track.high = _paired(track.high, np.maximum, -np.inf)


def _paired(parts: Values, joined: Any, empty: float) -> Values:
    """Return parts (..., BINS) with pairs made one, and empty parts after them."""
    half: Values = joined(parts[..., ::2], parts[..., 1::2])
    return np.concatenate((half, np.full_like(half, empty)), axis=-1)
