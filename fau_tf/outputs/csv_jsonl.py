"""Faces -> CSV in OpenFace's columns, or JSON lines: one row per face of a frame."""

import csv
import io
import json
import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar, Final

from fau_tf.inference.estimator import PRESENT_FROM, Estimate, FaceResult, Quality
from fau_tf.inference.model_info import ModelInfo
from fau_tf.inference.postprocessing import Postprocessing
from fau_tf.io.images import Frame, UnreadFrame
from fau_tf.utils.files import LineWriter
from fau_tf.utils.text import readable

MEASURES: Final = tuple(field.name for field in fields(Quality))
"""Columns of a face's quality."""

_BOX: Final = ("x0", "y0", "x1", "y1")
# What spreadsheets take for the start of a formula.
_FORMULA: Final = tuple("=+-@\t\r\n")


class RowWriter(AbstractContextManager["RowWriter"]):
    """Writes a row for each face of a frame, or one row with a reason for a frame without faces.

    Use it in a `with` block, or call `close`. One row is in memory at a time.
    """

    ending: ClassVar[str]

    def __init__(
        self,
        path: Path,
        info: ModelInfo,
        processing: Postprocessing | None = None,
        present_from: float = PRESENT_FROM,
    ) -> None:
        """Open a partial file beside `path`; see `LineWriter` for what becomes of it.

        Args:
            path: Of the result, replaced at `close` if it exists.
            info: The model's.
            processing: Decides whether smoothed intensities and those above neutral are written.
            present_from: Raw intensity from which an AU counts as present.

        Raises:
            OSError: If the file can't be made; `path` is then as it was.
        """
        self._labels = info.labels
        # Attribute of a face -> ending of its columns.
        self._more: dict[str, str] = {}
        if processing and processing.smooth:
            self._more["smoothed"] = "_smooth"
        if processing and processing.neutral:
            self._more["above_neutral"] = "_above_neutral"
        self._present_from = present_from
        self._has_interval = info.intervals is not None
        self._provenance = {
            "processing": processing.name if processing else "none",
            **info.provenance,
        }
        self._low_reliability = sorted(info.low_reliability)
        self._file = LineWriter(path)
        try:
            self._file.write(self._head())
        except BaseException:
            self._file.discard()
            raise

    def write(self, frame: Frame | UnreadFrame, estimate: Estimate) -> None:
        """Add the rows of a frame.

        Raises:
            OSError: If a row can't be written whole; the file then ends with the row before.
        """
        for face in estimate.faces or (None,):
            self._file.write(self._row(frame, face, face.reason if face else estimate.reason))

    def close(self) -> None:
        """Put the file in its place; a second call does nothing."""
        self._file.close()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _head(self) -> str:
        return ""

    @abstractmethod
    def _row(self, frame: Frame | UnreadFrame, face: FaceResult | None, reason: str) -> str: ...

    def _levels(self, face: FaceResult | None, name: str) -> list[float]:
        """Return the rounded intensities of a face; NaN if they were not read."""
        values: Mapping[str, float] | None = None
        if face is not None and not face.reason:
            values = getattr(face, name)
        return [math.nan if values is None else round(values[au], 3) for au in self._labels]

    def _ends(self, face: FaceResult | None) -> list[list[float]]:
        """Return the low and the high ends of the intervals; NaN if the face was not read."""
        ends = face.interval if face is not None else None
        return [
            [math.nan if ends is None else round(ends[au][side], 3) for au in self._labels]
            for side in (0, 1)
        ]

    def _present(self, levels: list[float]) -> list[bool | None]:
        # From the rounded figures, so that both columns agree.
        return [None if math.isnan(level) else level >= self._present_from for level in levels]


class CsvWriter(RowWriter):
    """Writes the columns of OpenFace's FeatureExtraction, and more after them.

    `AUxx_r` is the raw intensity; `AUxx_c` is 1 if the figure in `AUxx_r` is `present_from` or
    more; `AUxx_low` and `AUxx_high` are the ends of the prediction interval, of models that have
    one; `AUxx_smooth` and `AUxx_above_neutral` are written on request. What was not read is NaN,
    with success 0 and its reason. `confidence` is the quality score. Decimals are dots, times
    seconds, boxes px, angles degrees; there are no comment lines. A name that is no text has
    backslashes, and a source that a spreadsheet would run as a formula begins with `./`.
    """

    ending = "csv"

    def _head(self) -> str:
        ends = ("_low", "_high") if self._has_interval else ()
        endings = ("_r", "_c", *ends, *self._more.values())
        columns = [
            *("frame", "face_id", "timestamp", "confidence", "success"),
            *(f"{label}{ending}" for ending in endings for label in self._labels),
            *("reason", "flags", "source", *_BOX, *MEASURES, *self._provenance),
            *(("low_reliability",) if self._low_reliability else ()),
        ]
        return csv_line(columns)

    def _row(self, frame: Frame | UnreadFrame, face: FaceResult | None, reason: str) -> str:
        raw = self._levels(face, "intensity")
        more = [self._levels(face, name) for name in self._more]
        levels = [*(self._ends(face) if self._has_interval else []), *more]
        row = [
            str(frame.number),
            str(face.face_id if face else 0),
            decimal(frame.timestamp),
            decimal(face.quality.score if face else 0.0),
            str(int(face is not None and not reason)),
            *map(decimal, raw),
            *("NaN" if here is None else str(int(here)) for here in self._present(raw)),
            *(decimal(level) for column in levels for level in column),
            harmless(reason),
            harmless("; ".join(_flags(frame, face))),
            harmless(frame.name, "./"),
            *map(decimal, face.box if face else [math.nan] * len(_BOX)),
            *(decimal(getattr(face.quality, name) if face else math.nan) for name in MEASURES),
            *(harmless(str(entry)) for entry in self._provenance.values()),
            *((" ".join(self._low_reliability),) if self._low_reliability else ()),
        ]
        return csv_line(row)


class JsonlWriter(RowWriter):
    """Writes an object a line: what CSV has, and the landmarks; null for what was not read."""

    ending = "jsonl"

    def _row(self, frame: Frame | UnreadFrame, face: FaceResult | None, reason: str) -> str:
        raw = self._levels(face, "intensity")
        entry: dict[str, Any] = {
            "frame": frame.number,
            "face_id": face.face_id if face else 0,
            "timestamp": number(frame.timestamp),
            "source": readable(frame.name),
            "success": face is not None and not reason,
            "confidence": number(face.quality.score if face else 0.0),
            "reason": readable(reason),
            "flags": _flags(frame, face),
            "intensity": self._by_label(raw),
            "present": dict(zip(self._labels, self._present(raw), strict=True)),
        }
        if self._has_interval:
            pairs = zip(*self._ends(face), strict=True)
            ends = [[number(end) for end in pair] for pair in pairs]
            entry["interval"] = dict(zip(self._labels, ends, strict=True))
        for name in self._more:
            entry[name] = self._by_label(self._levels(face, name))
        entry |= {
            "box": face and [number(side) for side in face.box],
            "landmarks": face and [[number(x), number(y)] for x, y in face.landmarks.tolist()],
            "quality": face and {name: number(getattr(face.quality, name)) for name in MEASURES},
            "present_from": self._present_from,
            **self._provenance,
            **({"low_reliability": self._low_reliability} if self._low_reliability else {}),
        }
        return json.dumps(entry, allow_nan=False) + "\n"

    def _by_label(self, levels: list[float]) -> dict[str, float | None]:
        return dict(zip(self._labels, map(number, levels), strict=True))


def _flags(frame: Frame | UnreadFrame, face: FaceResult | None) -> list[str]:
    """Return the flags of a picture, then those of a face in it."""
    of_picture = frame.flags if isinstance(frame, Frame) else ()
    return [*of_picture, *(face.quality.flags if face else ())]


def decimal(value: float) -> str:
    """Return three decimals; NaN for what is not finite."""
    # Adding 0 turns -0 into 0.
    return f"{round(value, 3) + 0.0:.3f}" if math.isfinite(value) else "NaN"


def number(value: float) -> float | None:
    """Return a number that JSON has, of three decimals; None for what is not finite."""
    return round(float(value), 3) + 0.0 if math.isfinite(value) else None


def harmless(text: str, prefix: str = "'") -> str:
    """Return `readable` text that no spreadsheet runs as a formula: with a prefix if needed."""
    text = readable(text)
    return prefix + text if text.startswith(_FORMULA) else text


def csv_line(row: Sequence[str]) -> str:
    """Return a line of CSV, its line end included."""
    # With \r\n as the line end, every version of Python quotes a cell that holds either.
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(row)
    return line.getvalue()[:-2] + "\n"
