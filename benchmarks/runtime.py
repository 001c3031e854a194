"""Speed, start-up and memory of fau_tf, beside a bare MediaPipe Face Landmarker script.

    python -m benchmarks.runtime [--quick] [--json FILE] [--write PAGE] [--model FILE] [--rounds N]
                                 [--minutes M]

speed     frames a second of landmarks and AUs on a clip in memory, beside MediaPipe's landmarks
          alone in its fastest way, video mode; on one core, and on all
start     from a new process to the first result of a photo: `fau-demo`, with its files written,
          beside a script that finds the face; on one core
memory    slope of the resident memory of `fau-demo` over a video of M minutes (10)

Both sides take turns, each in a process of its own (runtime_child.py); medians are taken. The bare
script needs `pip install mediapipe`. Times of the processor are the steadier ones on a machine that
has other work.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Any, Final

import av
import numpy as np

from benchmarks.common import warn_of_load
from benchmarks.runtime_child import FPS, SIZE, clip
from fau_tf.face.align import crop_matrix
from fau_tf.face.align_cv2 import fast_crop
from fau_tf.face.bundle import default_bundle
from fau_tf.face.mesh import ibug68
from fau_tf.inference.estimator import AUEstimator
from fau_tf.inference.model_info import default_model
from fau_tf.inference.quality import measure, peakedness
from fau_tf.inference.tracking import FaceTracker
from fau_tf.utils.files import replacing
from fau_tf.utils.markdown_tables import filled

ROOT = Path(__file__).resolve().parents[1]
PHOTO = ROOT / "docs" / "sample" / "astronaut.png"
AIMS: Final = {"speed": 1.2, "start": 0.8, "memory": 0.5}
"""Frames a second and seconds relative to MediaPipe; MiB a minute."""
LOOP: Final = 302
"""Frames of four swings of the clip's face, 4 * 2 pi * 12."""
SETTLED: Final = 0.2
"""Share of the memory test after which caches are full."""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit code."""
    options = _options(argv)
    rounds, frames = (1, 60) if options.quick else (options.rounds, 300)
    warn_of_load()
    with tempfile.TemporaryDirectory() as folder:
        inputs = {
            "model": str((options.model or default_model()).resolve()),
            "bundle": str(default_bundle()),
            "photo": str(PHOTO),
            "frames": frames,
            "out": str(Path(folder) / "out"),
        }
        cores = sorted(os.sched_getaffinity(0))
        figures: dict[str, Any] = {
            "benchmark": "runtime",
            "quick": options.quick,
            "cores": len(cores),
            "load": round(os.getloadavg()[0], 1),
            "all_cores": speed(inputs, rounds),
        }
        with one_core():
            figures["one_core"] = speed(inputs, rounds)
            figures["start"] = start_up(inputs, rounds)
            figures["stages_ms"] = stages(inputs)
        minutes = 0 if options.quick else options.minutes
        if minutes:
            figures["memory"] = memory(inputs, Path(folder), minutes)
    print(json.dumps(figures, indent=1))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    if options.write:
        write(options.write, figures)
    return 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.runtime",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", type=Path, help="the model in the package by default")
    parser.add_argument("--rounds", type=int, default=5, help="processes of each kind (5)")
    parser.add_argument("--minutes", type=float, default=10.0, help="of the memory test (10)")
    parser.add_argument("--quick", action="store_true", help="a minute: one round, no memory test")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--write", type=Path, help="fill the block `runtime` of this page")
    return parser.parse_args(argv)


@contextmanager
def one_core() -> Any:
    """Keep this process and its children on the last core that it may use."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def speed(inputs: dict[str, Any], rounds: int) -> dict[str, Any]:
    """Return median frames a second, processor milliseconds a frame, and the ratios of rates."""
    kinds = {"bare_1": ("bare_video", 1), "fau_1": ("fau_video", 1), "fau_10": ("fau_video", 10)}
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in kinds}
    for turn in range(rounds):
        for name, (kind, faces) in list(kinds.items())[:: -1 if turn % 2 else 1]:
            runs[name].append(_child(kind, inputs | {"num_faces": faces}))
    figures: dict[str, Any] = {
        name: {key: round(median(run[key] for run in found), 2) for key in ("fps", "cpu_ms")}
        for name, found in runs.items()
    }
    for name in ("fau_1", "fau_10"):
        own, bare = figures[name], figures["bare_1"]
        figures[f"{name}_to_bare_1"] = {
            "fps": round(own["fps"] / bare["fps"], 3),
            "cpu": round(bare["cpu_ms"] / own["cpu_ms"], 3),
        }
    return figures | {"at_least": AIMS["speed"]}


def start_up(inputs: dict[str, Any], rounds: int) -> dict[str, Any]:
    """Return median seconds from a new process to the first line that it prints, and the ratio.

    `cpu_s` is what the processor spent on the whole process.
    """
    script = str(Path(__file__).with_name("runtime_child.py"))
    bare = [script, "bare_photo", json.dumps(inputs | {"num_faces": 1})]
    own = ["-m", "fau_tf.cli.predict", inputs["photo"], "--model", inputs["model"]]
    commands = {"bare": bare, "fau_demo": [*own, "--out", inputs["out"]]}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for turn in range(rounds + 1):
        for name, command in list(commands.items())[:: -1 if turn % 2 else 1]:
            seconds = _first_line(command)
            if turn:  # the first round reads the files from disk
                found[name].append(seconds)
    figures: dict[str, Any] = {}
    for name, rows in found.items():
        first, spent = (round(median(values), 3) for values in zip(*rows, strict=True))
        figures |= {f"{name}_s": first, f"{name}_cpu_s": spent}
    for unit in ("s", "cpu_s"):
        ratio = figures[f"fau_demo_{unit}"] / figures[f"bare_{unit}"]
        figures[f"ratio_{unit}"] = round(ratio, 3)
    return figures | {"at_most": AIMS["start"]}


def stages(inputs: dict[str, Any]) -> dict[str, float]:
    """Return the median processor milliseconds of each stage of a frame."""
    spent: dict[str, list[float]] = {}

    def timed(name: str, call: Callable[..., Any], *arguments: Any) -> Any:
        start = time.thread_time()
        result = call(*arguments)
        spent.setdefault(name, []).append(1000 * (time.thread_time() - start))
        return result

    with AUEstimator(inputs["model"], 1) as estimator:
        tracker = FaceTracker(estimator._landmarker)
        size = estimator.info.image_size
        for image in clip(inputs["photo"], inputs["frames"]):
            faces, *_ = timed("detect", tracker.find, image)
            (face,) = faces
            mesh = face.mesh
            landmarks = ibug68(mesh)
            matrix = crop_matrix(landmarks, size)
            crop = timed("crop", fast_crop, image, matrix, size)
            timed("measure", measure, image, mesh, landmarks, matrix, crop)
            _, heatmaps = timed("model", estimator.interpreter, crop)
            timed("peakedness", peakedness, heatmaps)
    return {name: round(median(values), 2) for name, values in spent.items()}


def memory(inputs: dict[str, Any], folder: Path, minutes: float) -> dict[str, float]:
    """Return resident MiB and its slope over a long video, once caches are full."""
    video = write_video(folder / "long.mp4", round(minutes * 60 * FPS))
    found = _child("memory", inputs | {"video": str(video)})
    mib = np.array(found["mib"])
    frame = np.linspace(0, minutes, len(mib))  # of the video, not of the clock
    settled = frame >= SETTLED * minutes
    slope = float(np.polyfit(frame[settled], mib[settled], 1)[0])
    return {
        "minutes": minutes,
        "samples": len(mib),
        "settled_mib": round(float(mib[settled][0]), 1),
        "end_mib": round(float(mib[-1]), 1),
        "mib_per_minute": round(slope, 3),
        "at_most": AIMS["memory"],
    }


def write_video(path: Path, count: int) -> Path:
    """Write the clip as a video, its packets again and again where that is longer."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=FPS, width=SIZE[0], height=SIZE[1])
        frames = (av.VideoFrame.from_ndarray(f) for f in clip(str(PHOTO), min(count, LOOP)))
        packets = [packet for frame in (*frames, None) for packet in stream.encode(frame)]
        for i in range(count):
            packet = packets[i % LOOP]
            packet.time_base = Fraction(1, FPS)
            packet.pts = packet.dts = i
            file.mux(packet)
    return path


def write(page: Path, figures: dict[str, Any]) -> None:
    """Fill the block `runtime` of a page with the figures."""
    rows = ["| measure | MediaPipe alone | fau_tf | ratio | aim |", "|---|---|---|---|---|"]
    for cores, name in (("one_core", "fau_1"), ("one_core", "fau_10"), ("all_cores", "fau_10")):
        found = figures[cores]
        bare, own, ratio = found["bare_1"], found[name], found[f"{name}_to_bare_1"]
        where = f"{cores.replace('_', ' ')}, {'one face' if name == 'fau_1' else 'up to ten faces'}"
        aim = f"{AIMS['speed']} or more" if len(rows) == 2 else ""
        rows += [
            f"| frames a second, {where} | {bare['fps']:.0f} | {own['fps']:.0f} | "
            f"{ratio['fps']:.2f} | {aim} |",
            f"| processor ms a frame, {where} | {bare['cpu_ms']:.1f} | {own['cpu_ms']:.1f} | "
            f"{1 / ratio['cpu']:.2f} | |",
        ]
    start = figures["start"]
    for unit, what, aim in (
        ("s", "first result of a photo, s", f"{start['at_most']} or less"),
        ("cpu_s", "processor s until its end", ""),
    ):
        bare, own = start[f"bare_{unit}"], start[f"fau_demo_{unit}"]
        rows.append(f"| {what} | {bare:.2f} | {own:.2f} | {start[f'ratio_{unit}']:.2f} | {aim} |")
    if "memory" in figures:
        found = figures["memory"]
        rows.append(
            f"| memory over {found['minutes']:g} minutes, MiB a minute | | "
            f"{found['mib_per_minute']:.2f} | | {found['at_most']} or less |"
        )
    parts = ", ".join(f"{name} {value:.2f}" for name, value in figures["stages_ms"].items())
    load = f"{figures['cores']} cores, load {figures['load']}"
    text = "\n".join((*rows, "", f"Milliseconds of a frame: {parts}. Measured on {load}."))
    with replacing(page) as unfinished:
        unfinished.write_text(filled(page.read_text("utf-8"), "runtime", text), encoding="utf-8")


def _first_line(command: list[str]) -> tuple[float, float]:
    """Return the seconds until a new process prints a line, and its processor seconds in all."""
    # As installed: with compiled modules, which the first round writes.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    before = _children_seconds()
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-u", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    seconds = time.perf_counter() - start
    _, errors = process.communicate()
    if process.returncode or not line:
        raise RuntimeError(f"{command} failed: {errors[-2000:]}")
    return seconds, _children_seconds() - before


def _children_seconds() -> float:
    spent = os.times()
    return spent.children_user + spent.children_system


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
