"""Readings on disk until the median of each face is known: the neutral baseline of a video."""

import dataclasses
import json
import tempfile
from array import array
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from fau_tf.inference.estimator import Quality
from fau_tf.inference.neutral_baseline import calibrated
from fau_tf.outputs.csv_jsonl import Reading


class MedianSpool(AbstractContextManager["MedianSpool"]):
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

    def __exit__(self, *_: object) -> None:
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
