"""The demo path beside a bare FaceLandmarker script, on the same photo and the same made video.

python benchmarks/runtime.py [--quick] [--model FILE] [--rounds N] [--minutes M] [--json FILE]

Start-up: a new process to the first result. Speed: decoding, faces and AUs, without drawing; the
bare script uses MediaPipe's fastest way, video mode. Each is told to look for one face and for ten,
since MediaPipe looks for more in every frame until it has as many. All run in turn, in processes of
their own (runtime_child.py). --minutes also reads a video of that length by the command and
samples the resident memory.
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

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2
import numpy as np

from fau_tf.face.align import crop_matrix
from fau_tf.face.align_cv2 import fast_crop
from fau_tf.face.mediapipe_landmarks import default_bundle, ibug68
from fau_tf.inference.estimator import AUEstimator
from fau_tf.inference.face_search import FaceFollower
from fau_tf.inference.model_info import default_model
from fau_tf.inference.quality import judge, look
from fau_tf.io.images import read_image
from fau_tf.io.videos import VideoFile

ROOT = Path(__file__).resolve().parents[1]
PHOTO = ROOT / "docs" / "sample" / "astronaut.png"
FPS, SIZE = 25, (640, 480)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; write JSON where it is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, help="the package's own by default")
    parser.add_argument("--rounds", type=int, default=5, help="processes of each kind (5)")
    parser.add_argument("--seconds", type=int, default=12, help="of the made video (12)")
    parser.add_argument("--minutes", type=float, default=0.0, help="of the memory test (none)")
    parser.add_argument("--quick", action="store_true", help="one round of 4 s, under a minute")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args(argv)
    if options.quick:
        options.rounds, options.seconds = 1, 4
    with tempfile.TemporaryDirectory() as folder:
        names = {
            "model": str((options.model or default_model()).resolve()),
            "bundle": str(default_bundle()),
            "photo": str(PHOTO),
            "video": str(made_video(Path(folder) / "x.mp4", options.seconds * FPS)),
            "num_faces": 1,
        }
        figures = {
            "cores": os.cpu_count(),
            "load_before": round(os.getloadavg()[0], 1),
            "start": start_up(names, options.rounds),
            "speed": speed(names, options.rounds),
            "stages_ms": stages(names),
        }
        if options.minutes:
            figures["memory"] = memory(names, Path(folder), options.minutes)
    print(json.dumps(figures, indent=1))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0


def made_video(path: Path, count: int) -> Path:
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


def start_up(names: dict[str, Any], rounds: int) -> dict[str, float]:
    """Return median seconds from a new process to its first result, and the ratio."""
    seconds: dict[str, list[float]] = {"bare": [], "fau": []}
    for turn in range(rounds + 1):
        for kind in list(seconds)[:: -1 if turn % 2 else 1]:
            start = time.perf_counter()
            child(f"{kind}_photo", names)
            if turn:  # the first reads the files from disk
                seconds[kind].append(time.perf_counter() - start)
    bare, ours = (median(seconds[kind]) for kind in ("bare", "fau"))
    return {"bare_s": bare, "fau_tf_s": ours, "ratio": ours / bare, "at_most": 1.3}


def speed(names: dict[str, Any], rounds: int) -> dict[str, Any]:
    """Return median frames a second and processor time a frame, and the ratios."""
    kinds = {
        "bare, one face": ("bare_video", 1),
        "bare, ten": ("bare_video", 10),
        "one face": ("fau_video", 1),
        "ten": ("fau_video", 10),
    }
    runs: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
    for turn in range(rounds):
        for kind in list(kinds)[:: -1 if turn % 2 else 1]:
            code, faces = kinds[kind]
            runs[kind].append(child(code, names | {"num_faces": faces}))
    figures: dict[str, Any] = {
        kind: {key: round(median(run[key] for run in found), 2) for key in ("fps", "cpu_ms")}
        for kind, found in runs.items()
    }
    ratios = {
        f"ratio of {ours} to {bare}": round(figures[ours]["fps"] / figures[bare]["fps"], 3)
        for ours, bare in (
            ("one face", "bare, one face"),
            ("ten", "bare, ten"),
            ("ten", "bare, one face"),
        )
    }
    return figures | ratios | {"at_least": 0.5}


def stages(names: dict[str, Any], count: int = 100) -> dict[str, float]:
    """Return median milliseconds of each stage of a frame, one after the other."""
    spent: dict[str, list[float]] = {}

    def timed(name: str, call: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        result = call()
        spent.setdefault(name, []).append(1000 * (time.perf_counter() - start))
        return result

    with AUEstimator(names["model"], 1) as estimator, VideoFile(Path(names["video"])) as video:
        follower = FaceFollower(estimator._finder)
        size = estimator.interpreter.info.image_size
        source = video.frames()
        for _ in range(count):
            image = timed("decode", lambda: next(source)).image
            ((mesh,), _) = timed("find faces", lambda image=image: follower.find(image))
            marks = ibug68(mesh)
            seen = timed("measure", lambda i=image, m=mesh, k=marks: look(i, m, k))
            matrix = crop_matrix(marks, size)
            crop = timed("crop", lambda i=image, m=matrix: fast_crop(i, m, size))
            _, heatmaps = timed("AUs", lambda c=crop: estimator.interpreter(c))
            timed("judge", lambda s=seen, h=heatmaps: judge(s, h))
    return {name: round(median(values), 2) for name, values in spent.items()}


def memory(names: dict[str, Any], folder: Path, minutes: float) -> dict[str, float]:
    """Return resident MiB after the first tenth and at the end of a long video, and the growth."""
    video = made_video(folder / "long.mp4", round(minutes * 60 * FPS))
    found = child("memory", names | {"video": str(video), "out": str(folder / "out")})
    samples = found["samples"]
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


def child(kind: str, names: dict[str, Any]) -> dict[str, Any]:
    """Run a kind of `runtime_child` and return what it printed."""
    script = Path(__file__).with_name("runtime_child.py")
    done = subprocess.run(
        [sys.executable, str(script), kind, json.dumps(names)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{kind} must succeed. Received: {done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


if __name__ == "__main__":
    sys.exit(main())
