"""Real data -> records, once: in parallel, going on after a kill, with a report of what is missing.

A clip is a shard and a report, each written whole; `card.json` is written when all are there.
"""

import csv
import hashlib
import json
import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fau_tf.data.adapters import registry
from fau_tf.data.adapters.clips import LeftOut, Listing, printable
from fau_tf.data.adapters.prepare_clip import STAGES, ClipReport, Job, prepare_clip, report_file
from fau_tf.data.config import DataSettings
from fau_tf.data.process_pool import worker_pool
from fau_tf.data.record import FORMAT_VERSION
from fau_tf.face.align import TEMPLATE
from fau_tf.face.mediapipe_landmarks import BUNDLE_SHA256
from fau_tf.utils import optional_imports
from fau_tf.utils.files import file_sha256, lock_folder, replacing

PREPARED: Final = 1
"""Raised when what a frame becomes changes, so that sets are prepared again."""
CARD: Final = "card.json"
DROPPED: Final = "dropped.csv"
_SECONDS: Final = 10.0


@dataclass(frozen=True)
class Prepared:
    """A prepared set.

    Attributes:
        folder: Its folder.
        listing: What the labels log.
        records: How many there are.
        left_out: All that is not in it, from labels and pictures.
        seconds: Of each of `STAGES`, over all processes.
        subjects: Who has a record, sorted.
    """

    folder: Path
    listing: Listing
    records: int
    left_out: list[LeftOut]
    seconds: dict[str, float]
    subjects: tuple[str, ...]

    @property
    def undocumented(self) -> list[LeftOut]:
        """What is missing for reasons that the data set's documentation doesn't give."""
        return [one for one in self.left_out if not one.documented]


def place_of(settings: DataSettings, listing: Listing, folder: Path) -> Path:
    """Return the set's folder in `folder`: another one for other files, labels or settings."""
    digest = hashlib.sha256()
    rules = (FORMAT_VERSION, PREPARED, BUNDLE_SHA256, settings.landmarks, settings.record_size)
    digest.update(repr(rules).encode() + TEMPLATE.tobytes())
    for clip in listing.clips:
        media = [
            f"{printable(path.name)} {_size(path)}"
            for path in ((clip.video,) if clip.video else clip.pictures)
        ]
        digest.update("\0".join([clip.name, clip.subject, *media]).encode())
        digest.update(clip.numbers.tobytes() + clip.intensity.tobytes())
    return folder / f"{settings.dataset}-{digest.hexdigest()[:10]}"


def jobs_of(settings: DataSettings, listing: Listing, place: Path) -> list[Job]:
    """Return the work on each clip, in order."""
    total = len(listing.clips)
    return [
        Job(
            clip,
            place / f"faces-{i:05d}-of-{total:05d}.tfrecord",
            settings.dataset,
            settings.record_size,
        )
        for i, clip in enumerate(listing.clips)
    ]


def prepare(
    settings: DataSettings,
    folder: Path,
    *,
    log: Callable[[str], None],
    run: Callable[[Sequence[Job], int, Callable[[str], None]], None] | None = None,
) -> Prepared:
    """Return the prepared set, after preparing those of its clips that aren't there yet.

    Args:
        settings: Which set.
        folder: Parent of the set's own folder.
        log: Prints a line.
        run: Works on the clips that are left, of so many; processes of this machine by default.

    Raises:
        ValueError: If the settings or the root don't fit.
        OSError: If a folder is missing, or another process prepares the same set.
    """
    listing = registry.listing(settings)
    place = place_of(settings, listing, folder)
    jobs = jobs_of(settings, listing, place)
    if not _left(jobs) and (place / CARD).is_file():  # many may read what is complete
        log(f"   {place.name} is there already")
        return _collected(place, listing, jobs)
    place.mkdir(parents=True, exist_ok=True)
    with lock_folder(place, "one process at a time prepares a set"):
        left = _left(jobs)
        if left and run:
            run(left, len(jobs), log)
        elif left:
            _run(left, len(jobs), settings.processes or os.cpu_count() or 1, log)
        prepared = _collected(place, listing, jobs)
        _write_dropped(place / DROPPED, prepared.left_out)
        _write_card(place, settings, prepared, [job.shard for job in jobs])
    return prepared


def summary(prepared: Prepared) -> list[str]:
    """Return lines: records, and per subject what is missing and why."""
    lines = [f"   {prepared.records} records of {len(prepared.subjects)} subjects"]
    table: dict[tuple[str, str, bool], int] = {}
    for one in prepared.left_out:
        key = one.subject or one.where, one.reason, one.documented
        table[key] = table.get(key, 0) + max(1, len(one.numbers))
    for (subject, reason, documented), count in sorted(table.items()):
        mark = "documented" if documented else "NOT documented"
        lines.append(f"   {subject}: {count} left out ({mark}): {reason}")
    lines += [f"   warning: {warning}" for warning in prepared.listing.warnings]
    return lines


def _left(jobs: Sequence[Job]) -> list[Job]:
    return [job for job in jobs if not report_file(job.shard).is_file()]


def _run(jobs: Sequence[Job], total: int, processes: int, log: Callable[[str], None]) -> None:
    frames = sum(len(job.clip.numbers) for job in jobs)
    log(f"   {total - len(jobs)} of {total} clips are there; {frames} frames to prepare")
    done = multiprocessing.get_context("spawn").Value("q", 0)
    start = said = time.monotonic()
    with worker_pool(processes, _begin, done) as pool:
        # The longest first, so that no process is left alone with it at the end.
        order = sorted(jobs, key=lambda job: -len(job.clip.numbers))
        waiting: set[Future[None]] = {pool.submit(_work, job) for job in order}
        while waiting:
            finished, waiting = wait(waiting, timeout=1, return_when=FIRST_COMPLETED)
            for future in finished:
                future.result()
            now = time.monotonic()
            if done.value and (now - said > _SECONDS or not waiting):
                said = now
                rate = done.value / (now - start)
                rest = (frames - done.value) / rate
                log(f"   {done.value}/{frames} frames, {rate:.1f} a second, {rest:.0f} s left")


_DONE: Any = None  # the counter that this process shares with its parent


def _begin(done: Any) -> None:
    global _DONE
    _DONE = done
    optional_imports.cv2().setNumThreads(1)  # every core has a process already


def _work(job: Job) -> None:
    prepare_clip(job, _DONE)


def _collected(place: Path, listing: Listing, jobs: Sequence[Job]) -> Prepared:
    left_out, subjects, records = list(listing.left_out), set[str](), 0
    seconds = dict.fromkeys(STAGES, 0.0)
    for job in jobs:
        report = ClipReport.load(report_file(job.shard))
        records += report.records
        left_out += report.left_out
        seconds = {name: seconds[name] + report.seconds[name] for name in STAGES}
        subjects |= {job.clip.subject} if report.records else set()
    return Prepared(place, listing, records, left_out, seconds, tuple(sorted(subjects)))


def _write_dropped(path: Path, left_out: Sequence[LeftOut]) -> None:
    with replacing(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("subject", "where", "frames", "count", "documented", "reason"))
        for one in left_out:
            count = len(one.numbers) or ""
            table.writerow(
                (one.subject, one.where, one.frames, count, int(one.documented), one.reason)
            )


def _write_card(
    place: Path, settings: DataSettings, prepared: Prepared, shards: Sequence[Path]
) -> None:
    card = {
        "kind": settings.dataset,
        "landmarks": settings.landmarks,
        "record_size": settings.record_size,
        "format": FORMAT_VERSION,
        "prepared": PREPARED,
        "records": prepared.records,
        "subjects": prepared.subjects,
        "seconds": prepared.seconds,
        "sha256": {shard.name: file_sha256(shard) for shard in shards},
    }
    with replacing(place / CARD) as unfinished:
        unfinished.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # it will be listed as unreadable
        return -1
