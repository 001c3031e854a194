"""Bootstrap confidence intervals of `agreement`'s figures, and the figures by subject and level.

N frames, A action units, S subjects. Frames of one face resemble each other, so the bootstrap
resamples subjects, not frames. NaN is treated as in `agreement`.

Sources: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13; for clusters,
Field and Welsh, Journal of the Royal Statistical Society B 69(3), 2007.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf import facs
from fau_tf.metrics import agreement
from fau_tf.metrics.agreement import Floats

_NO_VARIATION: Final = 1e-10
"""Variance, in squared intensity units, that rounding may leave where nothing varies."""


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
    y, p = _pair(coded, predicted, len(labels))
    names, subject = _subjects(subjects, len(y))
    sums = _sums_by_subject(y, p, subject, len(names))
    drawn = np.empty((draws, len(agreement.METRICS), len(labels)))
    for draw, counts in enumerate(_counts(len(names), draws, seed)):
        drawn[draw] = _figures(np.tensordot(counts, sums, axes=1))
    frames = sums[:, 0]  # (S, A)

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
    return {
        "mean": mean, "per_au": per_au, "draws": draws, "subjects": len(names), "level": level
    }  # fmt: skip


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
    names, subject = _subjects(subjects, len(subjects))
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


def by_subject(
    coded: npt.ArrayLike, predicted: npt.ArrayLike, subjects: Sequence[str], labels: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Return `{subject: agreement.summary of its frames}`, sorted by name.

    Arguments and errors are those of `confidence_intervals`.
    """
    y, p = _pair(coded, predicted, len(labels))
    names, subject = _subjects(subjects, len(y))
    frames = {name: subject == s for s, name in enumerate(names)}
    return {name: agreement.summary(y[f], p[f], list(labels)) for name, f in frames.items()}


def by_level(
    coded: npt.ArrayLike, predicted: npt.ArrayLike, labels: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
    """Return the mean prediction and its error at each coded intensity.

    Coded intensity is rounded (halves to even) and clipped to 0..5 to choose the level, not for the
    errors. Arguments and errors are those of `confidence_intervals`.

    Returns:
        `{label: [{"level", "frames", "predicted", "mae", "bias"}, ...]}`, six rows an AU, in
        intensity units: `bias` is the mean of predicted - coded; NaN without frames.
    """
    y, p = _pair(coded, predicted, len(labels))
    top = int(facs.MAX_INTENSITY)
    nearest = np.clip(np.rint(y), 0, top)  # NaN where y is, and then p is too
    return {
        label: [_level(i, *(x[nearest[:, a] == i, a] for x in (y, p))) for i in range(top + 1)]
        for a, label in enumerate(labels)
    }


def _require_draws(draws: int, level: float) -> None:
    if draws < 1 or not 0 < level < 1:
        raise ValueError(
            "The bootstrap needs 1 or more draws and a level between 0 and 1: "
            f"got draws={draws}, level={level}. Use 1000 and 0.95."
        )


def _percentiles(values: Floats, level: float) -> list[float]:
    """Return the ends of the interval that holds a share of the values; NaN without values."""
    ends = [50 * (1 - level), 50 * (1 + level)]
    return np.percentile(values, ends).tolist() if len(values) else [float("nan")] * 2


def _level(level: int, coded: Floats, predicted: Floats) -> dict[str, Any]:
    error = predicted - coded
    means = {"predicted": predicted, "mae": np.abs(error), "bias": error}
    row = {name: agreement.mean_of_known(values) for name, values in means.items()}
    return {"level": level, "frames": len(coded), **row}


def _pair(coded: npt.ArrayLike, predicted: npt.ArrayLike, aus: int) -> tuple[Floats, Floats]:
    """Return both as (N, A), NaN in both where either isn't finite."""
    y, p = np.asarray(coded, np.float64), np.asarray(predicted, np.float64)
    if y.shape != p.shape or y.shape[1:] != (aus,):
        raise ValueError(
            f"Coded and predicted intensity must both be (N, A) with A={aus} labels: "
            f"got {y.shape} and {p.shape}. Give one label a column."
        )
    known = np.isfinite(y) & np.isfinite(p)
    return np.where(known, y, np.nan), np.where(known, p, np.nan)


def _subjects(subjects: Sequence[str], frames: int) -> tuple[list[str], npt.NDArray[np.intp]]:
    """Return the S names, sorted, and (N,) indices into them."""
    if len(subjects) != frames:
        raise ValueError(
            f"Each of {frames} frames needs a subject: got {len(subjects)} names. "
            "Repeat a subject's name for all its frames."
        )
    names = sorted(set(subjects))
    place = {name: s for s, name in enumerate(names)}
    return names, np.array([place[name] for name in subjects], np.intp)


def _counts(subjects: int, draws: int, seed: int) -> npt.NDArray[np.int64]:
    """Return how often each draw takes each subject, (draws, S)."""
    if not subjects:
        return np.zeros((draws, 0), np.int64)
    return np.random.default_rng(seed).multinomial(subjects, [1 / subjects] * subjects, draws)


def _sums_by_subject(
    coded: Floats, predicted: Floats, subject: npt.NDArray[np.intp], subjects: int
) -> Floats:
    """Return (S, 8, A): frames, and the sums over them that `_figures` needs."""
    known = np.isfinite(coded)
    y, p = np.where(known, coded, 0.0), np.where(known, predicted, 0.0)
    error = p - y
    terms = np.stack([known, y, p, y * y, p * p, y * p, np.abs(error), error**2], axis=1)
    sums = np.zeros((subjects, *terms.shape[1:]))
    for s in range(subjects):
        sums[s] = terms[subject == s].sum(axis=0)
    return sums


def _figures(sums: Floats) -> Floats:
    """Return (4, A) figures in the order of `agreement.METRICS`, from (8, A) sums over frames."""
    frames = sums[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        y, p, yy, pp, yp, absolute, squared = sums[1:] / frames
        coded, predicted, covariance = yy - y * y, pp - p * p, yp - y * p
        varies = np.stack([coded, predicted]) > _NO_VARIATION
        icc = np.where(varies.any(axis=0), 2 * covariance / (coded + predicted), np.nan)
        pcc = np.clip(covariance / np.sqrt(coded * predicted), -1, 1)
        return np.stack(
            [icc, absolute, np.sqrt(squared), np.where(varies.all(axis=0), pcc, np.nan)]
        )
