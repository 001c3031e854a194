"""The work on one shard, by a process that has loaded the models once."""

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Final

from fau_tf import __version__
from fau_tf.distributed import frame_rows
from fau_tf.distributed.join import join
from fau_tf.distributed.parts import Job, Part, ahead, photos, range_of, trail_entries
from fau_tf.distributed.reports import TRIED, Attempts, Report, deadly, guarded
from fau_tf.distributed.shards import rows
from fau_tf.inference.estimator import AUEstimator, Estimate
from fau_tf.inference.face_search import Trail
from fau_tf.inference.model_info import ModelInfo, read_model
from fau_tf.io.images import Frame, UnreadableError, UnreadFrame
from fau_tf.io.sources import Source, SourceKind, open_frames
from fau_tf.io.videos import VideoFile
from fau_tf.outputs.run import still
from fau_tf.outputs.writers import readings, unread_row
from fau_tf.utils import optional_imports
from fau_tf.utils.console import one_line
from fau_tf.utils.files import file_sha256, replacing


class Worker:
    """Does what it is told, by rows {do, key, place}; Ray Data makes one in each process."""

    def __init__(self) -> None:
        self._jobs: dict[str, _Reader] = {}

    def __call__(self, row: dict[str, str]) -> dict[str, str]:
        """Return the key and an error, empty where all is well."""

        def work() -> None:
            if row["place"] not in self._jobs:
                self._jobs = {row["place"]: _Reader(Path(row["place"]))}
            self._jobs[row["place"]].work(row["do"], row["key"])

        return guarded(row["key"], work)


class _Reader:
    """The work of one job."""

    def __init__(self, place: Path) -> None:
        self._job = Job.load(place)
        if self._job.version != __version__:
            raise ValueError(
                f"All machines must have the same fau_tf. Received: {__version__} here, "
                f"{self._job.version} where the job began. Install that one."
            )
        os.chdir(self._job.folder)  # names of files are relative to it, and stay as they are
        optional_imports.cv2().setNumThreads(1)  # every core has a process already
        self._estimator: AUEstimator | None = None

    def work(self, do: str, key: str) -> None:
        """Do something to a shard, unless it was done before."""
        path = self._job.work / f"{key}.part"
        done = self._job.work / f"{key}{DONE[do]}"
        if not done.is_file():
            _WORK[do](self, path, done)

    def find_places(self, path: Path, done: Path) -> None:
        """Find out where a video can be entered; null for one that is a shard by itself."""
        part, job = Part.parsed(path.read_text(encoding="utf-8")), self._job
        entries, fault = None, ""
        if not Attempts(path.with_suffix(TRIED)).begin(0):
            fault = deadly(part.paths[0])
        else:
            try:
                with VideoFile(Path(part.paths[0])) as video:
                    if not 0 < video.count <= range_of(job):
                        entries = asdict(video.seek_index(range_of(job), ahead(job)))
            except UnreadableError as error:
                fault = str(error)
        with replacing(done) as unfinished:
            unfinished.write_text(json.dumps({"places": entries, "fault": fault}), encoding="utf-8")

    def read(self, path: Path, done: Path) -> None:
        """Read photos into rows, or frames into what `join` makes rows of."""
        part = Part.parsed(path.read_text(encoding="utf-8"))
        attempts, report = Attempts(path.with_suffix(TRIED)), Report()
        self._models()  # before the clock starts: it is once in a process
        start = time.perf_counter()
        if photos(part):
            self._photos(part, report, attempts)
        else:
            with frame_rows.writing(
                path.with_suffix(".rows"), landmarks="jsonl" in self._job.outputs
            ) as add:
                for frame, estimate in self._frames(part, report, attempts):
                    add(frame, estimate)
                    self._count(report, estimate)
        report.seconds = time.perf_counter() - start
        report.save(done)

    def join(self, path: Path, done: Path) -> None:
        """Write the rows of a video whose ranges have been read."""
        start = time.perf_counter()
        parts = [Part.parsed(text) for text in json.loads(path.read_text(encoding="utf-8"))]
        report = join(self._job, parts, self._info())
        report.seconds = time.perf_counter() - start
        report.save(done)

    def _photos(self, part: Part, report: Report, attempts: Attempts) -> None:
        steps = still(self._pictures(part, attempts), self._models())
        process = self._job.processing.begin()
        first = next(steps)
        # As without a cluster: nothing is written of a single photo that can't be opened.
        if part.kind == SourceKind.PHOTO.value and isinstance(first[0], UnreadFrame):
            report.unread.append(one_line(first[0].reason))
            return
        report.written = True
        with rows(self._job, part, self._info()) as write:
            for item, estimate in chain((first,), steps):
                if isinstance(item, UnreadFrame):
                    report.unread.append(one_line(item.reason))
                    write(unread_row(item))
                    continue
                self._count(report, estimate)
                for reading in readings(item, process(estimate, item.timestamp)):
                    write(reading)

    def _pictures(self, part: Part, attempts: Attempts) -> Iterator[Frame | UnreadFrame]:
        for number, path in enumerate(part.paths, part.first):
            if not attempts.begin(number):
                yield UnreadFrame(deadly(path), number, 0.0, path)
                continue
            with open_frames(Source(SourceKind.PHOTO, path, (Path(path),)), first=number) as stream:
                yield from stream.frames

    def _frames(
        self, part: Part, report: Report, attempts: Attempts
    ) -> Iterator[tuple[Frame, Estimate]]:
        """Yield the frames of a range and what is read from them."""
        every, estimator = self._job.every, self._models()
        try:
            with VideoFile(Path(part.paths[0])) as video:
                estimator.restart(Trail(part.after.number // every) if part.after else None)
                for frame in self._entered(video, part, attempts):
                    if frame.number < part.first:
                        estimator.track(frame.image)
                        continue
                    if frame.number == part.first:
                        estimator.restart(part.known or estimator.trail)
                        report.start = trail_entries(estimator.trail)
                    yield frame, estimator.track(frame.image)
        except UnreadableError as error:
            report.fault = str(error)
        report.end = trail_entries(estimator.trail)

    def _entered(self, video: VideoFile, part: Part, attempts: Attempts) -> Iterator[Frame]:
        """Yield the frames to warm up by, and those of a range."""
        every = self._job.every
        for frame in video.frames(every, part.after):
            if not attempts.begin(frame.number):
                raise UnreadableError(deadly(f"{part.paths[0]}, frame {frame.number}"))
            yield frame
            if part.last and frame.number + every > part.last:
                return

    def _count(self, report: Report, estimate: Estimate) -> None:
        report.pictures += 1
        report.with_face += any(not face.reason for face in estimate.faces)
        report.crowded += len(estimate.faces) == self._job.faces

    def _info(self) -> ModelInfo:
        return read_model(Path(self._job.model))[1]

    def _models(self) -> AUEstimator:
        if self._estimator is None:
            job, model = self._job, Path(self._job.model)
            found = [file_sha256(path) for path in (model, model.with_suffix(".json"))]
            if found != [job.model_sha256, job.info_sha256]:
                raise ValueError(
                    f"{job.model}: it and its JSON file must be those that the job began with, of "
                    f"SHA-256 {job.model_sha256} and {job.info_sha256}. Received: {found}. Put "
                    "them back, or begin another job."
                )
            self._estimator = AUEstimator(job.model, job.faces, job.threads)
        return self._estimator


DONE: Final = {"find_places": ".places", "read": ".json", "join": ".json"}
"""What is done to a shard -> ending of the file that says so."""

_WORK: Final[dict[str, Callable[[_Reader, Path, Path], None]]] = {
    "find_places": _Reader.find_places,
    "read": _Reader.read,
    "join": _Reader.join,
}
