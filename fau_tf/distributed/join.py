"""The rows of a video from its ranges, in the order of its frames.

Face ids, smoothing and the neutral baseline depend on the frames before, so they are computed here,
by the functions of a run on one machine.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import groupby

from fau_tf.distributed.job import Job, Shard
from fau_tf.distributed.reports import ShardReport
from fau_tf.distributed.shard_files import read_estimates, write_rows
from fau_tf.inference.model_info import ModelInfo
from fau_tf.inference.processing import MEDIAN
from fau_tf.inference.tracking import OverlapTracker
from fau_tf.outputs.csv_jsonl import Reading
from fau_tf.outputs.median_spool import MedianSpool
from fau_tf.outputs.writers import readings
from fau_tf.utils.console import one_line


def join(job: Job, shards: Sequence[Shard], info: ModelInfo) -> ShardReport:
    """Write the rows of a video, a file per range; return the sum of the ranges' reports.

    Args:
        job: The job.
        shards: All ranges in order, each read from the face search state that the one before left.
        info: The model's.

    Raises:
        OSError: If a file cannot be written whole.
    """
    total, kept = ShardReport(), []
    for shard in shards:
        report = ShardReport.load(job.work / f"{shard.key}.json")
        total.images += report.images
        total.with_face += report.with_face
        kept.append(shard)
        if report.fault:  # as on one machine, a damaged video is read up to its damage
            total.unread.append(one_line(report.fault))
            break
    total.written = total.images > 0
    if total.written:
        _write(job, kept, info)
    return total


def _write(job: Job, shards: Sequence[Shard], info: ModelInfo) -> None:
    with ExitStack() as spools:
        found = _readings(job, shards, info)
        if job.processing.neutral == MEDIAN:
            spool = spools.enter_context(MedianSpool())
            for reading in found:
                spool.add(reading)
            found = spool.readings()
        # Frame numbers grow, so the rows of a range follow each other.
        for index, group in groupby(found, lambda reading: _range_of(reading, shards)):
            with write_rows(job, shards[index], info) as write:
                for reading in group:
                    write(reading)


def _range_of(reading: Reading, shards: Sequence[Shard]) -> int:
    return next(one.index for one in shards if not one.last or reading.frame <= one.last)


def _readings(job: Job, shards: Iterable[Shard], info: ModelInfo) -> Iterator[Reading]:
    tracker, process = OverlapTracker(), job.processing.begin()
    for shard in shards:
        path = job.work / f"{shard.key}.rows"
        for frame, estimate in read_estimates(path, shard.paths[0], info):
            ids = tracker.update([face.box for face in estimate.faces])
            faces = (replace(face, face_id=i) for face, i in zip(estimate.faces, ids, strict=True))
            estimate = replace(estimate, faces=tuple(faces))
            yield from readings(frame, process(estimate, frame.timestamp))
