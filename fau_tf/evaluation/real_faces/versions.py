"""Versions of a photo that show the same face: gray, small, JPEG of low quality, with glasses."""

import io
import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from fau_tf.evaluation.quality.painted_occluders import sunglasses

Array = npt.NDArray[Any]
COLOR: Final = "color"
GRAY: Final = "gray"
GLASSES: Final = "painted glasses"
JPEG_QUALITY: Final = 25


def gray(photo: Array) -> Array:
    """Return the photo's luma (ITU-R BT.601) in all three channels."""
    luma: Array = cv2.cvtColor(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return luma


def half(photo: Array) -> Array:
    """Return the photo at half its width and height, rounded down; means of the pixels."""
    height, width = (max(side // 2, 1) for side in photo.shape[:2])
    small: Array = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)
    return small


def jpeg(photo: Array) -> Array:
    """Return the photo after JPEG compression of quality 25."""
    stream = io.BytesIO()
    Image.fromarray(photo).save(stream, "JPEG", quality=JPEG_QUALITY)
    return np.array(Image.open(stream).convert("RGB"))


def glasses(photo: Array, landmarks: Array, subject: str) -> Array:
    """Return the photo with the frame of glasses painted over the face; the lenses are clear.

    Args:
        photo: (H, W, 3) RGB uint8.
        landmarks: (68, 2) iBUG landmarks, px.
        subject: Decides shape and color, so that all photos of a person show the same glasses.
    """
    rng = np.random.default_rng(zlib.crc32(subject.encode()))
    return sunglasses(photo, landmarks, 0.0, rng).image


VERSIONS: Final[Mapping[str, Callable[[Array], Array]]] = MappingProxyType(
    {COLOR: lambda photo: photo, GRAY: gray, "half size": half, f"JPEG {JPEG_QUALITY}": jpeg}
)
"""Name -> (H, W, 3) RGB uint8 photo -> its version, those that need no landmarks. The first is the
photo itself."""
