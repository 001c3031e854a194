"""The figures of `agreement` by subject, and errors by coded intensity.

N frames, A action units, S subjects. NaN is treated as in `agreement`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fau_tf import facs
from fau_tf.metrics import agreement
from fau_tf.metrics.agreement import Floats


def by_subject(
    coded: npt.ArrayLike, predicted: npt.ArrayLike, subjects: Sequence[str], labels: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Return `{subject: agreement.summary of its frames}`, sorted by name.

    Arguments and errors are those of `bootstrap.confidence_intervals`.
    """
    y, p = finite_pair(coded, predicted, len(labels))
    names, subject = indexed_subjects(subjects, len(y))
    frames = {name: subject == s for s, name in enumerate(names)}
    return {name: agreement.summary(y[f], p[f], list(labels)) for name, f in frames.items()}


def by_level(
    coded: npt.ArrayLike, predicted: npt.ArrayLike, labels: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
    """Return the mean prediction and its error at each coded intensity.

    Coded intensity is rounded (halves to even) and clipped to 0..5 to choose the level, not for the
    errors. Arguments and errors are those of `bootstrap.confidence_intervals`.

    Returns:
        `{label: [{"level", "frames", "predicted", "mae", "bias"}, ...]}`, six rows an AU, in
        intensity units: `bias` is the mean of predicted - coded; NaN without frames.
    """
    y, p = finite_pair(coded, predicted, len(labels))
    top = int(facs.MAX_INTENSITY)
    nearest = np.clip(np.rint(y), 0, top)  # NaN where y is, and then p is too
    return {
        label: [_level(i, *(x[nearest[:, a] == i, a] for x in (y, p))) for i in range(top + 1)]
        for a, label in enumerate(labels)
    }


def finite_pair(coded: npt.ArrayLike, predicted: npt.ArrayLike, aus: int) -> tuple[Floats, Floats]:
    """Return both as (N, A), NaN in both where either isn't finite."""
    y, p = np.asarray(coded, np.float64), np.asarray(predicted, np.float64)
    if y.shape != p.shape or y.shape[1:] != (aus,):
        raise ValueError(
            f"Coded and predicted intensity must both be (N, A) with A={aus} labels: "
            f"got {y.shape} and {p.shape}. Give one label a column."
        )
    known = np.isfinite(y) & np.isfinite(p)
    return np.where(known, y, np.nan), np.where(known, p, np.nan)


def indexed_subjects(
    subjects: Sequence[str], frames: int
) -> tuple[list[str], npt.NDArray[np.intp]]:
    """Return the S names, sorted, and (N,) indices into them."""
    if len(subjects) != frames:
        raise ValueError(
            f"Each of {frames} frames needs a subject: got {len(subjects)} names. "
            "Repeat a subject's name for all its frames."
        )
    names = sorted(set(subjects))
    place = {name: s for s, name in enumerate(names)}
    return names, np.array([place[name] for name in subjects], np.intp)


def _level(level: int, coded: Floats, predicted: Floats) -> dict[str, Any]:
    error = predicted - coded
    means = {"predicted": predicted, "mae": np.abs(error), "bias": error}
    row = {name: agreement.mean_of_known(values) for name, values in means.items()}
    return {"level": level, "frames": len(coded), **row}
