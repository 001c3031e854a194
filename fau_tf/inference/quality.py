"""How far to trust what was read from a face, and when not to read it at all."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf.face.align import ANCHORS, TEMPLATE, Image, Matrix, Points, crop_matrix, transform
from fau_tf.face.align_cv2 import fast_crop
from fau_tf.face.head_pose import head_pose
from fau_tf.utils import optional_imports

Heatmaps = npt.NDArray[np.float32]

TURNED: Final = "turned more than 45 degrees"
BLURRED: Final = "blurred beyond reading"
"""Reasons why a face that was found is not read."""

SMALL_FACE, SOFT, HALF_TURNED = "small face", "soft", "turned"
"""Flags on values that stay."""

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

Ten rendered faces and the sample photo, blurred by a Gaussian of a share of the outer eye
distance; the change is the mean over AUs against the sharp picture:

| blur | sharpness, change: rendered | photo |
|---|---|---|
| 0 | 0.67, 0 | 0.58, 0 |
| 0.02 | 0.52, 0.12 | 0.43, 0.20 |
| 0.03 | 0.44, 0.21 | 0.35, 0.29 |
| 0.04 | 0.38, 0.33 | 0.30, 0.40 |
| 0.06 | 0.30, 0.56 | 0.25, 0.73 |

The error of the model that read them was 0.28 on test people: soft is where blur adds as much,
unreadable where it adds about 1.5 to twice that. From 0.1 on MediaPipe loses the faces.
"""

_OUTER_EYE_CORNERS: Final = [36, 45]
_TEMPLATE_EYES: Final = float(TEMPLATE[3, 0] - TEMPLATE[0, 0])
_WIDEST: Final = 128  # px of the crop that sharpness is measured on; the widths above hold for it
_REBLUR: Final = 9  # px
_ACTIVE: Final = 0.5  # maximum from which a heatmap has a shape to speak of

# Measure: where confidence is 0 and where it is 1; linear between, and the least of them counts.
# Of 24 rendered faces, alignment is at most 0.08 for 95 % (at 30 degrees of yaw 0.13, at 38 0.14),
# peakedness at least 0.73 for 95 % (0.35 with the mouth covered).
_CONFIDENCE: Final = {
    "eye_distance_px": (8.0, MIN_EYE_DISTANCE),
    "sharpness": (MIN_SHARPNESS, 0.50),
    "turn": (MAX_TURN, 20.0),
    "alignment": (0.16, 0.08),
    "peakedness": (0.35, 0.70),
}


@dataclass(frozen=True)
class Quality:
    """Measures of one face.

    Attributes:
        eye_distance_px: Between the outer eye corners, px.
        alignment: Residual of the similarity fit on the anchors, rms, per outer eye distance.
        sharpness: 0 to 1, see `sharpness`.
        peakedness: 0 to 1, see `peakedness`; NaN where no AU acts or the face was not read.
        yaw: Degrees, positive where the nose points to the image's right.
        pitch: Degrees, positive where the nose points down.
        roll: Degrees, positive counter-clockwise.
        flags: Warnings: `small face`, `soft`, `turned`.
        confidence: 0 to 1, the least of what the measures allow; 0 where the face was not read. A
            rank, not a probability: there are no labels here to calibrate one.
    """

    eye_distance_px: float
    alignment: float
    sharpness: float
    peakedness: float
    yaw: float
    pitch: float
    roll: float
    flags: tuple[str, ...] = ()
    confidence: float = 0.0


@dataclass(frozen=True)
class Look:
    """What can be said of a face before its AUs are read; attributes as in `Quality`."""

    eye_distance_px: float
    alignment: float
    sharpness: float
    yaw: float
    pitch: float
    roll: float

    @property
    def turn(self) -> float:
        """The larger of yaw and pitch, degrees."""
        return max(abs(self.yaw), abs(self.pitch))

    @property
    def reason(self) -> str:
        """Why the face must not be read; else empty."""
        if self.turn > MAX_TURN:
            return TURNED
        return BLURRED if self.sharpness < MIN_SHARPNESS else ""


def look(image: Image, mesh: Points, landmarks: Points) -> Look:
    """Measure a face.

    Args:
        image: (H, W, 3) RGB uint8.
        mesh: (478, 2) mesh points, px.
        landmarks: (68, 2) iBUG landmarks, px.
    """
    right, left = landmarks[_OUTER_EYE_CORNERS]
    eyes = float(np.hypot(*(left - right)))
    yaw, pitch, roll = head_pose(mesh)
    fit = crop_matrix(landmarks, _WIDEST)
    sharp = _face_sharpness(image, fit, eyes)
    return Look(eyes, _misfit(landmarks, fit), sharp, yaw, pitch, roll)


def judge(seen: Look, heatmaps: Heatmaps | None) -> Quality:
    """Return the quality of a face; without heatmaps (h, w, K) its confidence is 0."""
    peaked = float("nan") if heatmaps is None else peakedness(heatmaps)
    shares = [
        _share(value, *_CONFIDENCE[name])
        for name, value in (vars(seen) | {"turn": seen.turn, "peakedness": peaked}).items()
        if name in _CONFIDENCE and not np.isnan(value)
    ]
    flags = (
        (SMALL_FACE, seen.eye_distance_px < MIN_EYE_DISTANCE),
        (SOFT, seen.sharpness < SOFT_BELOW),
        (HALF_TURNED, seen.turn > MAX_TURN / 2),
    )
    return Quality(
        **vars(seen),
        peakedness=peaked,
        flags=tuple(name for name, raised in flags if raised),
        confidence=0.0 if heatmaps is None else min(shares),
    )


def sharpness(gray: npt.NDArray[np.uint8]) -> float:
    """Return the share of a picture's variation that blurring it once more takes away, 0 to 1.

    The complement of the blur measure of Crete, Dolmiere, Ladret and Nicolas (The blur effect, SPIE
    2007): 9 px mean filter, the less sharp of both directions. Brightness and contrast cancel; a
    picture without variation has 0.

    Args:
        gray: (H, W) uint8.
    """
    cv2 = optional_imports.cv2()
    values = gray.astype(np.float32)
    lost = []
    for axis, kernel in ((0, (1, _REBLUR)), (1, (_REBLUR, 1))):
        again = cv2.blur(values, kernel)
        before = np.abs(np.diff(values, axis=axis))
        after = np.abs(np.diff(again, axis=axis))
        total = float(before.sum())
        lost.append(float(np.maximum(before - after, 0).sum()) / total if total else 0.0)
    return min(lost)


def peakedness(heatmaps: Heatmaps) -> float:
    """Return how much of the heatmaps lies around their peaks, 0 to 1; NaN where all are dark.

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


def _misfit(landmarks: Points, fit: Matrix) -> float:
    anchors = (transform(fit, landmarks[list(ANCHORS)]) + 0.5) / _WIDEST
    rms = float(np.sqrt(np.mean(np.sum((anchors - TEMPLATE) ** 2, axis=-1))))
    return rms / _TEMPLATE_EYES


def _face_sharpness(image: Image, fit: Matrix, eyes: float) -> float:
    # Never enlarged: a small face is flagged as small, not as blurred.
    size = int(np.clip(eyes / _TEMPLATE_EYES, 16, _WIDEST))
    # Pixel centers are on integers: a crop px of the fit is `shrink` px of this one.
    shrink = size / _WIDEST
    matrix = np.column_stack((fit[:, :2] * shrink, (fit[:, 2] + 0.5) * shrink - 0.5))
    cut = fast_crop(image, matrix, size)
    gray: Any = optional_imports.cv2().cvtColor(cut, optional_imports.cv2().COLOR_RGB2GRAY)
    # From brows to chin, without the background.
    return sharpness(gray[size // 5 : size - size // 10, size // 5 : size - size // 5])


def _share(value: float, none: float, full: float) -> float:
    return float(np.clip((value - none) / (full - none), 0.0, 1.0))
