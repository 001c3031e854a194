"""Print what Python reads in pictures, as JSON: python_faces.py VARIANT FOLDER PICTURE...

The pictures of `MADE`, which are changes of the sample, are written to the folder and read, too.

By the definitions of the crops, which other implementations follow, instead of OpenCV.
"""

import json
import sys
from pathlib import Path
from unittest import mock

import numpy as np
from PIL import Image as PillowImage

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from fau_tf.face import align, detector, mesh, regions, upright  # noqa: E402
from fau_tf.face.align import Image  # noqa: E402
from fau_tf.inference import estimator, quality  # noqa: E402
from fau_tf.inference.tracking import FaceTracker  # noqa: E402
from fau_tf.io.images import read_image  # noqa: E402

MADE = {
    "upside_down": lambda image: image[::-1, ::-1],
    "lying": lambda image: image.transpose(1, 0, 2),
    "dark": lambda image: image // 24,
    "dim": lambda image: image // 5,
    "blurred": lambda image: image[::4, ::4].repeat(4, axis=0).repeat(4, axis=1),
    "gray": lambda image: image[..., 1:2].repeat(3, axis=-1),
    "narrow": lambda image: image[:, ::3],
    "tiny": lambda image: image[::5, ::5],
    "two": lambda image: np.hstack((image, image[:, ::-1])),
    "small_in_large": lambda image: np.pad(image[::2, ::2], ((400, 60), (90, 500), (0, 0))),
    "hidden_eyes": lambda image: np.where(BAR, 40, image).astype(np.uint8),
    "no_face": lambda image: image[200:, :60],
}
"""Name -> how it is made of the sample; some are turned, not read, or flagged."""
BAR = np.zeros((256, 256, 1), bool)
BAR[95:122, 80:180] = True

FRAMES = 3
"""Of the picture as a video; from the second on, the faces are followed."""


def main() -> None:
    """Write picture -> faces to standard output."""
    variant, folder, *pictures = sys.argv[1:]
    by_definition = [
        *(mock.patch.object(one, "fast_cut", regions.cut) for one in (detector, mesh, upright)),
        *(mock.patch.object(one, "fast_crop", align.crop) for one in (estimator, quality)),
    ]
    for patch in by_definition:
        patch.start()
    assets = ROOT / "android_demo_assets"
    metadata = json.loads((assets / "fau_metadata.json").read_text(encoding="utf-8"))
    model = assets / metadata["variants"][variant]["file"]
    with estimator.AUEstimator(model) as reader:
        landmarker = reader._landmarker
        found = {}
        for name, image in {**read(pictures), **made(Path(folder))}.items():
            faces = landmarker.find_faces(image)
            results = reader.estimate(image).faces
            tracker = FaceTracker(landmarker)
            found[name] = {
                "found": [as_json(*pair) for pair in zip(faces, results, strict=True)],
                "followed": [
                    [face.mesh.ravel().tolist() for face in tracker.find(image)[0]]
                    for _ in range(FRAMES)
                ],
            }
    sys.stdout.write(json.dumps(found))


def read(pictures: list[str]) -> dict[str, Image]:
    """Return name -> pixels of pictures in this repository."""
    return {name: read_image(ROOT / name) for name in pictures}


def made(folder: Path) -> dict[str, Image]:
    """Write the made pictures; return their names and pixels."""
    sample = read_image(ROOT / "docs/sample/astronaut.png")
    found = {f"{name}.png": np.ascontiguousarray(make(sample)) for name, make in MADE.items()}
    for name, image in found.items():
        PillowImage.fromarray(image).save(folder / name)
    return found


def as_json(face: mesh.Face, result: estimator.FaceResult) -> dict:
    """Return a face as the page has it."""
    measured = result.quality
    return {
        "landmarks": face.mesh.ravel().tolist(),
        "confidence": face.presence,
        "box": result.box,
        "matrix": result.matrix.ravel().tolist(),
        "intensity": [value if value == value else None for value in result.intensity.values()],
        "interval": result.interval and [list(ends) for ends in result.interval.values()],
        "sides": {label: list(both) for label, both in result.sides.items()}
        if not result.reason
        else None,
        "reason": result.reason or None,
        "flags": measured.flags,
        "measures": {
            name: value
            for name in (*quality.LIMITS, "yaw", "pitch", "roll")
            if (value := getattr(measured, name)) == value
        },
        "score": measured.score,
    }


if __name__ == "__main__":
    main()
