"""What was read from the frames of a range, on disk until the ranges of a video are joined."""

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from fau_tf.inference.estimator import Estimate, FaceResult
from fau_tf.inference.model_info import ModelInfo
from fau_tf.inference.quality import Quality
from fau_tf.io.images import Frame
from fau_tf.utils.files import replacing

_NOTHING: Final = np.zeros((0, 0, 3), np.uint8)


class Add(Protocol):
    """Adds what was read from a frame."""

    def __call__(self, frame: Frame, estimate: Estimate) -> None:
        """Add it."""


@contextmanager
def writing(path: Path, *, landmarks: bool) -> Iterator[Add]:
    """Give a function that adds rows to a file, which is there when all are written.

    Args:
        path: The file.
        landmarks: Whether they are wanted; they are most of a row.
    """
    with replacing(path) as unfinished, gzip.open(unfinished, "wt", 1, encoding="utf-8") as file:

        def add(frame: Frame, estimate: Estimate) -> None:
            faces = [_face_entries(face, landmarks) for face in estimate.faces]
            file.write(json.dumps([frame.number, frame.timestamp, estimate.reason, faces]) + "\n")

        yield add


def reading(path: Path, name: str, info: ModelInfo) -> Iterator[tuple[Frame, Estimate]]:
    """Yield each frame, without its picture, and what was read from it; ids are all 0.

    Args:
        path: From `writing`.
        name: Of the video, as it stands in the rows.
        info: The model's.
    """
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            number, timestamp, reason, faces = json.loads(line)
            found = tuple(_face(entries, info) for entries in faces)
            yield Frame(_NOTHING, number, timestamp, name), Estimate(found, reason)


def _face_entries(face: FaceResult, landmarks: bool) -> list[Any]:
    return [
        face.box,
        face.landmarks.tolist() if landmarks else [],
        list(face.intensity.values()),
        asdict(face.quality),
        face.reason,
        face.interval and list(face.interval.values()),
    ]


def _face(entries: list[Any], info: ModelInfo) -> FaceResult:
    box, landmarks, intensity, quality, reason, ends = entries
    x0, y0, x1, y1 = box
    return FaceResult(
        box=(x0, y0, x1, y1),
        landmarks=np.array(landmarks, np.float64).reshape(-1, 2),
        centers=np.zeros((0, 2)),
        intensity=dict(zip(info.labels, intensity, strict=True)),
        heatmaps=np.zeros((0, 0, 0), np.float32),
        matrix=np.zeros((2, 3)),
        crop_size=info.image_size,
        quality=Quality(**quality | {"flags": tuple(quality["flags"])}),
        reason=reason,
        interval=ends and dict(zip(info.labels, map(tuple, ends), strict=True)),
    )
