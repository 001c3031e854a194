"""How far an intensity may be off: an interval around each answer, from people who were set aside.

Conformal prediction: the errors of a network on people whom it hasn't learned from, sorted, say how
far the next person's is. An answer near 0 errs otherwise than one near 3, so each rounded
answer has errors of its own (a Mondrian taxonomy). N faces, A action units.

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
"""Errors that a rounded answer needs of its own, or it shares those of its neighbors."""


@dataclass(frozen=True, eq=False)
class Intervals:
    """What is added to an answer for the ends of its interval.

    Attributes:
        level: Share of the truths that lie inside, for people like those set aside.
        below: (A, 6) for answers that round to 0, 1, ... 5; at most 0.
        above: (A, 6), at least 0.
    """

    level: float
    below: Floats
    above: Floats

    def around(self, intensity: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Return the low and the high end, (..., A) within 0 to 5; NaN for NaN.

        Args:
            intensity: (..., A) as the network gave it.
        """
        given = np.asarray(intensity, np.float64)
        known = np.where(np.isfinite(given), given, 0.0)
        level = _rounded(known)
        columns = np.arange(len(self.below))
        low = np.clip(given + self.below[columns, level], 0.0, MAX_INTENSITY)
        high = np.clip(given + self.above[columns, level], 0.0, MAX_INTENSITY)
        return low, high

    def as_json(self, labels: Sequence[str]) -> dict[str, Any]:
        """Return plain values; `labels` are the A names."""
        rows = {
            label: {"below": self.below[a].tolist(), "above": self.above[a].tolist()}
            for a, label in enumerate(labels)
        }
        return {"level": self.level, "per_au": rows}

    @classmethod
    def of_json(cls, entry: Mapping[str, Any], labels: Sequence[str]) -> Self:
        """Return what `as_json` gave.

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
            raise _malformed("ends that do not hold the answer between them")
        return cls(level, below, above)


def fit_intervals(
    coded: npt.ArrayLike, predicted: npt.ArrayLike, level: float = LEVEL
) -> Intervals:
    """Return the intervals that hold `level` of such truths, or a little more.

    The n + 1 places of a new error among n sorted ones are equally likely, so the ends are the
    errors at places floor((n + 1) a) and ceil((n + 1) (1 - a)), a = (1 - level) / 2. Faces of one
    person resemble each other, which this leaves aside: the coverage on other people is measured.

    Args:
        coded: (N, A) of people whom the network hasn't learned from; NaN where not coded.
        predicted: (N, A) the network's answers.
        level: Between 0 and 1.

    Raises:
        ValueError: If shapes differ or `level` is out of range.
    """
    y, p = np.asarray(coded, np.float64), np.asarray(predicted, np.float64)
    if y.ndim != 2 or y.shape != p.shape or not 0 < level < 1:
        raise ValueError(
            "Intervals need (N, A) coded and predicted intensities and a level between 0 and 1. "
            f"Received: {y.shape}, {p.shape}, level={level}."
        )
    columns = [_column(y[:, a], p[:, a], (1 - level) / 2) for a in range(y.shape[1])]
    ends = np.array(columns).reshape(-1, 2, LEVELS)  # (A, 2, 6)
    return Intervals(level, ends[:, 0], ends[:, 1])


def covered(
    intervals: Intervals, coded: npt.ArrayLike, predicted: npt.ArrayLike
) -> tuple[Floats, Floats]:
    """Return (A,) share of the truths inside, and (A,) mean width; NaN where nothing is coded."""
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
    ends = [_ends(np.sort(error[_alike(level, i)]), tail) for i in range(LEVELS)]
    return [low for low, _ in ends], [high for _, high in ends]


def _alike(level: npt.NDArray[np.intp], wanted: int) -> npt.NDArray[np.bool_]:
    """Return (N,) whether an answer is near enough to `wanted`: as few levels as hold `ENOUGH`."""
    distance = np.abs(level - wanted)
    for reach in range(LEVELS):
        alike = distance <= reach
        if alike.sum() >= ENOUGH:
            break
    return alike


def _ends(error: Floats, tail: float) -> tuple[float, float]:
    n = len(error)
    place = math.floor((n + 1) * tail + 1e-9)
    if place < 1:  # too few to say anything
        return -MAX_INTENSITY, MAX_INTENSITY
    # An answer lies in its own interval, also where most err to one side.
    return min(0.0, float(error[place - 1])), max(0.0, float(error[n - place]))


def _rounded(intensity: Floats) -> npt.NDArray[np.intp]:
    return np.clip(np.floor(intensity + 0.5), 0, LEVELS - 1).astype(np.intp)


def _malformed(received: object) -> ValueError:
    return ValueError(
        f"Intervals must have a level within 0 to 1 and, for each AU, {LEVELS} numbers `below` of "
        f"at most 0 and `above` of at least 0. Received: {received}. Export the model again."
    )
