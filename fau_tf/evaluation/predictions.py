"""What a network answered for test people, and every figure that follows from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from fau_tf.facs import LEVELS
from fau_tf.metrics import agreement, bootstrap
from fau_tf.utils.files import replacing

PREDICTIONS: Final = "predictions.npz"


@dataclass(frozen=True, eq=False)
class Predictions:
    """Coded and predicted intensity of N faces.

    Attributes:
        coded: (N, A), NaN where not coded.
        predicted: (N, A), NaN where the network has no such AU.
        subjects: N names.
        labels: A names, e.g. `AU06`.
    """

    coded: npt.NDArray[np.float32]
    predicted: npt.NDArray[np.float32]
    subjects: Sequence[str]
    labels: Sequence[str]

    def figures(self) -> dict[str, Any]:
        """Return the figures on all frames together, with intervals, by subject and by level."""
        given = self.coded, self.predicted
        subjects, labels = list(self.subjects), list(self.labels)
        return {
            "test": agreement.summary(*given, labels),
            "confidence_intervals": bootstrap.confidence_intervals(*given, subjects, labels),
            "by_subject": bootstrap.by_subject(*given, subjects, labels),
            "by_level": bootstrap.by_level(*given, labels),
        }

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
        with np.load(path, allow_pickle=False) as file:
            names = file["subjects"].tolist(), file["labels"].tolist()
            return cls(file["coded"], file["predicted"], *names)


def pooled(parts: Sequence[Predictions]) -> Predictions:
    """Return the frames of all folds together, as papers pool them: one table, then the figures."""
    labels = parts[0].labels
    if any(list(part.labels) != list(labels) for part in parts):
        raise ValueError("Folds must have the same AUs. Received: others. Train them again.")
    return Predictions(
        np.concatenate([part.coded for part in parts]),
        np.concatenate([part.predicted for part in parts]),
        [name for part in parts for name in part.subjects],
        labels,
    )


def table(figures: dict[str, Any]) -> str:
    """Return lines of text: per AU the agreement, with the 95 % interval of ICC and MAE."""
    held, sure = figures["test"], figures["confidence_intervals"]
    names = ("icc", "mae", "pcc")
    share = f"{100 * sure['level']:.0f} %"
    head = "".join(f"{name.upper():>8}{share:>16}" for name in names)
    rows = [f"   AU      {head}"]
    entries = [(label, held["per_au"][label], sure["per_au"][label]) for label in held["per_au"]]
    for label, row, interval in (*entries, ("mean", held["mean"], sure["mean"])):
        cells = [
            f"{row[name]:8.3f}" + f"{interval[name][0]:.2f} to {interval[name][1]:.2f}".rjust(16)
            for name in names
        ]
        rows.append(f"   {label:<8}" + "".join(cells))
    return "\n".join(rows)


def levels_table(figures: dict[str, Any]) -> str:
    """Return lines of text: frames and mean prediction at each coded intensity, a row an AU."""
    rows = ["   mean prediction at each coded intensity (frames)"]
    rows.append("   AU      " + "".join(f"{level:>16}" for level in range(LEVELS)))
    for label, levels in figures["by_level"].items():
        cells = [f"{row['predicted']:.2f} ({row['frames']:.0f})".rjust(16) for row in levels]
        rows.append(f"   {label:<8}" + "".join(cells))
    return "\n".join(rows)
