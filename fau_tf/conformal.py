"""Conformal prediction intervals around AU intensities, fitted on validation subjects.

The sorted errors of a network on subjects that it was not trained on bound the error on the next
subject. Errors of a prediction near 0 differ from those of one near 3, so each rounded prediction
has its own bounds (a Mondrian taxonomy). N faces, A action units.

Sources: Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005, chapter 4;
Angelopoulos and Bates, A Gentle Introduction to Conformal Prediction, 2021, section 2.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from fau_tf.facs import LEVELS, MAX_INTENSITY

Floats = npt.NDArray[np.float64]

LEVEL: Final = 0.9
ENOUGH: Final = 40
"""Errors that a rounded prediction needs; with fewer it shares those of the nearest levels."""


@dataclass(frozen=True, eq=False)
class Intervals:
    """Offsets from a prediction to the ends of its conformal prediction interval.

    Attributes:
        level: Nominal coverage: share of the true intensities inside, for faces like those of the
            validation subjects.
        below: (A, 6) for predictions that round to 0, 1, ... 5; at most 0.
        above: (A, 6), at least 0.
    """

    level: float
    below: Floats
    above: Floats

    def around(self, intensity: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Return the low and the high end, (..., A) within 0 to 5; NaN for NaN.

        Args:
            intensity: (..., A) predictions.
        """
        given = np.asarray(intensity, np.float64)
        known = np.where(np.isfinite(given), given, 0.0)
        level = _rounded(known)
        columns = np.arange(len(self.below))
        low = np.clip(given + self.below[columns, level], 0.0, MAX_INTENSITY)
        high = np.clip(given + self.above[columns, level], 0.0, MAX_INTENSITY)
        return low, high

    def as_json(self, labels: Sequence[str]) -> dict[str, Any]:
        """Return what a JSON file holds; `labels` are the A names."""
        rows = {
            label: {"below": self.below[a].tolist(), "above": self.above[a].tolist()}
            for a, label in enumerate(labels)
        }
        return {"level": self.level, "per_au": rows}

    @classmethod
    def of_json(cls, entry: Mapping[str, Any], labels: Sequence[str]) -> Self:
        """Return the intervals that `as_json` wrote.

        Raises:
            ValueError: If an AU is missing or has no six finite numbers of the right sign.
        """
        try:
            ends = [
                np.array([entry["per_au"][label][side] for label in labels], np.float64)
                for side in ("below", "above")
            ]
            level = float(entry["level"])
        except (KeyError, TypeError, ValueError) as error:
            raise _malformed(error) from error
        below, above = ends
        shape = (len(labels), LEVELS)
        if below.shape != shape or above.shape != shape or not 0 < level < 1:
            raise _malformed(f"shapes {below.shape} and {above.shape}, level {level}")
        if not ((below <= 0).all() and (above >= 0).all()):  # NaN too
            raise _malformed("ends on the wrong side of the prediction")
        return cls(level, below, above)


def fit_intervals(
    coded: npt.ArrayLike, predicted: npt.ArrayLike, level: float = LEVEL
) -> Intervals:
    """Return intervals that cover `level` of the intensities of such faces, or slightly more.

    A new error is equally likely to fall between any two of n sorted ones, so the ends are the
    errors at ranks floor((n + 1) a) and ceil((n + 1) (1 - a)), a = (1 - level) / 2. This ignores
    that faces of one subject resemble each other: measure the coverage on test subjects.

    Args:
        coded: (N, A) of subjects that the network was not trained on; NaN where not coded.
        predicted: (N, A).
        level: Nominal coverage, between 0 and 1.

    Raises:
        ValueError: If shapes differ or `level` is out of range.
    """
    y, p = np.asarray(coded, np.float64), np.asarray(predicted, np.float64)
    if y.ndim != 2 or y.shape != p.shape or not 0 < level < 1:
        raise ValueError(
            "Prediction intervals need (N, A) coded and predicted intensities and a level between "
            f"0 and 1: got {y.shape}, {p.shape} and level={level}."
        )
    columns = [_column(y[:, a], p[:, a], (1 - level) / 2) for a in range(y.shape[1])]
    ends = np.array(columns).reshape(-1, 2, LEVELS)  # (A, 2, 6)
    return Intervals(level, ends[:, 0], ends[:, 1])


def covered(
    intervals: Intervals, coded: npt.ArrayLike, predicted: npt.ArrayLike
) -> tuple[Floats, Floats]:
    """Return (A,) coverage and (A,) mean width of the intervals; NaN where nothing is coded."""
    y = np.asarray(coded, np.float64)
    low, high = intervals.around(predicted)
    known = np.isfinite(y) & np.isfinite(low)
    inside = known & (low - 1e-9 <= y) & (y <= high + 1e-9)
    with np.errstate(invalid="ignore"):
        frames = known.sum(axis=0)
        return inside.sum(axis=0) / frames, np.where(known, high - low, 0).sum(axis=0) / frames


def _column(coded: Floats, predicted: Floats, tail: float) -> tuple[list[float], list[float]]:
    known = np.isfinite(coded) & np.isfinite(predicted)
    error, level = (coded - predicted)[known], _rounded(predicted[known])
    ends = [_ends(np.sort(error[_near(level, i)]), tail) for i in range(LEVELS)]
    return [low for low, _ in ends], [high for _, high in ends]


def _near(level: npt.NDArray[np.intp], wanted: int) -> npt.NDArray[np.bool_]:
    """Return (N,) which predictions share `wanted`'s errors: as few levels as hold `ENOUGH`."""
    distance = np.abs(level - wanted)
    for reach in range(LEVELS):
        near = distance <= reach
        if near.sum() >= ENOUGH:
            break
    return near


def _ends(error: Floats, tail: float) -> tuple[float, float]:
    n = len(error)
    place = math.floor((n + 1) * tail + 1e-9)
    if place < 1:  # too few for any bound
        return -MAX_INTENSITY, MAX_INTENSITY
    # A prediction lies in its own interval, also where most errors have one sign.
    return min(0.0, float(error[place - 1])), max(0.0, float(error[n - place]))


def _rounded(intensity: Floats) -> npt.NDArray[np.intp]:
    return np.clip(np.floor(intensity + 0.5), 0, LEVELS - 1).astype(np.intp)


def _malformed(received: object) -> ValueError:
    return ValueError(
        f"`intervals` needs a level between 0 and 1 and, for each AU, {LEVELS} numbers `below` of "
        f"at most 0 and `above` of at least 0: got {received}. Export the model again."
    )
