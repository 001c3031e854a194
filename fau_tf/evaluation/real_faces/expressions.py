"""Figures of neutral and smiling photos of the same subjects: false alarms, and what a smile moves.

S subjects, A action units. Nobody coded these photos; a neutral face should be read near 0, and a
smile should raise AU6, AU12 and AU25. Each subject counts once: with several photos of one
expression, a subject has their mean.
"""

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf import facs
from fau_tf.inference.estimator import PRESENT_FROM
from fau_tf.metrics.agreement import mean_of_known
from fau_tf.metrics.bootstrap import figure_intervals

Array = npt.NDArray[Any]
NEUTRAL: Final = "neutral"
SMILE: Final = "smiling"
"""Expressions of `portraits.collection`."""
SMILE_AUS: Final = (12, 6, 25)
"""AUs that a smile raises: lip corners and cheeks, and, with many people, the lips part."""


@dataclass(frozen=True, eq=False)
class Readings:
    """Intensities of photos, by one reader.

    Attributes:
        intensity: (N, A); NaN rows where no face was found.
        subjects: N names.
        expressions: N words.
        aus: A numbers.
    """

    intensity: Array
    subjects: Sequence[str]
    expressions: Sequence[str]
    aus: Sequence[int]

    def of(self, subjects: Container[str]) -> "Readings":
        """Return the readings of some subjects only."""
        rows = [i for i, name in enumerate(self.subjects) if name in subjects]
        return replace(
            self,
            intensity=self.intensity[rows],
            subjects=[self.subjects[i] for i in rows],
            expressions=[self.expressions[i] for i in rows],
        )

    def of_aus(self, aus: Sequence[int]) -> "Readings":
        """Return the readings of some AUs only, in this order."""
        columns = [self.aus.index(au) for au in aus]
        return replace(self, intensity=self.intensity[:, columns], aus=aus)

    def of_subjects(self, expression: str, value: Callable[[Array], Array]) -> Array:
        """Return (S, A) each subject's mean value over its photos of an expression; NaN without.

        Args:
            expression: Of the photos.
            value: (n, A) intensities -> (n, A) what is averaged.
        """
        wanted = np.array([name == expression for name in self.expressions], bool)
        wanted &= np.isfinite(self.intensity).all(axis=1)
        owners = np.array(self.subjects)
        names = list(dict.fromkeys(self.subjects))
        rows = np.full((len(names), len(self.aus)), np.nan)
        for row, name in zip(rows, names, strict=True):
            photos = self.intensity[wanted & (owners == name)]
            if len(photos):
                row[:] = value(photos).mean(axis=0)
        return rows


def neutral_alarms(readings: Readings) -> dict[str, Any]:
    """Return the share of intensities of 1 or more on neutral faces.

    Returns:
        `subjects`, `all` and `per_au` (label ->), each with `value` and its 95 % `interval`.
    """
    alarms = readings.of_subjects(NEUTRAL, lambda x: (x >= PRESENT_FROM).astype(float))
    alarms = alarms[np.isfinite(alarms).all(axis=1)]
    every, *each = _figures(
        lambda of: np.array([alarms[of].mean(), *alarms[of].mean(axis=0)]),
        len(alarms),
        1 + len(readings.aus),
    )
    return {
        "subjects": len(alarms),
        "all": every,
        "per_au": dict(zip(_labels(readings.aus), each, strict=True)),
    }


def smile_pairs(readings: Readings) -> dict[str, Any]:
    """Return how well intensities tell a smile from the same subjects' neutral faces.

    Returns:
        `subjects`; `auc` and `rises` (label of each of `SMILE_AUS` ->), the area under the ROC
        curve over all faces and the share of subjects whose intensity is higher in the smile;
        `mean_auc` of those AUs; `others` (label of any other AU ->), the mean absolute difference
        between a subject's two faces; `mean_other` of them. Each with `value` and `interval`, NaN
        without such subjects or AUs.
    """
    both = np.stack([readings.of_subjects(name, lambda x: x) for name in (NEUTRAL, SMILE)])
    neutral, smile = both[:, np.isfinite(both).all(axis=(0, 2))]
    raised = [readings.aus.index(au) for au in SMILE_AUS if au in readings.aus]
    others = [a for a, au in enumerate(readings.aus) if au not in SMILE_AUS]
    moved = np.abs(smile - neutral)[:, others]

    def figures(of: Array) -> Array:
        areas = np.array([auc(smile[of, a], neutral[of, a]) for a in raised])
        rises = (smile > neutral)[of][:, raised].mean(axis=0)
        moves = moved[of].mean(axis=0)
        return np.array([*areas, *rises, *moves, mean_of_known(areas), mean_of_known(moves)])

    found = _figures(figures, len(smile), 2 * len(raised) + len(others) + 2)
    labels = _labels(readings.aus[a] for a in (*raised, *others))
    r = len(raised)
    return {
        "subjects": len(smile),
        "auc": dict(zip(labels[:r], found[:r], strict=True)),
        "rises": dict(zip(labels[:r], found[r : 2 * r], strict=True)),
        "others": dict(zip(labels[r:], found[2 * r : -2], strict=True)),
        "mean_auc": found[-2],
        "mean_other": found[-1],
    }


def auc(positive: npt.ArrayLike, negative: npt.ArrayLike) -> float:
    """Return the area under the ROC curve.

    It is the share of pairs in which the positive is higher; equal values count half.

    Args:
        positive: (P,) values.
        negative: (N,) values.

    Returns:
        0 to 1; NaN without pairs.
    """
    p, n = np.asarray(positive, np.float64)[:, None], np.asarray(negative, np.float64)[None]
    if not p.size or not n.size:
        return float("nan")
    return float(((p > n) + 0.5 * (p == n)).mean())


def _figures(figures: Callable[[Array], Array], subjects: int, count: int) -> list[dict[str, Any]]:
    """Return `value` and `interval` of each of `count` figures; NaN without subjects."""
    if not subjects:
        return [{"value": float("nan"), "interval": [float("nan")] * 2}] * count
    names = [f"{s:06d}" for s in range(subjects)]
    values = figures(np.arange(subjects)).tolist()
    intervals = figure_intervals(figures, names).tolist()
    return [
        {"value": value, "interval": interval}
        for value, interval in zip(values, intervals, strict=True)
    ]


def _labels(aus: Any) -> list[str]:
    return [facs.AUS[au].label for au in aus]
