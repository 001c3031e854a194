"""Quality of a found face: whether its AUs are read, warning flags, and a score.

Each measure of a face allows a share between 0 and 1, and the score is the smallest share. A share
below `FLAG_BELOW` raises the measure's flag; at 0 the measure's reason, if it has one, keeps the
AUs from being read. docs/experiments/quality.md has the errors of the AUs behind the limits.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from fau_tf.face.align import ANCHORS, TEMPLATE, Image, Matrix, Points, transform
from fau_tf.face.align_cv2 import fast_crop
from fau_tf.face.head_pose import head_pose
from fau_tf.inference.occlusion import occlusion
from fau_tf.inference.picture_quality import PictureQuality, picture_quality

Heatmaps = npt.NDArray[np.float32]

FLAG_BELOW: Final = 0.9
"""Share below which a measure raises its flag."""
MAX_TURN: Final = 45.0
"""Degrees of yaw or pitch beyond which a face is not read.

Training saw 20 degrees of yaw; of rendered faces the landmarker finds all up to 55, half at 60.
Roll has no limit: the aligned crop undoes it.
"""

_OUTER_EYE_CORNERS: Final = [36, 45]
_TEMPLATE_EYES: Final = float(TEMPLATE[3, 0] - TEMPLATE[0, 0])
_FACE_SIZE: Final = 128  # px of the crop that the picture is measured on, at most
_ACTIVE: Final = 0.5  # maximum from which a heatmap has a shape


@dataclass(frozen=True)
class Limits:
    """What one measure allows.

    Attributes:
        none: Value from which the share is 0.
        full: Value from which it is 1; linear between.
        flag: Warning if the share is below `FLAG_BELOW`.
        reason: Why the AUs are not read if the share is 0; empty if they are read all the same.
    """

    none: float
    full: float
    flag: str
    reason: str = ""

    def share(self, value: float) -> float:
        """Return the share, 0 to 1; 1 if the value is NaN, which was not measured."""
        if math.isnan(value):
            return 1.0
        return min(max((value - self.none) / (self.full - self.none), 0.0), 1.0)


TURNED: Final = f"turned more than {MAX_TURN:g} degrees"
BLURRED: Final = "too blurred"
SMALL_FACE, SOFT, HALF_TURNED = "small face", "soft", "turned"
EYES_COVERED, MOUTH_COVERED = "eyes covered", "mouth covered"

LIMITS: Final = {
    "turn": Limits(MAX_TURN, 25.0, HALF_TURNED, TURNED),
    "nod": Limits(MAX_TURN, 18.0, HALF_TURNED, TURNED),
    "face": Limits(-0.1, 0.80, "unlike a face"),
    "presence_logit": Limits(3.0, 11.0, "unclear face", "hardly a face"),
    "sharpness": Limits(0.10, 0.25, SOFT, BLURRED),
    "noise": Limits(0.75, 0.30, "noisy", "too noisy"),
    "brightness": Limits(12.0, 62.0, "dark", "too dark"),
    "contrast": Limits(3.0, 11.0, "low contrast", "too little contrast"),
    "clipped": Limits(0.95, 0.45, "overexposed", "too overexposed"),
    "eye_distance_px": Limits(8.0, 34.0, SMALL_FACE, "too small"),
    "eyes_covered": Limits(0.9, 0.25, EYES_COVERED),
    "mouth_covered": Limits(0.8, 0.20, MOUTH_COVERED),
    "color": Limits(-0.09, 0.03, "no color"),
    "alignment": Limits(0.16, 0.08, "landmarks fit badly"),
    "peakedness": Limits(0.35, 0.70, "scattered heatmaps"),
}
"""Measure -> limits. The first reason is the one that is given."""


@dataclass(frozen=True)
class Quality:
    """Measures of one face, and the reason, flags and score that follow; NaN is not measured.

    Attributes:
        eye_distance_px: Between the outer eye corners, px.
        alignment: Residual of the similarity fit on the anchors, rms, per outer eye distance.
        sharpness: 0 to 1, see `picture_quality.sharpness`.
        peakedness: 0 to 1, see `peakedness`; NaN if no AU is active or the face was not read.
        yaw: Degrees, positive if the nose points to the image's right.
        pitch: Degrees, positive if the nose points down.
        roll: Degrees, positive counter-clockwise.
        presence_logit: Logit of the landmark network's probability of a face.
        noise: Standard deviation of the noise, in those of the face's gray levels.
        brightness: 90th percentile of the face's gray levels.
        contrast: Standard deviation of the face's gray levels.
        clipped: Share of the face in which a color is at its end.
        color: Mean difference between the largest and the smallest color, by the mean gray level.
        eyes_covered: Hidden share of the eye that is hidden more.
        mouth_covered: Hidden share of mouth and chin, see `Occlusion.mouth`.
        face: Probability of an upright face, hidden or not, see `occlusion`.
    """

    eye_distance_px: float
    alignment: float
    sharpness: float
    peakedness: float
    yaw: float
    pitch: float
    roll: float
    presence_logit: float = float("nan")
    noise: float = float("nan")
    brightness: float = float("nan")
    contrast: float = float("nan")
    clipped: float = float("nan")
    color: float = float("nan")
    eyes_covered: float = float("nan")
    mouth_covered: float = float("nan")
    face: float = float("nan")

    @property
    def turn(self) -> float:
        """Of the head to a side, degrees."""
        return abs(self.yaw)

    @property
    def nod(self) -> float:
        """Of the head up or down, degrees."""
        return abs(self.pitch)

    @cached_property
    def shares(self) -> dict[str, float]:
        """Measure -> the share that it allows, 0 to 1."""
        return {name: limits.share(getattr(self, name)) for name, limits in LIMITS.items()}

    @property
    def reason(self) -> str:
        """Why the AUs must not be read; else empty."""
        shares = self.shares
        return next(
            (row.reason for name, row in LIMITS.items() if not shares[name] and row.reason), ""
        )

    @property
    def flags(self) -> tuple[str, ...]:
        """Warnings, those of the smallest shares first."""
        low = sorted((share, name) for name, share in self.shares.items() if share < FLAG_BELOW)
        return tuple(dict.fromkeys(LIMITS[name].flag for _, name in low))

    @property
    def score(self) -> float:
        """0 to 1, the smallest share that a measure allows; 0 if the face was not read.

        It ranks faces and is no probability: no labels calibrate one.
        """
        return min(self.shares.values())


def measure(
    image: Image,
    mesh: Points,
    landmarks: Points,
    matrix: Matrix,
    crop: Image,
    presence: float = float("nan"),
) -> Quality:
    """Return the quality of a face before its AUs are read, with `peakedness` NaN.

    Args:
        image: (H, W, 3) RGB uint8.
        mesh: (478, 2) mesh points, px.
        landmarks: (68, 2) iBUG landmarks, px.
        matrix: (2, 3) image px -> crop px.
        crop: (S, S, 3) RGB uint8, the image by that matrix.
        presence: Probability of a face by the landmark network, 0 to 1; NaN if unknown.
    """
    right, left = landmarks[_OUTER_EYE_CORNERS]
    eyes = float(np.hypot(*(left - right)))
    anchors = (transform(matrix, landmarks[list(ANCHORS)]) + 0.5) / len(crop)
    misfit = float(np.sqrt(np.mean(np.sum((anchors - TEMPLATE) ** 2, axis=-1))))
    yaw, pitch, roll = head_pose(mesh)
    picture = _picture_quality(image, matrix, crop, eyes)
    seen = occlusion(crop)
    return Quality(
        eye_distance_px=eyes,
        alignment=misfit / _TEMPLATE_EYES,
        sharpness=picture.sharpness,
        peakedness=float("nan"),
        yaw=yaw,
        pitch=pitch,
        roll=roll,
        presence_logit=_logit(presence),
        noise=picture.noise,
        brightness=picture.brightness,
        contrast=picture.contrast,
        clipped=picture.clipped,
        color=picture.color,
        eyes_covered=seen.eyes,
        mouth_covered=seen.mouth,
        face=seen.face,
    )


def peakedness(heatmaps: Heatmaps) -> float:
    """Return how much of the heatmaps lies around their peaks, 0 to 1; NaN if none is active.

    The share of a map's sum within an eighth of its side from its maximum, over maps of 0.5 or
    more, weighted by their maxima. The Gaussian of the training targets (sigma 1.5 of 32 cells)
    has 0.97.

    Args:
        heatmaps: (h, w, K) in 0 to 5.
    """
    side = heatmaps.shape[0]
    flat = heatmaps.reshape(-1, heatmaps.shape[-1])
    top = flat.max(axis=0)
    active = np.flatnonzero(top >= _ACTIVE)
    if not active.size:
        return float("nan")
    peaks = np.stack(np.divmod(flat[:, active].argmax(axis=0), heatmaps.shape[1]))  # (2, active)
    cells = np.indices(heatmaps.shape[:2])[..., None]  # (2, h, w, 1)
    near = ((cells - peaks[:, None, None]) ** 2).sum(axis=0) <= (side / 8) ** 2
    maps = heatmaps[..., active]
    share = (maps * near).sum(axis=(0, 1)) / maps.sum(axis=(0, 1))
    return float(np.average(share, weights=top[active]))


def _picture_quality(image: Image, matrix: Matrix, crop: Image, eyes: float) -> PictureQuality:
    # A small face is measured at its own size: enlarging would make it look blurred.
    size = int(np.clip(eyes / _TEMPLATE_EYES, 16, _FACE_SIZE))
    if size != len(crop):
        scale = size / len(crop)
        # Pixel centers are on integers: the corner of the crop is at -0.5.
        matrix = np.column_stack((matrix[:, :2] * scale, (matrix[:, 2] + 0.5) * scale - 0.5))
        crop = fast_crop(image, matrix, size)
    # From brows to chin, without the background.
    return picture_quality(crop[size // 5 : size - size // 10, size // 5 : size - size // 5])


def _logit(probability: float) -> float:
    """Return the logit, at most 30: beyond, a float64 probability near 1 has no digits left."""
    if math.isnan(probability):
        return float("nan")
    inside = min(max(probability, 1e-13), 1 - 1e-13)
    return math.log(inside / (1 - inside))
