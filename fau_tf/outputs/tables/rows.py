"""Faces -> CSV in OpenFace's columns, or JSON lines: one row per face of a frame."""

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

from fau_tf.inference.derived import pspi
from fau_tf.inference.estimator import PRESENT_FROM, Estimate, FaceResult, Quality
from fau_tf.inference.model_info import ModelInfo
from fau_tf.inference.postprocessing import Postprocessing
from fau_tf.inference.sides import Sides, asymmetry, side_channels
from fau_tf.io.images import Frame, UnreadFrame
from fau_tf.outputs.tables.cells import csv_line, decimal, harmless, number
from fau_tf.utils.text import readable

MEASURES: Final = tuple(field.name for field in fields(Quality))
"""Columns of a face's quality."""

_TEXT: Final = frozenset(
    ("reason", "flags", "source", "processing", "model", "model_sha256", "low_reliability")
)
_BOX: Final = ("x0", "y0", "x1", "y1")
_UNKNOWN: Final = (math.nan, math.nan)
_NO_FRAME: Final = UnreadFrame("", 0, 0.0, "")


class RowFormat(ABC):
    """A row for each face of a frame, or one row with a reason for a frame without faces."""

    def __init__(
        self,
        info: ModelInfo,
        processing: Postprocessing | None = None,
        present_from: float = PRESENT_FROM,
    ) -> None:
        """Take over what all rows share.

        Args:
            info: The model's.
            processing: Decides which columns are written beside those of every table.
            present_from: Raw intensity from which an AU counts as present.
        """
        self._steps = processing or Postprocessing()
        self._labels = info.labels
        # Attribute of a face -> ending of its columns.
        self._more: dict[str, str] = {}
        if self._steps.smooth:
            self._more["smoothed"] = "_smooth"
        if self._steps.neutral:
            self._more["above_neutral"] = "_above_neutral"
        self._sided = tuple(side_channels(info.aus, info.rule)) if self._steps.sides else ()
        self._present_from = present_from
        self._has_interval = info.intervals is not None
        self._provenance = {"processing": self._steps.name, **info.provenance}
        self._low_reliability = sorted(info.low_reliability)

    def head(self) -> str:
        """Return the line before the rows, its line end included; empty if there is none."""
        return ""

    def lines(self, frame: Frame | UnreadFrame, estimate: Estimate) -> Iterator[str]:
        """Yield the rows of a frame, their line ends included."""
        for face in estimate.faces or (None,):
            yield self._line(frame, face, face.reason if face else estimate.reason)

    @abstractmethod
    def _line(self, frame: Frame | UnreadFrame, face: FaceResult | None, reason: str) -> str: ...

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

    def _sides(self, face: FaceResult | None) -> list[Sides]:
        """Return the sides of the AUs that have them; NaN if the face was not read."""
        read = face is not None and not face.reason
        return [face.sides[au] if face and read else _UNKNOWN for au in self._sided]

    def _derived(self, face: FaceResult | None) -> dict[str, float]:
        """Return derived column -> value; NaN if the face was not read."""
        read = face if face is not None and not face.reason else None
        found = {}
        if self._steps.pspi:
            found["PSPI"] = pspi(read.intensity) if read else math.nan
        if self._steps.eye_closure:
            share = read.eye_closure if read else None
            found["eye_closure"] = math.nan if share is None else share
        return found


class CsvRows(RowFormat):
    """The columns of OpenFace's FeatureExtraction, and more after them.

    `AUxx_r` is the raw intensity; `AUxx_c` is 1 if the figure in `AUxx_r` is `present_from` or
    more; `AUxx_low` and `AUxx_high` are the ends of the prediction interval, of models that have
    one. `AUxx_smooth`, `AUxx_above_neutral`, `AUxx_L_r`, `AUxx_R_r`, `AUxx_asymmetry`, `PSPI` and
    `eye_closure` are written on request. What was not read is NaN, with success 0 and its reason.
    `confidence` is the quality score. Decimals are dots, times seconds, boxes px, angles degrees;
    there are no comment lines. A name that is no text has backslashes, and a source that a
    spreadsheet would run as a formula begins with `./`.
    """

    def head(self) -> str:
        """Return the names of the columns."""
        return csv_line(list(self._cells(_NO_FRAME, None, "")))

    def _line(self, frame: Frame | UnreadFrame, face: FaceResult | None, reason: str) -> str:
        return csv_line(list(self._cells(frame, face, reason).values()))

    def _cells(
        self, frame: Frame | UnreadFrame, face: FaceResult | None, reason: str
    ) -> dict[str, str]:
        """Return column -> cell, in the order of the columns."""
        quality = face.quality if face else None
        box = zip(_BOX, face.box if face else [math.nan] * len(_BOX), strict=True)
        return {
            "frame": str(frame.number),
            "face_id": str(face.face_id if face else 0),
            "timestamp": decimal(frame.timestamp),
            "confidence": decimal(quality.score if quality else 0.0),
            "success": str(int(face is not None and not reason)),
            **self._figures(face),
            "reason": harmless(reason),
            "flags": harmless("; ".join(_flags(frame, face))),
            "source": harmless(frame.name, "./"),
            **{side: decimal(place) for side, place in box},
            **{n: decimal(getattr(quality, n) if quality else math.nan) for n in MEASURES},
            **{name: harmless(str(entry)) for name, entry in self._provenance.items()},
            **(
                {"low_reliability": " ".join(self._low_reliability)}
                if self._low_reliability
                else {}
            ),
        }

    def _figures(self, face: FaceResult | None) -> dict[str, str]:
        """Return the columns of AUs, and those derived from them."""
        raw = self._levels(face, "intensity")
        cells = self._columns("_r", raw)
        for label, here in zip(self._labels, self._present(raw), strict=True):
            cells[f"{label}_c"] = "NaN" if here is None else str(int(here))
        if self._has_interval:
            low, high = self._ends(face)
            cells |= self._columns("_low", low) | self._columns("_high", high)
        for name, ending in self._more.items():
            cells |= self._columns(ending, self._levels(face, name))
        sides = dict(zip(self._sided, self._sides(face), strict=True))
        cells |= {f"{label}_L_r": decimal(left) for label, (left, _) in sides.items()}
        cells |= {f"{label}_R_r": decimal(right) for label, (_, right) in sides.items()}
        cells |= {f"{label}_asymmetry": decimal(asymmetry(both)) for label, both in sides.items()}
        return cells | {name: decimal(value) for name, value in self._derived(face).items()}

    def _columns(self, ending: str, levels: Sequence[float]) -> dict[str, str]:
        pairs = zip(self._labels, levels, strict=True)
        return {f"{label}{ending}": decimal(level) for label, level in pairs}


class JsonlRows(RowFormat):
    """An object a line: what CSV has, and the landmarks; null for what was not read."""

    def _line(self, frame: Frame | UnreadFrame, face: FaceResult | None, reason: str) -> str:
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
        if self._sided:
            sides = dict(zip(self._sided, self._sides(face), strict=True))
            entry["sides"] = {au: [number(level) for level in both] for au, both in sides.items()}
            entry["asymmetry"] = {au: number(asymmetry(both)) for au, both in sides.items()}
        entry |= {name.lower(): number(value) for name, value in self._derived(face).items()}
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


FORMATS: Final[dict[str, type[RowFormat]]] = {"csv": CsvRows, "jsonl": JsonlRows}
"""Ending of a file -> format of its rows."""


def column_type(column: str) -> str:
    """Return what a column of the CSV holds: `string`, `int64`, `int8` or `float64`."""
    if column in _TEXT:
        return "string"
    if column in ("frame", "face_id", "contract_version"):
        return "int64"
    return "int8" if column == "success" or column.endswith("_c") else "float64"


def _flags(frame: Frame | UnreadFrame, face: FaceResult | None) -> list[str]:
    """Return the flags of a picture, then those of a face in it."""
    of_picture = frame.flags if isinstance(frame, Frame) else ()
    return [*of_picture, *(face.quality.flags if face else ())]
