"""Print what Python reads in pictures, as JSON: python_faces.py VARIANT PICTURE...

By the definitions of the crops, which other implementations follow, instead of OpenCV.
"""

import json
import sys
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from fau_tf.face import align, detector, mesh, regions, upright  # noqa: E402
from fau_tf.inference import estimator, quality  # noqa: E402
from fau_tf.inference.tracking import FaceTracker  # noqa: E402
from fau_tf.io.images import read_image  # noqa: E402

FRAMES = 3
"""Of the picture as a video; from the second on, the faces are followed."""


def main() -> None:
    """Write picture -> faces to standard output."""
    variant, *pictures = sys.argv[1:]
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
        for name in pictures:
            image = read_image(ROOT / name)
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
        "peaks": result.heatmaps.max(axis=(0, 1)).tolist() if not result.reason else None,
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
