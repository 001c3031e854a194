"""Readings -> CSV in OpenFace's columns, or JSON lines."""

import json
import math
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf.inference.model_info import ModelInfo
from fau_tf.inference.provenance import provenance
from fau_tf.inference.quality import Quality
from fau_tf.utils.line_writer import RowFile
from fau_tf.utils.text import csv_line, decimal, harmless, harmless_path, number, readable

PRESENT_FROM: Final = 1.0
"""An AU is present from FACS intensity A on."""

MEASURES: Final = tuple(
    field.name for field in fields(Quality) if field.name not in ("flags", "confidence")
)
"""What a face's quality says, a column each."""

_BOX: Final = ("x0", "y0", "x1", "y1")


@dataclass(frozen=True)
class Reading:
    """One row: a face of a frame, or a frame without one.

    Attributes:
        frame: Counts from 1 within its source.
        face_id: The same for the same face of successive frames.
        timestamp: Seconds from the start of the source.
        source: The file or camera, as it was named.
        success: Whether the intensities were read; where not, none are written.
        confidence: 0 to 1, how far to trust the row; 0 where there is no face.
        reason: Why nothing was read; else empty.
        flags: Warnings on values that stay, e.g. `small face`.
        intensity: AU label -> intensity in 0 to 5, as the model gave it; None without a face.
        smoothed: The same after smoothing; None without it.
        calibrated: `shown` after neutral calibration; None without one.
        interval: AU label -> low and high end around `intensity`; None where the model has none.
        box: x0, y0, x1, y1 of the face, px.
        landmarks: (68, 2) iBUG landmarks, px.
        quality: What the confidence was made of.
    """

    frame: int
    face_id: int
    timestamp: float
    source: str
    success: bool
    confidence: float
    reason: str = ""
    flags: tuple[str, ...] = ()
    intensity: Mapping[str, float] | None = None
    smoothed: Mapping[str, float] | None = None
    calibrated: Mapping[str, float] | None = None
    interval: Mapping[str, tuple[float, float]] | None = None
    box: tuple[float, float, float, float] | None = None
    landmarks: npt.NDArray[np.floating[Any]] | None = None
    quality: Quality | None = None

    @property
    def shown(self) -> Mapping[str, float] | None:
        """The smoothed intensities where there are some, or the raw ones."""
        return self.intensity if self.smoothed is None else self.smoothed


class _Writer(AbstractContextManager["_Writer"]):
    """Readings to a `RowFile`, each with the model that vouches for it; one row in memory."""

    def __init__(
        self,
        path: Path,
        info: ModelInfo,
        *,
        smoothed: bool = False,
        calibrated: bool = False,
        present_from: float = PRESENT_FROM,
        processing: str = "none",
    ) -> None:
        """Open a partial file beside `path`, see `RowFile` for what becomes of it.

        Args:
            path: Of the result, replaced at `close` if it exists.
            info: The model's.
            smoothed: Whether there are smoothed intensities to write.
            calibrated: Whether there are calibrated ones.
            present_from: Raw intensity from which an AU counts as present.
            processing: Names what was done to the values, e.g. `smooth=exponential:0.3s`.

        Raises:
            OSError: If the file can't be made; `path` is then as it was.
        """
        self._labels = info.labels
        # Ending of a column, name in JSON -> whether it is written.
        asked = {("_smooth", "smoothed"): smoothed, ("_cal", "calibrated"): calibrated}
        self._more = [names for names, written in asked.items() if written]
        self._present_from = present_from
        self._vouching = {"processing": processing, **provenance(info)}
        self._sure = info.intervals is not None
        self._low_reliability = sorted(info.low_reliability)
        self._file = RowFile(path)
        try:
            self._file.write(self._head())
        except BaseException:
            self._file.discard()
            raise

    def write(self, reading: Reading) -> None:
        """Add a row.

        Raises:
            OSError: If it can't be written whole; the file then ends with the row before.
        """
        self._file.write(self._row(reading))

    def close(self) -> None:
        """Put the file in its place; a second call does nothing."""
        self._file.close()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _head(self) -> str:
        return ""

    @abstractmethod
    def _row(self, reading: Reading) -> str: ...

    def _levels(self, reading: Reading, values: Mapping[str, float] | None) -> list[float]:
        """Return the figure to write for each AU; all NaN where nothing was read."""
        if not reading.success or values is None:
            return [math.nan] * len(self._labels)
        return [round(values[label], 3) for label in self._labels]

    def _ends(self, reading: Reading) -> list[list[float]]:
        """Return the low and the high end of each AU; none where the model has no intervals."""
        if not self._sure:
            return []
        ends = reading.interval or {}
        return [
            self._levels(reading, {label: ends[label][side] for label in ends} or None)
            for side in (0, 1)
        ]

    def _present(self, levels: list[float]) -> list[bool | None]:
        # Of the figures that are written, not of those that rounding changed.
        return [None if math.isnan(level) else level >= self._present_from for level in levels]


class CsvWriter(_Writer):
    """Writes readings in the columns of OpenFace's FeatureExtraction, and more after them.

    `AUxx_r` is the raw intensity; `AUxx_c` is 1 where the figure in `AUxx_r` is `present_from` or
    more, so the two never contradict; `AUxx_low` and `AUxx_high` are the ends of the interval
    around `AUxx_r`, where the model has intervals; `AUxx_smooth` and `AUxx_cal` are the smoothed
    and the calibrated intensity, where they were asked for. What was not read is NaN, with success
    0 and its reason. Decimals are dots, times seconds, boxes px, angles degrees; there are no
    comment lines. Bytes of a name that are no text are written with backslashes, and a source that
    a spreadsheet would run as a formula begins with `./`.
    """

    def _head(self) -> str:
        ends = ("_low", "_high") if self._sure else ()
        endings = ("_r", "_c", *ends, *(ending for ending, _ in self._more))
        columns = [
            *("frame", "face_id", "timestamp", "confidence", "success"),
            *(f"{label}{ending}" for ending in endings for label in self._labels),
            *("reason", "flags", "source", *_BOX, *MEASURES, *self._vouching),
            *(("weak_aus",) if self._low_reliability else ()),
        ]
        return csv_line(columns)

    def _row(self, reading: Reading) -> str:
        raw = self._levels(reading, reading.intensity)
        more = (self._levels(reading, getattr(reading, name)) for _, name in self._more)
        measures = (getattr(reading.quality, name, math.nan) for name in MEASURES)
        row = [
            str(reading.frame),
            str(reading.face_id),
            decimal(reading.timestamp),
            decimal(reading.confidence),
            str(int(reading.success)),
            *map(decimal, raw),
            *("NaN" if here is None else str(int(here)) for here in self._present(raw)),
            *(decimal(level) for levels in self._ends(reading) for level in levels),
            *(decimal(level) for levels in more for level in levels),
            harmless(reading.reason),
            harmless("; ".join(reading.flags)),
            harmless_path(reading.source),
            *map(decimal, reading.box or [math.nan] * len(_BOX)),
            *map(decimal, measures),
            *(harmless(str(entry)) for entry in self._vouching.values()),
            *((" ".join(self._low_reliability),) if self._low_reliability else ()),
        ]
        return csv_line(row)


class JsonlWriter(_Writer):
    """Writes an object a line: what CSV has, and the landmarks; null for what was not read."""

    def _row(self, reading: Reading) -> str:
        raw = self._levels(reading, reading.intensity)
        entry: dict[str, Any] = {
            "frame": reading.frame,
            "face_id": reading.face_id,
            "timestamp": number(reading.timestamp),
            "source": readable(reading.source),
            "success": reading.success,
            "confidence": number(reading.confidence),
            "reason": readable(reading.reason),
            "flags": [readable(flag) for flag in reading.flags],
            "intensity": self._by_label(raw),
            "present": dict(zip(self._labels, self._present(raw), strict=True)),
        }
        if self._sure:
            ends = [
                [number(end) for end in pair] for pair in zip(*self._ends(reading), strict=True)
            ]
            entry["interval"] = dict(zip(self._labels, ends, strict=True))
        for _, name in self._more:
            entry[name] = self._by_label(self._levels(reading, getattr(reading, name)))
        points = None if reading.landmarks is None else reading.landmarks.tolist()
        quality = reading.quality
        entry |= {
            "box": reading.box and [number(side) for side in reading.box],
            "landmarks": points and [[number(x), number(y)] for x, y in points],
            "quality": quality and {name: number(getattr(quality, name)) for name in MEASURES},
            "present_from": self._present_from,
            **self._vouching,
            **({"weak_aus": self._low_reliability} if self._low_reliability else {}),
        }
        return json.dumps(entry, allow_nan=False) + "\n"

    def _by_label(self, levels: list[float]) -> dict[str, float | None]:
        return dict(zip(self._labels, map(number, levels), strict=True))
