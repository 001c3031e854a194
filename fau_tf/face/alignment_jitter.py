"""Random alignment error for crops of synthetic faces, as detected landmarks have it on photos.

A photo is aligned by detected landmarks, a synthetic face by those of its mesh.
`python -m fau_tf.cli.evaluate alignment` measured the difference of MediaPipe's crop from a
reference, as median ± robust standard deviation; shifts in % of the default crop, scale in %:

| reference | crops | shift x | shift y | rotation | scale |
|---|---|---|---|---|---|
| annotations, dlib's example faces | 43 | -0.06 ± 0.74 | 0.10 ± 0.46 | -0.4° ± 1.4° | 0.1 ± 3.0 |
| annotations, the larger half | 22 | -0.34 ± 0.43 | 0.12 ± 0.40 | 0.2° ± 1.5° | 0.6 ± 2.3 |
| mesh, synthetic, canonical rig | 150 | -0.24 ± 0.40 | 0.08 ± 0.55 | 0.1° ± 0.8° | 4.6 ± 2.4 |
| mesh, synthetic, anny rig | 150 | -0.20 ± 0.53 | 0.35 ± 0.64 | -0.1° ± 0.7° | 2.9 ± 2.4 |
| mesh, synthetic, ICT rig | 150 | -0.22 ± 0.42 | -0.15 ± 0.38 | 0.1° ± 0.6° | 1.5 ± 1.8 |
| MediaPipe, other exposures | 1056 | 0.01 ± 0.19 | -0.01 ± 0.20 | 0.0° ± 0.3° | 0.0 ± 0.7 |

`jitter_view` reproduces the first row, the only one with real faces and an independent reference.
These faces measure 15 to 59 px between the outer eye corners and are annotated in whole px, so the
spread is somewhat too wide; its tails (scale 15 %, rotation 6°) are cut off. The last row is the
repeatability of the detector alone. The medians of y and rotation are small compared with their
spread, and that of x changes sign in the mirrored half of all crops. The median of the scale is
kept: the detector places the inner eye corners nearer the nose and the bridge lower than the mesh,
so the crops of each rig are enlarged by its row.
"""

from typing import Final

import numpy as np

from fau_tf.face.align import Matrix

SIGMA: Final = (0.0074, 0.0046, 1.35, 0.030)
"""Standard deviations: shifts in x and y in fractions of the crop, degrees, log scale."""
SCALE_BIAS: Final = {"canonical": 0.046, "ict": 0.015, "anny": 0.029}
"""Rig -> log scale by which its faces are larger in the detected crop than in the exact one."""
MAX_SIGMA: Final = 2.5
"""Standard deviations at which a draw is clipped."""


def jitter_view(
    view: Matrix,
    size: int,
    rng: np.random.Generator,
    *,
    margin: float = 1.0,
    rig: str = "",
    strength: float = 1.0,
) -> Matrix:
    """Return the (2, 3) crop matrix after a random similarity about the center of the crop.

    Args:
        view: (2, 3) similarity from image px to crop px.
        size: Side of the crop in px.
        rng: Source of four draws.
        margin: Field of view relative to the default crop, of which shifts are fractions.
        rig: Key of SCALE_BIAS; empty for no bias.
        strength: Factor on SIGMA, 0 or more; 0 without a rig returns the view.

    Raises:
        ValueError: If the view is not (2, 3), a number is out of range or the rig is unknown.
    """
    view = np.asarray(view, np.float64)
    if view.shape != (2, 3) or size < 1 or not margin > 0 or not strength >= 0:
        raise ValueError(
            "A view must be (2, 3), size and margin positive and strength 0 or more, got "
            f"{view.shape}, {size}, {margin}, {strength}. Use a view of align.crop_matrix."
        )
    if rig and rig not in SCALE_BIAS:
        raise ValueError(
            f"rig must be one of {sorted(SCALE_BIAS)}, got {rig!r}. Measure it with "
            "`python -m fau_tf.cli.evaluate alignment` and add its row."
        )
    drawn = np.clip(rng.standard_normal(len(SIGMA)), -MAX_SIGMA, MAX_SIGMA) * SIGMA * strength
    x, y, degrees, log_scale = drawn.tolist()
    bias = SCALE_BIAS.get(rig, 0.0)
    return move_view(view, size, (x / margin, y / margin), degrees, log_scale + bias)


def move_view(
    view: Matrix, size: int, shift: tuple[float, float], degrees: float, log_scale: float
) -> Matrix:
    """Return a view rotated and scaled about the center of the crop, then shifted.

    Args:
        view: (2, 3) similarity from image px to crop px.
        size: Side of the crop in px.
        shift: Right and down, in fractions of this crop.
        degrees: Clockwise as the viewer sees it.
        log_scale: Natural logarithm of the scale; above 0 the face grows.
    """
    angle, factor = np.radians(degrees), np.exp(log_scale)
    cosine, sine = factor * np.cos(angle), factor * np.sin(angle)
    turn = np.array(((cosine, -sine), (sine, cosine)))
    middle = np.full(2, (size - 1) / 2)
    offset = turn @ (view[:, 2] - middle) + middle + size * np.array(shift)
    return np.column_stack((turn @ view[:, :2], offset))


def view_difference(exact: Matrix, found: Matrix, size: int) -> tuple[float, float, float, float]:
    """Return the shift right and down, degrees and log scale with which `move_view` makes `found`.

    Args:
        exact: (2, 3) similarity from image px to crop px.
        found: Another one of the same image and crop.
        size: Side of the crop in px.
    """
    turn = found[:, :2] @ np.linalg.inv(exact[:, :2])
    center = np.full(2, (size - 1) / 2)
    x, y = (found[:, 2] - turn @ (exact[:, 2] - center) - center) / size
    degrees = np.degrees(np.arctan2(turn[1, 0], turn[0, 0]))
    return float(x), float(y), float(degrees), float(0.5 * np.log(np.linalg.det(turn)))
