"""Time .tflite files beside MediaPipe's Face Landmarker in a process without TensorFlow.

    python -m benchmarks.on_device_child TASK

TASK is JSON: `models` and `convolutions` (name -> path), `photo`, `threads`, `rounds`. The parent
pins the cores, since MediaPipe has no setting for its threads.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from export.latency import caller, figures, in_turn
from fau_tf import contract
from fau_tf.face.align import crop_matrix
from fau_tf.face.align_cv2 import fast_crop
from fau_tf.face.bundle import default_bundle
from fau_tf.face.landmarker import FaceLandmarker
from fau_tf.face.mesh import ibug68
from fau_tf.utils import optional_imports

LANDMARKS, CROP = "Face Landmarker", "crop"


def main(task: dict[str, Any]) -> None:
    """Print name -> `median_ms`, `p90_ms`, `best_ms`, `cores` as one line of JSON."""
    threads = task["threads"]
    with Image.open(task["photo"]) as picture:
        photo = np.asarray(picture.convert("RGB"))
    runs = {CROP: crop(photo, size_of(next(iter(task["models"].values()))))}
    for name, path in {**task["models"], **task["convolutions"]}.items():
        runs[name] = caller(Path(path), threads, random_image(path))
    mp = optional_imports.mediapipe()
    base = mp.tasks.BaseOptions(model_asset_path=str(default_bundle()))
    options = mp.tasks.vision.FaceLandmarkerOptions(base_options=base)  # MediaPipe's defaults
    with mp.tasks.vision.FaceLandmarker.create_from_options(options) as landmarker:
        sheet = mp.Image(image_format=mp.ImageFormat.SRGB, data=photo)
        runs[LANDMARKS] = lambda: landmarker.detect(sheet)
        seconds = in_turn(runs, task["rounds"])
        cores = {name: cores_used(run) for name, run in runs.items()}
    found = {
        name: figures(taken) | {"best_ms": 1e3 * min(taken), "cores": cores[name]}
        for name, taken in seconds.items()
    }
    print(json.dumps(found))


def crop(photo: Any, size: int) -> Callable[[], Any]:
    """Return the step between landmarks and model: a function that crops the face."""
    with FaceLandmarker(num_faces=1, divisions=(1,)) as finder:
        (mesh,) = finder.find(photo)
    return lambda: fast_crop(photo, crop_matrix(ibug68(mesh), size), size).astype(np.float32)


def cores_used(run: Callable[[], Any], calls: int = 5) -> float:
    """Return processor time over wall time of some calls: 1 is one core all the while."""
    wall, processor = time.perf_counter(), time.process_time()
    for _ in range(calls):
        run()
    return (time.process_time() - processor) / (time.perf_counter() - wall)


def size_of(path: str) -> int:
    """Return the side of a model's image."""
    return int(_shape(path)[1])


def random_image(path: str) -> Any:
    """Return an image of a model's size, RGB 0 to 255, the same each time."""
    return np.random.default_rng(0).uniform(0, 255, _shape(path)).astype(np.float32)


def _shape(path: str) -> Any:
    runner = Interpreter(model_path=path).get_signature_runner(contract.SIGNATURE)
    return runner.get_input_details()[contract.INPUT]["shape"]


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
