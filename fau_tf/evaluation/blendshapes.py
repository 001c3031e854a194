"""The blendshapes that each AU moves, and how they correlate with it."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf import facs
from fau_tf.metrics.agreement import mean_of_known

Array = npt.NDArray[Any]
_STILL: Final = 1e-3
"""A blendshape with a smaller range over all faces never moves."""


def _sides(name: str) -> tuple[str, str]:
    return f"{name}Left", f"{name}Right"


AU_BLENDSHAPES: Final[dict[int, tuple[tuple[str, ...], ...]]] = {
    1: (("browInnerUp",),),
    2: (_sides("browOuterUp"),),
    4: (_sides("browDown"),),
    5: (_sides("eyeWide"),),
    6: (_sides("cheekSquint"), _sides("eyeSquint")),  # cheekSquint hardly ever leaves 0
    7: (_sides("eyeSquint"),),
    9: (_sides("noseSneer"),),
    10: (_sides("mouthUpperUp"),),
    12: (_sides("mouthSmile"),),
    14: (_sides("mouthDimple"),),
    15: (_sides("mouthFrown"),),
    17: (("mouthShrugLower",),),
    20: (_sides("mouthStretch"),),
    23: (_sides("mouthPress"), ("mouthRollLower",), ("mouthRollUpper",)),  # no shape is AU23 alone
    25: (_sides("mouthLowerDown"),),
    26: (("jawOpen",),),
    45: (_sides("eyeBlink"),),
}
"""AU -> the blendshapes that it raises, in groups of left and right."""


def au_score(au: int, names: Sequence[str], scores: Array) -> Array:
    """Return (...) an AU's score: the mean of left and right, added up over its blendshapes.

    Args:
        au: Its number.
        names: Of the blendshapes.
        scores: (..., 52).
    """
    total = np.zeros(scores.shape[:-1])
    for group in AU_BLENDSHAPES[au]:
        total += np.mean([scores[..., names.index(name)] for name in group], axis=0)
    return total


def correlations(
    aus: Sequence[int], predicted: Array, names: Sequence[str], scores: Array
) -> dict[str, Any]:
    """Return each AU's correlation with its blendshapes over the faces, and the mean of them.

    Args:
        aus: A numbers.
        predicted: (N, A) intensities.
        names: Of the blendshapes.
        scores: (N, 52) of the same faces.

    Returns:
        `{"per_au": {label: Pearson's r}, "mean": r}`: NaN where the blendshapes never move, 0 where
        they move and the prediction never does.
    """
    per_au = {
        facs.AUS[au].label: _correlation(predicted[:, a], au_score(au, names, scores))
        for a, au in enumerate(aus)
    }
    return {"per_au": per_au, "mean": mean_of_known(np.array(list(per_au.values())))}


def _correlation(predicted: Array, score: Array) -> float:
    if np.ptp(score) < _STILL:
        return float("nan")
    return float(np.corrcoef(predicted, score)[0, 1]) if np.ptp(predicted) else 0.0
