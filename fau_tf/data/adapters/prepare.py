"""Preparation of a real data set: each clip becomes a shard of face records and a report.

Both are written whole, by parallel processes, so an interrupted preparation resumes clip by clip.
`card.json` is written when all clips are complete.
"""

import csv
import hashlib
import json
import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from fau_tf import facs
from fau_tf.data.adapters.clips import Clip, DatasetIndex, Dropped, printable
from fau_tf.data.adapters.prepare_clip import ClipJob, ClipReport, prepare_clip
from fau_tf.data.adapters.registry import index_dataset
from fau_tf.data.config import DataSettings
from fau_tf.data.process_pool import worker_pool
from fau_tf.data.record import FORMAT_VERSION, READABLE_FORMATS, VERSION_1_AUS
from fau_tf.face.align import TEMPLATE
from fau_tf.face.bundle import BUNDLE_SHA256
from fau_tf.face.landmarker import LANDMARKERS, LITERT
from fau_tf.utils import optional_imports
from fau_tf.utils.files import file_sha256, lock_folder, replacing

PREPARE_VERSION: Final = 3
"""Raise it with any change after which the same frame gives another record or report."""
CARD: Final = "card.json"
DROPPED: Final = "dropped.csv"

Log = Callable[[str], None]
RunJobs = Callable[[Sequence[ClipJob], Log], None]


@dataclass(frozen=True)
class PreparedDataset:
    """A prepared data set.

    Attributes:
        folder: Its own folder.
        index: What the labels list.
        records: Number of records.
        dropped: All labeled frames without a record.
        subjects: All with a record, sorted.
        highest: Subject -> (17,) highest intensity of each AU in its records, in the order of
            `facs.ALL`; NaN where not coded.
    """

    folder: Path
    index: DatasetIndex
    records: int
    dropped: list[Dropped]
    subjects: tuple[str, ...]
    highest: Mapping[str, npt.NDArray[np.float32]]

    @property
    def undocumented(self) -> list[Dropped]:
        """Frames dropped for reasons that the documentation of the data set does not give."""
        return [one for one in self.dropped if not one.documented]


def dataset_folder(settings: DataSettings, index: DatasetIndex, parent: Path) -> Path:
    """Return the data set's own folder in `parent`, named after its files, labels and settings."""
    digest = hashlib.sha256()
    # The oldest format that can be read: sets in it are not prepared again.
    oldest = READABLE_FORMATS[0]
    rules = oldest, PREPARE_VERSION, BUNDLE_SHA256, settings.landmarks, settings.record_size
    digest.update(repr(rules).encode() + TEMPLATE.tobytes())
    for clip in index.clips:
        files = (clip.video,) if clip.video else clip.images
        sizes = [f"{printable(path.name)} {_size(path)}" for path in files]
        digest.update("\0".join([clip.name, clip.subject, *sizes]).encode())
        digest.update(clip.frames.tobytes() + _label_bytes(clip))
    return parent / f"{settings.dataset}-{digest.hexdigest()[:10]}"


def _label_bytes(clip: Clip) -> bytes:
    """Return the intensities as bytes: of the AUs of format version 1, and of others if coded."""
    first = np.isin(facs.ALL, VERSION_1_AUS)
    others = clip.intensity[:, ~first]
    found = np.ascontiguousarray(clip.intensity[:, first]).tobytes()
    return found + (others.tobytes() if np.isfinite(others).any() else b"")


def clip_jobs(settings: DataSettings, index: DatasetIndex, folder: Path) -> list[ClipJob]:
    """Return one job per clip, in order."""
    total = len(index.clips)
    landmarker = settings.landmarks if settings.landmarks in LANDMARKERS else LITERT
    shards = [folder / f"faces-{i:05d}-of-{total:05d}.tfrecord" for i in range(total)]
    return [
        ClipJob(clip, shard, settings.dataset, settings.record_size, landmarker)
        for clip, shard in zip(index.clips, shards, strict=True)
    ]


def prepare(
    settings: DataSettings, parent: Path, *, log: Log, run: RunJobs | None = None
) -> PreparedDataset:
    """Return the prepared data set, after preparing the clips that are missing.

    Args:
        settings: Which data set.
        parent: Where the data set's own folder lies.
        log: Prints a line.
        run: Prepares clips; by default processes of this machine do.

    Raises:
        ValueError: If the settings do not fit the data set, or the root does not.
        OSError: If a folder is missing, or another process prepares the same data set.
    """
    index = index_dataset(settings)
    folder = dataset_folder(settings, index, parent)
    jobs = clip_jobs(settings, index, folder)
    if all(job.report.is_file() for job in jobs) and (folder / CARD).is_file():
        log(f"   {folder.name} is complete")  # no lock: many processes may read a complete set
        return _collect(folder, index, jobs)
    folder.mkdir(parents=True, exist_ok=True)
    with lock_folder(folder, "one process at a time prepares a data set"):
        missing = [job for job in jobs if not job.report.is_file()]
        if missing:
            frames = sum(len(job.clip.frames) for job in missing)
            done = len(jobs) - len(missing)
            log(f"   {done} of {len(jobs)} clips are complete; {frames} frames to prepare")
            if run is None:
                _run_jobs(missing, settings.processes or os.cpu_count() or 1)
            else:
                run(missing, log)
        prepared = _collect(folder, index, jobs)
        _write_dropped(folder / DROPPED, prepared.dropped)
        _write_card(settings, prepared, [job.shard for job in jobs])
    return prepared


def summary(prepared: PreparedDataset) -> list[str]:
    """Return lines: the number of records, and per subject what is missing and why."""
    lines = [f"   {prepared.records} records of {len(prepared.subjects)} subjects"]
    table: dict[tuple[str, str, bool], int] = {}
    for one in prepared.dropped:
        key = one.subject or one.where, one.reason, one.documented
        table[key] = table.get(key, 0) + one.count
    for (subject, reason, documented), count in sorted(table.items()):
        mark = "documented" if documented else "NOT documented"
        lines.append(f"   {subject}: {count} dropped ({mark}): {reason}")
    lines += [f"   warning: {warning}" for warning in prepared.index.warnings]
    return lines


def _run_jobs(jobs: Sequence[ClipJob], processes: int) -> None:
    with tqdm(
        total=sum(len(job.clip.frames) for job in jobs),
        unit=" frames",
        mininterval=0.2 if sys.stderr.isatty() else 30,
    ) as progress:
        if processes == 1:
            for job in jobs:
                prepare_clip(job, progress.update)
            return
        done = multiprocessing.get_context("spawn").Value("q", 0)
        with worker_pool(processes, _begin, done) as pool:
            # The longest first, so that the last process to finish does not work alone for long.
            longest_first = sorted(jobs, key=lambda job: -len(job.clip.frames))
            waiting: set[Future[None]] = {pool.submit(_work, job) for job in longest_first}
            while waiting:
                finished, waiting = wait(waiting, timeout=1, return_when=FIRST_COMPLETED)
                for future in finished:
                    future.result()
                progress.update(done.value - progress.n)


_DONE: Any = None  # in a worker process: the frame counter shared with the parent


def _begin(done: Any) -> None:
    global _DONE
    _DONE = done
    optional_imports.cv2().setNumThreads(1)  # the processes already occupy every core


def _work(job: ClipJob) -> None:
    prepare_clip(job, _count_frame)


def _count_frame() -> None:
    with _DONE.get_lock():
        _DONE.value += 1


def _collect(folder: Path, index: DatasetIndex, jobs: Sequence[ClipJob]) -> PreparedDataset:
    reports = [ClipReport.load(job.report) for job in jobs]
    highest: dict[str, npt.NDArray[np.float32]] = {}
    for job, report in zip(jobs, reports, strict=True):
        if report.records:
            gone = [frame for one in report.dropped for frame in one.frames]
            clip = job.clip.only(~np.isin(job.clip.frames, gone))
            own = np.fmax.reduce(clip.intensity, axis=0)
            before = highest.setdefault(clip.subject, own)
            highest[clip.subject] = np.fmax(before, own)
    return PreparedDataset(
        folder,
        index,
        records=sum(report.records for report in reports),
        dropped=[*index.dropped, *(one for report in reports for one in report.dropped)],
        subjects=tuple(sorted(highest)),
        highest=highest,
    )


def _write_dropped(path: Path, dropped: Sequence[Dropped]) -> None:
    with replacing(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("subject", "where", "frames", "count", "documented", "reason"))
        for one in dropped:
            count = len(one.frames) or ""
            table.writerow(
                (one.subject, one.where, one.ranges, count, int(one.documented), one.reason)
            )


def _write_card(settings: DataSettings, prepared: PreparedDataset, shards: Sequence[Path]) -> None:
    card = {
        "dataset": settings.dataset,
        "landmarks": settings.landmarks,
        "record_size": settings.record_size,
        "format": FORMAT_VERSION,
        "prepare_version": PREPARE_VERSION,
        "records": prepared.records,
        "subjects": prepared.subjects,
        "sha256": {shard.name: file_sha256(shard) for shard in shards},
    }
    with replacing(prepared.folder / CARD) as unfinished:
        unfinished.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # reported as unreadable later
        return -1
