"""Agreement between coded and predicted AU intensity: ICC(3,1), MAE, RMSE, PCC and F1.

Training, evaluation and export all compute their figures here. N targets (frames), R raters, A
action units. A frame whose coded or predicted intensity is NaN for an AU is left out for that AU
only. A figure that is undefined is NaN, and a mean over AUs leaves NaN out: ICC with fewer than two
frames or where the coded intensity does not vary, whatever is predicted; PCC also where the
prediction does not vary; F1 where no frame is coded as positive. So whether an AU counts in the
mean ICC and F1 depends on the labels alone. A prediction that does not vary has an ICC of 0.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]

NO_VARIATION: Final = 1e-10
"""Variance, in squared intensity units, that rounding may leave where nothing varies."""
F1_FROM: Final = 2.0
"""Intensity from which F1 counts an AU as present, as detection papers do on DISFA."""


def icc31(ratings: npt.ArrayLike) -> float:
    """Return ICC(3,1): two-way mixed effects, single rater, consistency.

    `(BMS - EMS) / (BMS + (R - 1) EMS)`. For two raters it equals
    2 cov(a, b) / (var a + var b): a constant offset costs nothing, an error of scale does.

    Args:
        ratings: (N, R), one row a target; without NaN.

    Returns:
        At most 1; NaN when N < 2, R < 2 or no rater varies.

    Raises:
        ValueError: If `ratings` isn't a finite (N, R) array.

    Reference:
        Shrout and Fleiss, Psychological Bulletin 86(2), 1979, tables 2 and 4.
    """
    table = np.asarray(ratings, np.float64)
    if table.ndim != 2 or not np.isfinite(table).all():
        raise ValueError(
            f"ICC(3,1) needs a finite (N, R) table: got shape {table.shape} with "
            f"{int((~np.isfinite(table)).sum())} values not finite. Remove those targets first."
        )
    n, r = table.shape
    if n < 2 or r < 2:
        return float("nan")
    table = table - table[0, 0]  # offsets cancel; smaller numbers round less
    target, rater, grand = table.mean(1), table.mean(0), table.mean()
    bms = r * ((target - grand) ** 2).sum() / (n - 1)
    residual = table - target[:, None] - rater + grand
    ems = (residual**2).sum() / ((n - 1) * (r - 1))
    total = bms + (r - 1) * ems
    varies = bool((np.ptp(table, axis=0) > 0).any())
    return float((bms - ems) / total) if varies and total > 0 else float("nan")


def _icc(coded: Floats, predicted: Floats) -> float:
    return icc31(np.stack([coded, predicted], axis=1)) if _varies(coded) else float("nan")


def _mae(coded: Floats, predicted: Floats) -> float:
    return float(np.abs(predicted - coded).mean())


def _rmse(coded: Floats, predicted: Floats) -> float:
    return float(np.sqrt(((predicted - coded) ** 2).mean()))


def _pcc(coded: Floats, predicted: Floats) -> float:
    if not (_varies(coded) and _varies(predicted)):
        return float("nan")
    return float(np.corrcoef(coded, predicted)[0, 1])


def _varies(intensity: Floats) -> bool:
    return len(intensity) > 1 and bool(np.var(intensity) > NO_VARIATION)


def f1(coded: Floats, predicted: Floats) -> float:
    """Return F1 of presence, which is an intensity of `F1_FROM` or more in either column.

    2 TP / (2 TP + FP + FN). Predictions are not rounded: 1.9 is absent.

    Args:
        coded: (N,) intensity by the human coder.
        predicted: (N,) intensity by the model.

    Returns:
        0 to 1; NaN where no frame is coded as present, since recall is undefined then.
    """
    present, detected = coded >= F1_FROM, predicted >= F1_FROM
    if not present.any():
        return float("nan")
    return float(2 * (present & detected).sum() / (present.sum() + detected.sum()))


METRICS: Final[dict[str, Callable[[Floats, Floats], float]]] = {
    "icc": _icc,
    "mae": _mae,
    "rmse": _rmse,
    "pcc": _pcc,
    "f1": f1,
}
"""Name -> function of (N,) coded and (N,) predicted intensity."""


def per_au(coded: npt.ArrayLike, predicted: npt.ArrayLike) -> dict[str, Floats]:
    """Return each metric of `METRICS` and `frames`, the number of frames used, as (A,).

    Args:
        coded: (N, A) intensity by the human coder, or of the renderer; NaN where not coded.
        predicted: (N, A) intensity by the model; NaN where no face was found.

    Raises:
        ValueError: If the two shapes differ or aren't (N, A).
    """
    y, p = np.asarray(coded, np.float64), np.asarray(predicted, np.float64)
    if y.ndim != 2 or y.shape != p.shape:
        raise ValueError(
            f"Coded and predicted intensity must both be (N, A): got {y.shape} and {p.shape}."
        )
    known = np.isfinite(y) & np.isfinite(p)
    columns = [(y[known[:, a], a], p[known[:, a], a]) for a in range(y.shape[1])]
    result = {
        name: np.array([metric(*column) if len(column[0]) else np.nan for column in columns])
        for name, metric in METRICS.items()
    }
    return result | {"frames": known.sum(axis=0).astype(np.float64)}


def summary(
    coded: npt.ArrayLike, predicted: npt.ArrayLike, labels: list[str]
) -> dict[str, dict[str, Any]]:
    """Return `{"mean": {metric: value}, "per_au": {label: {metric: value}}}` of plain floats.

    Args:
        coded: (N, A), see `per_au`.
        predicted: (N, A).
        labels: A names, e.g. `AU06`.
    """
    columns = per_au(coded, predicted)
    rows = {
        label: {name: float(values[a]) for name, values in columns.items()}
        for a, label in enumerate(labels)
    }
    mean = {name: mean_of_known(columns[name]) for name in METRICS}
    return {"mean": mean, "per_au": rows}


def mean_of_known(values: Floats) -> float:
    """Return the mean of the finite values; NaN if there are none."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
