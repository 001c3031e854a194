"""Frames a second of `fau-demo --cluster` with 1 and 2 workers beside the local path.

    python -m benchmarks.bulk [--quick] [--json FILE]

A made video (640 x 480, one face) is read by the local command, by its frame function on one core,
and as a job on a Ray cluster of this machine. The rate of a job counts the time that workers spend
on shards; starting Ray and its processes is given apart, since it happens once. Then the cost of
1,000 hours on 100 cores is simulated: shards go to whichever core is free, and what isn't measured
is listed under `assumptions`. Machines differ and are noisy; the load is part of the result.
"""

import argparse
import heapq
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.runtime import FPS, made_video
from fau_tf.cli import predict
from fau_tf.distributed.cluster import Cluster, start_cluster
from fau_tf.distributed.job import LEAD
from fau_tf.distributed.predict import CARD
from fau_tf.inference.estimator import AUEstimator
from fau_tf.io.videos import VideoFile
from fau_tf.outputs.options import SHARD
from fau_tf.utils.console import without_notices

HOURS, CORES, VIDEO_HOURS = 1000, 100, 1.0
CORE_HOUR: Final = 0.05
"""Of an assumed price in dollars; multiply by your own."""
EMPTY: Final = 40
"""Rows of no work, by which the cost of handing out a shard is measured."""


class Nothing:
    """A worker that does nothing."""

    def __call__(self, row: dict[str, str]) -> dict[str, str]:
        """Return the row."""
        return row


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bulk",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="under a minute: 100 frames")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args(arguments)
    frames, shard = (100, 26) if options.quick else (1500, 250)
    with tempfile.TemporaryDirectory() as name:
        film = made_video(Path(name) / "film.mp4", frames)
        measured = measure(film, frames, shard)
    figures = {
        "benchmark": "bulk",
        "quick": options.quick,
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "frames": frames,
        "measured": measured,
        "thousand_hours": simulated(measured),
    }
    print(json.dumps(figures, indent=1))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


def measure(film: Path, frames: int, shard: int) -> dict[str, Any]:
    """Return rates of the local path and of jobs, and what each step costs a frame."""
    one_core = _one_core(film, frames)
    local = _command(film, film.parent / "one")
    with VideoFile(film) as video:
        began = time.perf_counter()
        video.seek_index(shard, LEAD)
        index = (time.perf_counter() - began) / frames
    began = time.perf_counter()
    with start_cluster("local", 2) as cluster:
        up = time.perf_counter() - began
        hand_out = _empty(cluster)
        jobs = {workers: _job(film, frames, shard, workers) for workers in (1, 2)}
    size = sum(path.stat().st_size for path in (film.parent / "one").glob("*.csv"))
    both = jobs[2]
    return {
        "local command, frames a second": frames / local,
        "frame function on one core, frames a second": 1 / one_core,
        "1 worker, frames a second": jobs[1]["rate"],
        "2 workers, frames a second": both["rate"],
        "of one core's rate, 1 worker": jobs[1]["rate"] * one_core,
        "ms a frame": 1000 * one_core,
        "ms a frame by a worker of two, frames before its range not counted": 1000 * both["each"],
        "overhead, ms a frame": 1000 * (jobs[1]["each"] - one_core),
        "ms a frame to find ranges": 1000 * index,
        "ms a frame to join": 1000 * both["join"],
        "ms to hand out a shard": 1000 * hand_out,
        "seconds to start Ray": up,
        "seconds to start processes, all steps": both["start"],
        "bytes a row of CSV": size / frames,
        "MiB of a worker": both["mib"],
    }


def simulated(measured: dict[str, Any], seed: int = 0) -> dict[str, Any]:
    """Return time and cost of 1,000 hours of video on 100 cores.

    Args:
        measured: From `measure`.
        seed: Of the spread of shards' times.
    """
    frames = int(VIDEO_HOURS * 3600 * FPS)
    videos = int(HOURS / VIDEO_HOURS)
    each = measured["ms a frame by a worker of two, frames before its range not counted"] / 1000
    shards = -(-frames // SHARD)
    rng = np.random.default_rng(seed)
    # Machines aren't alike: a shard takes 0.8 to 1.2 of the mean.
    spread = rng.uniform(0.8, 1.2, (videos, shards))
    work = spread * each * (SHARD + LEAD)
    steps = {
        "find ranges": np.full(videos, frames * measured["ms a frame to find ranges"] / 1000),
        "read": work.ravel() + measured["ms to hand out a shard"] / 1000,
        "join": np.full(videos, frames * measured["ms a frame to join"] / 1000),
    }
    starts = measured["seconds to start Ray"] + measured["seconds to start processes, all steps"]
    hours = {name: scheduled(seconds, CORES) / 3600 for name, seconds in steps.items()}
    total = sum(hours.values()) + starts / 3600
    return {
        "hours": total,
        "hours of each step": hours,
        "core hours of work": sum(float(seconds.sum()) for seconds in steps.values()) / 3600,
        "core hours paid": total * CORES,
        "dollars": total * CORES * CORE_HOUR,
        "shards": videos * shards,
        "GB of CSV": videos * frames * measured["bytes a row of CSV"] / 1e9,
        "assumptions": [
            f"{videos} videos of {VIDEO_HOURS:g} hour, {FPS} frames a second, of this size, with "
            "one face: rows and work grow with faces",
            "cores like this machine's, as busy as these were; shards take 0.8 to 1.2 of the mean",
            f"shards of {SHARD} frames, and {LEAD} more before each; none is read again",
            "storage that feeds all cores; no worker is lost (each loses half a shard on average)",
            f"{CORE_HOUR} dollars a core and hour, all cores paid to the end",
        ],
    }


def scheduled(seconds: Sequence[float] | np.ndarray, cores: int) -> float:
    """Return when the last of some tasks ends, each begun in order on the first free core."""
    free = [0.0] * cores
    for task in seconds:
        heapq.heapreplace(free, free[0] + float(task))
    return max(free)


def _one_core(film: Path, frames: int) -> float:
    with AUEstimator() as estimator, VideoFile(film) as video:
        estimator.restart()
        began = time.perf_counter()
        for frame in video.frames():
            estimator.track(frame.image)
        return (time.perf_counter() - began) / frames


def _command(film: Path, out: Path, *options: str) -> float:
    with without_notices():
        began = time.perf_counter()
        code = predict.main([str(film), "--no-plot", "--quiet", "--out", str(out), *options])
        seconds = time.perf_counter() - began
    if code:
        raise RuntimeError(f"The command must succeed. Received: exit code {code}")
    return seconds


def _job(film: Path, frames: int, shard: int, workers: int) -> dict[str, float]:
    out = film.parent / f"many{workers}"
    options = ("--cluster", "local", "--workers", str(workers), "--shard", str(shard))
    wall = _command(film, out, *options)
    [place] = out.glob("job-*")
    card = json.loads((place / CARD).read_text(encoding="utf-8"))
    busy = sum(one["seconds"] for one in card["processes"])
    ranges = card["sources"][0]["shards"]
    shutil.rmtree(out)
    return {
        "rate": workers * frames / busy,
        "each": busy / (frames + LEAD * (ranges - 1)),
        "join": card["join_seconds"] / frames,
        "start": wall - busy / workers - card["join_seconds"],
        "mib": max(one["last_mib"] for one in card["processes"]),
    }


def _empty(cluster: Cluster) -> float:
    """Return seconds between the first and the last of rows that need no work, a row."""
    times = [
        time.perf_counter() for _ in cluster.run(Nothing, [{"key": str(i)} for i in range(EMPTY)])
    ]
    return (times[-1] - times[0]) / (len(times) - 1)


if __name__ == "__main__":
    sys.exit(main())
