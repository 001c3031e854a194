"""AU events of a source as a CSV file, and as text that ELAN imports."""

import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from fau_tf.inference.estimator import Estimate, FaceResult
from fau_tf.inference.events import Event, EventRule, find_events
from fau_tf.inference.model_info import ModelInfo
from fau_tf.inference.postprocessing import Postprocessing
from fau_tf.io.images import Frame, UnreadFrame
from fau_tf.outputs.tables.cells import csv_line, decimal, harmless
from fau_tf.utils.files import replacing

COLUMNS: Final = (
    *("source", "face_id", "au", "event", "count", "onset", "apex", "offset", "duration", "peak"),
    *("onset_cut", "offset_cut", "low_reliability", "rule", "processing"),
    *("model", "model_sha256", "contract_version"),
)


@dataclass(frozen=True)
class FaceEvent:
    """An event of one AU of one face.

    Attributes:
        face_id: The face's.
        label: The AU's.
        number: Counts the events of that AU of that face from 1.
        count: How many there are.
        event: What happened when.
    """

    face_id: int
    label: str
    number: int
    count: int
    event: Event


@dataclass
class EventTracks:
    """Collects the tracks of a source's faces; 8 bytes per AU and face of a frame.

    Attributes:
        labels: The A labels of the AUs.
        source: Name of the source.
    """

    labels: Sequence[str]
    source: str = ""
    _times: dict[int, "array[float]"] = field(default_factory=dict)
    _values: dict[int, "array[float]"] = field(default_factory=dict)
    _present: tuple[int, ...] = ()

    def add(self, frame: Frame | UnreadFrame, estimate: Estimate) -> None:
        """Add a frame: intensities above neutral if there are any, else those that are shown.

        A face that was not read has NaN, and so has each face of the frame before if the frame
        itself could not be read.
        """
        self.source = frame.name
        if isinstance(frame, UnreadFrame):
            for face_id in self._present:
                self._append(face_id, frame.timestamp, [math.nan] * len(self.labels))
            return
        self._present = tuple(face.face_id for face in estimate.faces)
        for face in estimate.faces:
            self._append(face.face_id, frame.timestamp, self._row(face))

    def events(self, rule: EventRule) -> Iterator[FaceEvent]:
        """Yield the events by face, AU and time."""
        for face_id in sorted(self._times):
            # Times of a damaged container may fall; no event ends before it begins.
            times = np.maximum.accumulate(np.frombuffer(self._times[face_id], np.float64))
            rows = np.frombuffer(self._values[face_id], np.float64)
            for label, track in zip(self.labels, rows.reshape(len(times), -1).T, strict=True):
                found = find_events(times, track, rule)
                for number, event in enumerate(found, 1):
                    yield FaceEvent(face_id, label, number, len(found), event)

    def _row(self, face: FaceResult) -> list[float]:
        values = face.shown if face.above_neutral is None else face.above_neutral
        return [math.nan if face.reason else values[label] for label in self.labels]

    def _append(self, face_id: int, time: float, values: Sequence[float]) -> None:
        self._times.setdefault(face_id, array("d")).append(time)
        self._values.setdefault(face_id, array("d")).extend(values)


def write_csv(
    path: Path, tracks: EventTracks, rule: EventRule, info: ModelInfo, processing: Postprocessing
) -> None:
    """Write a row for each event, with `COLUMNS`.

    Raises:
        OSError: If the file can't be written; `path` is then as it was.
    """
    same = [str(rule), processing.name, *info.provenance.values()]
    with replacing(path) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as file:
        file.write(csv_line(COLUMNS))
        for one in tracks.events(rule):
            event = one.event
            row = [
                harmless(tracks.source, "./"),
                *map(str, (one.face_id, one.label, one.number, one.count)),
                *map(decimal, (event.onset, event.apex, event.offset, event.duration, event.peak)),
                event.onset_cut,
                event.offset_cut,
                str(int(one.label in info.low_reliability)),
                *(harmless(str(entry)) for entry in same),
            ]
            file.write(csv_line(row))


def write_elan(path: Path, tracks: EventTracks, rule: EventRule) -> None:
    """Write a line for each event: tier, begin and end in ms, peak intensity, between tabs.

    The tier is the AU, e.g. `AU12`, and, if several faces have events, `AU12_face0`, because
    annotations of one tier must not overlap. There is no head.

    Raises:
        OSError: If the file can't be written; `path` is then as it was.
    """
    found = list(tracks.events(rule))
    several = len({one.face_id for one in found}) > 1
    with replacing(path) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as file:
        for one in found:
            tier = f"{one.label}_face{one.face_id}" if several else one.label
            begin, end = (round(1000 * time) for time in (one.event.onset, one.event.offset))
            file.write(f"{tier}\t{begin}\t{end}\t{one.event.peak:.2f}\n")
