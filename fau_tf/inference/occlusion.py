"""A small network that sees what hides parts of an aligned face, and whether it is a face at all.

23,000 weights in occlusion.npz, made by `python -m fau_tf.cli.quality train`. NumPy runs it
in 0.2 ms, so that it needs neither an interpreter nor a model file of its own.
"""

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf.face.align import Image
from fau_tf.utils import optional_imports

Array = npt.NDArray[np.float32]

SIDE: Final = 64
"""px of the network's input, a smaller copy of the aligned crop."""
CELLS: Final = 8
"""Rows and columns of cells, for each of which the network says how much of it is hidden."""
WEIGHTS: Final = "occlusion.npz"

# Rows and columns of cells, by the template of `face.align`: eyes at 0.34 of the crop, mouth at
# 0.68, chin at 0.87.
_EYES: Final = ((slice(2, 3), slice(2, 4)), (slice(2, 3), slice(4, 6)))
_MOUTH: Final = (slice(5, 7), slice(2, 6))
_CHIN: Final = (slice(6, 7), slice(3, 5))
_CHIN_PART: Final = 0.6  # a hidden chin takes AU17 alone


@dataclass(frozen=True)
class Occlusion:
    """What the network sees; all from 0 to 1.

    Attributes:
        eyes: Hidden share of the eye that is hidden more.
        mouth: Hidden share of mouth and chin, or 0.6 of that of the chin alone, if this is more.
        face: Probability that the crop shows an upright human face, hidden or not.
    """

    eyes: float
    mouth: float
    face: float


def occlusion(crop: Image) -> Occlusion:
    """Return what hides parts of a face.

    Args:
        crop: (S, S, 3) RGB uint8, aligned by `face.align`.
    """
    hidden, face = run(network_input(crop), load_weights())
    eyes = max(float(hidden[eye].mean()) for eye in _EYES)
    mouth = max(float(hidden[_MOUTH].mean()), _CHIN_PART * float(hidden[_CHIN].mean()))
    return Occlusion(eyes, mouth, face)


def network_input(crop: Image) -> Array:
    """Return the (64, 64, 3) input: minus the mean and by the deviation of the crop's gray levels.

    So exposure and contrast cancel, and color stays.
    """
    cv2: Any = optional_imports.cv2()
    small = cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    return standardized(small)


def standardized(small: Array) -> Array:
    """Return (..., 64, 64, 3) pictures with gray levels of mean 0 and deviation 1, -4 to 4."""
    gray = (small[..., 0] + small[..., 1] + small[..., 2]) / 3
    mean = gray.mean(axis=(-2, -1))[..., None, None, None]
    deviation = gray.std(axis=(-2, -1))[..., None, None, None]
    return np.asarray(((small - mean) / (deviation + 2.0)).clip(-4, 4), np.float32)


def run(inputs: Array, weights: dict[str, Array]) -> tuple[Array, float]:
    """Return the hidden share of each of the (8, 8) cells, and the probability of a face.

    Three 3 x 3 convolutions with stride 2 and one with stride 1, ReLU after each; their mean over
    all cells joins each cell before two more layers.

    Args:
        inputs: (64, 64, 3), see `network_input`.
        weights: Layer -> kernel, and layer + `_bias` -> bias.
    """
    features = inputs
    for name, stride in (("conv0", 2), ("conv1", 2), ("conv2", 2), ("conv3", 1)):
        features = _convolved(features, weights[name], weights[f"{name}_bias"], stride)
    mean = features.mean(axis=(0, 1))
    context = np.maximum(mean @ weights["context"] + weights["context_bias"], 0)
    joined = features @ weights["cell"] + context @ weights["cell_context"] + weights["cell_bias"]
    hidden = np.maximum(joined, 0) @ weights["hidden"] + weights["hidden_bias"]
    face = context @ weights["face"] + weights["face_bias"]
    return _sigmoid(hidden[..., 0]), float(_sigmoid(face)[0])


@lru_cache(maxsize=1)
def load_weights() -> dict[str, Array]:
    """Return the packaged weights."""
    file = resources.files(__package__).joinpath(WEIGHTS)
    with resources.as_file(file) as path, np.load(path, allow_pickle=False) as stored:
        return {name: stored[name].astype(np.float32) for name in stored.files}


def _convolved(features: Array, kernel: Array, bias: Array, stride: int) -> Array:
    """Return ReLU of a 3 x 3 convolution with a border of zeros; kernel (3, 3, in, out)."""
    height, width, channels = features.shape
    # By hand: np.pad and sliding_window_view take as long as the product.
    padded = np.zeros((height + 2, width + 2, channels), np.float32)
    padded[1:-1, 1:-1] = features
    down, right, deep = padded.strides
    windows = np.lib.stride_tricks.as_strided(
        padded,
        (height // stride, width // stride, 3, 3, channels),
        (stride * down, stride * right, down, right, deep),
        writeable=False,
    )
    columns = windows.reshape(-1, 9 * channels)
    product = columns @ kernel.reshape(9 * channels, -1)
    product += bias
    np.maximum(product, 0, out=product)
    return product.reshape(height // stride, width // stride, -1)


def _sigmoid(values: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-values.clip(-30, 30))), np.float32)
