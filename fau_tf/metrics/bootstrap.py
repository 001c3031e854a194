"""Bootstrap confidence intervals of `agreement`'s figures, and of differences of two models.

N frames, A action units, S subjects. Frames of one face resemble each other, so the bootstrap
resamples subjects, not frames. NaN is treated as in `agreement`.

Sources: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13; for clusters,
Field and Welsh, Journal of the Royal Statistical Society B 69(3), 2007.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fau_tf.metrics import agreement
from fau_tf.metrics.agreement import Floats
from fau_tf.metrics.breakdown import finite_pair, indexed_subjects


def confidence_intervals(
    coded: npt.ArrayLike,
    predicted: npt.ArrayLike,
    subjects: Sequence[str],
    labels: Sequence[str],
    *,
    draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, Any]:
    """Return the percentile interval of each metric, from a bootstrap over subjects.

    Each draw takes S subjects with replacement and all their frames. With few subjects the interval
    is too narrow.

    Args:
        coded: (N, A), see `agreement.per_au`.
        predicted: (N, A).
        subjects: N names, the subject of each frame.
        labels: A names, e.g. `AU06`.
        draws: 1 or more.
        seed: Equal seeds draw equal subjects.
        level: Share of the draws that the interval holds, between 0 and 1.

    Returns:
        `{"mean": {metric: [low, high]}, "per_au": {label: {metric: [low, high]}}, "draws": draws,
        "subjects": S, "level": level}`. Draws whose figure is NaN are left out. [NaN, NaN] if none
        remain, or if fewer than two subjects have a frame that counts.

    Raises:
        ValueError: If `draws` or `level` is out of range, or lengths differ.
    """
    _require_draws(draws, level)
    y, p = finite_pair(coded, predicted, len(labels))
    names, subject = indexed_subjects(subjects, len(y))
    counts = _counts(len(names), draws, seed)
    drawn, frames = _drawn_figures(y, p, subject, counts)
    found = _intervals(drawn, frames, labels, level)
    return found | {"draws": draws, "subjects": len(names), "level": level}


def difference_intervals(
    coded: npt.ArrayLike,
    first: Sequence[npt.ArrayLike],
    second: Sequence[npt.ArrayLike],
    subjects: Sequence[str],
    labels: Sequence[str],
    *,
    draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, Any]:
    """Return the intervals of second - first, from a paired bootstrap over subjects.

    Each draw takes the same subjects for both, so what makes subjects easy or hard for both
    cancels.

    Args:
        coded: (N, A), see `agreement.per_au`.
        first: (N, A) predictions of each network of a model, whose figures are averaged.
        second: Those of the other model, on the same frames.
        subjects: N names, the subject of each frame.
        labels: A names, e.g. `AU06`.
        draws: 1 or more.
        seed: Equal seeds draw equal subjects.
        level: Share of the draws that the interval holds, between 0 and 1.

    Returns:
        As `confidence_intervals`. Frames count where all networks have a prediction, and draws
        count for an AU where all have the figure.

    Raises:
        ValueError: If `draws` or `level` is out of range, or lengths differ.
    """
    _require_draws(draws, level)
    known = np.isfinite(np.array([*first, *second], np.float64)).all(axis=0)
    y = np.where(known, np.asarray(coded, np.float64), np.nan)
    names, subject = indexed_subjects(subjects, len(y))
    counts = _counts(len(names), draws, seed)

    def mean_figures(model: Sequence[npt.ArrayLike]) -> tuple[Floats, Floats]:
        pairs = [finite_pair(y, one, len(labels)) for one in model]
        drawn = [_drawn_figures(*pair, subject, counts) for pair in pairs]
        return np.mean([one for one, _ in drawn], axis=0), drawn[0][1]

    (a, frames), (b, _) = mean_figures(first), mean_figures(second)
    found = _intervals(b - a, frames, labels, level)
    return found | {"draws": draws, "subjects": len(names), "level": level}


def figure_intervals(
    figures: Callable[[npt.NDArray[np.intp]], npt.ArrayLike],
    subjects: Sequence[str],
    *,
    draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Floats:
    """Return the percentile intervals of any figures, from a bootstrap over subjects.

    Args:
        figures: Indices of frames, some more than once -> their figures, of any one shape (...).
        subjects: N names, the subject of each frame.
        draws: 1 or more.
        seed: Equal seeds draw equal subjects.
        level: Share of the draws that the interval holds, between 0 and 1.

    Returns:
        (..., 2) low and high ends. Draws whose figure is NaN are left out; NaN if none remain, or
        if there are fewer than two subjects.

    Raises:
        ValueError: If `draws` or `level` is out of range.
    """
    _require_draws(draws, level)
    names, subject = indexed_subjects(subjects, len(subjects))
    if len(names) < 2:  # draws of one subject are all alike
        shape = np.shape(figures(np.arange(len(subjects)))) if subjects else ()
        return np.full((*shape, 2), np.nan)
    frames = np.arange(len(subjects))
    drawn = np.array(
        [
            figures(np.repeat(frames, counts[subject]))
            for counts in _counts(len(names), draws, seed)
        ],
        np.float64,
    )
    flat = drawn.reshape(draws, -1).T
    ends = [_percentiles(values[np.isfinite(values)], level) for values in flat]
    return np.array(ends).reshape(*drawn.shape[1:], 2)


def _require_draws(draws: int, level: float) -> None:
    if draws < 1 or not 0 < level < 1:
        raise ValueError(
            "The bootstrap needs 1 or more draws and a level between 0 and 1: "
            f"got draws={draws}, level={level}. Use 1000 and 0.95."
        )


def _drawn_figures(
    coded: Floats,
    predicted: Floats,
    subject: npt.NDArray[np.intp],
    counts: npt.NDArray[np.int64],
) -> tuple[Floats, Floats]:
    """Return (draws, M, A) figures of each draw, and (S, A) frames of each subject."""
    sums = _sums_by_subject(coded, predicted, subject, counts.shape[1])
    drawn = np.empty((len(counts), len(agreement.METRICS), coded.shape[1]))
    for draw, count in enumerate(counts):
        drawn[draw] = _figures(np.tensordot(count, sums, axes=1))
    return drawn, sums[:, 0]


def _intervals(
    drawn: Floats, frames: Floats, labels: Sequence[str], level: float
) -> dict[str, Any]:
    """Return `mean` and `per_au` of `confidence_intervals` from what `_drawn_figures` returns."""

    def interval(values: Floats, subject_frames: Floats) -> list[float]:
        # Draws of one subject are all alike: an interval of no width would look like certainty.
        known = values[np.isfinite(values) & (np.count_nonzero(subject_frames) > 1)]
        return _percentiles(known, level)

    mean: dict[str, list[float]] = {}
    per_au: dict[str, dict[str, list[float]]] = {label: {} for label in labels}
    for m, metric in enumerate(agreement.METRICS):
        over_aus = np.array([agreement.mean_of_known(row) for row in drawn[:, m]])
        mean[metric] = interval(over_aus, frames.sum(axis=1))
        for a, label in enumerate(labels):
            per_au[label][metric] = interval(drawn[:, m, a], frames[:, a])
    return {"mean": mean, "per_au": per_au}


def _percentiles(values: Floats, level: float) -> list[float]:
    """Return the ends of the interval that holds a share of the values; NaN without values."""
    ends = [50 * (1 - level), 50 * (1 + level)]
    return np.percentile(values, ends).tolist() if len(values) else [float("nan")] * 2


def _counts(subjects: int, draws: int, seed: int) -> npt.NDArray[np.int64]:
    """Return how often each draw takes each subject, (draws, S)."""
    if not subjects:
        return np.zeros((draws, 0), np.int64)
    return np.random.default_rng(seed).multinomial(subjects, [1 / subjects] * subjects, draws)


def _sums_by_subject(
    coded: Floats, predicted: Floats, subject: npt.NDArray[np.intp], subjects: int
) -> Floats:
    """Return (S, 11, A): frames, and the sums over them that `_figures` needs."""
    known = np.isfinite(coded)
    y, p = np.where(known, coded, 0.0), np.where(known, predicted, 0.0)
    error = p - y
    present, detected = y >= agreement.F1_FROM, p >= agreement.F1_FROM
    moments = [known, y, p, y * y, p * p, y * p, np.abs(error), error**2]
    terms = np.stack([*moments, present, detected, present & detected], axis=1)
    sums = np.zeros((subjects, *terms.shape[1:]))
    for s in range(subjects):
        sums[s] = terms[subject == s].sum(axis=0)
    return sums


def _figures(sums: Floats) -> Floats:
    """Return (5, A) figures in the order of `agreement.METRICS`, from (11, A) sums over frames."""
    frames = sums[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        y, p, yy, pp, yp, absolute, squared, present, detected, both = sums[1:] / frames
        coded, predicted, covariance = yy - y * y, pp - p * p, yp - y * p
        varies, follows = np.stack([coded, predicted]) > agreement.NO_VARIATION
        icc = np.where(varies, 2 * covariance / (coded + predicted), np.nan)
        pcc = np.clip(covariance / np.sqrt(coded * predicted), -1, 1)
        pcc = np.where(varies & follows, pcc, np.nan)
        f1 = np.where(present > 0, 2 * both / (present + detected), np.nan)
        return np.stack([icc, absolute, np.sqrt(squared), pcc, f1])
