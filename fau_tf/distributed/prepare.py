"""`python -m fau_tf.cli.data prepare --cluster`: the shards of a run on one machine.

A long clip is cut into pieces of frames, each with records of its own. The shard of the clip is the
concatenation of its pieces, so it has the bytes of a shard that was written at once.
"""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from fau_tf import __version__
from fau_tf.data.adapters.clips import Clip, Dropped
from fau_tf.data.adapters.prepare import Log, RunJobs, clip_jobs, dataset_folder
from fau_tf.data.adapters.prepare_clip import ClipJob, ClipReport, prepare_clip
from fau_tf.data.adapters.registry import index_dataset
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
    require_ray()

    def run(jobs: Sequence[ClipJob], log: Log) -> None:
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
        index = index_dataset(settings)
        found = dataset_folder(settings, index, folder.parent)
        if (found, order["version"]) != (folder, __version__):
            raise ValueError(
                f"{settings.root}: this machine finds {found.name} with fau_tf {__version__}, the "
                f"job began with {folder.name} and {order['version']}. Share the folder between "
                "all machines and install the same version."
            )
        optional_imports.cv2().setNumThreads(1)  # as `cluster._SINGLE_THREADED`, for OpenCV
        self._size = order["piece"]
        self._jobs = {job.shard.stem: job for job in clip_jobs(settings, index, folder)}

    def __call__(self, row: Row) -> None:
        """Write the records of a piece, unless they exist."""
        key = row["key"]
        name, _, index = key.rpartition(".")
        job = self._jobs[name]
        shard = _piece_file(job, key, self._size)
        shard.parent.mkdir(parents=True, exist_ok=True)
        piece = replace(job, shard=shard)
        if piece.report.is_file():
            return
        piece_of = np.arange(len(job.clip.frames)) // self._size
        with Attempts(shard.with_suffix(TRIED)) as attempts:
            if not attempts.begin(0):
                raise ValueError(crash_message(f"{job.clip.name}, piece {index}"))
            prepare_clip(replace(piece, clip=job.clip.only(piece_of == int(index))))


def _pieces(job: ClipJob, size: int) -> Iterator[str]:
    for index in range(-(-len(job.clip.frames) // size) or 1):
        yield f"{job.shard.stem}.{index}"


def _piece_file(job: ClipJob, key: str, size: int) -> Path:
    # One folder per piece, because a report is found by the name of its shard.
    return job.shard.parent / _WORK / str(size) / key / job.shard.name


def _join(job: ClipJob, size: int) -> None:
    """Write a clip's shard and report from its pieces."""
    pieces = [replace(job, shard=_piece_file(job, key, size)) for key in _pieces(job, size)]
    with replacing(job.shard) as unfinished, unfinished.open("wb") as content:
        for piece in pieces:
            with piece.shard.open("rb") as records:
                shutil.copyfileobj(records, content)
    _merged(job.clip, [ClipReport.load(piece.report) for piece in pieces]).save(job.report)


def _merged(clip: Clip, reports: Sequence[ClipReport]) -> ClipReport:
    frames_by_reason: dict[str, list[int]] = {}
    total = ClipReport()
    for report in reports:
        total.records += report.records
        for one in report.dropped:
            frames_by_reason.setdefault(one.reason, []).extend(one.frames)
    total.dropped = [
        Dropped(clip.subject, clip.name, reason, tuple(frames))
        for reason, frames in frames_by_reason.items()
    ]
    return total


def _settings_from(entries: dict[str, Any]) -> DataSettings:
    """Return settings from JSON, which has lists for tuples."""

    def fixed(value: Any) -> Any:
        return tuple(map(fixed, value)) if isinstance(value, list) else value

    return DataSettings(**{name: fixed(value) for name, value in entries.items()})
