"""Preparation of one clip: a shard of face records, and a report of the dropped frames."""

import json
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fau_tf.data.adapters.clips import Clip, Dropped, printable
from fau_tf.data.adapters.landmarks import Points, with_jaw
from fau_tf.data.record import MARGIN, FaceRecord, as_features
from fau_tf.face import align
from fau_tf.face.align import Image
from fau_tf.face.align_cv2 import fast_crop
from fau_tf.face.landmarker import LITERT, Landmarker, open_landmarker
from fau_tf.face.mesh import NO_FACE, ibug68
from fau_tf.facs import ALL
from fau_tf.io.images import Frame, UnreadableError, read_image
from fau_tf.io.sources import open_video
from fau_tf.utils.files import replacing


@dataclass(frozen=True)
class ClipJob:
    """A clip to prepare.

    Attributes:
        clip: Its frames.
        shard: The file to write.
        dataset: Name of the data set.
        record_size: Rows and columns of a record's image.
        landmarker: Finds the landmarks that the data set lacks, one of `LANDMARKERS`.
    """

    clip: Clip
    shard: Path
    dataset: str
    record_size: int
    landmarker: str = LITERT

    @property
    def report(self) -> Path:
        """The report, beside the shard; it exists if the clip is complete."""
        return self.shard.with_suffix(".json")


@dataclass
class ClipReport:
    """Result of a clip.

    Attributes:
        records: Number of records written.
        dropped: Frames without a record.
    """

    records: int = 0
    dropped: list[Dropped] = field(default_factory=list)

    @classmethod
    def load(cls, path: Path) -> "ClipReport":
        """Return a stored report."""
        content = json.loads(path.read_text(encoding="utf-8"))
        dropped = [Dropped(**row | {"frames": tuple(row["frames"])}) for row in content["dropped"]]
        return cls(content["records"], dropped)

    def save(self, path: Path) -> None:
        """Store the report, whole or not at all."""
        with replacing(path) as unfinished:
            unfinished.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")


def prepare_clip(job: ClipJob, on_frame: Callable[[], None] = lambda: None) -> None:
    """Write a clip's shard, then its report, each whole or not at all.

    Args:
        job: The clip and its shard.
        on_frame: Called after each frame, to count progress.
    """
    from fau_tf.data.tfrecord import RecordWriter  # TensorFlow: seconds to load

    report, reasons = ClipReport(), dict[str, list[int]]()
    with replacing(job.shard) as unfinished, RecordWriter(unfinished) as writer:
        for record in _records(job, reasons):
            if record is not None:
                writer.write(as_features(record))
                report.records += 1
            on_frame()
    clip = job.clip
    report.dropped = [
        Dropped(clip.subject, clip.name, reason, tuple(frames))
        for reason, frames in reasons.items()
    ]
    total = report.records + sum(len(frames) for frames in reasons.values())
    if total != len(clip.frames):
        raise RuntimeError(
            f"{clip.name}: every labeled frame must be a record or dropped. Received: {total} of "
            f"{len(clip.frames)}. This is a bug in fau_tf; please report it."
        )
    report.save(job.report)


def _records(job: ClipJob, reasons: dict[str, list[int]]) -> Iterator[FaceRecord | None]:
    """Yield the record of each labeled frame, or None after adding the frame to `reasons`."""
    clip = job.clip
    try:
        shipped = clip.landmarks.read() if clip.landmarks else None
    except ValueError as error:
        reasons[str(error)] = clip.frames.tolist()
        return
    intensity = dict(zip(clip.frames.tolist(), clip.intensity, strict=True))
    with closing(_images(clip)) as images:
        for frame, image in images:
            points = image if isinstance(image, str) else _landmarks(job, image, shipped, frame)
            if isinstance(image, str) or isinstance(points, str):
                reasons.setdefault(str(points), []).append(frame)
                yield None
            else:
                yield _record(job, frame, image, points, intensity[frame])


def _record(
    job: ClipJob, frame: int, image: Image, points: Points, intensity: npt.NDArray[np.float32]
) -> FaceRecord:
    view = align.crop_matrix(points, job.record_size, margin=MARGIN)
    coded = np.isfinite(intensity)
    return FaceRecord(
        image=fast_crop(image, view, job.record_size),
        landmarks=align.transform(view, points).astype(np.float32),
        intensity={au: float(intensity[i]) for i, au in enumerate(ALL) if coded[i]},
        subject=job.clip.subject,
        source=f"{job.clip.name}#{frame}",
        dataset=job.dataset,
    )


def _images(clip: Clip) -> Generator[tuple[int, Image | str], None, None]:
    """Yield (frame, image), or (frame, why it can't be read), for each labeled frame in order."""
    if clip.video is None:
        for frame, path in zip(clip.frames.tolist(), clip.images, strict=True):
            try:
                yield frame, read_image(path)
            except UnreadableError as error:
                yield frame, str(error)
        return
    left = clip.frames.tolist()[::-1]
    reason = f"{printable(clip.video)}: the video ends before this frame"
    try:
        with open_video(clip.video) as video:
            decoded = video.frames()
            while left and (one := next(decoded, None)) is not None:
                if one.number == left[-1]:
                    yield left.pop(), one.image if isinstance(one, Frame) else one.reason
    except UnreadableError as error:
        reason = str(error)
    for frame in left[::-1]:
        yield frame, reason


def _landmarks(
    job: ClipJob, image: Image, shipped: dict[int, Points] | None, frame: int
) -> Points | str:
    """Return (68, 2) px, or why there are none."""
    if shipped is not None and frame not in shipped:
        return "the data set has no landmarks of this frame"
    if shipped is not None and np.isfinite(shipped[frame]).all():
        return shipped[frame]
    find = (face_finder(job.landmarker, tiled=tiled).find_faces for tiled in (False, True))
    face = next((found[0] for one in find if (found := one(image))), None)
    if face is None:
        return NO_FACE
    points = ibug68(face.mesh)
    return points if shipped is None else with_jaw(shipped[frame], points)


@cache
def face_finder(name: str = LITERT, *, tiled: bool = False) -> Landmarker:
    """Return this process's landmarker: of the whole image, or of parts of it for small faces."""
    finder = open_landmarker(name, num_faces=1, divisions=(2, 3) if tiled else (1,))
    # MediaPipe closes in a thread, and `atexit` runs after the threads have ended.
    threading._register_atexit(finder.close)  # type: ignore[attr-defined]
    return finder
