"""Quality of a found face: whether its AUs are read, warning flags, and a score."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf.face.align import ANCHORS, TEMPLATE, Image, Matrix, Points, transform
from fau_tf.face.align_cv2 import fast_crop
from fau_tf.face.head_pose import head_pose
from fau_tf.utils import optional_imports

Heatmaps = npt.NDArray[np.float32]

TURNED: Final = "turned more than 45 degrees"
BLURRED: Final = "too blurred"
"""Reasons why the AUs of a face are not read."""

SMALL_FACE, SOFT, HALF_TURNED = "small face", "soft", "turned"
"""Flags of a face whose AUs are read all the same."""

MAX_TURN: Final = 45.0
"""Degrees of yaw or pitch beyond which a face is not read.

Training saw 20 degrees of yaw; of rendered faces MediaPipe finds all up to 55, half at 60. Roll
has no limit: the aligned crop undoes it.
"""

MIN_EYE_DISTANCE: Final = 48.0
"""px between the outer eye corners below which a face is flagged.

The model's crop has 50. Shrunk from 131 px to 65, intensities change by 0.03 on average over ten
rendered faces, to 33 px by 0.05, to 20 by 0.19, to 13 by 0.39.
"""

MIN_SHARPNESS: Final = 0.30
SOFT_BELOW: Final = 0.42
"""Sharpness below which a face is not read, and below which it is flagged.

Ten rendered faces and the sample photo, blurred by a Gaussian whose sigma is a share of the outer
eye distance; the change is the mean over AUs against the sharp picture:

| blur | sharpness, change: rendered | photo |
|---|---|---|
| 0 | 0.67, 0 | 0.58, 0 |
| 0.02 | 0.52, 0.12 | 0.43, 0.20 |
| 0.03 | 0.44, 0.21 | 0.35, 0.29 |
| 0.04 | 0.38, 0.33 | 0.30, 0.40 |
| 0.06 | 0.30, 0.56 | 0.25, 0.73 |

The model that was measured had an error of 0.28 on test subjects: `soft` is where blur adds as
much, `too blurred` where it adds 1.5 to 2 times that. From 0.1 on MediaPipe loses the faces.
"""

_OUTER_EYE_CORNERS: Final = [36, 45]
_TEMPLATE_EYES: Final = float(TEMPLATE[3, 0] - TEMPLATE[0, 0])
_SHARPNESS_SIZE: Final = 128  # px of the crop that sharpness is measured on, at most
_REBLUR: Final = 9  # px
_ACTIVE: Final = 0.5  # maximum from which a heatmap has a shape

# Measure: where its share is 0 and where it is 1, linear between; the score is the smallest share.
# Of 24 rendered faces, alignment is at most 0.08 for 95 % (at 30 degrees of yaw 0.13, at 38 0.14),
# peakedness at least 0.73 for 95 % (0.35 with the mouth covered).
_SHARES: Final = {
    "eye_distance_px": (8.0, MIN_EYE_DISTANCE),
    "sharpness": (MIN_SHARPNESS, 0.50),
    "turn": (MAX_TURN, 20.0),
    "alignment": (0.16, 0.08),
    "peakedness": (0.35, 0.70),
}


@dataclass(frozen=True)
class Quality:
    """Measures of one face, and the reason, flags and score that follow from them.

    Attributes:
        eye_distance_px: Between the outer eye corners, px.
        alignment: Residual of the similarity fit on the anchors, rms, per outer eye distance.
        sharpness: 0 to 1, see `sharpness`.
        peakedness: 0 to 1, see `peakedness`; NaN if no AU is active or the face was not read.
        yaw: Degrees, positive if the nose points to the image's right.
        pitch: Degrees, positive if the nose points down.
        roll: Degrees, positive counter-clockwise.
    """

    eye_distance_px: float
    alignment: float
    sharpness: float
    peakedness: float
    yaw: float
    pitch: float
    roll: float

    @property
    def turn(self) -> float:
        """The larger of yaw and pitch, degrees."""
        return max(abs(self.yaw), abs(self.pitch))

    @property
    def reason(self) -> str:
        """Why the AUs must not be read; else empty."""
        if self.turn > MAX_TURN:
            return TURNED
        return BLURRED if self.sharpness < MIN_SHARPNESS else ""

    @property
    def flags(self) -> tuple[str, ...]:
        """Warnings: `small face`, `soft`, `turned`."""
        raised = {
            SMALL_FACE: self.eye_distance_px < MIN_EYE_DISTANCE,
            SOFT: self.sharpness < SOFT_BELOW,
            HALF_TURNED: self.turn > MAX_TURN / 2,
        }
        return tuple(flag for flag, here in raised.items() if here)

    @property
    def score(self) -> float:
        """0 to 1, the smallest share that a measure allows; 0 if the face was not read.

        It ranks faces and is no probability: no labels calibrate one.
        """
        if self.reason:
            return 0.0
        values = {name: getattr(self, name) for name in _SHARES}
        return min(_share(v, *_SHARES[n]) for n, v in values.items() if not np.isnan(v))


def measure(image: Image, mesh: Points, landmarks: Points, matrix: Matrix, crop: Image) -> Quality:
    """Return the quality of a face before its AUs are read, with `peakedness` NaN.

    Args:
        image: (H, W, 3) RGB uint8.
        mesh: (478, 2) mesh points, px.
        landmarks: (68, 2) iBUG landmarks, px.
        matrix: (2, 3) image px -> crop px.
        crop: (S, S, 3) RGB uint8, the image by that matrix.
    """
    right, left = landmarks[_OUTER_EYE_CORNERS]
    eyes = float(np.hypot(*(left - right)))
    anchors = (transform(matrix, landmarks[list(ANCHORS)]) + 0.5) / len(crop)
    misfit = float(np.sqrt(np.mean(np.sum((anchors - TEMPLATE) ** 2, axis=-1))))
    yaw, pitch, roll = head_pose(mesh)
    return Quality(
        eye_distance_px=eyes,
        alignment=misfit / _TEMPLATE_EYES,
        sharpness=_face_sharpness(image, matrix, crop, eyes),
        peakedness=float("nan"),
        yaw=yaw,
        pitch=pitch,
        roll=roll,
    )


def sharpness(gray: npt.NDArray[np.uint8]) -> float:
    """Return the share of a picture's variation that another blur removes, 0 to 1.

    The complement of the blur measure of Crete, Dolmiere, Ladret and Nicolas (The blur effect, SPIE
    2007): 9 px mean filter, the less sharp of both directions. Brightness and contrast cancel; a
    picture without variation has 0.

    Args:
        gray: (H, W) uint8.
    """
    cv2 = optional_imports.cv2()
    values = gray.astype(np.float32)
    removed = []
    for axis, kernel in ((0, (1, _REBLUR)), (1, (_REBLUR, 1))):
        before = np.abs(np.diff(values, axis=axis))
        after = np.abs(np.diff(cv2.blur(values, kernel), axis=axis))
        total = float(before.sum())
        removed.append(float(np.maximum(before - after, 0).sum()) / total if total else 0.0)
    return min(removed)


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


def _face_sharpness(image: Image, matrix: Matrix, crop: Image, eyes: float) -> float:
    # A small face is measured at its own size: enlarging would make it look blurred.
    size = int(np.clip(eyes / _TEMPLATE_EYES, 16, _SHARPNESS_SIZE))
    if size != len(crop):
        scale = size / len(crop)
        # Pixel centers are on integers: the corner of the crop is at -0.5.
        matrix = np.column_stack((matrix[:, :2] * scale, (matrix[:, 2] + 0.5) * scale - 0.5))
        crop = fast_crop(image, matrix, size)
    cv2: Any = optional_imports.cv2()
    gray = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    # From brows to chin, without the background.
    return sharpness(gray[size // 5 : size - size // 10, size // 5 : size - size // 5])


def _share(value: float, none: float, full: float) -> float:
    return float(np.clip((value - none) / (full - none), 0.0, 1.0))
