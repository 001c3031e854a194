"""The stages of a job, each spread over all workers: index, read, read again, join."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from fau_tf.distributed.cluster import Cluster
from fau_tf.distributed.job import (
    Job,
    Shard,
    photo_shards,
    seek_index_from,
    state_from,
    video_shards,
    whole_video,
)
from fau_tf.distributed.reports import ProcessUsage, ShardReport, run_rows
from fau_tf.distributed.shard_files import result_files
from fau_tf.distributed.worker import DONE, JobWorker
from fau_tf.io.sources import Source, SourceKind
from fau_tf.utils.console import Console
from fau_tf.utils.files import replacing
from fau_tf.utils.text import one_line, readable


@dataclass
class SourceSummary:
    """Result of a source.

    Attributes:
        source: Its name.
        unit: `photos` or `frames`.
        shards: Number of its shards.
        images: Number of photos or frames that were read.
        with_face: Those with a face whose AUs were estimated.
        reread: Ranges that were read again, because a face was followed differently before them.
        failures: Source, shard and error message of everything that cannot be read.
    """

    source: str
    unit: str
    shards: int = 0
    images: int = 0
    with_face: int = 0
    reread: int = 0
    failures: list[tuple[str, str, str]] = field(default_factory=list)

    def add_failure(self, shard: str, reason: str) -> None:
        """Note something that cannot be read."""
        self.failures.append((self.source, shard, one_line(reason)))

    def add_report(self, report: ShardReport, shard: str = "") -> None:
        """Count a report."""
        self.images += report.images
        self.with_face += report.with_face
        for reason in (*report.unread, *filter(None, [report.fault])):
            self.add_failure(shard, reason)


@dataclass
class _SourceWork:
    """A source on its way through the stages.

    Attributes:
        summary: Its result so far.
        is_video: Whether its shards are ranges of frames.
        shards: In order; none if it cannot be opened.
        end_fault: Why a video ends too early, by its seek index.
    """

    summary: SourceSummary
    is_video: bool
    shards: list[Shard] = field(default_factory=list)
    end_fault: str = ""


class Stages:
    """The stages of one job.

    Attributes:
        processes: Host and id of each process that read a shard -> its work.
        join_seconds: Time that joining took, over all videos.
    """

    def __init__(self, job: Job, key: str, cluster: Cluster, console: Console) -> None:
        """Take over a job whose folder exists.

        Args:
            job: The job.
            key: Hash of its files, model and settings.
            cluster: Does the work.
            console: Prints progress.
        """
        self._job, self._key, self._cluster, self._console = job, key, cluster, console
        self.processes: dict[str, ProcessUsage] = {}
        self.join_seconds = 0.0

    def run(self, sources: Sequence[tuple[Source, str]]) -> list[SourceSummary]:
        """Read all sources, each with the name of its results; return a summary of each.

        Raises:
            ValueError: If a shard failed for another reason than its images.
        """
        works = self._cut(sources)
        self._read([shard for work in works for shard in work.shards])
        videos = [work for work in works if work.is_video and work.shards]
        self._read_again(videos)
        self._join(videos)
        for work in works:
            work.summary.shards = len(work.shards)
            for shard in () if work.is_video else work.shards:
                work.summary.add_report(self._report(shard), shard.label)
        return [work.summary for work in works]

    def _cut(self, sources: Sequence[tuple[Source, str]]) -> list[_SourceWork]:
        """Return the shards of each source; indexes long videos first."""
        videos = {
            name: self._register(whole_video(source, name))
            for source, name in sources
            if source.kind.is_sequence
        }
        new = [video for video in videos.values() if not self._file(video, DONE["index"]).is_file()]
        self._spread("index", new)
        works = []
        for source, name in sources:
            unit = "frames" if name in videos else "photos"
            work = _SourceWork(SourceSummary(source.name, unit), name in videos)
            if work.is_video:
                shards = self._ranges(work, videos[name])
            else:
                shards = photo_shards(source, name, self._job.shard)
            if source.kind is SourceKind.PHOTOS and not shards:
                work.summary.add_failure("", f"{source.name}: no photos or videos. Check the path.")
            work.shards = [self._register(shard) for shard in shards]
            works.append(work)
        return works

    def _ranges(self, work: _SourceWork, video: Shard) -> list[Shard]:
        found = json.loads(self._file(video, DONE["index"]).read_text(encoding="utf-8"))
        if found["fault"]:
            work.summary.add_failure("", found["fault"])
            return []
        index = found["index"] and seek_index_from(found["index"])
        work.end_fault = index.fault if index else ""
        return video_shards(video, index, self._job)

    def _read(self, shards: Sequence[Shard]) -> None:
        self._spread("read", [shard for shard in shards if not self._is_read(shard)])

    def _read_again(self, videos: Sequence[_SourceWork]) -> None:
        """Read ranges again whose face search did not begin as the range before ended."""
        pending = list(videos)
        while pending:
            again = [[self._register(one) for one in self._mismatched(w.shards)] for w in pending]
            for work, shards in zip(pending, again, strict=True):
                work.summary.reread += len(shards)
                for shard in shards:
                    work.shards[shard.index] = shard
            self._read([shard for shards in again for shard in shards])
            pending = [work for work, shards in zip(pending, again, strict=True) if shards]

    def _mismatched(self, shards: Sequence[Shard]) -> Iterator[Shard]:
        """Yield ranges to read again, with the state that the range before ended with."""
        matched = True
        for before, shard in pairwise(shards):
            ended = self._report(before)
            if ended.fault:
                return
            matches = ended.end == self._report(shard).start
            again = replace(shard, state=state_from(ended.end)).with_key(self._key)
            # Behind a range that is read again, the right state is not known yet. A range that
            # began with this very state is damaged at its first frame and stays as it is.
            if matched and not matches and again.key != shard.key:
                yield again
            matched = matches

    def _join(self, videos: Sequence[_SourceWork]) -> None:
        joints = []
        for work in videos:
            content = json.dumps([shard.to_json() for shard in work.shards])
            joint = work.shards[0].with_key(self._key + content)
            joints.append(joint)
            with replacing(self._file(joint, ".part")) as unfinished:
                unfinished.write_text(content, encoding="utf-8")
            if not self._is_joined(joint, work.shards):
                self._file(joint, DONE["join"]).unlink(missing_ok=True)
        self._spread("join", [one for one in joints if not self._file(one, DONE["join"]).is_file()])
        for work, joint in zip(videos, joints, strict=True):
            report = self._report(joint)
            self.join_seconds += report.seconds
            work.summary.add_report(report)
            if work.end_fault and not report.fault and len(work.shards) > 1:
                work.summary.add_failure("", work.end_fault)

    def _spread(self, step: str, shards: Sequence[Shard]) -> None:
        """Do a step of shards on all workers.

        Raises:
            ValueError: If one failed; the others are done.
        """
        labels = {shard.key: shard.label for shard in shards}
        rows = [
            {"key": key, "name": readable(label), "step": step, "folder": self._job.folder}
            for key, label in labels.items()
        ]
        images, start = 0, time.monotonic()

        def finished(key: str) -> str:
            nonlocal images
            if step != "read":
                return ""
            report = ShardReport.load(self._job.work / f"{key}{DONE[step]}")
            self.processes.setdefault(report.process, ProcessUsage()).add(report)
            for reason in report.unread:
                self._console.error(f"  {labels[key]}: {reason}")
            images += report.images
            return f", {images} images, {images / max(time.monotonic() - start, 1e-9):.1f} a second"

        run_rows(
            self._cluster,
            JobWorker,
            rows,
            title=step,
            log=self._console.print,
            log_error=self._console.error,
            finished=finished,
        )

    def _is_read(self, shard: Shard) -> bool:
        """Return whether a shard is complete; deletes a report whose rows are missing."""
        done = self._file(shard, DONE["read"])
        if not done.is_file():
            return False
        if shard.is_video:
            files = [self._file(shard, ".rows")]
        else:
            files = result_files(self._job, shard) if self._report(shard).written else []
        if all(file.is_file() for file in files):
            return True
        done.unlink()
        return False

    def _is_joined(self, joint: Shard, shards: Sequence[Shard]) -> bool:
        """Return whether the rows of a video are complete."""
        if not self._file(joint, DONE["join"]).is_file():
            return False
        report = self._report(joint)
        if report.fault or not report.written:
            return False  # fewer files than ranges; joining again is quick
        return all(file.is_file() for shard in shards for file in result_files(self._job, shard))

    def _register(self, shard: Shard) -> Shard:
        """Return a shard with its key, after writing it where workers read it."""
        shard = shard.with_key(self._key)
        path = self._file(shard, ".part")
        if not path.is_file():
            with replacing(path) as unfinished:
                unfinished.write_text(shard.to_json(), encoding="utf-8")
        return shard

    def _report(self, shard: Shard) -> ShardReport:
        return ShardReport.load(self._file(shard, DONE["read"]))

    def _file(self, shard: Shard, ending: str) -> Path:
        return self._job.work / f"{shard.key}{ending}"
