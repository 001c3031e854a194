"""One measured process of runtime.py: python benchmarks/runtime_child.py KIND JSON."""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Inputs = dict[str, Any]
WARM_UP = 10  # frames before the clock starts
FPS, SIZE = 25, (640, 480)


def clip(photo: str, count: int) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield frames in which the sample face swings from side to side in noise."""
    whole = Image.open(photo).convert("RGB")
    face = np.asarray(whole.crop((50, 40, 210, 200)).resize((320, 320), Image.Resampling.BILINEAR))
    rng = np.random.default_rng(0)
    noise = [rng.normal(0, 4, (SIZE[1], SIZE[0], 3)).astype(np.int16) for _ in range(8)]
    for i in range(count):
        frame = np.full((SIZE[1], SIZE[0], 3), 120, np.int16)
        x = 160 + int(80 * np.sin(i / 12))
        frame[80:400, x : x + 320] = face
        yield (frame + noise[i % 8]).clip(0, 255).astype(np.uint8)


def bare_photo(inputs: Inputs) -> dict[str, Any]:
    """Find the face of a photo as MediaPipe's guide does."""
    import mediapipe as mp

    image = np.array(Image.open(inputs["photo"]).convert("RGB"))
    with _bare_landmarker(mp, inputs, "IMAGE") as landmarker:
        found = landmarker.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=image))
        print(json.dumps({"faces": len(found.face_landmarks)}), flush=True)
    return {}


def bare_video(inputs: Inputs) -> dict[str, Any]:
    """Find the face of each frame by MediaPipe's video mode."""
    import mediapipe as mp

    frames = list(clip(inputs["photo"], inputs["frames"]))

    def face_counts() -> Iterator[int]:
        with _bare_landmarker(mp, inputs, "VIDEO") as landmarker:
            for number, frame in enumerate(frames):
                image = mp.Image(image_format=mp.ImageFormat.SRGB, data=frame)
                found = landmarker.detect_for_video(image, number * 1000 // FPS)
                yield len(found.face_landmarks)

    return _rates(face_counts())


def fau_video(inputs: Inputs) -> dict[str, Any]:
    """Estimate the AUs of each frame."""
    from fau_tf import AUEstimator

    frames = list(clip(inputs["photo"], inputs["frames"]))
    with AUEstimator(inputs["model"], num_faces=inputs["num_faces"]) as estimator:
        return _rates(len(estimate.faces) for estimate in estimator.video(frames))


def memory(inputs: Inputs) -> dict[str, Any]:
    """Run the command on a video; return resident MiB, sampled every second."""
    from fau_tf.cli.predict import main

    samples: list[float] = []
    done = threading.Event()

    def sample() -> None:
        while not done.wait(1.0):
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            samples.append(pages * os.sysconf("SC_PAGESIZE") / 2**20)

    sampler = threading.Thread(target=sample)
    sampler.start()
    options = ["--model", inputs["model"], "--out", inputs["out"], "--jsonl", "--quiet"]
    code = main([inputs["video"], *options])
    done.set()
    sampler.join()
    assert code == 0
    return {"mib": samples}


def _bare_landmarker(mp: Any, inputs: Inputs, mode: str) -> Any:
    vision = mp.tasks.vision
    return vision.FaceLandmarker.create_from_options(
        vision.FaceLandmarkerOptions(
            base_options=mp.tasks.BaseOptions(model_asset_path=inputs["bundle"]),
            num_faces=inputs["num_faces"],
            running_mode=vision.RunningMode[mode],
        )
    )


def _rates(face_counts: Iterator[int]) -> dict[str, Any]:
    frames = found = 0
    wall = cpu = 0.0
    for count in face_counts:
        frames, found = frames + 1, found + count
        if frames == WARM_UP:
            wall, cpu = time.perf_counter(), time.process_time()
    rest = frames - WARM_UP
    seconds = time.perf_counter() - wall
    assert found == frames  # one face in each
    return {"fps": rest / seconds, "cpu_ms": 1000 * (time.process_time() - cpu) / rest}


KINDS: dict[str, Callable[[Inputs], dict[str, Any]]] = {
    kind.__name__: kind for kind in (bare_photo, bare_video, fau_video, memory)
}

if __name__ == "__main__":
    # MediaPipe imports TensorFlow if it is installed. A machine without it is compared here.
    sys.modules["tensorflow"] = None  # type: ignore[assignment]
    print(json.dumps(KINDS[sys.argv[1]](json.loads(sys.argv[2]))))
