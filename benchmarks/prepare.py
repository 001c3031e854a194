"""Frames a second of preparing real data, beside bare FaceLandmarker processes on the same frames.

    python -m benchmarks.prepare [--quick] [--json FILE]

A video of 1024 x 768 px, as DISFA's, is made of rendered faces that move. Each process prepares it
(decode, detect, align, JPEG, write), then only detects faces in the same frames, decoded before;
all processes at once, both sides in turn, medians. Starting processes is not counted.
"""

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from fau_tf import facs
from fau_tf.data.adapters.clips import Clip
from fau_tf.data.adapters.prepare_clip import STAGES, Job, _finder, prepare_clip, report_file
from fau_tf.face import align
from fau_tf.io.videos import VideoFile
from fau_tf.synthetic import sample
from fau_tf.training.run_dir import versions
from fau_tf.utils import optional_imports

WIDTH, HEIGHT, FACE = 1024, 768, 480
RECORD_SIZE = 320
_FRAMES: list[Any] = []  # of this process, decoded


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.prepare", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under a minute: 40 frames, 2 rounds")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    frames, rounds = (40, 2) if options.quick else (200, 5)
    with tempfile.TemporaryDirectory() as name:
        film = _film(Path(name) / "film.avi", frames)
        ours, bare = _timed(film, frames, rounds, options.processes)
    rates = {"prepare": [row["rate"] for row in ours], "bare": bare}
    spent = {stage: median(row[stage] for row in ours) for stage in STAGES}
    result = {
        "benchmark": "prepare",
        "quick": options.quick,
        "processes": options.processes,
        "frames_per_second": median(rates["prepare"]),
        "bare_frames_per_second": median(rates["bare"]),
        "ratio": median(a / b for a, b in zip(rates["prepare"], rates["bare"], strict=True)),
        "share": {stage: value / sum(spent.values()) for stage, value in spent.items()},
        "rounds": rates,
        "load": os.getloadavg()[0],
        "versions": versions(),
    }
    print(
        f"{result['frames_per_second']:.1f} frames a second on {options.processes} processes, "
        f"{result['ratio']:.2f} of bare FaceLandmarker's {result['bare_frames_per_second']:.1f}"
    )
    print(", ".join(f"{stage} {100 * part:.0f} %" for stage, part in result["share"].items()))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


def _timed(
    film: Path, frames: int, rounds: int, processes: int
) -> tuple[list[dict[str, float]], list[float]]:
    context = multiprocessing.get_context("spawn")
    barrier, done = context.Barrier(processes), context.Value("q", 0)
    ours, bare = [], []
    with ProcessPoolExecutor(
        processes, mp_context=context, initializer=_begin, initargs=(film, barrier, done)
    ) as pool:
        for turn in range(-1, rounds):  # the first is to warm up
            for work in (_prepare, _detect):
                rows = [f.result() for f in [pool.submit(work, frames) for _ in range(processes)]]
                rate = processes * frames / max(row["seconds"] for row in rows)
                if turn < 0:
                    continue
                if work is _prepare:
                    total = {stage: sum(row[stage] for row in rows) for stage in STAGES}
                    ours.append({"rate": rate, **total})
                else:
                    bare.append(rate)
    return ours, bare


_STATE: dict[str, Any] = {}


def _begin(film: Path, barrier: Any, done: Any) -> None:
    optional_imports.cv2().setNumThreads(1)  # as `prepare` has it
    _STATE.update(film=film, barrier=barrier, done=done)
    with VideoFile(film) as video:
        _FRAMES.extend(frame.image for frame in video.frames())


def _prepare(frames: int) -> dict[str, float]:
    numbers = np.arange(1, frames + 1)
    levels = np.zeros((frames, len(facs.ALL)), np.float32)
    shard = _STATE["film"].with_name(f"{os.getpid()}.tfrecord")
    clip = Clip("film", "nobody", numbers, levels, video=_STATE["film"])
    _STATE["barrier"].wait()
    start = time.perf_counter()
    prepare_clip(Job(clip, shard, "film", RECORD_SIZE), _STATE["done"])
    seconds = time.perf_counter() - start
    report = json.loads(report_file(shard).read_text())
    if report["records"] != frames:
        raise ValueError(f"Each frame must become a record. Received: {report}")
    return {"seconds": seconds, **report["seconds"]}


def _detect(frames: int) -> dict[str, float]:
    finder = _finder(near=True)
    _STATE["barrier"].wait()
    start = time.perf_counter()
    for picture in _FRAMES[:frames]:
        finder.find(picture)
    return {"seconds": time.perf_counter() - start}


def _film(path: Path, frames: int) -> Path:
    """Write a video of faces that move slowly over gray noise."""
    cv2 = optional_imports.cv2()
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"XVID"), 20, (WIDTH, HEIGHT))
    rig, rng = sample.canonical_rig(), np.random.default_rng(0)
    ground = rng.integers(90, 130, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    for number in range(frames):
        if number % 10 == 0:
            scene = sample.sample_scene(rig, person_seed=1, face_seed=number)
            view = align.crop_matrix(sample.landmarks(scene), FACE, margin=1.3)
            face = sample.render(scene, size=FACE, view=view)
        x, y = 200 + number % 10 * 4, 120 + number % 7
        picture = ground.copy()
        picture[y : y + FACE, x : x + FACE] = face
        writer.write(np.ascontiguousarray(picture[..., ::-1]))
    writer.release()
    return path


if __name__ == "__main__":
    sys.exit(main())
