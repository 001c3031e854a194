"""`python -m fau_tf.cli.data prepare --cluster`: the shards of a run on one machine.

A long clip is cut into pieces of frames, each with records of its own. The shard of the clip is the
concatenation of its pieces, so it has the bytes of a shard that was written at once.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from fau_tf import __version__
from fau_tf.data.adapters import registry
from fau_tf.data.adapters.clips import Clip, LeftOut
from fau_tf.data.adapters.prepare import jobs_of, place_of
from fau_tf.data.adapters.prepare_clip import ClipReport, Job, prepare_clip, report_file
from fau_tf.data.config import DataSettings
from fau_tf.distributed.cluster import Row, require_ray, start_cluster
from fau_tf.distributed.reports import (
    TRIED,
    Attempts,
    crash_message,
    forget_attempts_on_interrupt,
    run_rows,
)
from fau_tf.utils import optional_imports
from fau_tf.utils.files import replacing

PIECE: Final = 1000
"""Frames of a piece: about 10 s of work. The frames before it are decoded again, which costs a
tenth of that."""

_WORK: Final = "work"

RunJobs = Callable[[Sequence[Job], int, Callable[[str], None]], None]


def cluster_runner(
    settings: DataSettings, address: str, workers: int, piece: int = PIECE
) -> RunJobs:
    """Return the `run` argument with which `adapters.prepare.prepare` works on a cluster.

    Args:
        settings: Of the data set.
        address: As in `start_cluster`.
        workers: As in `start_cluster`.
        piece: Frames of a piece.

    Raises:
        ClusterError: If Ray is missing.
    """
    require_ray(address)

    def run(jobs: Sequence[Job], total: int, log: Callable[[str], None]) -> None:
        folder = jobs[0].shard.parent.absolute()
        work = folder / _WORK
        work.mkdir(exist_ok=True)
        order = {
            "version": __version__,
            "working_dir": str(Path.cwd()),
            "settings": asdict(settings),
            "piece": piece,
        }
        with replacing(work / "order.json") as unfinished:
            unfinished.write_text(json.dumps(order), encoding="utf-8")
        frames = sum(len(job.clip.numbers) for job in jobs)
        log(f"   {total - len(jobs)} of {total} clips are complete; {frames} frames to prepare")
        keys = [key for job in jobs for key in _pieces(job, piece)]
        rows = [{"key": key, "name": key, "folder": str(folder)} for key in keys]
        with (
            forget_attempts_on_interrupt(work),
            start_cluster(address, workers) as cluster,
        ):
            run_rows(cluster, PieceWorker, rows, title="pieces", log=log, log_error=log)
        for job in jobs:
            _join(job, piece)
        shutil.rmtree(work)

    return run


class PieceWorker:
    """Prepares pieces of a data set, as this machine finds it."""

    def __init__(self, folder: Path) -> None:
        order = json.loads((folder / _WORK / "order.json").read_text(encoding="utf-8"))
        os.chdir(order["working_dir"])
        settings = _settings_from(order["settings"])
        listing = registry.listing(settings)
        found = place_of(settings, listing, folder.parent)
        if (found, order["version"]) != (folder, __version__):
            raise ValueError(
                f"{settings.root}: this machine finds {found.name} with fau_tf {__version__}, the "
                f"job began with {folder.name} and {order['version']}. Share the folder between "
                "all machines and install the same version."
            )
        optional_imports.cv2().setNumThreads(1)  # as `cluster._SINGLE_THREADED`, for OpenCV
        self._size = order["piece"]
        self._jobs = {job.shard.stem: job for job in jobs_of(settings, listing, folder)}

    def __call__(self, row: Row) -> None:
        """Write the records of a piece, unless they exist."""
        key = row["key"]
        name, _, index = key.rpartition(".")
        job = self._jobs[name]
        shard = _piece_file(job, key, self._size)
        shard.parent.mkdir(parents=True, exist_ok=True)
        if report_file(shard).is_file():
            return
        if not Attempts(shard.with_suffix(TRIED)).begin(0):
            raise ValueError(crash_message(f"{job.clip.name}, piece {index}"))
        piece_of = np.arange(len(job.clip.numbers)) // self._size
        clip = job.clip.only(piece_of == int(index))
        prepare_clip(replace(job, clip=clip, shard=shard), _FrameCounter())


class _FrameCounter:
    """The counter that `prepare_clip` expects; progress is counted in pieces here."""

    value = 0

    def get_lock(self) -> Any:
        """Return a context manager."""
        return nullcontext()


def _pieces(job: Job, size: int) -> Iterator[str]:
    for index in range(-(-len(job.clip.numbers) // size) or 1):
        yield f"{job.shard.stem}.{index}"


def _piece_file(job: Job, key: str, size: int) -> Path:
    # One folder per piece, because a report is found by the name of its shard.
    return job.shard.parent / _WORK / str(size) / key / job.shard.name


def _join(job: Job, size: int) -> None:
    """Write a clip's shard and report from its pieces."""
    files = [_piece_file(job, key, size) for key in _pieces(job, size)]
    with replacing(job.shard) as unfinished, unfinished.open("wb") as content:
        for file in files:
            with file.open("rb") as piece:
                shutil.copyfileobj(piece, content)
    merged = _merged(job.clip, [ClipReport.load(report_file(file)) for file in files])
    with replacing(report_file(job.shard)) as unfinished:
        unfinished.write_text(json.dumps(asdict(merged), indent=1) + "\n", encoding="utf-8")


def _merged(clip: Clip, reports: Sequence[ClipReport]) -> ClipReport:
    numbers_by_reason: dict[str, list[int]] = {}
    total = ClipReport()
    for report in reports:
        total.records += report.records
        for name, seconds in report.seconds.items():
            total.seconds[name] += seconds
        for one in report.left_out:
            numbers_by_reason.setdefault(one.reason, []).extend(one.numbers)
    total.left_out = [
        LeftOut(clip.subject, clip.name, reason, tuple(numbers))
        for reason, numbers in numbers_by_reason.items()
    ]
    return total


def _settings_from(entries: dict[str, Any]) -> DataSettings:
    """Return settings from JSON, which has lists for tuples."""

    def fixed(value: Any) -> Any:
        return tuple(map(fixed, value)) if isinstance(value, list) else value

    return DataSettings(**{name: fixed(value) for name, value in entries.items()})
