"""Neutral calibration: how far a face is from its own rest.

A face at rest may read as active: low brows, deep folds, lip corners that point down. What is
subtracted is always named and never replaces the raw intensities.
"""

import dataclasses
import json
import tempfile
from array import array
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from fau_tf import facs
from fau_tf.face.align import Image
from fau_tf.inference.estimator import AUEstimator, Quality
from fau_tf.outputs.csv_jsonl import Reading
from fau_tf.utils.closing import Closing


class CalibrationError(ValueError):
    """A neutral face can't be had from what was named."""


def calibrated(intensity: Mapping[str, float], neutral: Mapping[str, float]) -> dict[str, float]:
    """Return intensities less those of the neutral face, within 0 to 5; NaN stays NaN."""
    return {
        label: float(np.clip(value - neutral[label], 0.0, facs.MAX_INTENSITY))
        for label, value in intensity.items()
    }


def neutral_face(estimator: AUEstimator, image: Image, name: str) -> dict[str, float]:
    """Return the intensities of the one face of a photo.

    Args:
        estimator: Reads it.
        image: (H, W, 3) RGB uint8.
        name: What errors call the photo.

    Raises:
        CalibrationError: If there is not exactly one face, or it can't be read.
    """
    estimate = estimator.estimate(image)
    reasons = [face.reason for face in estimate.faces if face.reason]
    if len(estimate.faces) != 1 or reasons:
        received = reasons[0] if len(estimate.faces) == 1 else f"{len(estimate.faces)} faces"
        raise CalibrationError(
            f"--neutral: {name} must show one face that can be read. Received: {received}. "
            "Cut out the person's neutral face."
        )
    return estimate.faces[0].intensity


class MedianSpool(Closing):
    """Keeps readings on disk until the median of each face is known; use it in a `with` block.

    A person who is at rest most of the time has a median near the neutral face; one who holds an
    expression does not. A face that gets a new id after a gap has a median of its own. Memory grows
    by 4 bytes for each AU and reading.
    """

    def __init__(self) -> None:
        """Open a temporary file.

        Raises:
            OSError: If there is no room for one.
        """
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115  # `close` does
        self._levels: dict[int, array[float]] = {}

    def add(self, reading: Reading) -> None:
        """Keep a reading."""
        if reading.success and reading.shown is not None:
            kept = self._levels.setdefault(reading.face_id, array("f"))
            kept.extend(reading.shown.values())
        self._file.write(json.dumps(dataclasses.asdict(reading), default=_plain) + "\n")

    def neutral(self, face_id: int, labels: list[str]) -> dict[str, float]:
        """Return the medians of a face."""
        rows = np.frombuffer(self._levels[face_id], np.float32).reshape(-1, len(labels))
        return dict(zip(labels, np.median(rows, axis=0).tolist(), strict=True))

    def readings(self) -> Iterator[Reading]:
        """Yield what was kept, with calibrated intensities."""
        neutral: dict[int, dict[str, float]] = {}
        self._file.seek(0)
        for line in self._file:
            reading = _reading(json.loads(line))
            if reading.success and reading.shown is not None:
                face = reading.face_id
                if face not in neutral:
                    neutral[face] = self.neutral(face, list(reading.shown))
                values = calibrated(reading.shown, neutral[face])
                reading = dataclasses.replace(reading, calibrated=values)
            yield reading

    def close(self) -> None:
        """Remove the file."""
        self._file.close()


def _plain(value: Any) -> Any:
    return value.tolist()


def _reading(entry: dict[str, Any]) -> Reading:
    points, quality = entry["landmarks"], entry["quality"]
    entry["landmarks"] = None if points is None else np.array(points)
    entry["flags"] = tuple(entry["flags"])
    entry["box"] = None if entry["box"] is None else tuple(entry["box"])
    if quality is not None:
        entry["quality"] = Quality(**quality | {"flags": tuple(quality["flags"])})
    return Reading(**entry)
