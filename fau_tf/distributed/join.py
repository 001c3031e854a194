"""Ranges of a video -> its rows, in the order of its frames: ids, smoothing, calibration.

What goes from frame to frame is done here, by the functions that a run on one machine uses.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import groupby

from fau_tf.distributed import frame_rows
from fau_tf.distributed.parts import Job, Part
from fau_tf.distributed.reports import Report
from fau_tf.distributed.shards import rows
from fau_tf.inference.estimator import Estimate
from fau_tf.inference.model_info import ModelInfo
from fau_tf.inference.processing import MEDIAN
from fau_tf.inference.tracking import OverlapTracker
from fau_tf.outputs.csv_jsonl import Reading
from fau_tf.outputs.median_spool import MedianSpool
from fau_tf.outputs.writers import readings
from fau_tf.utils.console import one_line


def join(job: Job, parts: Sequence[Part], info: ModelInfo) -> Report:
    """Write the rows of a video, a file for each range; return what the ranges' reports say.

    Args:
        job: What is wanted.
        parts: All ranges in order, each read from where the one before had left off.
        info: The model's.

    Raises:
        OSError: If a file can't be written whole.
    """
    total, kept = Report(), []
    for part in parts:
        report = Report.load(job.work / f"{part.key}.json")
        total.pictures += report.pictures
        total.with_face += report.with_face
        total.crowded += report.crowded
        kept.append(part)
        if report.fault:  # a video that can't be read to its end is read as far as that
            total.unread.append(one_line(report.fault))
            break
    total.written = total.pictures > 0
    if total.written:
        _write(job, kept, info)
    return total


def _write(job: Job, parts: Sequence[Part], info: ModelInfo) -> None:
    with ExitStack() as spools:
        found = _readings(job, parts, info)
        if job.neutral == MEDIAN:
            spool = spools.enter_context(MedianSpool())
            for reading in found:
                spool.add(reading)
            found = spool.readings()
        ends = {part.index: part.last for part in parts}
        # Numbers grow, so the rows of a range follow each other.
        for index, several in groupby(found, lambda reading: _range_of(reading, ends)):
            with rows(job, parts[index], info) as write:
                for reading in several:
                    write(reading)


def _range_of(reading: Reading, ends: dict[int, int]) -> int:
    return next(index for index, last in ends.items() if not last or reading.frame <= last)


def _readings(job: Job, parts: Iterable[Part], info: ModelInfo) -> Iterator[Reading]:
    tracker, process = OverlapTracker(), job.processing.begin()
    for part in parts:
        path = job.work / f"{part.key}.rows"
        for frame, estimate in frame_rows.reading(path, part.paths[0], info):
            estimate = process(_with_ids(estimate, tracker), frame.timestamp)
            yield from readings(frame, estimate)


def _with_ids(estimate: Estimate, tracker: OverlapTracker) -> Estimate:
    ids = tracker.update([face.box for face in estimate.faces])
    faces = (replace(face, face_id=i) for face, i in zip(estimate.faces, ids, strict=True))
    return replace(estimate, faces=tuple(faces))
