"""AU events: when an AU's intensity rises above a threshold, where it peaks, and when it falls."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt

START, END, GAP = "start", "end", "gap"
"""Why the onset or the offset of an event was not seen: the track begins or ends while the AU is
active, or frames before or after it were not read."""

_SHORT: Final = 1e-9  # s, below the resolution of any container's times


@dataclass(frozen=True)
class EventRule:
    """When a track has an event: by hysteresis, the same in both directions of time.

    Attributes:
        high: Intensity that an event must reach.
        low: Intensity that it doesn't fall below.
        shortest: Least duration, s: 0.01 or more, so that an event ends later than it begins, also
            in whole milliseconds.
    """

    high: float = 1.0
    low: float = 0.5
    shortest: float = 0.1

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: If the thresholds are not above 0 and in order, or SECONDS is too short.
        """
        if not 0 < self.low <= self.high < math.inf:
            raise ValueError(
                "Thresholds must be above 0, and HIGH at least LOW: got "
                f"{self.high:g} and {self.low:g}."
            )
        if not 0.01 <= self.shortest < math.inf:
            raise ValueError(f"SECONDS must be 0.01 or more: got {self.shortest:g}.")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the rule of `HIGH,LOW,SECONDS`.

        Raises:
            ValueError: If the text is anything else.
        """
        try:
            high, low, shortest = map(float, text.split(","))
        except ValueError as error:
            raise ValueError(
                "must be HIGH,LOW,SECONDS, in intensity units and seconds, such as "
                f"{cls.high:g},{cls.low:g},{cls.shortest:g}: got {text!r}."
            ) from error
        return cls(high, low, shortest)

    def __str__(self) -> str:
        """Return it as `parse` takes it."""
        return f"{self.high:g},{self.low:g},{self.shortest:g}"


@dataclass(frozen=True)
class Event:
    """One event of a track; times in seconds.

    Attributes:
        onset: Time of its first frame.
        apex: Time of its largest value, the first one if there are several.
        offset: Time of its last frame.
        peak: That value.
        onset_cut: `start` or `gap` if the onset was not seen; else empty.
        offset_cut: `end` or `gap` if the offset was not seen; else empty.
    """

    onset: float
    apex: float
    offset: float
    peak: float
    onset_cut: str = ""
    offset_cut: str = ""

    @property
    def duration(self) -> float:
        """Seconds from onset to offset."""
        return self.offset - self.onset


def find_events(times: npt.ArrayLike, values: npt.ArrayLike, rule: EventRule) -> list[Event]:
    """Return the events of a track, in order.

    An event is a longest run of frames of `rule.low` or more, one of which has `rule.high` or more.
    NaN ends it.

    Args:
        times: (N,) seconds that do not fall.
        values: (N,) intensities, best smoothed; NaN where they were not read.
        rule: Thresholds and least duration.

    Raises:
        ValueError: If shapes differ, or times fall or are not finite.
    """
    t, x = np.asarray(times, np.float64), np.asarray(values, np.float64)
    if t.ndim != 1 or t.shape != x.shape:
        raise ValueError(f"Times and values must be (N,): got {t.shape} and {x.shape}.")
    if not np.isfinite(t).all() or (np.diff(t) < 0).any():
        raise ValueError("Times must be finite and must not fall. Sort the track by its times.")
    return [
        event
        for first, end in _runs(x >= rule.low)
        if (event := _event(t, x, first, end)).peak >= rule.high
        and event.duration >= rule.shortest - _SHORT
    ]


def _runs(active: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield the first place of each run of True, and the place after its last."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], active, [False]))))
    for first, end in edges.reshape(-1, 2):
        yield int(first), int(end)


def _event(t: npt.NDArray[np.float64], x: npt.NDArray[np.float64], first: int, end: int) -> Event:
    top = first + int(np.argmax(x[first:end]))
    before = START if first == 0 else GAP if np.isnan(x[first - 1]) else ""
    after = END if end == len(x) else GAP if np.isnan(x[end]) else ""
    return Event(float(t[first]), float(t[top]), float(t[end - 1]), float(x[top]), before, after)
