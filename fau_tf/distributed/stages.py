"""The steps of a job, each of which uses all workers: find ranges, read, mend, join."""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Final

from fau_tf.distributed.engine import Engine
from fau_tf.distributed.parts import (
    Job,
    Part,
    named,
    photo_parts,
    photos,
    places_of,
    trail_of,
    video_parts,
    whole_video,
)
from fau_tf.distributed.reports import Done, ProcessUse, Report
from fau_tf.distributed.shards import outputs_of
from fau_tf.distributed.worker import DONE, Worker
from fau_tf.io.sources import Source, SourceKind
from fau_tf.utils.console import Console
from fau_tf.utils.files import replacing

_SECONDS: Final = 10.0  # between two lines of progress


class Stages:
    """One job.

    Attributes:
        processes: Host and number of each process that read a shard -> what it did.
        join_seconds: That joining took, of all videos.
    """

    def __init__(self, job: Job, key: str, engine: Engine, console: Console) -> None:
        """Take over a job whose folder is there.

        Args:
            job: What is wanted.
            key: Of its files, model and settings.
            engine: Does the work.
            console: Says how far it is.
        """
        self._job, self._key, self._engine, self._console = job, key, engine, console
        self.processes: dict[str, ProcessUse] = {}
        self.join_seconds = 0.0

    def all(self, sources: Sequence[tuple[Source, str]]) -> list[Done]:
        """Read all sources, each with the name of its results; return what came of each.

        Raises:
            ValueError: If a shard failed, for another reason than its pictures.
        """
        done = [
            Done(source.name, "frames" if source.kind.is_sequence else "photos")
            for source, _ in sources
        ]
        cut = self._cut(sources, done)
        self._run("read", [part for parts in cut for part in parts if not self._is_read(part)])
        videos = [i for i, (source, _) in enumerate(sources) if source.kind.is_sequence and cut[i]]
        self._mend(cut, videos, done)
        joined = self._join([cut[i] for i in videos])
        for i, parts in enumerate(cut):
            done[i].shards = len(parts)
            whole = joined[videos.index(i)] if i in videos else None
            self._count(done[i], parts, whole)
        return done

    def _cut(self, sources: Sequence[tuple[Source, str]], done: Sequence[Done]) -> list[list[Part]]:
        """Return the shards of each source; none for one that can't be opened."""
        films = {
            name: self._put(whole_video(source, name))
            for source, name in sources
            if source.kind.is_sequence
        }
        missing = [part for part in films.values() if not self._file(part, ".places").is_file()]
        self._run("find_places", missing)
        cut: list[list[Part]] = []
        for (source, name), came in zip(sources, done, strict=True):
            if source.kind.is_sequence:
                parts = self._ranges(source, films[name], came)
            else:
                parts = photo_parts(source, name, self._job.shard)
            if source.kind is SourceKind.PHOTOS and not parts:
                came.fail(
                    "",
                    f"{source.name}: must hold photos or videos. Received: none. Check the path.",
                )
            cut.append([self._put(part) for part in parts])
        return cut

    def _ranges(self, source: Source, film: Part, came: Done) -> list[Part]:
        found = json.loads(self._file(film, ".places").read_text(encoding="utf-8"))
        if found["fault"]:
            came.fail("", found["fault"])
            return []
        places = found["places"] and places_of(found["places"])
        return video_parts(source, film.name, places, self._job)

    def _mend(self, cut: list[list[Part]], videos: Sequence[int], done: Sequence[Done]) -> None:
        """Read ranges again that did not begin with the faces that the one before ended with."""
        left = list(videos)
        while left:
            again: dict[int, list[Part]] = {}
            for i in left:
                again[i] = [self._put(part) for part in self._unfit(cut[i])]
                for part in again[i]:
                    cut[i][part.index] = part
                done[i].mended += len(again[i])
            left = [i for i in left if again[i]]
            several = [part for parts in again.values() for part in parts]
            self._run("read", [part for part in several if not self._is_read(part)])

    def _unfit(self, parts: Sequence[Part]) -> Iterator[Part]:
        fitted = True
        for before, part in pairwise(parts):
            ended = self._report(before)
            if ended.fault:
                return
            fits = ended.end == self._report(part).start
            # After one that is read again, nobody knows yet.
            again = self._named(replace(part, known=trail_of(ended.end)))
            # One that was begun with this very knowledge can't be mended: its first frame is bad.
            if fitted and not fits and again.key != part.key:
                yield again
            fitted = fits

    def _join(self, videos: Sequence[Sequence[Part]]) -> list[Report]:
        keys = []
        for parts in videos:
            content = json.dumps([part.text() for part in parts])
            part = named(self._key + content, parts[0])
            keys.append(part)
            with replacing(self._file(part, ".part")) as unfinished:
                unfinished.write_text(content, encoding="utf-8")
        left = []
        for joint, parts in zip(keys, videos, strict=True):
            if self._file(joint, DONE["join"]).is_file() and not self._all_there(joint, parts):
                self._file(joint, DONE["join"]).unlink()
            if not self._file(joint, DONE["join"]).is_file():
                left.append(joint)
        self._run("join", left)
        reports = [self._report(joint) for joint in keys]
        self.join_seconds = sum(report.seconds for report in reports)
        return reports

    def _count(self, came: Done, parts: Sequence[Part], whole: Report | None) -> None:
        if whole is not None:
            came.pictures, came.with_face = whole.pictures, whole.with_face
            for reason in whole.unread:
                came.fail("", reason)
            if not whole.unread and len(parts) > 1:
                self._count_end(came, parts[0])
            return
        for part in parts:
            report = self._report(part)
            came.pictures += report.pictures
            came.with_face += report.with_face
            for reason in report.unread:
                came.fail(part.shard, reason)

    def _count_end(self, came: Done, part: Part) -> None:
        """Note where a video that was cut into ranges ends too early."""
        film = self._named(
            whole_video(Source(SourceKind.VIDEO, part.source, (Path(part.paths[0]),)), part.name)
        )
        found = json.loads(self._file(film, ".places").read_text(encoding="utf-8"))
        if found["places"]["fault"]:
            came.fail("", found["places"]["fault"])

    def _run(self, do: str, parts: Sequence[Part]) -> None:
        """Have shards worked on, and say how far it is.

        Raises:
            ValueError: If one failed; the others are done.
        """
        rows = [{"do": do, "key": part.key, "place": self._job.place} for part in parts]
        shards = {part.key: part for part in parts}
        failed: list[str] = []
        start = said = time.monotonic()
        pictures = 0
        for count, row in enumerate(self._engine.run(Worker, rows), 1):
            part = shards[row["key"]]
            if row["error"]:
                failed.append(f"{part.shard}: {row['error']}")
                self._console.complain(f"  {failed[-1]}")
            elif do == "read":
                report = self._report(part)
                pictures += report.pictures
                self.processes.setdefault(report.process, ProcessUse()).count(report)
                for reason in report.unread:
                    self._console.complain(f"  {part.shard}: {reason}")
            now = time.monotonic()
            if now - said > _SECONDS or (do == "read" and count == len(parts)):
                said = now
                self._say(do, count, len(parts), pictures, now - start)
        if failed:
            raise ValueError(
                f"Shards must be done. Received: {len(failed)} of {len(parts)} that failed, e.g. "
                f"{failed[0]} The others are kept; the same command goes on."
            )

    def _say(self, do: str, count: int, total: int, pictures: int, seconds: float) -> None:
        rest = (total - count) * seconds / count
        what = f"{do.replace('_', ' ')}: {count} of {total} shards"
        rate = f", {pictures} pictures, {pictures / max(seconds, 1e-9):.1f} a second"
        self._console.say(f"  {what}{rate if pictures else ''}, {rest:.0f} s left")

    def _is_read(self, part: Part) -> bool:
        """Return whether a shard is complete; a report whose rows are gone is taken back."""
        path = self._file(part, DONE["read"])
        if not path.is_file():
            return False
        files = outputs_of(self._job, part) if photos(part) else [self._file(part, ".rows")]
        written = self._report(part).written or not photos(part)
        if written and not all(file.is_file() for file in files):
            path.unlink()
            return False
        return True

    def _all_there(self, joint: Part, parts: Iterable[Part]) -> bool:
        if self._report(joint).unread or not self._report(joint).written:
            return False  # quick to do again
        return all(file.is_file() for part in parts for file in outputs_of(self._job, part))

    def _put(self, part: Part) -> Part:
        """Return a shard with its key, after writing it where workers read it."""
        part = self._named(part)
        path = self._file(part, ".part")
        if not path.is_file():
            with replacing(path) as unfinished:
                unfinished.write_text(part.text(), encoding="utf-8")
        return part

    def _named(self, part: Part) -> Part:
        return named(self._key, part)

    def _report(self, part: Part) -> Report:
        return Report.load(self._file(part, DONE["read"]))

    def _file(self, part: Part, ending: str) -> Path:
        return self._job.work / f"{part.key}{ending}"
