"""Post-hoc calibration: a threshold and a gain for each AU, and conformal prediction intervals.

A squared error is smallest when predictions shrink towards the mean: too high where an AU is
absent, too low where it is strong. Each AU gets a threshold and a gain, shared by its heatmaps and
folded into the network's last layer, then intervals around its predictions, `fau_tf.conformal`.
Both are fitted on the validation subjects, and on edited portraits of others than the training
people where a run has some. N faces, A action units, K AU centers.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt

from fau_tf import contract, facs
from fau_tf.conformal import Intervals, covered, fit_intervals
from fau_tf.data.datasets import Subset
from fau_tf.data.portrait_pairs import load_pairs, pair_batches
from fau_tf.facs import MAX_INTENSITY
from fau_tf.metrics import agreement
from fau_tf.models.heatmap_net import rescale_heatmaps
from fau_tf.models.presets import NetSpec
from fau_tf.portraits.pairs import NoPortraitsError
from fau_tf.training.config import Config
from fau_tf.training.predict import predict_peaks
from fau_tf.training.run_dir import RunDir
from fau_tf.training.run_state import BEST, CALIBRATION
from fau_tf.training.setup import make_targets

GAINS: Final = np.arange(0.70, 2.001, 0.02)
THRESHOLDS: Final = np.arange(0.0, 0.801, 0.02)
"""In intensity units. Never below 0: the heatmap of an absent AU stays black."""
QUIET: Final = 0.1
"""Share of the faces without an AU whose maximum the threshold may exceed. What is below it reads
as 0, so a higher one would hide small movements."""
_PAIRS: Final = 512  # of validation portraits
_MIN_FRAMES: Final = 100  # coded faces that a fit of an AU needs
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Calibration:
    """Calibration of a trained network.

    Attributes:
        labels: A names, e.g. `AU06`.
        gain: (A,), 1 where not fitted.
        threshold: (A,) in intensity units, 0 where not fitted.
        fitted: (A,) whether an AU has a gain and a threshold of its own.
        intervals: Around the calibrated predictions.
        validation: ICC(3,1) and MAE of each AU on the validation subjects, before and after.
    """

    labels: list[str]
    gain: Floats
    threshold: Floats
    fitted: npt.NDArray[np.bool_]
    intervals: Intervals
    validation: dict[str, Any]

    def save(self, run: RunDir) -> None:
        """Write `CALIBRATION` into the run's folder."""
        curves = {
            label: {"gain": float(self.gain[a]), "threshold": float(self.threshold[a])}
            for a, label in enumerate(self.labels)
        }
        content = {"contract_version": contract.CONTRACT_VERSION, "curves": curves}
        content |= {"intervals": self.intervals.as_json(self.labels)}
        run.write_json(CALIBRATION, content | {"validation": self.validation})


@dataclass(frozen=True, eq=False)
class CalibrationFaces:
    """Faces that a network is calibrated on.

    Attributes:
        batches: Of (image, targets), N images in all; to be read once.
        coded: (N, A) intensities, NaN where not coded.
        subjects: N names.
    """

    batches: Iterable[Any]
    coded: npt.NDArray[np.floating]
    subjects: list[str]

    def calibrate(self, peaks: npt.ArrayLike, config: Config) -> Calibration:
        """Return `calibrate` of a run's network, given its heatmap maxima on `batches`."""
        curves = config.training.calibrate
        return calibrate(self.coded, peaks, self.subjects, config.model, fit_curves=curves)


def calibrate_run(config: Config, run: RunDir, validation: Subset | None) -> keras.Model:
    """Calibrate a run's kept network on its validation subjects, save `CALIBRATION`, return it.

    Without validation subjects it is returned as it is, and has no prediction intervals: errors on
    training subjects would be too small.
    """
    if validation is None:
        run.log("   no validation subjects, so neither calibration nor prediction intervals")
        return calibrated_network(run.path, config.model)
    faces = calibration_faces(config, validation)
    peaks = predict_peaks(keras.saving.load_model(run / BEST), config.model, faces.batches)
    found = faces.calibrate(peaks, config)
    found.save(run)
    plain = [label for label, own in zip(found.labels, found.fitted, strict=True) if not own]
    if config.training.calibrate and plain:
        run.log(
            f"   not calibrated: {', '.join(plain)}. Each half of the validation subjects needs "
            f"{_MIN_FRAMES} coded faces of different intensities"
        )
    return calibrated_network(run.path, config.model)


def calibration_faces(config: Config, validation: Subset) -> CalibrationFaces:
    """Return the faces of a run's validation subjects, and of its portraits where it has some."""
    targets = make_targets(config)
    batches: Iterable[Any] = validation.batches(targets, batch_size=64)
    coded, subjects = validation.labels(targets), list(validation.face_subjects())
    real = _portraits(config) if config.data.portraits else None
    if real:
        batches = chain(batches, real[0])
        labels = [target["intensity"] for _, target in real[0]]
        coded, subjects = np.concatenate([coded, *labels]), subjects + real[1]
    return CalibrationFaces(batches, coded, subjects)


def calibrate(
    coded: npt.ArrayLike,
    peaks: npt.ArrayLike,
    subjects: Sequence[str],
    spec: NetSpec,
    *,
    fit_curves: bool,
) -> Calibration:
    """Return the calibration that agrees best with the coded intensities.

    The errors behind the intervals are cross-fitted: each half of the subjects is calibrated on
    the other half, so that no error is measured on subjects that its own curve was fitted to. An
    AU whose curve can't be fitted on each half keeps gain 1 and threshold 0: the errors of another
    curve than the shipped one would give intervals of another width.

    Args:
        coded: (N, A) intensities of the validation faces, NaN where not coded.
        peaks: (N, K) heatmap maxima in intensity units, from `predict.predict_peaks`.
        subjects: N names.
        spec: The network.
        fit_curves: Whether to fit gains and thresholds; else they are 1 and 0.
    """
    y, top = np.asarray(coded, np.float64), np.asarray(peaks, np.float64)
    to_au = spec.to_au.astype(np.float64)
    identity = np.ones(len(spec.labels)), np.zeros(len(spec.labels))
    odd = np.isin(subjects, sorted(set(subjects))[1::2])
    fitted: npt.NDArray[np.bool_] = np.zeros(len(spec.labels), bool)
    whole = by_even = by_odd = identity
    if fit_curves:
        parts = (np.ones(len(y), bool), ~odd, odd)
        fits = [_fit_curves(y[part], top[part], to_au) for part in parts]
        fitted = np.isfinite(np.array([gain for gain, _ in fits])).all(axis=0)
        whole, by_even, by_odd = (
            (np.where(fitted, gain, 1.0), np.where(fitted, low, 0.0)) for gain, low in fits
        )
    before, after = (_predict(top, to_au, *curve) for curve in (identity, whole))
    found = {"before": agreement.per_au(y, before), "after": agreement.per_au(y, after)}
    validation = {
        label: {
            f"{name}_{when}": float(values[name][a])
            for when, values in found.items()
            for name in ("icc", "mae")
        }
        for a, label in enumerate(spec.labels)
    }
    # Each half by the curves of the other one.
    predicted = np.where(
        odd[:, None], _predict(top, to_au, *by_even), _predict(top, to_au, *by_odd)
    )
    intervals = fit_intervals(y, predicted)
    return Calibration(spec.labels, *whole, fitted, intervals, validation)


def calibrated_network(folder: Path, spec: NetSpec) -> keras.Model:
    """Return a run's best network with its calibration, if the run has one, in the last layer.

    Raises:
        ValueError: If `CALIBRATION` is not what `Calibration.save` writes.
    """
    net = keras.saving.load_model(folder / BEST)
    entry = read_calibration(folder)
    if entry:
        try:
            rows = [entry["curves"][label] for label in spec.labels]
            curve = np.array([[row["gain"], row["threshold"]] for row in rows], np.float64)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{folder / CALIBRATION} must give each AU a gain and a threshold: got {error!r}. "
                "Run train_keras.py with the run's settings again."
            ) from error
        apply_curves(net, spec, curve[:, 0], curve[:, 1])
    return net


def apply_curves(net: keras.Model, spec: NetSpec, gain: Floats, threshold: Floats) -> None:
    """Fold gains and thresholds, (A,) each, into a network's last layer, in place."""
    owner = facs.au_of_center(spec.au_numbers, spec.rule)
    rescale_heatmaps(net, gain[owner], threshold[owner] * spec.codec.unit)


def read_calibration(folder: Path) -> dict[str, Any]:
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
            f"{path} must be a JSON object with a contract_version: got {error!r}. Run "
            "train_keras.py with the run's settings again."
        ) from error
    if not contract.readable_version(version):
        raise ValueError(
            f"{path} must be of contract version {contract.readable_versions()}: got {version!r}. "
            "Train again with this fau_tf."
        )
    return dict(entry)


def model_json_entries(folder: Path) -> dict[str, Any]:
    """Return what the JSON beside an exported model takes over from a run's calibration."""
    entry = read_calibration(folder)
    return {"intervals": entry["intervals"]} if entry else {}


def coverage(
    folder: Path, coded: npt.ArrayLike, predicted: npt.ArrayLike, labels: list[str]
) -> dict[str, Any]:
    """Return the coverage of the run's intervals and their mean width, overall and per AU.

    Args:
        folder: Of the run.
        coded: (N, A) of subjects that the intervals were not fitted to.
        predicted: (N, A).
        labels: A names.

    Raises:
        ValueError: If the folder's `CALIBRATION` has no intervals for these AUs.
    """
    intervals = Intervals.of_json(read_calibration(folder).get("intervals", {}), labels)
    share, width = covered(intervals, coded, predicted)
    rows = {
        label: {"covered": float(share[a]), "width": float(width[a])}
        for a, label in enumerate(labels)
    }
    mean = {
        name: agreement.mean_of_known(of) for name, of in (("covered", share), ("width", width))
    }
    return {"level": intervals.level, "mean": mean, "per_au": rows}


def coverage_line(found: dict[str, Any]) -> str:
    """Return one line of text on what `coverage` found; AUs that no face codes are left out."""
    known = {name: row for name, row in found["per_au"].items() if np.isfinite(row["covered"])}
    if not known:
        return f"{found['level']:.0%} prediction intervals: no test face is coded"
    label, least = min(known.items(), key=lambda row: row[1]["covered"])
    return (
        f"{found['level']:.0%} prediction intervals: coverage {found['mean']['covered']:.1%} "
        f"(lowest {label}, {least['covered']:.1%}), mean width {found['mean']['width']:.2f}"
    )


def _portraits(config: Config) -> tuple[list[Any], list[str]] | None:
    """Return batches of edited portraits, and their subjects; None without validation subjects."""
    size, seed = config.data.record_size, config.data_seed
    try:
        source = load_pairs(config.data.portraits, record_size=size, seed=seed, part="validation")
    except NoPortraitsError:
        return None
    steps = 16
    pairs = pair_batches(
        source, make_targets(config), batch_size=2 * _PAIRS // steps, seed=config.run.seed
    )
    return list(pairs.take(steps)), [source.subject(i) for i in range(_PAIRS) for _ in (0, 1)]


def _fit_curves(coded: Floats, peaks: Floats, to_au: Floats) -> tuple[Floats, Floats]:
    """Return (A,) gains and (A,) thresholds, NaN where they can't be fitted."""
    curves = [_fit_curve(coded[:, a], peaks[:, to_au[:, a] > 0]) for a in range(coded.shape[1])]
    return np.array([gain for gain, _ in curves]), np.array([low for _, low in curves])


def _fit_curve(coded: Floats, peaks: Floats) -> tuple[float, float]:
    """Return the gain and the threshold of one AU that maximize Lin's concordance, or NaN."""
    known = np.isfinite(coded)
    y, top = coded[known], peaks[known]
    if len(y) < _MIN_FRAMES or np.ptp(y) == 0:
        return np.nan, np.nan
    quiet = np.quantile(top.mean(axis=1)[y == 0], QUIET) if (y == 0).any() else 0.0
    thresholds = THRESHOLDS[: max(1, np.searchsorted(THRESHOLDS, quiet, "right"))]
    # (thresholds, gains): a row of gains at once, (gains, N, heatmaps), is fast and still small.
    tried = np.stack(
        [
            _concordance(y, _rescale(top, GAINS[:, None, None], low).mean(axis=2))
            for low in thresholds
        ]
    )
    low, gain = np.unravel_index(tried.argmax(), tried.shape)
    return float(GAINS[gain]), float(thresholds[low])


def _predict(peaks: Floats, to_au: Floats, gain: Floats, threshold: Floats) -> Floats:
    owner = to_au.argmax(axis=1)  # (K,)
    predicted: Floats = _rescale(peaks, gain[owner], threshold[owner]) @ to_au
    return predicted


def _rescale(peaks: Floats, gain: Any, threshold: Any) -> Floats:
    return np.clip(gain * (peaks - threshold), 0.0, MAX_INTENSITY)


def _concordance(coded: Floats, predicted: Floats) -> Floats:
    """Return Lin's concordance (Biometrics 45(1), 1989), which offsets and scale both lower.

    ICC(3,1) ignores an offset; an intensity is read as an absolute value.

    Args:
        coded: (N,).
        predicted: (..., N).
    """
    middle = predicted.mean(axis=-1, keepdims=True)
    covariance = ((coded - coded.mean()) * (predicted - middle)).mean(axis=-1)
    total = coded.var() + predicted.var(axis=-1) + (coded.mean() - middle[..., 0]) ** 2
    found: Floats = 2 * covariance / total
    return found
