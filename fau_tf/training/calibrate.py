"""What validation people teach about a trained network: how to stretch its answers, how far off.

A squared error is least when answers shrink towards the mean: small ones where nothing acts, too
low ones where much does. Each AU gets a threshold and a gain, the same for all its heatmaps, which
go into the network's last layer; then intervals around the answers, `fau_tf.conformal`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt

from fau_tf import contract, facs
from fau_tf.conformal import Intervals, covered, fit_intervals
from fau_tf.facs import MAX_INTENSITY
from fau_tf.metrics import agreement
from fau_tf.models.presets import NetSpec
from fau_tf.models.rescale_head import rescale
from fau_tf.training.run_dir import RunDir
from fau_tf.training.run_state import BEST, CALIBRATION

GAINS: Final = np.arange(0.70, 2.001, 0.02)
THRESHOLDS: Final = np.arange(0.0, 0.801, 0.02)
"""In grades. Never below 0: a heatmap without its AU stays black."""
_FRAMES: Final = 100  # fewer coded faces leave an AU as it is
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Reading:
    """How a network's answers become intensities.

    Attributes:
        labels: A names, e.g. `AU06`.
        gain: (A,).
        threshold: (A,) in grades.
        intervals: Around the stretched answers.
        figures: ICC(3,1) and MAE of each AU on the validation people, before and after.
    """

    labels: list[str]
    gain: Floats
    threshold: Floats
    intervals: Intervals
    figures: dict[str, Any]

    def save(self, run: RunDir) -> None:
        """Write `CALIBRATION` into the run's folder."""
        curves = {
            label: {"gain": float(self.gain[a]), "threshold": float(self.threshold[a])}
            for a, label in enumerate(self.labels)
        }
        content = {"contract_version": contract.CONTRACT_VERSION, "stretch": curves}
        content |= {"intervals": self.intervals.as_json(self.labels), "validation": self.figures}
        run.write_json(CALIBRATION, content)


def learn(
    coded: npt.ArrayLike,
    peaks: npt.ArrayLike,
    subjects: Sequence[str],
    spec: NetSpec,
    *,
    stretch: bool,
) -> Reading:
    """Return what validation people teach.

    The errors that make the intervals are cross-fitted: an answer is stretched as the people of the
    other half would have it, so that nobody's error is judged by a stretch that it chose.

    Args:
        coded: (N, A) intensities of their faces, NaN where not coded.
        peaks: (N, K) maxima of the heatmaps in grades, from `predict.predict_peaks`.
        subjects: N names.
        spec: The network.
        stretch: Whether answers are stretched; else gains are 1 and thresholds 0.
    """
    y, top = np.asarray(coded, np.float64), np.asarray(peaks, np.float64)
    to_au = facs.center_to_au(spec.au_numbers, spec.rule).astype(np.float64)
    plain = np.ones(len(spec.labels)), np.zeros(len(spec.labels))
    gain, threshold = _stretch(y, top, to_au) if stretch else plain
    before, after = (_answers(top, to_au, *curve) for curve in (plain, (gain, threshold)))
    found = {"before": agreement.per_au(y, before), "after": agreement.per_au(y, after)}
    figures = {
        label: {
            f"{name}_{when}": float(values[name][a])
            for when, values in found.items()
            for name in ("icc", "mae")
        }
        for a, label in enumerate(spec.labels)
    }
    unseen = _cross_fitted(y, top, to_au, subjects) if stretch else after
    return Reading(spec.labels, gain, threshold, fit_intervals(y, unseen), figures)


def best_network(folder: Path, spec: NetSpec) -> keras.Model:
    """Return a run's network, its answers stretched as the run's `CALIBRATION` says, if it has one.

    Raises:
        ValueError: If that file is not what `Reading.save` writes.
    """
    net = keras.saving.load_model(folder / BEST)
    entry = read(folder)
    if entry:
        try:
            rows = [entry["stretch"][label] for label in spec.labels]
            curve = np.array([[row["gain"], row["threshold"]] for row in rows], np.float64)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{folder / CALIBRATION}: must give each AU a gain and a threshold. Received: "
                f"{error!r}. Run train_keras.py with the run's settings again."
            ) from error
        owner = facs.au_of_center(spec.au_numbers, spec.rule)
        rescale(net, curve[owner, 0], curve[owner, 1] * spec.codec.unit)
    return net


def read(folder: Path) -> dict[str, Any]:
    """Return the content of a run's `CALIBRATION`, empty where there is none.

    Raises:
        ValueError: If it isn't a JSON object of this contract.
    """
    path = folder / CALIBRATION
    if not path.is_file():
        return {}
    try:
        entry = json.loads(path.read_text(encoding="utf-8"))
        version = entry["contract_version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path}: must be a JSON object with a contract_version. Received: {error!r}. Run "
            "train_keras.py with the run's settings again."
        ) from error
    if version != contract.CONTRACT_VERSION:
        raise ValueError(
            f"{path}: must be of contract {contract.CONTRACT_VERSION}. Received: {version!r}. "
            "Train again with this fau_tf."
        )
    return dict(entry)


def facts(folder: Path) -> dict[str, Any]:
    """Return what the JSON beside an exported model says of a run's reading."""
    entry = read(folder)
    return {"intervals": entry["intervals"]} if entry else {}


def coverage(
    folder: Path, coded: npt.ArrayLike, predicted: npt.ArrayLike, labels: list[str]
) -> dict[str, Any]:
    """Return the share of the truths inside the run's intervals, and their mean width, per AU.

    Args:
        folder: Of the run.
        coded: (N, A) of people who took no part in the intervals.
        predicted: (N, A).
        labels: A names.

    Raises:
        ValueError: If the folder's `CALIBRATION` has no intervals for these AUs.
    """
    intervals = Intervals.of_json(read(folder).get("intervals", {}), labels)
    share, width = covered(intervals, coded, predicted)
    rows = {
        label: {"covered": float(share[a]), "width": float(width[a])}
        for a, label in enumerate(labels)
    }
    mean = {"covered": float(np.nanmean(share)), "width": float(np.nanmean(width))}
    return {"level": intervals.level, "mean": mean, "per_au": rows}


def coverage_line(found: dict[str, Any]) -> str:
    """Return one line of text on what `coverage` found."""
    least = min(found["per_au"].items(), key=lambda row: row[1]["covered"])
    return (
        f"intervals for {found['level']:.0%} of the truths hold {found['mean']['covered']:.1%} of "
        f"these people's, least {least[0]} {least[1]['covered']:.1%}; they are "
        f"{found['mean']['width']:.2f} grades wide on average"
    )


def _stretch(coded: Floats, peaks: Floats, to_au: Floats) -> tuple[Floats, Floats]:
    """Return (A,) gains and (A,) thresholds that agree best with the coders."""
    curves = [_best_curve(coded[:, a], peaks[:, to_au[:, a] > 0]) for a in range(coded.shape[1])]
    return np.array([gain for gain, _ in curves]), np.array([low for _, low in curves])


def _cross_fitted(coded: Floats, peaks: Floats, to_au: Floats, subjects: Sequence[str]) -> Floats:
    """Return (N, A) answers of each half of the people, stretched as the other half teaches."""
    odd = np.isin(subjects, sorted(set(subjects))[1::2])
    answers = np.empty_like(coded)
    for half in (odd, ~odd):
        curve = _stretch(coded[~half], peaks[~half], to_au)
        answers[half] = _answers(peaks[half], to_au, *curve)
    return answers


def _best_curve(coded: Floats, peaks: Floats) -> tuple[float, float]:
    known = np.isfinite(coded)
    y, top = coded[known], peaks[known]
    if len(y) < _FRAMES or np.ptp(y) == 0:
        return 1.0, 0.0
    # (thresholds, gains): a row of gains at once, (gains, N, heatmaps), is fast and still small.
    tried = np.stack(
        [
            _concordance(y, _stretched(top, GAINS[:, None, None], low).mean(axis=2))
            for low in THRESHOLDS
        ]
    )
    low, gain = np.unravel_index(tried.argmax(), tried.shape)
    return float(GAINS[gain]), float(THRESHOLDS[low])


def _answers(peaks: Floats, to_au: Floats, gain: Floats, threshold: Floats) -> Floats:
    owner = to_au.argmax(axis=1)  # (K,)
    answers: Floats = _stretched(peaks, gain[owner], threshold[owner]) @ to_au
    return answers


def _stretched(peaks: Floats, gain: Any, threshold: Any) -> Floats:
    return np.clip(gain * (peaks - threshold), 0.0, MAX_INTENSITY)


def _concordance(coded: Floats, predicted: Floats) -> Floats:
    """Return Lin's concordance (Biometrics 45(1), 1989): offsets and scale both cost, unlike ICC's.

    An intensity is a grade, so a reader wants the right one and not only the right order.

    Args:
        coded: (N,).
        predicted: (..., N) of some readers.
    """
    middle = predicted.mean(axis=-1, keepdims=True)
    covariance = ((coded - coded.mean()) * (predicted - middle)).mean(axis=-1)
    total = coded.var() + predicted.var(axis=-1) + (coded.mean() - middle[..., 0]) ** 2
    found: Floats = 2 * covariance / total
    return found
