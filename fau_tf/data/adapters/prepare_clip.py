"""One clip -> one shard and what was left out: the work of one of many processes."""

import json
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf.data.adapters.clips import Clip, LeftOut, printable
from fau_tf.data.adapters.landmarks import with_jaw
from fau_tf.data.record import MARGIN, FaceRecord, as_features
from fau_tf.face import align
from fau_tf.face.align import Image
from fau_tf.face.align_cv2 import fast_crop
from fau_tf.face.mediapipe_landmarks import NO_FACE, MediaPipeLandmarks, ibug68
from fau_tf.facs import ALL
from fau_tf.io.images import UnreadableError, read_image
from fau_tf.io.videos import VideoFile
from fau_tf.utils.files import replacing

STAGES: Final = ("decode", "detect", "write")
_END: Final = -1


@dataclass(frozen=True)
class Job:
    """A clip and where it goes.

    Attributes:
        clip: Its frames.
        shard: The file to write; its report lies beside it, with the ending `.json`.
        dataset: Name of the set.
        record_size: Rows and columns of a record's image.
    """

    clip: Clip
    shard: Path
    dataset: str
    record_size: int


@dataclass
class ClipReport:
    """What became of a clip.

    Attributes:
        records: How many were written.
        left_out: Frames that were not, and why.
        seconds: Of each of `STAGES`.
    """

    records: int = 0
    left_out: list[LeftOut] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))

    @classmethod
    def load(cls, path: Path) -> "ClipReport":
        """Return the report that a process wrote."""
        content = json.loads(path.read_text(encoding="utf-8"))
        rows = [LeftOut(**row | {"numbers": tuple(row["numbers"])}) for row in content["left_out"]]
        return cls(content["records"], rows, content["seconds"])


def report_file(shard: Path) -> Path:
    """Return where the report of a shard lies."""
    return shard.with_suffix(".json")


def prepare_clip(job: Job, done: Any) -> None:
    """Write a clip's shard, then its report, each whole or not at all.

    Args:
        job: What to do.
        done: Shared counter of frames, for whoever shows progress.
    """
    from fau_tf.data.tfrecord import RecordWriter  # TensorFlow: seconds to load

    report, gone = ClipReport(), dict[str, list[int]]()
    with replacing(job.shard) as unfinished, RecordWriter(unfinished) as writer:
        for record in _records(job, report, gone):
            start = time.perf_counter()
            if isinstance(record, FaceRecord):
                writer.write(as_features(record))
                report.records += 1
            report.seconds["write"] += time.perf_counter() - start
            with done.get_lock():
                done.value += 1
    clip = job.clip
    seen = report.records + sum(map(len, gone.values()))
    if seen != len(clip.numbers):
        raise RuntimeError(
            f"{clip.name}: each labeled frame is a record or left out. Received: {seen} of "
            f"{len(clip.numbers)}. This is a fault of fau_tf; please report it."
        )
    report.left_out = [
        LeftOut(clip.subject, clip.name, reason, tuple(numbers)) for reason, numbers in gone.items()
    ]
    with replacing(report_file(job.shard)) as unfinished:
        unfinished.write_text(json.dumps(asdict(report), indent=1) + "\n", encoding="utf-8")


def _records(
    job: Job, report: ClipReport, gone: dict[str, list[int]]
) -> Iterator[FaceRecord | None]:
    """Yield the record of each labeled frame, or None after noting in `gone` why there is none."""
    clip = job.clip
    try:
        own = clip.points.read() if clip.points else None
    except ValueError as error:
        gone[str(error)] = clip.numbers.tolist()
        return
    levels = dict(zip(clip.numbers.tolist(), clip.intensity, strict=True))
    with closing(_pictures(clip)) as pictures:
        while True:
            start = time.perf_counter()
            number, picture = next(pictures, (_END, ""))
            if number == _END:
                return
            decoded = time.perf_counter()
            points = picture if isinstance(picture, str) else _landmarks(picture, own, number)
            found = time.perf_counter()
            report.seconds["decode"] += decoded - start
            report.seconds["detect"] += found - decoded
            if isinstance(points, str) or isinstance(picture, str):
                gone.setdefault(str(points), []).append(number)
                yield None
                continue
            record = _record(job, number, picture, points, levels[number])
            report.seconds["write"] += time.perf_counter() - found
            yield record


def _record(
    job: Job,
    number: int,
    picture: Image,
    points: npt.NDArray[np.float64],
    levels: npt.NDArray[np.float32],
) -> FaceRecord:
    view = align.crop_matrix(points, job.record_size, margin=MARGIN)
    coded = np.isfinite(levels)
    return FaceRecord(
        image=fast_crop(picture, view, job.record_size),
        landmarks=align.transform(view, points).astype(np.float32),
        intensity={au: float(levels[i]) for i, au in enumerate(ALL) if coded[i]},
        subject=job.clip.subject,
        source=f"{job.clip.name}#{number}",
        dataset=job.dataset,
    )


def _pictures(clip: Clip) -> Generator[tuple[int, Image | str], None, None]:
    """Yield (frame, picture), or (frame, why there is none), for each labeled frame in order."""
    if clip.video is None:
        for number, path in zip(clip.numbers.tolist(), clip.pictures, strict=True):
            yield number, _read(path)
        return
    left = clip.numbers.tolist()[::-1]
    reason = ""
    try:
        with VideoFile(clip.video) as video:
            frames = video.frames()
            while left and (frame := next(frames, None)) is not None:
                if frame.number == left[-1]:
                    yield left.pop(), frame.image
    except UnreadableError as error:
        reason = str(error)
    for number in left[::-1]:
        yield number, reason or f"{printable(clip.video)}: the video ends before this frame"


def _read(path: Path) -> Image | str:
    try:
        return read_image(path)
    except UnreadableError as error:
        return str(error)


def _landmarks(
    picture: Image, own: dict[int, npt.NDArray[np.float64]] | None, number: int
) -> npt.NDArray[np.float64] | str:
    if own is not None and number not in own:
        return "the data set has no landmarks of this frame"
    if own is not None and np.isfinite(own[number]).all():
        return own[number]
    meshes = _finder(near=True).find(picture) or _finder(near=False).find(picture)
    if not meshes:
        return NO_FACE
    points = ibug68(meshes[0])
    return points if own is None else with_jaw(own[number], points)


@cache
def _finder(*, near: bool) -> MediaPipeLandmarks:
    """Return this process's finder: in the whole picture, or, where that has no face, in parts."""
    return MediaPipeLandmarks(num_faces=1, divisions=(1,) if near else (2, 3))
