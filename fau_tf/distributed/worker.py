"""The work on one shard, in a process that loads the models once."""

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from itertools import chain, groupby
from pathlib import Path
from typing import Final

from fau_tf import __version__
from fau_tf.distributed.cluster import Row
from fau_tf.distributed.job import Job, Shard, state_entries
from fau_tf.distributed.reports import TRIED, Attempts, ShardReport, crash_message
from fau_tf.distributed.shard_files import read_estimates, write_estimates, write_rows
from fau_tf.inference.estimator import AUEstimator, Estimate
from fau_tf.inference.model_info import ModelInfo, read_model
from fau_tf.inference.postprocessing import MEDIAN
from fau_tf.inference.tracking import OverlapTracker, TrackState
from fau_tf.io.frames import Frame, UnreadableError, UnreadFrame
from fau_tf.io.image_sequences import ImageSequence
from fau_tf.io.sources import Source, SourceKind, open_frames, open_video
from fau_tf.io.videos import VideoFile
from fau_tf.outputs.run import Estimated, estimate_photos, noted
from fau_tf.outputs.spool import MedianSpool
from fau_tf.outputs.unread import UnreadLines
from fau_tf.outputs.writers import UNREADABLE
from fau_tf.utils import optional_imports
from fau_tf.utils.files import file_sha256, replacing
from fau_tf.utils.text import one_line

DONE: Final = {"index": ".index", "read": ".json", "join": ".json"}
"""Step -> ending of the file that marks a shard's step as done."""


class JobWorker:
    """Does steps of the shards of one job, by rows with `step`."""

    def __init__(self, folder: Path) -> None:
        self._job = Job.load(folder)
        if self._job.version != __version__:
            raise ValueError(
                f"fau_tf is {__version__} here and {self._job.version} where the job began. "
                "Install the same version on all machines."
            )
        os.chdir(self._job.working_dir)  # relative paths stay as the user named them
        optional_imports.cv2().setNumThreads(1)  # as `cluster._SINGLE_THREADED`, for OpenCV
        self._estimator: AUEstimator | None = None

    def __call__(self, row: Row) -> None:
        """Do a step of a shard, unless it is done."""
        work, step, key = self._job.work, row["step"], row["key"]
        done = work / f"{key}{DONE[step]}"
        if not done.is_file():
            _STEPS[step](self, work / f"{key}.part", done)

    def index(self, path: Path, done: Path) -> None:
        """Find where reading a video can begin; null for a video of one shard."""
        shard, job = Shard.from_json(path.read_text(encoding="utf-8")), self._job
        index, fault = None, ""
        with Attempts(path.with_suffix(TRIED)) as attempts:
            if not attempts.begin(0):
                fault = crash_message(shard.paths[0])
            else:
                try:
                    with self._video(shard) as video:
                        if not 0 < video.count <= job.range_frames:
                            index = asdict(video.seek_index(job.range_frames, job.lead_frames))
                except UnreadableError as error:
                    fault = str(error)
        with replacing(done) as unfinished:
            unfinished.write_text(json.dumps({"index": index, "fault": fault}), encoding="utf-8")

    def read(self, path: Path, done: Path) -> None:
        """Write the rows of photos, or the estimates from which `join` makes those of a video."""
        shard = Shard.from_json(path.read_text(encoding="utf-8"))
        report = ShardReport()
        self._models()  # once per process, so not part of the shard's time
        start = time.perf_counter()
        with Attempts(path.with_suffix(TRIED)) as attempts:
            if shard.is_video:
                landmarks = "jsonl" in self._job.outputs
                with write_estimates(path.with_suffix(".rows"), landmarks=landmarks) as add:
                    unread = UnreadLines(shard.kind == SourceKind.VIDEO.value, self._job.every)
                    for frame, estimate in noted(self._frames(shard, report, attempts), unread):
                        add(frame, estimate)
                        if isinstance(frame, Frame):
                            _count(report, estimate)
                    report.unread = unread.lines()
            else:
                self._photos(shard, report, attempts)
        report.seconds = time.perf_counter() - start
        report.save(done)

    def join(self, path: Path, done: Path) -> None:
        """Write the rows of a video whose ranges have been read."""
        start = time.perf_counter()
        shards = [Shard.from_json(text) for text in json.loads(path.read_text(encoding="utf-8"))]
        report = join_ranges(self._job, shards, self._info())
        report.seconds = time.perf_counter() - start
        report.save(done)

    def _photos(self, shard: Shard, report: ShardReport, attempts: Attempts) -> None:
        estimated = estimate_photos(self._photo_frames(shard, attempts), self._models())
        process = self._job.processing.begin()
        first = next(estimated)
        # As on one machine, a single photo that cannot be read has no result file.
        if shard.kind == SourceKind.PHOTO.value and isinstance(first[0], UnreadFrame):
            report.unread.append(one_line(first[0].reason))
            return
        report.written = True
        with write_rows(self._job, shard, self._info()) as write:
            for frame, estimate in chain((first,), estimated):
                if isinstance(frame, UnreadFrame):
                    report.unread.append(one_line(frame.reason))
                else:
                    _count(report, estimate)
                    estimate = process(estimate, frame.timestamp)
                write(frame, estimate)

    def _photo_frames(self, shard: Shard, attempts: Attempts) -> Iterator[Frame | UnreadFrame]:
        for number, path in enumerate(shard.paths, shard.first):
            if not attempts.begin(number):
                yield UnreadFrame(crash_message(path), number, 0.0, path)
                continue
            photo = Source(SourceKind.PHOTO, path, (Path(path),))
            with open_frames(photo, first=number) as stream:
                yield from stream.frames

    def _frames(self, shard: Shard, report: ShardReport, attempts: Attempts) -> Iterator[Estimated]:
        """Yield the frames of a range and their estimates; note the state at both ends."""
        every, estimator, point = self._job.every, self._models(), shard.seek_point
        try:
            with self._video(shard) as video:
                estimator.restart(TrackState(point.number // every) if point else None)
                for frame in self._frames_with_lead(video, shard, attempts):
                    if frame.number == shard.first:
                        estimator.restart(shard.state or estimator.track_state)
                        report.start = state_entries(estimator.track_state)
                    estimate = UNREADABLE
                    if isinstance(frame, Frame):
                        estimate = estimator.track(frame.image)
                    if frame.number >= shard.first:
                        yield frame, estimate
        except UnreadableError as error:
            report.fault = str(error)
        report.end = state_entries(estimator.track_state)

    def _frames_with_lead(
        self, video: VideoFile | ImageSequence, shard: Shard, attempts: Attempts
    ) -> Iterator[Frame | UnreadFrame]:
        every = self._job.every
        for frame in video.frames(every, shard.seek_point):
            if not attempts.begin(frame.number):
                raise UnreadableError(crash_message(f"{shard.paths[0]}, frame {frame.number}"))
            yield frame
            if shard.last and frame.number + every > shard.last:
                return

    def _video(self, shard: Shard) -> VideoFile | ImageSequence:
        return open_video(Path(shard.paths[0]), SourceKind(shard.kind), fps=self._job.fps)

    def _info(self) -> ModelInfo:
        return read_model(Path(self._job.model))[1]

    def _models(self) -> AUEstimator:
        if self._estimator is None:
            job, model = self._job, Path(self._job.model)
            found = [file_sha256(path) for path in (model, model.with_suffix(".json"))]
            if found != [job.model_sha256, job.info_sha256]:
                raise ValueError(
                    f"{job.model} or its JSON file has changed since the job began: "
                    f"SHA-256 {found}, "
                    f"before {[job.model_sha256, job.info_sha256]}. Restore both files or start "
                    "another job."
                )
            self._estimator = AUEstimator(job.model, job.faces, job.threads, job.landmarker)
        return self._estimator


def _count(report: ShardReport, estimate: Estimate) -> None:
    report.images += 1
    report.with_face += any(not face.reason for face in estimate.faces)


def join_ranges(job: Job, shards: Sequence[Shard], info: ModelInfo) -> ShardReport:
    """Write the rows of a video, a file per range; return the sum of the ranges' reports.

    Face ids, smoothing and the neutral baseline depend on the frames before, so they are computed
    here, in the order of the frames, by the functions of a run on one machine.

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
        total.written |= bool(report.images or report.unread)
        kept.append(shard)
        if report.fault:  # as on one machine, a video is read up to the damage that ends it
            total.fault = one_line(report.fault)
            break
    unread = UnreadLines(shards[0].kind == SourceKind.VIDEO.value, job.every)
    if total.written:
        _write_video_rows(job, kept, info, unread)
    total.unread = unread.lines()
    return total


def _write_video_rows(
    job: Job, shards: Sequence[Shard], info: ModelInfo, unread: UnreadLines
) -> None:
    with ExitStack() as spools:
        found = noted(_estimates(job, shards), unread)
        if job.processing.neutral == MEDIAN:
            spool = spools.enter_context(MedianSpool())
            for frame, estimate in found:
                spool.add(frame, estimate)
            found = spool.replay()
        # Frame numbers grow, so the rows of a range follow each other.
        for index, group in groupby(found, lambda row: _range_of(row[0], shards)):
            with write_rows(job, shards[index], info) as write:
                for frame, estimate in group:
                    write(frame, estimate)


def _range_of(frame: Frame | UnreadFrame, shards: Sequence[Shard]) -> int:
    return next(one.index for one in shards if not one.last or frame.number <= one.last)


def _estimates(job: Job, shards: Iterable[Shard]) -> Iterator[Estimated]:
    tracker, process = OverlapTracker(), job.processing.begin()
    for shard in shards:
        path = job.work / f"{shard.key}.rows"
        for frame, estimate in read_estimates(path):
            if isinstance(frame, UnreadFrame):
                process.skip(frame.timestamp)
                yield frame, estimate
                continue
            boxes = [face.box for face in estimate.faces]
            ids = tracker.update(boxes, estimate.after_cut)
            faces = (replace(face, face_id=i) for face, i in zip(estimate.faces, ids, strict=True))
            estimate = replace(estimate, faces=tuple(faces))
            yield frame, process(estimate, frame.timestamp)


_STEPS: Final[dict[str, Callable[[JobWorker, Path, Path], None]]] = {
    "index": JobWorker.index,
    "read": JobWorker.read,
    "join": JobWorker.join,
}
