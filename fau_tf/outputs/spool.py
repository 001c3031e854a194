"""Estimates on disk: as lines of JSON, and kept until the neutral baseline of a video is known."""

import json
import tempfile
from array import array
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from typing import Any, Final

import numpy as np

from fau_tf.inference.estimator import Estimate, FaceResult, Quality
from fau_tf.inference.postprocessing import above_neutral
from fau_tf.io.images import Frame, UnreadFrame

_NO_PIXELS: Final = np.zeros((0, 0, 3), np.uint8)
_KEPT: Final = (
    *("face_id", "box", "intensity", "interval", "low_reliability"),
    *("smoothed", "sides", "eye_closure"),
)


def to_line(frame: Frame | UnreadFrame, estimate: Estimate, *, landmarks: bool = True) -> str:
    """Return what the rows of a frame need, as a line of JSON; floats survive exactly.

    Args:
        frame: Its pixels are left out.
        estimate: Its heatmaps, AU centers and matrices are left out.
        landmarks: Whether to keep the landmarks; they are most of the data.
    """
    place = [frame.number, frame.timestamp, frame.name]
    flags = frame.flags if isinstance(frame, Frame) else ()
    faces = [
        {name: getattr(face, name) for name in _KEPT}
        | {
            "quality": asdict(face.quality),
            "landmarks": face.landmarks.tolist() if landmarks else [],
        }
        for face in estimate.faces
    ]
    unread = frame.reason if isinstance(frame, UnreadFrame) else ""
    return json.dumps([place, flags, estimate.reason, faces, unread, estimate.after_cut]) + "\n"


def from_line(line: str) -> tuple[Frame | UnreadFrame, Estimate]:
    """Return the frame and the estimate that `to_line` encoded."""
    place, flags, reason, faces, unread, after_cut = json.loads(line)
    number, timestamp, name = place
    frame: Frame | UnreadFrame = UnreadFrame(unread, number, timestamp, name)
    if not unread:
        frame = Frame(_NO_PIXELS, number, timestamp, name, tuple(flags))
    return frame, Estimate(tuple(map(_face, faces)), reason, after_cut=after_cut)


class MedianSpool(AbstractContextManager["MedianSpool"]):
    """Keeps estimates on disk until the median of each face, its neutral baseline, is known.

    The median is near the neutral face if a person is at rest most of the time, but not if one
    holds an expression. A face that gets a new id after a gap has a median of its own. Memory grows
    by 4 bytes per AU and face of a frame.
    """

    def __init__(self) -> None:
        """Open a temporary file.

        Raises:
            OSError: If there is no room for one.
        """
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115  # see __exit__
        self._levels: dict[int, array[float]] = {}

    def add(self, frame: Frame | UnreadFrame, estimate: Estimate) -> None:
        """Keep the estimate of a frame."""
        for face in estimate.faces:
            if not face.reason:
                self._levels.setdefault(face.face_id, array("f")).extend(face.shown.values())
        self._file.write(to_line(frame, estimate))

    def replay(self) -> Iterator[tuple[Frame | UnreadFrame, Estimate]]:
        """Yield what was kept, with the intensities of each face above its median."""
        medians: dict[int, list[float]] = {}
        self._file.seek(0)
        for line in self._file:
            frame, estimate = from_line(line)
            faces = []
            for face in estimate.faces:
                if not face.reason:
                    if face.face_id not in medians:
                        rows = np.frombuffer(self._levels[face.face_id], np.float32)
                        rows = rows.reshape(-1, len(face.shown))
                        medians[face.face_id] = np.median(rows, axis=0).tolist()
                    neutral = dict(zip(face.shown, medians[face.face_id], strict=True))
                    face = above_neutral(face, neutral)
                faces.append(face)
            yield frame, replace(estimate, faces=tuple(faces))

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _face(entry: dict[str, Any]) -> FaceResult:
    interval = entry["interval"]
    restored = {
        "box": tuple(entry["box"]),
        "interval": interval and {label: tuple(ends) for label, ends in interval.items()},
        "low_reliability": tuple(entry["low_reliability"]),
        "sides": {label: tuple(both) for label, both in entry["sides"].items()},
        "quality": Quality(**entry["quality"]),
        "landmarks": np.array(entry["landmarks"], np.float64).reshape(-1, 2),
    }
    return FaceResult(
        centers=np.zeros((0, 2)),
        heatmaps=np.zeros((0, 0, 0), np.float32),
        matrix=np.zeros((2, 3)),
        crop_size=0,
        **entry | restored,
    )
