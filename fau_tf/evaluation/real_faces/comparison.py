"""The difference between two models on the same photos, with a paired bootstrap over subjects.

Both models read the same resampled subjects in each draw, so what makes subjects easy or hard for
both cancels: the interval of a difference is mostly much narrower than those of two models are.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf import facs
from fau_tf.evaluation.real_faces.edits.rises import EditReadings
from fau_tf.evaluation.real_faces.expressions import NEUTRAL, SMILE, SMILE_AUS, Readings
from fau_tf.evaluation.real_faces.readings import FolderReadings
from fau_tf.evaluation.real_faces.stability import PERCENTILE, SHIFTED, Changes
from fau_tf.evaluation.real_faces.versions import COLOR, GRAY
from fau_tf.inference.estimator import PRESENT_FROM
from fau_tf.metrics.agreement import mean_of_known
from fau_tf.metrics.bootstrap import figure_intervals

Array = npt.NDArray[Any]
Draw = npt.NDArray[np.intp]
"""Indices of subjects, some more than once."""
_MODEL: Final = "model"  # of `au_readers.READERS`
SELECTION: Final = ("neutral_alarms", "gray_alarms", "smile_auc", "edited_rise", "shift_p95")
"""Names of the figures of `evaluate.selection`, in their order."""


def compare(first: FolderReadings, second: FolderReadings) -> dict[str, Any]:
    """Return how far the figures of model B are from those of model A.

    Args:
        first: What model A reads.
        second: What model B reads on the same photos.

    Returns:
        `aus`: labels of the AUs that both have, which alone are compared; `only_a` and `only_b`:
        labels of the others; `subjects`; `selection` (name of each of `evaluate.selection` ->),
        `neutral_alarms`, `smile_auc` and `edited_rise` (label ->), each with the values `a` and
        `b`, `difference` B - A and its 95 % `interval`. NaN where the photos don't show it.

    Raises:
        ValueError: If the models have no AU in common.
    """
    ours, theirs = (read.model.info.aus for read in (first, second))
    shared = _shared(ours, theirs)
    names = list(dict.fromkeys(first.versions[_MODEL][COLOR].subjects))
    a, b = (_figures(read, shared, names) for read in (first, second))
    rows = iter(_differences(a, b, len(names)))
    parts = {
        "selection": SELECTION,
        "neutral_alarms": _labels(shared),
        "smile_auc": _labels(_smile_aus(shared)),
        "edited_rise": _labels(_edited_aus(first.edits[_MODEL], shared)),
    }
    return {
        "aus": _labels(shared),
        "only_a": _labels(au for au in ours if au not in theirs),
        "only_b": _labels(au for au in theirs if au not in ours),
        "subjects": len(names),
        **{part: {key: next(rows) for key in keys} for part, keys in parts.items()},
    }


def _shared(ours: Sequence[int], theirs: Sequence[int]) -> list[int]:
    """Return the AUs that both models have; raise ValueError if there are none."""
    shared = [au for au in ours if au in theirs]
    if not shared:
        raise ValueError(
            f"The models have no AU in common: {_labels(ours)} and {_labels(theirs)}. Compare "
            "models of the same AUs."
        )
    return shared


def _differences(
    figures_a: Callable[[Draw], Array], figures_b: Callable[[Draw], Array], subjects: int
) -> list[dict[str, Any]]:
    """Return `a`, `b`, `difference` and `interval` of each figure, in the order of `_figures`."""
    every = np.arange(subjects)
    a, b = figures_a(every), figures_b(every)
    intervals = figure_intervals(
        lambda of: figures_b(of) - figures_a(of), [f"{subject:06d}" for subject in every]
    )
    return [
        {"a": one, "b": two, "difference": two - one, "interval": interval}
        for one, two, interval in zip(a.tolist(), b.tolist(), intervals.tolist(), strict=True)
    ]


def _figures(
    read: FolderReadings, aus: Sequence[int], names: Sequence[str]
) -> Callable[[Draw], Array]:
    """Return a model's figures of drawn subjects, in the order of the parts in `compare`."""
    versions = {v: one.of_aus(aus) for v, one in read.versions[_MODEL].items()}
    alarms, gray_alarms = (_alarms(versions[version]) for version in (COLOR, GRAY))
    areas = _areas(versions[COLOR])
    rises = _rises(read.edits[_MODEL], aus, names)
    shift = _shift(read.changes, aus, names)

    def figures(of: Draw) -> Array:
        alarm, area, rise = alarms(of), areas(of), rises(of)
        selected = [
            mean_of_known(alarm),
            mean_of_known(gray_alarms(of)),
            float(np.mean(area)) if len(area) else float("nan"),
            mean_of_known(rise),
            shift(of),
        ]
        return np.concatenate([selected, alarm, area, rise])

    return figures


def _alarms(readings: Readings) -> Callable[[Draw], Array]:
    """Return (A) shares of intensities of 1 or more on neutral faces."""
    present = readings.of_subjects(NEUTRAL, lambda x: (x >= PRESENT_FROM).astype(float))
    return lambda of: _means(present[of])


def _areas(readings: Readings) -> Callable[[Draw], Array]:
    """Return the AUC of each of `SMILE_AUS` that there are."""
    own = readings.of_aus(_smile_aus(readings.aus))
    both = np.stack([own.of_subjects(name, lambda x: x) for name in (NEUTRAL, SMILE)])
    known = np.isfinite(both).all(axis=(0, 2))
    neutral, smile = both
    # (S, S, A) of every pair of faces, so that a draw only takes the mean: see `expressions.auc`.
    higher = (smile[:, None] > neutral) + 0.5 * (smile[:, None] == neutral)

    def areas(of: Draw) -> Array:
        used = of[known[of]]
        if not len(used):
            return np.full(higher.shape[2], np.nan)
        area: Array = higher[used[:, None], used].mean(axis=(0, 1))
        return area

    return areas


def _rises(
    edits: EditReadings, aus: Sequence[int], names: Sequence[str]
) -> Callable[[Draw], Array]:
    """Return the share of faces on which each AU rises by 1 or more when it is edited alone."""
    wanted = _edited_aus(edits, aus)
    rows = [next(i for i, row in enumerate(edits.rows) if row.aus == (au,)) for au in wanted]
    risen = np.array([edits.risen(row) for row in rows]).reshape(len(rows), -1).T  # (N, rows)
    drawn = _of_subjects(edits.subjects, names)
    return lambda of: _means(risen[drawn(of)])


def _shift(changes: Changes, aus: Sequence[int], names: Sequence[str]) -> Callable[[Draw], float]:
    """Return the percentile of what a shift of the crop moves."""
    moved = changes.moved[SHIFTED][..., [changes.aus.index(au) for au in aus]]
    drawn = _of_subjects(changes.subjects, names)

    def shift(of: Draw) -> float:
        faces = drawn(of)
        return float(np.quantile(moved[faces], PERCENTILE)) if len(faces) else float("nan")

    return shift


def _of_subjects(subjects: Sequence[str], names: Sequence[str]) -> Callable[[Draw], Draw]:
    """Return indices of subjects -> those of their faces, as often."""
    owner = np.array(subjects)
    own = [np.flatnonzero(owner == name) for name in names]
    return lambda of: np.concatenate([own[subject] for subject in of])


def _means(values: Array) -> Array:
    """Return the means of the columns over what is known; NaN without."""
    known = np.isfinite(values)
    total, count = np.where(known, values, 0).sum(axis=0), known.sum(axis=0)
    means: Array = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    return means


def _smile_aus(aus: Sequence[int]) -> list[int]:
    return [au for au in SMILE_AUS if au in aus]


def _edited_aus(edits: EditReadings, aus: Sequence[int]) -> list[int]:
    return [row.aus[0] for row in edits.rows if len(row.aus) == 1 and row.aus[0] in aus]


def _labels(aus: Any) -> list[str]:
    return [facs.AUS[au].label for au in aus]
