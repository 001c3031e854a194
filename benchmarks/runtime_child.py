"""One measured process of runtime.py: python benchmarks/runtime_child.py KIND JSON."""

# ruff: noqa: E402
import sys
import time

# Where TensorFlow is installed, MediaPipe imports it. The package prevents that and a bare script
# does not; that it costs seconds is not what is compared here.
sys.modules["tensorflow"] = None  # type: ignore[assignment]

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

WARM = 10  # frames before the clock starts


def bare_photo(names: dict[str, Any]) -> dict[str, Any]:
    """Find the face of a photo as MediaPipe's guide does."""
    import mediapipe as mp
    import numpy as np
    from PIL import Image

    image = np.array(Image.open(names["photo"]).convert("RGB"))
    with _bare(mp, names, "IMAGE") as landmarker:
        found = landmarker.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=image))
    assert len(found.face_landmarks) == 1
    return {}


def fau_photo(names: dict[str, Any]) -> dict[str, Any]:
    """Read the AUs of a photo."""
    from fau_tf import AUEstimator
    from fau_tf.io.images import read_image

    with AUEstimator(names["model"]) as estimator:
        assert len(estimator.estimate(read_image(Path(names["photo"]))).faces) == 1
    return {}


def bare_video(names: dict[str, Any]) -> dict[str, Any]:
    """Find the face of each frame by MediaPipe's video mode."""
    import cv2
    import mediapipe as mp

    def faces() -> Iterator[int]:
        capture, frames = cv2.VideoCapture(names["video"]), 0
        with _bare(mp, names, "VIDEO") as landmarker:
            while True:
                read, bgr = capture.read()
                if not read:
                    return
                rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
                sheet = mp.Image(image_format=mp.ImageFormat.SRGB, data=rgb)
                yield len(landmarker.detect_for_video(sheet, frames * 40).face_landmarks)
                frames += 1

    return _clocked(faces())


def fau_video(names: dict[str, Any]) -> dict[str, Any]:
    """Read the AUs of each frame."""
    from fau_tf import AUEstimator
    from fau_tf.io.videos import VideoFile

    estimator = AUEstimator(names["model"], num_faces=names["num_faces"])
    with estimator, VideoFile(Path(names["video"])) as source:
        images = (frame.image for frame in source.frames())
        return _clocked(len(estimate.faces) for estimate in estimator.video(images))


def memory(names: dict[str, Any]) -> dict[str, Any]:
    """Read a video by the command; return resident MiB, sampled each second."""
    import threading

    from fau_tf.cli.predict import main

    samples: list[float] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(1.0):
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            samples.append(pages * os.sysconf("SC_PAGESIZE") / 2**20)

    watcher = threading.Thread(target=watch)
    watcher.start()
    options = ["--model", names["model"], "--out", names["out"], "--jsonl", "--quiet"]
    code = main([names["video"], *options])
    done.set()
    watcher.join()
    assert code == 0
    return {"samples": samples}


KINDS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    kind.__name__: kind for kind in (bare_photo, fau_photo, bare_video, fau_video, memory)
}


def _bare(mp: Any, names: dict[str, Any], mode: str) -> Any:
    vision = mp.tasks.vision
    return vision.FaceLandmarker.create_from_options(
        vision.FaceLandmarkerOptions(
            base_options=mp.tasks.BaseOptions(model_asset_path=names["bundle"]),
            num_faces=names["num_faces"],
            running_mode=vision.RunningMode[mode],
        )
    )


def _clocked(faces: Iterator[int]) -> dict[str, Any]:
    frames = found = 0
    wall = cpu = 0.0
    for count in faces:
        frames, found = frames + 1, found + count
        if frames == WARM:
            wall, cpu = time.perf_counter(), time.process_time()
    rest = frames - WARM
    seconds = time.perf_counter() - wall
    assert found == frames  # one face in each
    return {"fps": rest / seconds, "cpu_ms": 1000 * (time.process_time() - cpu) / rest}


if __name__ == "__main__":
    print(json.dumps(KINDS[sys.argv[1]](json.loads(sys.argv[2]))))
