"""`python -m fau_tf.cli.data prepare --cluster`: the shards of a run on one machine, by many.

A long clip is cut into pieces of frames, which have records of their own; a shard is its clip's
pieces one after the other, so it has the same bytes.
"""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
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
from fau_tf.distributed.engine import Engine, require_ray, started
from fau_tf.distributed.reports import TRIED, Attempts, deadly, guarded, stoppable
from fau_tf.utils import optional_imports
from fau_tf.utils.files import replacing

PIECE: Final = 1000
"""Frames of a piece: some 10 s of work. The frames before it are decoded again, a tenth of it."""

_WORK: Final = "work"
_SECONDS: Final = 10.0

Run = Callable[[Sequence[Job], int, Callable[[str], None]], None]


def spread(settings: DataSettings, address: str, workers: int, piece: int = PIECE) -> Run:
    """Return what prepares clips on a cluster, for `data.prepare.prepare`.

    Args:
        settings: Of the set.
        address: As in `engine.started`.
        workers: As there.
        piece: Frames of a piece.

    Raises:
        ClusterError: If Ray is missing.
    """
    require_ray(address)

    def run(jobs: Sequence[Job], total: int, say: Callable[[str], None]) -> None:
        place = jobs[0].shard.parent
        work = place / _WORK
        work.mkdir(exist_ok=True)
        order = {
            "version": __version__,
            "folder": str(Path.cwd()),
            "settings": asdict(settings),
            "piece": piece,
        }
        with replacing(work / "order.json") as unfinished:
            unfinished.write_text(json.dumps(order), encoding="utf-8")
        frames = sum(len(job.clip.numbers) for job in jobs)
        say(f"   {total - len(jobs)} of {total} clips are there; {frames} frames to prepare")
        with stoppable(work), started(address, workers) as engine:
            several = [key for job in jobs for key in _pieces(job, piece)]
            _worked(engine, place, several, say)
        for job in jobs:
            _join(job, piece)
        shutil.rmtree(work)

    return run


def _worked(engine: Engine, place: Path, keys: Sequence[str], say: Callable[[str], None]) -> None:
    start = said = time.monotonic()
    failed: list[str] = []
    rows = [{"key": key, "place": str(place.absolute())} for key in keys]
    for count, row in enumerate(engine.run(Preparer, rows), 1):
        if row["error"]:
            failed.append(f"{row['key']}: {row['error']}")
            say(f"   {failed[-1]}")
        now = time.monotonic()
        if now - said > _SECONDS or count == len(keys):
            said = now
            left = (len(keys) - count) * (now - start) / count
            say(f"   {count} of {len(keys)} pieces, {left:.0f} s left")
    if failed:
        raise ValueError(
            f"All clips must be prepared. Received: {len(failed)} that failed, e.g. {failed[0]} "
            "The others are kept; the same command goes on."
        )


class Preparer:
    """Prepares pieces, by rows {key, place}; Ray Data makes one in each process."""

    def __init__(self) -> None:
        self._sets: dict[str, _Set] = {}

    def __call__(self, row: dict[str, str]) -> dict[str, str]:
        """Return the key and an error, empty where all is well."""

        def work() -> None:
            if row["place"] not in self._sets:
                self._sets = {row["place"]: _Set(Path(row["place"]))}
            self._sets[row["place"]].piece(row["key"])

        return guarded(row["key"], work)


class _Set:
    """The set that is prepared, as this machine sees it."""

    def __init__(self, place: Path) -> None:
        order = json.loads((place / _WORK / "order.json").read_text(encoding="utf-8"))
        os.chdir(order["folder"])
        settings = _settings(order["settings"])
        listing = registry.listing(settings)
        found = place_of(settings, listing, place.parent)
        if (found, order["version"]) != (place, __version__):
            raise ValueError(
                f"{settings.root}: must hold the same files on all machines, and they the same "
                f"fau_tf. Received: {found.name}, {__version__} here; {place.name}, "
                f"{order['version']} where the work began. Share the folder, install that one."
            )
        optional_imports.cv2().setNumThreads(1)  # every core has a process already
        self._size = order["piece"]
        self._jobs = {job.shard.stem: job for job in jobs_of(settings, listing, place)}

    def piece(self, key: str) -> None:
        """Write the records of some frames of a clip."""
        name, _, index = key.rpartition(".")
        job = self._jobs[name]
        shard = _piece_file(job, key, self._size)
        shard.parent.mkdir(parents=True, exist_ok=True)
        if report_file(shard).is_file():
            return
        if not Attempts(shard.with_suffix(TRIED)).begin(0):
            raise ValueError(deadly(f"{job.clip.name}, piece {index}"))
        place = np.arange(len(job.clip.numbers)) // self._size
        prepare_clip(replace(job, clip=job.clip.only(place == int(index)), shard=shard), _Counter())


class _Counter:
    """Counts frames for nobody: here progress is told by pieces."""

    value = 0

    def get_lock(self) -> Any:
        """Return something to use in a `with` block."""
        from contextlib import nullcontext

        return nullcontext()


def _pieces(job: Job, size: int) -> Iterator[str]:
    for index in range(-(-len(job.clip.numbers) // size) or 1):
        yield f"{job.shard.stem}.{index}"


def _piece_file(job: Job, key: str, size: int) -> Path:
    # A folder for each: the pieces of a clip are all named after its shard.
    return job.shard.parent / _WORK / str(size) / key / job.shard.name


def _join(job: Job, size: int) -> None:
    """Write a clip's shard and report from its pieces."""
    files = [_piece_file(job, key, size) for key in _pieces(job, size)]
    with replacing(job.shard) as unfinished, unfinished.open("wb") as content:
        for file in files:
            with file.open("rb") as part:
                shutil.copyfileobj(part, content)
    merged = _merged(job.clip, [ClipReport.load(report_file(file)) for file in files])
    with replacing(report_file(job.shard)) as unfinished:
        unfinished.write_text(json.dumps(asdict(merged), indent=1) + "\n", encoding="utf-8")


def _merged(clip: Clip, reports: Sequence[ClipReport]) -> ClipReport:
    gone: dict[str, list[int]] = {}
    total = ClipReport()
    for report in reports:
        total.records += report.records
        for name, seconds in report.seconds.items():
            total.seconds[name] += seconds
        for one in report.left_out:
            gone.setdefault(one.reason, []).extend(one.numbers)
    total.left_out = [
        LeftOut(clip.subject, clip.name, reason, tuple(numbers)) for reason, numbers in gone.items()
    ]
    return total


def _settings(entries: dict[str, Any]) -> DataSettings:
    """Return settings from JSON, which has lists for tuples."""

    def fixed(value: Any) -> Any:
        return tuple(map(fixed, value)) if isinstance(value, list) else value

    return DataSettings(**{name: fixed(value) for name, value in entries.items()})
