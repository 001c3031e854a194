"""Frame rates of `fau-demo --cluster local` with 1 and 2 workers, and of the command without Ray.

    python -m benchmarks.bulk [--quick] [--json FILE]

All read a synthetic video (640 x 480 px, one face). The rate of a job counts the time that workers
spend on shards; the time to start Ray and its processes is reported separately, because it is spent
once. The cost of 1,000 hours on 100 cores is then simulated from these figures: shards go to the
first free core, and `assumptions` lists what was not measured. The load of the machine is part of
the result.
"""

import argparse
import heapq
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.runtime import write_video
from benchmarks.runtime_child import FPS
from fau_tf.cli import predict
from fau_tf.distributed.cluster import Cluster, Row, start_cluster
from fau_tf.distributed.job import LEAD
from fau_tf.distributed.predict import CARD
from fau_tf.inference.estimator import AUEstimator
from fau_tf.io.frames import Frame
from fau_tf.io.videos import VideoFile
from fau_tf.outputs.options import SHARD
from fau_tf.utils.console import quiet_native_code

HOURS, CORES, VIDEO_HOURS = 1000, 100, 1.0
CORE_HOUR: Final = 0.05
"""Assumed price in dollars."""
EMPTY_ROWS: Final = 40


def no_work(_folder: Path) -> Callable[[Row], None]:
    """Return a function that does nothing, to measure the cost of handing out a shard."""
    return lambda _row: None


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bulk",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="under a minute: 100 frames")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args(arguments)
    frames, shard = (100, 26) if options.quick else (1500, 250)
    with tempfile.TemporaryDirectory() as folder:
        measured = measure(write_video(Path(folder) / "video.mp4", frames), frames, shard)
    figures = {
        "benchmark": "bulk",
        "quick": options.quick,
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "frames": frames,
        "measured": measured,
        "thousand_hours": simulate(measured),
    }
    print(json.dumps(figures, indent=1))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


def measure(video: Path, frames: int, shard: int) -> dict[str, float]:
    """Return the rates of the command and of jobs, and the cost of each stage."""
    one_core = _one_core_seconds(video, frames)
    command = _command_seconds(video, video.parent / "one")
    with VideoFile(video) as opened:
        began = time.perf_counter()
        opened.seek_index(shard, LEAD)
        index = time.perf_counter() - began
    began = time.perf_counter()
    with start_cluster("local", 2) as cluster:
        start = time.perf_counter() - began
        empty = _empty_row_seconds(cluster)
        one, two = (_job(video, frames, shard, workers) for workers in (1, 2))
    csv_bytes = sum(path.stat().st_size for path in (video.parent / "one").glob("*.csv"))
    return {
        "command_fps": frames / command,
        "one_core_fps": 1 / one_core,
        "one_core_ms_per_frame": 1000 * one_core,
        "one_worker_fps": one["fps"],
        "one_worker_of_one_core": one["fps"] * one_core,
        "one_worker_overhead_ms_per_frame": 1000 * (one["seconds_per_frame"] - one_core),
        "two_workers_fps": two["fps"],
        "worker_ms_per_frame": 1000 * two["seconds_per_frame"],
        "index_ms_per_frame": 1000 * index / frames,
        "join_ms_per_frame": 1000 * two["join_seconds"] / frames,
        "hand_out_ms_per_shard": 1000 * empty,
        "start_ray_seconds": start,
        "start_processes_seconds": two["start_seconds"],
        "csv_bytes_per_row": csv_bytes / frames,
        "worker_mib": two["mib"],
    }


def simulate(measured: dict[str, float], seed: int = 0) -> dict[str, Any]:
    """Return time and cost of 1,000 hours of video on 100 cores.

    Args:
        measured: From `measure`.
        seed: Of the variation between shards.
    """
    frames = int(VIDEO_HOURS * 3600 * FPS)
    videos = int(HOURS / VIDEO_HOURS)
    shards = -(-frames // SHARD)
    # Machines differ: a shard takes 0.8 to 1.2 times the mean.
    variation = np.random.default_rng(seed).uniform(0.8, 1.2, videos * shards)
    read = variation * measured["worker_ms_per_frame"] / 1000 * (SHARD + LEAD)
    stages = {
        "index": np.full(videos, frames * measured["index_ms_per_frame"] / 1000),
        "read": read + measured["hand_out_ms_per_shard"] / 1000,
        "join": np.full(videos, frames * measured["join_ms_per_frame"] / 1000),
    }
    start = measured["start_ray_seconds"] + measured["start_processes_seconds"]
    hours = {name: makespan(seconds, CORES) / 3600 for name, seconds in stages.items()}
    total = sum(hours.values()) + start / 3600
    return {
        "hours": total,
        "hours_per_stage": hours,
        "core_hours_of_work": sum(float(seconds.sum()) for seconds in stages.values()) / 3600,
        "core_hours_paid": total * CORES,
        "dollars": total * CORES * CORE_HOUR,
        "shards": videos * shards,
        "csv_gb": videos * frames * measured["csv_bytes_per_row"] / 1e9,
        "assumptions": [
            f"{videos} videos of {VIDEO_HOURS:g} hour, {FPS} frames per second, of this size, with "
            "one face; rows and work grow with faces",
            "cores like those of this machine under this load; shards take 0.8 to 1.2 of the mean",
            f"shards of {SHARD} frames, and {LEAD} more before each; none is read again",
            "storage that feeds all cores; no worker is lost (each loses half a shard on average)",
            f"{CORE_HOUR} dollars per core hour, all cores paid to the end",
        ],
    }


def makespan(seconds: Sequence[float] | np.ndarray, cores: int) -> float:
    """Return when the last task ends if each one starts in order on the first free core."""
    free = [0.0] * cores
    for task in seconds:
        heapq.heapreplace(free, free[0] + float(task))
    return max(free)


def _one_core_seconds(path: Path, frames: int) -> float:
    with AUEstimator() as estimator, VideoFile(path) as video:
        estimator.restart()
        began = time.perf_counter()
        for frame in video.frames():
            if isinstance(frame, Frame):
                estimator.track(frame.image)
        return (time.perf_counter() - began) / frames


def _command_seconds(video: Path, out: Path, *options: str) -> float:
    with quiet_native_code():
        began = time.perf_counter()
        code = predict.main([str(video), "--no-plot", "--quiet", "--out", str(out), *options])
        seconds = time.perf_counter() - began
    if code:
        raise RuntimeError(f"fau-demo ended with exit code {code}.")
    return seconds


def _job(video: Path, frames: int, shard: int, workers: int) -> dict[str, float]:
    out = video.parent / f"job{workers}"
    options = ("--cluster", "local", "--workers", str(workers), "--shard", str(shard))
    wall = _command_seconds(video, out, *options)
    [folder] = out.glob("job-*")
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    busy = sum(one["seconds"] for one in card["processes"])
    ranges = card["sources"][0]["shards"]
    shutil.rmtree(out)
    return {
        "fps": workers * frames / busy,
        "seconds_per_frame": busy / (frames + LEAD * (ranges - 1)),
        "join_seconds": card["join_seconds"],
        "start_seconds": wall - busy / workers - card["join_seconds"],
        "mib": max(one["last_mib"] for one in card["processes"]),
    }


def _empty_row_seconds(cluster: Cluster) -> float:
    rows = [{"key": str(i), "name": "", "folder": ""} for i in range(EMPTY_ROWS)]
    times = [time.perf_counter() for _ in cluster.run(no_work, rows)]
    return (times[-1] - times[0]) / (len(times) - 1)


if __name__ == "__main__":
    sys.exit(main())
