"""How the aligned crop of a real photo misses the exact one, for crops that are rendered.

A photo is aligned by landmarks that were found, a rendered face by those that the mesh gives.
`python -m fau_tf.evaluation.alignment_jitter` measured, as median ± robust standard deviation,
MediaPipe's crop beside another one; shifts and scale in per cent, shifts of the plain crop:

| beside the crop of | crops | shift x | shift y | rotation | scale |
|---|---|---|---|---|---|
| marks, dlib's 43 example faces | 43 | -0.06 ± 0.74 | 0.10 ± 0.46 | -0.4° ± 1.4° | 0.1 ± 3.0 |
| marks, the larger half of these | 22 | -0.34 ± 0.43 | 0.12 ± 0.40 | 0.2° ± 1.5° | 0.6 ± 2.3 |
| the mesh, rendered, canonical rig | 150 | -0.24 ± 0.40 | 0.08 ± 0.55 | 0.1° ± 0.8° | 4.6 ± 2.4 |
| the mesh, rendered, ICT rig | 150 | -0.22 ± 0.42 | -0.15 ± 0.38 | 0.1° ± 0.6° | 1.5 ± 1.8 |
| itself, other exposures of photos | 1056 | 0.01 ± 0.19 | -0.01 ± 0.20 | 0.0° ± 0.3° | 0.0 ± 0.7 |

`jittered` reproduces the first row, the only one of real faces beside a second opinion: faces of
15 to 59 px between the outer eye corners, marked in whole px, so it is rather too wide. The tails
beyond it (scale 15 %, rotation 6°) are cut off. The last row is only what a second look changes.
The means of y and rotation are small beside their spread; that of x turns round in the mirrored
half of all crops. The scale's is neither: the detector puts the inner eye corners nearer the nose
and the bridge lower than the mesh has them, so each rig's crops are enlarged by its row.
"""

from typing import Final

import numpy as np

from fau_tf.face.align import Matrix

SPREAD: Final = (0.0074, 0.0046, 1.35, 0.030)
"""Standard deviations: shift in x and y in parts of the crop, rotation in degrees, log scale."""
LARGER: Final = {"canonical": 0.046, "ict": 0.015}
"""Log scale by which the found crop shows a rig's faces larger than the exact one."""
LIMIT: Final = 2.5
"""Standard deviations at which a draw is cut: a worse crop is no crop of that face."""


def jittered(
    view: Matrix,
    size: int,
    rng: np.random.Generator,
    *,
    margin: float = 1.0,
    rig: str = "",
    strength: float = 1.0,
) -> Matrix:
    """Return the crop matrix (2, 3) after a random similarity about the crop's middle.

    Args:
        view: (2, 3) similarity from px of a photo to px of the crop.
        size: Side of the crop in px.
        rng: Four numbers are drawn from it.
        margin: Field of view of the crop relative to the plain one, in whose parts shifts come.
        rig: A row of LARGER; without it the view is the middle of the draws.
        strength: Factor on SPREAD, 0 or more; 0 and no rig give the view back.

    Raises:
        ValueError: If the view is not (2, 3), a number is out of range or the rig unknown.
    """
    view = np.asarray(view, np.float64)
    if view.shape != (2, 3) or size < 1 or not margin > 0 or not strength >= 0:
        raise ValueError(
            "A view must be (2, 3), size and margin positive, strength not negative. Received: "
            f"{view.shape}, {size}, {margin}, {strength}. Use a view of align.crop_matrix."
        )
    if rig and rig not in LARGER:
        raise ValueError(
            f"rig must be one of {sorted(LARGER)}. Received: {rig}. Measure it with "
            "`python -m fau_tf.evaluation.alignment_jitter` and add its row."
        )
    drawn = np.clip(rng.standard_normal(len(SPREAD)), -LIMIT, LIMIT) * SPREAD * strength
    x, y, degrees, log_scale = drawn.tolist()
    return moved(view, size, (x / margin, y / margin), degrees, log_scale + LARGER.get(rig, 0.0))


def moved(
    view: Matrix, size: int, shift: tuple[float, float], degrees: float, log_scale: float
) -> Matrix:
    """Return a view whose content is turned and scaled about the crop's middle, then shifted.

    Args:
        view: (2, 3) px of a photo -> px of the crop.
        size: Side of the crop in px.
        shift: Right and down, in parts of this crop.
        degrees: Clockwise as seen.
        log_scale: Natural logarithm of the factor; above 0 the face grows.
    """
    angle, factor = np.radians(degrees), np.exp(log_scale)
    cosine, sine = factor * np.cos(angle), factor * np.sin(angle)
    turn = np.array(((cosine, -sine), (sine, cosine)))
    middle = np.full(2, (size - 1) / 2)
    offset = turn @ (view[:, 2] - middle) + middle + size * np.array(shift)
    return np.column_stack((turn @ view[:, :2], offset))


def difference(exact: Matrix, found: Matrix, size: int) -> tuple[float, float, float, float]:
    """Return shift right and down, degrees and log scale that make `found` of `exact`.

    It undoes `moved`: of `moved(exact, size, (x, y), degrees, log_scale)` it gives these four.

    Args:
        exact: (2, 3) px of the photo -> px of the crop, a similarity.
        found: Another one of the same photo and crop.
        size: Side of the crop in px.
    """
    turn = found[:, :2] @ np.linalg.inv(exact[:, :2])
    center = np.full(2, (size - 1) / 2)
    x, y = (found[:, 2] - turn @ (exact[:, 2] - center) - center) / size
    degrees = np.degrees(np.arctan2(turn[1, 0], turn[0, 0]))
    return float(x), float(y), float(degrees), float(0.5 * np.log(np.linalg.det(turn)))
