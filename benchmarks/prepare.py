"""Frames per second of preparing real data, beside face detection alone on the same frames.

    python -m benchmarks.prepare [--quick] [--json FILE] [--processes N]

Synthetic faces that move make a video of 1024 x 768 px, the size of DISFA's. Each process prepares
it (decode, detect, align, JPEG, write), then only detects faces in the same frames, decoded before.
All processes work at once, both sides take turns, and medians are reported. The time to start
processes is not counted.
"""

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from fau_tf import facs
from fau_tf.data.adapters.clips import Clip
from fau_tf.data.adapters.prepare_clip import ClipJob, face_finder, prepare_clip
from fau_tf.data.process_pool import worker_pool
from fau_tf.face import align
from fau_tf.io.frames import Frame
from fau_tf.io.videos import VideoFile
from fau_tf.synthetic import sample
from fau_tf.training.run_dir import versions
from fau_tf.utils import optional_imports

WIDTH, HEIGHT, FACE = 1024, 768, 480
RECORD_SIZE = 320
_STATE: dict[str, Any] = {}  # of a worker process


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.prepare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="under a minute: 40 frames, 2 rounds")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    frames, rounds = (40, 2) if options.quick else (200, 5)
    with tempfile.TemporaryDirectory() as folder:
        video = write_video(Path(folder) / "video.avi", frames)
        prepared, detected = measure(video, frames, rounds, options.processes)
    rates = {"prepare": prepared, "detect": detected}
    figures = {
        "benchmark": "prepare",
        "quick": options.quick,
        "processes": options.processes,
        "load": round(os.getloadavg()[0], 1),
        "prepare_fps": median(rates["prepare"]),
        "detect_fps": median(rates["detect"]),
        "ratio": median(a / b for a, b in zip(*rates.values(), strict=True)),
        "rounds": rates,
        "versions": versions(),
    }
    print(json.dumps(figures, indent=1))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


def measure(
    video: Path, frames: int, rounds: int, processes: int
) -> tuple[list[float], list[float]]:
    """Return the rates of preparing and of detecting, one per round."""
    barrier = multiprocessing.get_context("spawn").Barrier(processes)
    rates: dict[Any, list[float]] = {_prepare: [], _detect: []}
    with worker_pool(processes, _begin, video, barrier) as pool:
        for turn in range(-1, rounds):
            for work in (_prepare, _detect):
                tasks = [pool.submit(work, frames) for _ in range(processes)]
                slowest = max(task.result() for task in tasks)
                if turn >= 0:  # after a warm-up
                    rates[work].append(processes * frames / slowest)
    return rates[_prepare], rates[_detect]


def write_video(path: Path, frames: int) -> Path:
    """Write a video of synthetic faces that move slowly over gray noise."""
    cv2 = optional_imports.cv2()
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"XVID"), 20, (WIDTH, HEIGHT))
    rig, rng = sample.canonical_rig(), np.random.default_rng(0)
    noise = rng.integers(90, 130, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    for number in range(frames):
        if number % 10 == 0:
            scene = sample.sample_scene(rig, person_seed=1, face_seed=number)
            view = align.crop_matrix(sample.landmarks(scene), FACE, margin=1.3)
            face = sample.render(scene, size=FACE, view=view)
        x, y = 200 + number % 10 * 4, 120 + number % 7
        picture = noise.copy()
        picture[y : y + FACE, x : x + FACE] = face
        writer.write(np.ascontiguousarray(picture[..., ::-1]))
    writer.release()
    return path


def _begin(path: Path, barrier: Any) -> None:
    optional_imports.cv2().setNumThreads(1)  # as `prepare` does
    with VideoFile(path) as video:
        images = [frame.image for frame in video.frames() if isinstance(frame, Frame)]
    _STATE.update(path=path, barrier=barrier, images=images)


def _prepare(frames: int) -> float:
    numbers = np.arange(1, frames + 1)
    levels = np.zeros((frames, len(facs.ALL)), np.float32)
    shard = _STATE["path"].with_name(f"{os.getpid()}.tfrecord")
    clip = Clip("video", "subject", numbers, levels, video=_STATE["path"])
    job = ClipJob(clip, shard, "video", RECORD_SIZE)
    _STATE["barrier"].wait()
    start = time.perf_counter()
    prepare_clip(job)
    seconds = time.perf_counter() - start
    report = json.loads(job.report.read_text())
    if report["records"] != frames:
        raise ValueError(f"{report['records']} of {frames} frames became records: {report}")
    return seconds


def _detect(frames: int) -> float:
    finder = face_finder()
    _STATE["barrier"].wait()
    start = time.perf_counter()
    for image in _STATE["images"][:frames]:
        finder.find_faces(image)
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
