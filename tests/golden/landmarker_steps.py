"""Every array between a picture and the mesh of its face, as the golden vectors have them."""

from pathlib import Path

import numpy as np

from fau_tf.face import detector, mesh
from fau_tf.face.align import transform
from fau_tf.face.blendshapes import Blendshapes
from fau_tf.face.bundle import DETECTOR, Network, read_bundle
from fau_tf.face.detector import Detection, decode, merge
from fau_tf.face.landmarker import DETECTION_CONFIDENCE
from fau_tf.face.mesh import LandmarkNetwork
from fau_tf.face.regions import cut, letterbox, next_region
from fau_tf.io.images import read_image

ROOT = Path(__file__).parents[2]
FILE = Path(__file__).with_name("landmarker.json")
PICTURES = (
    "docs/sample/astronaut.png",
    "android_demo_assets/golden/rotated.png",
    "android_demo_assets/golden/off_left_top.png",
)
ROWS = (0, 0.25, 0.5, 0.75)
"""Rows of a crop that are kept, in parts of its side."""
KEPT_SCORE = 0.3
"""Of an anchor; half of the detection threshold, so that a wrong threshold shows."""

# Step -> largest difference, with its unit and reason.
TOLERANCES = {
    "detector_input": (
        1,
        "gray levels: rounded half up, where the last digit of a sum may decide",
    ),
    "anchors": (0, "indices of the anchors with a score of 0.3 or more"),
    "scores": (0.002, "of 1: float32 sums in another order, and single gray levels of the input"),
    "boxes": (0.05, "px of the detector's 128 px"),
    "low": (0.1, "px of the picture"),
    "high": (0.1, "px of the picture"),
    "keypoints": (0.1, "px of the picture"),
    "region": (0.1, "px, and radians: half a pixel at the border of the crop"),
    "landmark_input": (1, "gray levels"),
    "presence": (0.001, "of 1"),
    "mesh": (0.05, "px of the picture: float32 sums in another order"),
    "next_region": (1e-9, "px, and radians: of the stored mesh, so only rounding"),
    "blendshapes": (0.005, "of 1"),
}


def steps(picture: str) -> dict:
    """Return step -> array, each computed from those before it."""
    image = read_image(ROOT / picture)
    bundle = read_bundle()
    square = letterbox(*image.shape[:2])
    small = cut(image, square, detector.SIDE, "zero")
    outputs = Network(bundle, DETECTOR)(detector.network_input(small))
    scores, points = decode(outputs["classificators"][0], outputs["regressors"][0])
    anchors = np.flatnonzero(scores >= KEPT_SCORE)
    chosen = scores >= DETECTION_CONFIDENCE
    score, face = merge(scores[chosen], points[chosen])[0]
    low, high, *keypoints = transform(square.matrix(detector.SIDE), face)
    region = Detection(score, low, high, np.stack(keypoints)).region
    return {
        "detector_input": kept_rows(small),
        "anchors": anchors,
        "scores": scores[anchors],
        "boxes": points[anchors],
        "low": low,
        "high": high,
        "keypoints": np.stack(keypoints),
        "region": numbers(region),
        **in_region(image, region, bundle),
    }


def in_region(image, region, bundle) -> dict:
    """Return the steps after the region."""
    crop = cut(image, region, mesh.SIDE, "replicate")
    found = LandmarkNetwork(bundle).read(crop, region)
    points = found.mesh.round(3)
    return {
        "landmark_input": kept_rows(crop),
        "presence": np.array(found.presence),
        "mesh": points,
        "next_region": numbers(next_region(points)),
        "blendshapes": Blendshapes()(points),
    }


def kept_rows(crop):
    """Return the rows of `ROWS`, (4, side, 3)."""
    return crop[[int(row * len(crop)) for row in ROWS]]


def numbers(region):
    """Return x, y, size and angle."""
    return np.array((region.x, region.y, region.size, region.angle))
