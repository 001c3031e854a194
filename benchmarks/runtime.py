"""Start-up time and frame rate of fau_tf, beside a bare MediaPipe Face Landmarker script.

    python -m benchmarks.runtime [--quick] [--json FILE] [--model FILE] [--rounds N] [--minutes M]

Start-up is the time of a new process to its first result. The frame rate covers decoding, face
detection and AUs, without drawing; the bare script uses MediaPipe's fastest way, video mode. Both
look for one face and for ten, because MediaPipe searches every frame until it has found so many.
Both sides take turns, each in a process of its own (runtime_child.py). --minutes also runs the
command on a video of that length and samples the resident memory.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np

from fau_tf.face.align import crop_matrix
from fau_tf.face.align_cv2 import fast_crop
from fau_tf.face.bundle import default_bundle
from fau_tf.face.mesh import ibug68
from fau_tf.inference.estimator import AUEstimator
from fau_tf.inference.model_info import default_model
from fau_tf.inference.quality import measure, peakedness
from fau_tf.inference.tracking import FaceTracker
from fau_tf.io.images import read_image
from fau_tf.io.videos import VideoFile

ROOT = Path(__file__).resolve().parents[1]
PHOTO = ROOT / "docs" / "sample" / "astronaut.png"
FPS, SIZE = 25, (640, 480)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.runtime",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", type=Path, help="the model in the package by default")
    parser.add_argument("--rounds", type=int, default=5, help="processes of each kind (5)")
    parser.add_argument("--minutes", type=float, default=0.0, help="of the memory test (none)")
    parser.add_argument("--quick", action="store_true", help="under a minute: one round of 4 s")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args(argv)
    rounds, seconds = (1, 4) if options.quick else (options.rounds, 12)
    with tempfile.TemporaryDirectory() as folder:
        inputs = {
            "model": str((options.model or default_model()).resolve()),
            "bundle": str(default_bundle()),
            "photo": str(PHOTO),
            "video": str(write_video(Path(folder) / "video.mp4", seconds * FPS)),
            "num_faces": 1,
        }
        figures = {
            "benchmark": "runtime",
            "quick": options.quick,
            "cores": os.cpu_count(),
            "load": round(os.getloadavg()[0], 1),
            "start": start_up(inputs, rounds),
            "speed": speed(inputs, rounds),
            "stages_ms": stages(inputs),
        }
        if options.minutes:
            figures["memory"] = memory(inputs, Path(folder), options.minutes)
    print(json.dumps(figures, indent=1))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


def write_video(path: Path, count: int) -> Path:
    """Write a video in which the sample face swings from side to side in noise."""
    face = cv2.resize(read_image(PHOTO)[40:200, 50:210], (320, 320))
    rng = np.random.default_rng(0)
    noise = [rng.normal(0, 4, (SIZE[1], SIZE[0], 3)).astype(np.int16) for _ in range(8)]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), FPS, SIZE)
    for i in range(count):
        frame = np.full((SIZE[1], SIZE[0], 3), 120, np.int16)
        x = 160 + int(80 * np.sin(i / 12))
        frame[80:400, x : x + 320] = face
        writer.write((frame + noise[i % 8]).clip(0, 255).astype(np.uint8)[..., ::-1].copy())
    writer.release()
    return path


def start_up(inputs: dict[str, Any], rounds: int) -> dict[str, float]:
    """Return median seconds from a new process to its first result, and the ratio."""
    seconds: dict[str, list[float]] = {"bare": [], "fau": []}
    for turn in range(rounds + 1):
        for kind in list(seconds)[:: -1 if turn % 2 else 1]:
            start = time.perf_counter()
            _child(f"{kind}_photo", inputs)
            if turn:  # the first round reads the files from disk
                seconds[kind].append(time.perf_counter() - start)
    bare, fau = (median(seconds[kind]) for kind in ("bare", "fau"))
    return {"bare_s": bare, "fau_tf_s": fau, "ratio": fau / bare, "at_most": 1.3}


def speed(inputs: dict[str, Any], rounds: int) -> dict[str, Any]:
    """Return median frames per second and CPU time per frame, and the ratios."""
    kinds = [(kind, faces) for faces in (1, 10) for kind in ("bare", "fau")]
    runs: dict[str, list[dict[str, float]]] = {f"{kind}_{faces}": [] for kind, faces in kinds}
    for turn in range(rounds):
        for kind, faces in kinds[:: -1 if turn % 2 else 1]:
            found = _child(f"{kind}_video", inputs | {"num_faces": faces})
            runs[f"{kind}_{faces}"].append(found)
    figures: dict[str, Any] = {
        name: {key: round(median(run[key] for run in found), 2) for key in ("fps", "cpu_ms")}
        for name, found in runs.items()
    }
    ratios = {
        f"{fau}_to_{bare}": round(figures[fau]["fps"] / figures[bare]["fps"], 3)
        for fau, bare in (("fau_1", "bare_1"), ("fau_10", "bare_10"), ("fau_10", "bare_1"))
    }
    return figures | ratios | {"at_least": 0.5}


def stages(inputs: dict[str, Any], count: int = 100) -> dict[str, float]:
    """Return the median milliseconds of each stage of a frame."""
    spent: dict[str, list[float]] = {}

    def timed(name: str, call: Callable[..., Any], *arguments: Any) -> Any:
        start = time.perf_counter()
        result = call(*arguments)
        spent.setdefault(name, []).append(1000 * (time.perf_counter() - start))
        return result

    with AUEstimator(inputs["model"], 1) as estimator, VideoFile(Path(inputs["video"])) as video:
        tracker = FaceTracker(estimator._landmarker)
        size = estimator.info.image_size
        frames = video.frames()
        for _ in range(count):
            image = timed("decode", next, frames).image
            ((mesh,), _) = timed("detect", tracker.find, image)
            landmarks = ibug68(mesh)
            matrix = crop_matrix(landmarks, size)
            crop = timed("crop", fast_crop, image, matrix, size)
            timed("measure", measure, image, mesh, landmarks, matrix, crop)
            _, heatmaps = timed("model", estimator.interpreter, crop)
            timed("peakedness", peakedness, heatmaps)
    return {name: round(median(values), 2) for name, values in spent.items()}


def memory(inputs: dict[str, Any], folder: Path, minutes: float) -> dict[str, float]:
    """Return resident MiB in the first fifth and at the end of a long video, and the growth."""
    video = write_video(folder / "long.mp4", round(minutes * 60 * FPS))
    samples = _child("memory", inputs | {"video": str(video), "out": str(folder / "out")})["mib"]
    tenth = max(len(samples) // 10, 1)
    early, late = max(samples[: 2 * tenth]), max(samples[-tenth:])
    return {
        "minutes": minutes,
        "seconds": len(samples),
        "early_mib": round(early, 1),
        "late_mib": round(late, 1),
        "growth_mib": round(late - early, 1),
        "at_most": 30.0,
    }


def _child(kind: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """Run a function of runtime_child.py and return what it printed."""
    script = Path(__file__).with_name("runtime_child.py")
    done = subprocess.run(
        [sys.executable, str(script), kind, json.dumps(inputs)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    if done.returncode:
        raise RuntimeError(f"{kind} failed: {done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


if __name__ == "__main__":
    sys.exit(main())
