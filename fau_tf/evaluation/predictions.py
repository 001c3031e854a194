"""Predictions for test subjects, and every figure that follows from them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from fau_tf.facs import LEVELS
from fau_tf.metrics import agreement, bootstrap, breakdown
from fau_tf.utils.files import replacing

SHOWN: Final = ("icc", "mae", "pcc", "f1")
"""Metrics of `agreement.METRICS` in tables."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """Coded and predicted intensity of N faces.

    Attributes:
        coded: (N, A), NaN where not coded.
        predicted: (N, A), NaN where the network lacks the AU.
        subjects: N names.
        labels: A names, e.g. `AU06`.
    """

    coded: npt.NDArray[np.float32]
    predicted: npt.NDArray[np.float32]
    subjects: Sequence[str]
    labels: Sequence[str]

    def figures(self) -> dict[str, Any]:
        """Return the figures on all frames with 95 % CIs, by subject and by coded intensity."""
        given = self.coded, self.predicted
        subjects, labels = list(self.subjects), list(self.labels)
        return {
            "test": agreement.summary(*given, labels),
            "confidence_intervals": bootstrap.confidence_intervals(*given, subjects, labels),
            "by_subject": breakdown.by_subject(*given, subjects, labels),
            "by_level": breakdown.by_level(*given, labels),
        }

    @property
    def coded_labels(self) -> list[str]:
        """Labels of the AUs that some frame has coded and predicted."""
        known = np.isfinite(self.coded) & np.isfinite(self.predicted)
        return [label for a, label in enumerate(self.labels) if known[:, a].any()]

    def only(self, labels: Sequence[str]) -> Self:
        """Return the predictions of some AUs, in the order of `labels`."""
        columns = [list(self.labels).index(label) for label in labels]
        cut = self.coded[:, columns], self.predicted[:, columns]
        return type(self)(*cut, self.subjects, list(labels))

    def save(self, path: Path) -> None:
        """Write a NumPy archive, whole or not at all."""
        with replacing(path) as unfinished, unfinished.open("wb") as file:
            np.savez_compressed(
                file,
                coded=self.coded,
                predicted=self.predicted,
                subjects=np.array(self.subjects, np.str_),
                labels=np.array(self.labels, np.str_),
            )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return what `save` wrote."""
        # Opened here: NumPy leaves a file open that is no archive.
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            names = file["subjects"].tolist(), file["labels"].tolist()
            return cls(file["coded"], file["predicted"], *names)


def pooled(parts: Sequence[Predictions]) -> Predictions:
    """Return the frames of all folds together; figures are computed on the pool, as papers do.

    Raises:
        ValueError: If the folds cover different AUs.
    """
    labels = list(parts[0].labels)
    for part in parts:
        if list(part.labels) != labels:
            raise ValueError(
                f"Fold predictions must cover the same AUs: got {labels} and {list(part.labels)}. "
                "Retrain the folds with one config."
            )
    return Predictions(
        np.concatenate([part.coded for part in parts]),
        np.concatenate([part.predicted for part in parts]),
        [name for part in parts for name in part.subjects],
        labels,
    )


def table(figures: dict[str, Any]) -> str:
    """Return lines of text: ICC, MAE, PCC and F1 of each AU with their 95 % CIs."""
    test, intervals = figures["test"], figures["confidence_intervals"]
    interval_head = f"{100 * intervals['level']:.0f} % CI"
    head = "".join(f"{name.upper():>8}{interval_head:>16}" for name in SHOWN)
    rows = [f"   AU      {head}"]
    entries = [(label, row, intervals["per_au"][label]) for label, row in test["per_au"].items()]
    for label, row, interval in (*entries, ("mean", test["mean"], intervals["mean"])):
        cells = [
            f"{row[name]:8.3f}" + f"{interval[name][0]:.2f} to {interval[name][1]:.2f}".rjust(16)
            for name in SHOWN
        ]
        rows.append(f"   {label:<8}" + "".join(cells))
    rows.append(f1_note(label for label, row, _ in entries if np.isnan(row["f1"])))
    constant = [label for label, row, _ in entries if np.isnan(row["icc"])]
    if constant:
        rows.append(f"   ICC, PCC: nan where the coding does not vary: {', '.join(constant)}")
    return "\n".join(rows)


def f1_note(undefined: Iterable[str]) -> str:
    """Return a line that says what F1 is, and of which AUs it is undefined."""
    labels = ", ".join(undefined)
    why = f"; nan where no frame is coded so: {labels}" if labels else ""
    return f"   F1: of an intensity of {agreement.F1_FROM:g} or more, coded and predicted{why}"


def levels_table(figures: dict[str, Any]) -> str:
    """Return lines of text: mean prediction and frames at each coded intensity, one row an AU."""
    rows = ["   mean prediction at each coded intensity (frames)"]
    rows.append("   AU      " + "".join(f"{level:>16}" for level in range(LEVELS)))
    for label, levels in figures["by_level"].items():
        cells = [f"{row['predicted']:.2f} ({row['frames']:.0f})".rjust(16) for row in levels]
        rows.append(f"   {label:<8}" + "".join(cells))
    return "\n".join(rows)
