"""How sure `agreement`'s figures are, and where they come from: by subject, by coded intensity.

N frames, A action units, S subjects, D draws. Frames of one face resemble each other, so the
bootstrap resamples subjects, not frames. NaN rules are `agreement`'s.

Sources: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13; of clusters,
Field and Welsh, Journal of the Royal Statistical Society B 69(3), 2007.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fau_tf import facs
from fau_tf.metrics import agreement
from fau_tf.metrics.agreement import Floats


def intervals(
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

    A draw takes S subjects with replacement, with all their frames. With few, it's too narrow.

    Args:
        coded: (N, A), see `agreement.per_au`.
        predicted: (N, A).
        subjects: N names: whose frame it is.
        labels: A names, e.g. `AU06`.
        draws: D, 1 or more.
        seed: Equal seeds draw equal subjects.
        level: Share of the draws that the interval holds, between 0 and 1.

    Returns:
        `{"mean": {metric: [low, high]}, "per_au": {label: {metric: [low, high]}}, "draws": D,
        "subjects": S, "level": level}`. Draws whose figure is NaN are left out. [NaN, NaN] if that
        leaves none, or if fewer than two subjects have a frame that counts.

    Raises:
        ValueError: If `draws` or `level` is out of range, or lengths differ.
    """
    if draws < 1 or not 0 < level < 1:
        raise ValueError(
            "The bootstrap needs 1 or more draws and a level between 0 and 1. "
            f"Received: draws={draws}, level={level}. Use 1000 and 0.95."
        )
    y, p = _pair(coded, predicted, len(labels))
    names, subject = _subjects(subjects, len(y))
    moments = _moments(y, p, subject)
    figures = _figures(moments, _counts(len(names), draws, seed))
    seen = np.count_nonzero(moments.frames, axis=0)
    rows = {
        label: {name: _interval(x[:, a], int(seen[a]), level) for name, x in figures.items()}
        for a, label in enumerate(labels)
    }
    some = int(np.count_nonzero(moments.frames.sum(axis=1)))
    mean = {name: _interval(_mean(x), some, level) for name, x in figures.items()}
    return {"mean": mean, "per_au": rows, "draws": draws, "subjects": len(names), "level": level}


def by_subject(
    coded: npt.ArrayLike, predicted: npt.ArrayLike, subjects: Sequence[str], labels: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Return `{subject: agreement.summary of its frames}`, sorted; the rest as in `intervals`."""
    y, p = _pair(coded, predicted, len(labels))
    names, subject = _subjects(subjects, len(y))
    own = {name: subject == s for s, name in enumerate(names)}
    return {name: agreement.summary(y[f], p[f], list(labels)) for name, f in own.items()}


def by_level(
    coded: npt.ArrayLike, predicted: npt.ArrayLike, labels: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
    """Return what the model says at each coded intensity; the rest as in `intervals`.

    Coded intensity is rounded (halves to even) and clipped to 0..5 to choose the row, not for the
    errors. Six rows, `{label: [{"level", "frames", "predicted", "mae", "bias"}, ...]}`, in units
    of intensity: `predicted` is a mean, `bias` that of predicted - coded; NaN without frames.
    """
    y, p = _pair(coded, predicted, len(labels))
    top = int(facs.MAX_INTENSITY)
    nearest = np.clip(np.rint(y), 0, top)  # where p is NaN, y is too
    return {
        label: [_level(i, *(x[nearest[:, a] == i, a] for x in (y, p))) for i in range(top + 1)]
        for a, label in enumerate(labels)
    }


def _level(level: int, coded: Floats, predicted: Floats) -> dict[str, Any]:
    error = predicted - coded
    means = {"predicted": predicted, "mae": np.abs(error), "bias": error}
    row = {name: float(_mean(values)) for name, values in means.items()}
    return {"level": level, "frames": len(coded), **row}


def _pair(coded: npt.ArrayLike, predicted: npt.ArrayLike, aus: int) -> tuple[Floats, Floats]:
    """Return both as (N, A), NaN in both where either isn't finite."""
    y, p = np.asarray(coded, np.float64), np.asarray(predicted, np.float64)
    if y.shape != p.shape or y.shape[1:] != (aus,):
        raise ValueError(
            f"Coded and predicted intensity must both be (N, A), with A={aus} labels. "
            f"Received: {y.shape} and {p.shape}. Give a label for each column."
        )
    known = np.isfinite(y) & np.isfinite(p)
    return np.where(known, y, np.nan), np.where(known, p, np.nan)


def _subjects(subjects: Sequence[str], frames: int) -> tuple[list[str], npt.NDArray[np.intp]]:
    """Return the S names, sorted, and (N,) places among them."""
    if len(subjects) != frames:
        raise ValueError(
            f"Each of {frames} frames needs a subject. Received: {len(subjects)}. "
            "Repeat a subject's name for all its frames."
        )
    names = sorted(set(subjects))
    place = {name: s for s, name in enumerate(names)}
    return names, np.array([place[name] for name in subjects], np.intp)


def _counts(subjects: int, draws: int, seed: int) -> npt.NDArray[np.int64]:
    """Return how often each draw takes each subject, (D, S)."""
    rng, none = np.random.default_rng(seed), np.zeros((draws, 0), np.int64)
    return rng.multinomial(subjects, [1 / subjects] * subjects, draws) if subjects else none


class _Moments(NamedTuple):
    """What a draw needs of each subject; an axis of 2 is coded, predicted."""

    frames: Floats  # (S, A)
    mean: Floats  # (2, S, A), 0 without frames
    sums: Floats  # (5, S, A): yy, pp, yp about the subject's own means; |p - y|, (p - y)^2
    tops: Floats  # (4, S, A), maxima of y, p, -y, -p; -inf without frames


def _moments(coded: Floats, predicted: Floats, subject: npt.NDArray[np.intp]) -> _Moments:
    order = np.argsort(subject, kind="stable")
    starts, length = np.unique(subject[order], return_index=True, return_counts=True)[1:]
    table = np.stack([coded, predicted])[:, order]
    known = ~np.isnan(table[0])
    tops = np.maximum.reduceat(np.where(known, [*table, *-table], -np.inf), starts, axis=1)
    table = np.where(known, table, 0.0)
    frames = np.add.reduceat(known, starts, axis=0, dtype=np.float64)
    mean = np.add.reduceat(table, starts, axis=1) / np.maximum(frames, 1)
    y, p = (table - np.repeat(mean, length, axis=1)) * known
    error = table[1] - table[0]
    terms = np.stack([y * y, p * p, y * p, np.abs(error), error**2])
    return _Moments(frames, mean, np.add.reduceat(terms, starts, axis=1), tops)


def _figures(moments: _Moments, counts: npt.NDArray[np.int64]) -> dict[str, Floats]:
    """Return each of `agreement.METRICS` as (D, A), for `counts` of subjects (D, S)."""
    aus = range(moments.frames.shape[1])
    columns = [_column(_Moments(*(x[..., a] for x in moments)), counts) for a in aus]
    return {name: np.stack([c[name] for c in columns], axis=1) for name in agreement.METRICS}


def _column(of: _Moments, counts: npt.NDArray[np.int64]) -> dict[str, Floats]:
    weight = counts * of.frames
    frames = weight.sum(axis=1)
    *within, absolute, squared = (counts @ of.sums.T).T
    tops = np.where(counts > 0, of.tops[:, None], -np.inf).max(axis=2, initial=-np.inf)
    # The range, not the variance, which rounding can leave above 0 where nothing varies.
    varies = tops[:2] + tops[2:] > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        # Within plus between subjects, not raw sums of squares: nothing large cancels.
        y, p = of.mean[:, None] - ((weight @ of.mean.T).T / frames)[..., None]
        yy, pp, yp = (
            inner + (weight * between).sum(axis=1)
            for inner, between in zip(within, (y * y, p * p, y * p), strict=True)
        )
        return {
            "icc": np.where(varies.any(axis=0), 2 * yp / (yy + pp), np.nan),
            "mae": absolute / frames,
            "rmse": np.sqrt(squared / frames),
            "pcc": np.where(varies.all(axis=0), np.clip(yp / np.sqrt(yy * pp), -1, 1), np.nan),
        }


def _mean(values: Floats) -> Floats:
    """Return the mean over the last axis, leaving NaN out."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, values, 0).sum(axis=-1) / known.sum(axis=-1))


def _interval(values: Floats, subjects: int, level: float) -> list[float]:
    # One subject's draws are all alike: an interval without width would look like certainty.
    known = values[np.isfinite(values) & (subjects > 1)]
    ends = [50 * (1 - level), 50 * (1 + level)]
    return np.percentile(known, ends).tolist() if len(known) else [float("nan")] * 2
