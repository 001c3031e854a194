"""One measured process of runtime.py: python benchmarks/runtime_child.py KIND JSON."""

# ruff: noqa: E402
import sys
import time

# MediaPipe imports TensorFlow if it is installed. fau_tf prevents that and a bare script does not;
# those seconds are not what is compared here.
sys.modules["tensorflow"] = None  # type: ignore[assignment]

import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Inputs = dict[str, Any]
WARM_UP = 10  # frames before the clock starts


def bare_photo(inputs: Inputs) -> dict[str, Any]:
    """Find the face of a photo as MediaPipe's guide does."""
    import mediapipe as mp
    import numpy as np
    from PIL import Image

    image = np.array(Image.open(inputs["photo"]).convert("RGB"))
    with _bare_landmarker(mp, inputs, "IMAGE") as landmarker:
        found = landmarker.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=image))
    assert len(found.face_landmarks) == 1
    return {}


def fau_photo(inputs: Inputs) -> dict[str, Any]:
    """Estimate the AUs of a photo."""
    from fau_tf import AUEstimator
    from fau_tf.io.images import read_image

    with AUEstimator(inputs["model"]) as estimator:
        assert len(estimator.estimate(read_image(Path(inputs["photo"]))).faces) == 1
    return {}


def bare_video(inputs: Inputs) -> dict[str, Any]:
    """Find the face of each frame by MediaPipe's video mode."""
    import cv2
    import mediapipe as mp

    def face_counts() -> Iterator[int]:
        capture, frames = cv2.VideoCapture(inputs["video"]), 0
        with _bare_landmarker(mp, inputs, "VIDEO") as landmarker:
            while True:
                read, bgr = capture.read()
                if not read:
                    return
                rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
                image = mp.Image(image_format=mp.ImageFormat.SRGB, data=rgb)
                yield len(landmarker.detect_for_video(image, frames * 40).face_landmarks)
                frames += 1

    return _rates(face_counts())


def fau_video(inputs: Inputs) -> dict[str, Any]:
    """Estimate the AUs of each frame."""
    from fau_tf import AUEstimator
    from fau_tf.io.videos import VideoFile

    estimator = AUEstimator(inputs["model"], num_faces=inputs["num_faces"])
    with estimator, VideoFile(Path(inputs["video"])) as video:
        images = (frame.image for frame in video.frames())
        return _rates(len(estimate.faces) for estimate in estimator.video(images))


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
    kind.__name__: kind for kind in (bare_photo, fau_photo, bare_video, fau_video, memory)
}

if __name__ == "__main__":
    print(json.dumps(KINDS[sys.argv[1]](json.loads(sys.argv[2]))))
