"""Readings -> CSV in OpenFace's columns."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fau_tf.whole_file import replacing

PRESENT_FROM: Final = 1.0
"""An AU is present from FACS intensity A on."""


@dataclass(frozen=True)
class Reading:
    """One row: a face of a frame, or a frame without one.

    Attributes:
        frame: Counts from 1.
        face_id: Counts from 0, left to right.
        timestamp: Seconds.
        intensity: AU label -> intensity in 0 to 5; None where no face was read.
        reason: Why none was read; else empty.
    """

    frame: int
    face_id: int
    timestamp: float
    intensity: dict[str, float] | None
    reason: str = ""


def write_csv(
    path: Path,
    readings: Sequence[Reading],
    labels: Sequence[str],
    present_from: float = PRESENT_FROM,
) -> None:
    """Write readings in the columns of OpenFace's FeatureExtraction, and `reason`.

    `AUxx_r` is the intensity, `AUxx_c` is 1 where it is `present_from` or more, so the two never
    contradict. A frame without a face has NaN in both, success 0 and its reason. `confidence`
    equals `success`: MediaPipe gives no figure for a face.

    Args:
        path: Of the CSV file; replaced if it exists.
        readings: The rows.
        labels: The AUs' labels, in the order of the columns.
        present_from: Intensity from which an AU counts as present.
    """
    columns = ["frame", "face_id", "timestamp", "confidence", "success"]
    columns += [f"{label}_r" for label in labels] + [f"{label}_c" for label in labels]
    with replacing(path) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*columns, "reason"])
        writer.writerows(_row(reading, labels, present_from) for reading in readings)


def _row(reading: Reading, labels: Sequence[str], present_from: float) -> list[str]:
    success = reading.intensity is not None
    values = reading.intensity or dict.fromkeys(labels, float("nan"))
    # Presence follows the figure that is written, not one that rounding changed.
    written = {label: f"{values[label]:.3f}" for label in labels}
    present = [str(int(float(written[label]) >= present_from)) for label in labels]
    return [
        str(reading.frame),
        str(reading.face_id),
        f"{reading.timestamp:.3f}",
        f"{float(success):.2f}",
        str(int(success)),
        *(written[label] if success else "NaN" for label in labels),
        *(present if success else ["NaN"] * len(labels)),
        reading.reason,
    ]
