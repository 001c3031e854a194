"""Degradations of a picture of a face, each at growing strength."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from fau_tf.evaluation.quality import painted_occluders as painted
from fau_tf.face.align import Image

Array = npt.NDArray[Any]
Change = Callable[[Image, Array, float, np.random.Generator], Image]


@dataclass(frozen=True)
class Degradation:
    """A row of the evaluation.

    Attributes:
        name: What is done to the picture.
        unit: Of the strengths.
        strengths: Growing; the clean picture is not among them.
        change: Image, (68, 2) landmarks in px, strength, generator -> degraded image.
    """

    name: str
    unit: str
    strengths: tuple[float, ...]
    change: Change


def outer_eye_distance(landmarks: Array) -> float:
    """Return the distance between the outer eye corners, px."""
    return float(np.hypot(*(landmarks[45] - landmarks[36])))


def blurred(image: Image, landmarks: Array, share: float, _: np.random.Generator) -> Image:
    """Return the picture after a Gaussian of this share of the outer eye distance."""
    soft: Image = cv2.GaussianBlur(image, (0, 0), share * outer_eye_distance(landmarks))
    return soft


def shaken(image: Image, landmarks: Array, share: float, rng: np.random.Generator) -> Image:
    """Return the picture moved during its exposure by this share of the outer eye distance."""
    length = share * outer_eye_distance(landmarks)
    size = 2 * int(np.ceil(length / 2)) + 1
    angle = rng.uniform(0, np.pi)
    kernel = np.zeros((size, size), np.float32)
    for part in np.linspace(-0.5, 0.5, 8 * size):
        x, y = (size // 2 + part * length * f(angle) for f in (np.cos, np.sin))
        kernel[round(y), round(x)] += 1
    moved: Image = cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)
    return moved


def noisy(image: Image, _: Array, deviation: float, rng: np.random.Generator) -> Image:
    """Return the picture with Gaussian noise of each channel, in gray levels."""
    noise = rng.standard_normal(image.shape, np.float32) * np.float32(deviation)
    return _levels(image + noise)


def blurred_and_noisy(
    image: Image, landmarks: Array, share: float, rng: np.random.Generator
) -> Image:
    """Return the blurred picture with noise of 8 gray levels."""
    return noisy(blurred(image, landmarks, share, rng), landmarks, 8.0, rng)


def light(image: Image, _: Array, factor: float, rng: np.random.Generator) -> Image:
    """Return the picture at this share of its light, with the noise of a camera's darkest levels.

    The sRGB curve makes the levels linear and back; what is above white is clipped.
    """
    linear = _decode(image.astype(np.float32) / 255) * np.float32(factor)
    gray = _encode(linear.clip(0, 1)) * 255
    return _levels(gray + rng.standard_normal(image.shape, np.float32))


def dark(image: Image, landmarks: Array, stops: float, rng: np.random.Generator) -> Image:
    """Return the picture at 1 / 2^stops of its light."""
    return light(image, landmarks, 0.5**stops, rng)


def overexposed(image: Image, landmarks: Array, stops: float, rng: np.random.Generator) -> Image:
    """Return the picture at 2^stops of its light, clipped at white."""
    return light(image, landmarks, 2.0**stops, rng)


def low_contrast(image: Image, _: Array, factor: float, __: np.random.Generator) -> Image:
    """Return the picture with its gray levels drawn to the middle: contrast 1 / factor."""
    return _levels((image.astype(np.float32) - 128) / factor + 128)


def smaller(image: Image, landmarks: Array, shrink: float, _: np.random.Generator) -> Image:
    """Return the picture this many times smaller: an eye distance of 96 px becomes 96 / shrink."""
    scale = 96 / shrink / outer_eye_distance(landmarks)
    size = [max(8, round(side * scale)) for side in image.shape[1::-1]]
    small: Image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return small


def enlarged(image: Image, landmarks: Array, shrink: float, rng: np.random.Generator) -> Image:
    """Return the picture made smaller, and then as large as before."""
    small = smaller(image, landmarks, shrink, rng)
    large: Image = cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return large


def compressed(image: Image, _: Array, loss: float, __: np.random.Generator) -> Image:
    """Return the picture as a JPEG of quality 100 - loss."""
    buffer = io.BytesIO()
    Pillow.fromarray(image).save(buffer, "JPEG", quality=round(100 - loss))
    return np.array(Pillow.open(buffer))


def gray(image: Image, _: Array, share: float, __: np.random.Generator) -> Image:
    """Return the picture with this share of its color taken out."""
    level = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)
    return _levels(image * (1 - share) + level * share)


def turned(image: Image, _: Array, degrees: float, __: np.random.Generator) -> Image:
    """Return the picture turned about its middle, counter-clockwise."""
    height, width = image.shape[:2]
    side = int(np.hypot(height, width))
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    matrix[:, 2] += ((side - width) / 2, (side - height) / 2)
    rotated: Image = cv2.warpAffine(image, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
    return rotated


def _painted(paint: painted.Occluder) -> Change:
    return lambda image, landmarks, size, rng: paint(image, landmarks, size, rng).image


def _levels(values: Array) -> Image:
    levels: Image = np.floor(values + 0.5).clip(0, 255).astype(np.uint8)
    return levels


def _decode(encoded: Array) -> Array:
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def _encode(linear: Array) -> Array:
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


DEGRADATIONS: Final = (
    Degradation("blur", "sigma / eye distance", (0.01, 0.02, 0.03, 0.04, 0.06, 0.08), blurred),
    Degradation(
        "blur, then noise",
        "sigma / eye distance",
        (0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1),
        blurred_and_noisy,
    ),
    Degradation("shake", "length / eye distance", (0.03, 0.06, 0.1, 0.15, 0.2, 0.3), shaken),
    Degradation("noise", "gray levels", (4, 8, 16, 24, 32, 48, 64), noisy),
    Degradation("less light", "stops", (1, 2, 3, 4, 5, 6, 7), dark),
    Degradation("more light", "stops", (0.5, 1, 1.5, 2, 2.5, 3, 4), overexposed),
    Degradation("less contrast", "factor", (2, 3, 4, 6, 8, 12, 16, 24), low_contrast),
    Degradation("smaller", "factor", (2, 3, 4, 6, 8, 12), smaller),
    Degradation("smaller, enlarged", "factor", (2, 3, 4, 6, 8, 12), enlarged),
    Degradation("JPEG", "100 - quality", (50, 70, 80, 90, 95, 98), compressed),
    Degradation("color taken out", "share", (0.5, 1.0), gray),
    Degradation("roll", "degrees", (30, 60, 90, 135, 180), turned),
    Degradation("painted mask", "height", (0.2, 0.4, 0.55, 0.7, 0.85, 1), _painted(painted.mask)),
    Degradation(
        "painted sunglasses", "opacity", (0.25, 0.5, 0.7, 0.85, 1), _painted(painted.sunglasses)
    ),
    Degradation("painted hand", "height", (0.0, 0.2, 0.4, 0.6, 0.8, 1), _painted(painted.hand)),
)
