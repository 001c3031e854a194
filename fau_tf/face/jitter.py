"""How the aligned crop of a real photo misses the exact one, for crops that are rendered.

A photo is aligned by landmarks that were found, a rendered face by those that the mesh gives.
Measured by `python benchmarks/crop_jitter.py`, each as median ± robust standard deviation:

| crops compared | faces | shift x, y in % of the crop | rotation, degrees | log scale |
|---|---|---|---|---|
| found, annotated; photos | 43 | -0.15 ± 0.66, 0.09 ± 0.51 | -0.5 ± 1.4 | -0.001 ± 0.029 |
| found, found after noise | 128 | -0.05 ± 0.34, -0.02 ± 0.37 | 0.0 ± 0.6 | -0.004 ± 0.016 |
| found, exact; canonical rig | 60 | -0.31 ± 0.38, 0.03 ± 0.51 | 0.2 ± 0.7 | 0.044 ± 0.019 |
| found, exact; ICT rig | 60 | -0.18 ± 0.30, -0.20 ± 0.41 | -0.1 ± 0.5 | 0.015 ± 0.017 |

`jittered` draws with the spread of the first row, the only one of real faces whose exact crop
people have given; their own error of about a pixel is in it, so it is rather too wide. It moves a
rig's crops by what the detector finds larger in that rig: points of a mesh aren't a detector's.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from fau_tf.face.align import Matrix

SPREAD: Final = (0.0066, 0.0051, 1.37, 0.0286)
"""Standard deviations: shift in x and y in parts of the crop, rotation in degrees, log scale."""
LARGER: Final = {"canonical": 0.044, "ict": 0.015}
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
        size: side of the crop in px.
        rng: what to draw from.
        margin: field of view of the crop relative to the plain one, in whose parts shifts come.
        rig: a row of LARGER; "" is none.
        strength: factor on the spread.
    """
    draw = np.clip(rng.standard_normal(4), -LIMIT, LIMIT) * SPREAD * strength
    turn, scale = np.radians(draw[2]), np.exp(draw[3] + LARGER.get(rig, 0.0))
    cosine, sine = scale * np.cos(turn), scale * np.sin(turn)
    linear: npt.NDArray[np.float64] = np.array([[cosine, -sine], [sine, cosine]])
    middle = np.full(2, (size - 1) / 2)
    shift = middle - linear @ middle + draw[:2] * (size / margin)
    return np.hstack([linear @ view[:, :2], (linear @ view[:, 2] + shift)[:, None]])


def difference(exact: Matrix, found: Matrix, size: int) -> tuple[float, float, float, float]:
    """Return shift right and down, degrees and log scale that make `found` of `exact`.

    It undoes `moved`: of `moved(exact, size, (x, y), degrees, log_scale)` it gives these four.

    Args:
        exact: (2, 3) px of the photo -> px of the crop, a similarity.
        found: Another one of the same photo and crop.
        size: Side of the crop in px.
    """
    turn = found[:, :2] @ np.linalg.inv(exact[:, :2])
    centre = np.full(2, (size - 1) / 2)
    x, y = (found[:, 2] - turn @ (exact[:, 2] - centre) - centre) / size
    degrees = np.degrees(np.arctan2(turn[1, 0], turn[0, 0]))
    return float(x), float(y), float(degrees), float(0.5 * np.log(np.linalg.det(turn)))
