"""The face detector of the bundle: a box, six key points and a score for each face.

Input: the image in a 128 px square, centered, zeros around it (`regions.letterbox`), v / 127.5 - 1.
Outputs: for each of 896 anchors a logit, and 16 numbers in px of that square: box center and key
points relative to the anchor, box width and height. Anchors are the centers of the cells of a 16 x
16 grid, two each, then of an 8 x 8 grid, six each, row by row.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf.face import bundle
from fau_tf.face.align import Image, transform
from fau_tf.face.regions import Region, fast_cut, letterbox, region_of_box

SIDE: Final = 128
GRIDS: Final = ((16, 2), (8, 6))
"""Cells of a row, and anchors of a cell."""
MAX_LOGIT: Final = 100.0
"""Logits are clipped to it, so that the exponential stays finite."""
SAME_FACE: Final = 0.3
"""Intersection over union above which two boxes are of one face."""

Points = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Detection:
    """A detected face; points are (x, y) px of the image.

    Attributes:
        score: 0 to 1.
        low: (2,) upper left corner of the box.
        high: (2,) lower right corner.
        keypoints: (6, 2) the person's right eye, left eye, tip of the nose, mouth, right and left
            ear tragion.
    """

    score: float
    low: Points
    high: Points
    keypoints: Points

    @property
    def region(self) -> Region:
        """What the landmark network has to see."""
        return region_of_box(self.low, self.high, self.keypoints[:2])

    def moved(self, by: tuple[float, float]) -> "Detection":
        """Return the face in an image whose px (0, 0) was here (-x, -y)."""
        return Detection(self.score, self.low + by, self.high + by, self.keypoints + by)


class FaceDetector:
    """Finds the faces of an image that are wider than about an eighth of it."""

    def __init__(self, content: bytes) -> None:
        """Load the network.

        Args:
            content: Of the bundle.
        """
        self._network = bundle.Network(content, bundle.DETECTOR)

    def __call__(
        self, image: Image, min_score: float, doubtful: float | None = None
    ) -> list[Detection]:
        """Return the faces of an image, best score first.

        Args:
            image: (H, W, 3) RGB uint8.
            min_score: Anchors below it are left out.
            doubtful: Smaller score of anchors that count where there is no face with `min_score`.
        """
        square = letterbox(*image.shape[:2])
        outputs = self._network(network_input(fast_cut(image, square, SIDE, "zero")))
        scores, points = decode(outputs["classificators"][0], outputs["regressors"][0])
        chosen = scores >= min_score
        faces = merge(scores[chosen], points[chosen])
        if doubtful is not None:
            rest = (scores >= doubtful) & ~chosen
            for _, face in faces:
                rest &= overlap(face, points) <= SAME_FACE
            faces += merge(scores[rest], points[rest])
        found = []
        for score, face in faces:
            low, high, *keypoints = transform(square.matrix(SIDE), face)
            found.append(Detection(score, low, high, np.stack(keypoints)))
        return found


def network_input(crop: Image) -> npt.NDArray[np.float32]:
    """Return the (1, 128, 128, 3) float32 input of the network, -1 to 1."""
    return crop[None].astype(np.float32) / np.float32(127.5) - np.float32(1)


@cache
def anchors() -> Points:
    """Return the (896, 2) anchors in px of the network's input; not to be written to."""
    grids = []
    for cells, count in GRIDS:
        centers = (np.arange(cells) + 0.5) * (SIDE / cells)
        x, y = np.meshgrid(centers, centers)
        grids.append(np.repeat(np.stack((x.ravel(), y.ravel()), axis=-1), count, axis=0))
    found = np.concatenate(grids)
    found.setflags(write=False)
    return found


def decode(
    logits: npt.NDArray[np.floating[Any]], regressors: npt.NDArray[np.floating[Any]]
) -> tuple[Points, Points]:
    """Return (896,) scores and (896, 8, 2) points: corners of the box, six key points.

    Args:
        logits: (896, 1).
        regressors: (896, 16) px of the network's input, in which the points are too.
    """
    scores = 1 / (1 + np.exp(-logits[:, 0].astype(np.float64).clip(-MAX_LOGIT, MAX_LOGIT)))
    raw = regressors.astype(np.float64).reshape(-1, 8, 2)
    points = raw + anchors()[:, None]
    half = raw[:, 1] / 2
    points[:, 0], points[:, 1] = points[:, 0] - half, points[:, 0] + half
    return scores, points


def merge(scores: Points, points: Points) -> list[tuple[float, Points]]:
    """Return score and (8, 2) points of each face, best score first: weighted NMS.

    Again and again, the best box left takes those that overlap it by more than `SAME_FACE`; the
    face has its score, and the means of their points, weighted by their scores.

    Args:
        scores: (N,) more than 0.
        points: (N, 8, 2) from `decode`.
    """
    faces = []
    left = np.argsort(-scores, kind="stable")
    while left.size:
        best = left[0]
        same = overlap(points[best], points[left]) > SAME_FACE
        same[0] = True  # also a box without an area
        group = left[same]
        mean = np.average(points[group], axis=0, weights=scores[group])
        faces.append((float(scores[best]), mean))
        left = left[~same]
    return faces


def overlap(box: Points, others: Points) -> npt.NDArray[np.float64]:
    """Return the (N,) intersections over union of a box with others; 0 without an area.

    Args:
        box: (2 or more, 2): corners first.
        others: (N, 2 or more, 2).
    """
    low, high = np.maximum(box[0], others[:, 0]), np.minimum(box[1], others[:, 1])
    shared = (high - low).clip(0).prod(axis=-1)
    areas = (others[:, 1] - others[:, 0]).clip(0).prod(axis=-1)
    union = (box[1] - box[0]).clip(0).prod() + areas - shared
    share: npt.NDArray[np.float64] = np.divide(
        shared, union, out=np.zeros_like(shared), where=union > 0
    )
    return share
