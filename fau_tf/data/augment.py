"""Geometric and photometric augmentation of aligned faces.

Flip, rotation, scale and shift form one affine matrix from crop to record. The image is resampled
once, and the landmarks are transformed by the same matrix.
"""

from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import tensorflow as tf

from fau_tf.facs import MIRROR_68

_MIRROR: Final = np.array(MIRROR_68, np.int32)


@dataclass(frozen=True, kw_only=True)
class Augment:
    """Section `[augment]` of a config: ranges, symmetric around no change, drawn uniformly.

    Attributes:
        flip: Probability of a left-right flip.
        rotate: Degrees.
        scale: Fraction of the size.
        shift: Fraction of the crop, in x and in y.
        contrast: Fraction of the contrast about mid-gray.
        brightness: Gray levels.
        color: Fraction of each channel's gain.
        noise: Largest standard deviation of Gaussian noise, in gray levels.
        blur: Largest sigma of a Gaussian blur, in px of the crop.
        jpeg: Largest reduction of JPEG quality from 100, at most 95; 0 means no compression.
        occlude: Probability of an occluding rectangle.
        gray: Probability that a picture loses its color.
    """

    flip: float = 0.5
    rotate: float = 6.0
    scale: float = 0.06
    shift: float = 0.03
    contrast: float = 0.2
    brightness: float = 20.0
    color: float = 0.08
    noise: float = 6.0
    blur: float = 0.0
    jpeg: float = 0.0
    occlude: float = 0.0
    gray: float = 0.0

    def __post_init__(self) -> None:
        fractions = ("flip", "scale", "contrast", "color", "occlude", "gray")
        for name, value in vars(self).items():
            if value < 0 or (name in fractions and value > 1):
                raise ValueError(
                    f"`augment.{name}` must not be negative, and at most 1 if a fraction. "
                    f"Received: {value}"
                )
        if self.jpeg > 95:
            raise ValueError(
                f"`augment.jpeg` must be at most 95, which is quality 5. Received: {self.jpeg}"
            )

    @property
    def moves(self) -> bool:
        """Whether a crop may lie elsewhere in its record than where inference takes it."""
        return any((self.flip, self.rotate, self.scale, self.shift))


NO_AUGMENT: Final = Augment(**dict.fromkeys((row.name for row in fields(Augment)), 0.0))


def crop_views(
    batch: int, record_size: int, size: int, margin: float, augment: Augment, seed: Any,
    paired: bool = False,
) -> tuple[Any, Any]:  # fmt: skip
    """Return (B, 2, 3) matrices crop px -> record px, and (B,) whether each one flips.

    Args:
        batch: B.
        record_size: Rows and columns of the record's image.
        size: Rows and columns of the crop.
        margin: Field of view of the record relative to the crop.
        augment: Ranges.
        seed: (2,) int of the stateless draw.
        paired: Whether crops 2 i and 2 i + 1 flip together.
    """
    draw = tf.random.stateless_uniform((6, batch), seed, -1.0, 1.0)
    turn = draw[0] * (augment.rotate * np.pi / 180)
    zoom = record_size / (margin * size) * (1 + draw[1] * augment.scale)
    flipped = (draw[2] + 1) / 2 < augment.flip
    if paired:
        flipped = tf.repeat(flipped[::2], 2)
    sign = tf.where(flipped, -1.0, 1.0)
    cos, sin = zoom * tf.cos(turn), zoom * tf.sin(turn)
    linear = tf.stack([tf.stack([cos * sign, -sin], -1), tf.stack([sin * sign, cos], -1)], -2)
    # The center of the crop lies at the center of the record, plus the shift.
    middle = (record_size - 1) / 2 + tf.transpose(draw[3:5]) * (
        augment.shift * record_size / margin
    )
    offset = middle - tf.reduce_sum(linear, -1) * ((size - 1) / 2)
    return tf.concat([linear, offset[..., None]], -1), flipped


def warp_images(images: Any, views: Any, size: int) -> Any:
    """Return (B, size, size, 3) float32 crops, bilinear, borders replicated.

    Args:
        images: (B, R, R, 3) uint8 or float32.
        views: (B, 2, 3) crop px -> record px.
        size: Rows and columns of the crop.
    """
    rows = tf.reshape(views, (-1, 6))
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(images, tf.float32),
        transforms=tf.pad(rows, ((0, 0), (0, 2))),
        output_shape=(size, size),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )


def warp_landmarks(landmarks: Any, views: Any, flipped: Any) -> Any:
    """Return (B, 68, 2) landmarks in crop px; a flip also swaps left and right landmarks.

    Args:
        landmarks: (B, 68, 2) in record px.
        views: (B, 2, 3) crop px -> record px.
        flipped: (B,) bool.
    """
    inverse = tf.linalg.inv(views[:, :, :2])
    moved = tf.einsum("bij,blj->bli", inverse, landmarks - views[:, None, :, 2])
    return tf.where(flipped[:, None, None], tf.gather(moved, _MIRROR, axis=1), moved)


def vary_light(
    images: Any, augment: Augment, seed: Any, *, first: int = 0, batch: Any = None
) -> Any:
    """Return images (B, S, S, 3) with other contrast, brightness and color, and noise; 0 to 255.

    Args:
        images: (B, S, S, 3) float32.
        augment: Ranges.
        seed: (2,) int of the stateless draws.
        first: Index of the first image within the batch that is drawn for.
        batch: Size of that batch; B by default.
    """
    seeds = tf.random.split(seed, 3)
    count = tf.shape(images)[0]
    batch = count if batch is None else batch
    own = slice(first, first + count)
    draw = tf.random.stateless_uniform((batch, 1, 1, 3), seeds[0], -1.0, 1.0)[own]
    tint = tf.random.stateless_uniform((batch, 1, 1, 3), seeds[1], -1.0, 1.0)[own]
    gain = 1 + augment.color * tint
    x = (images - 128) * (1 + augment.contrast * draw[..., :1]) * gain + 128
    x += augment.brightness * draw[..., 1:2]
    if augment.noise:  # drawing it takes most of the time
        sigma = augment.noise * (draw[..., 2:] + 1) / 2
        shape = tf.concat([[batch], tf.shape(images)[1:]], 0)
        x += sigma * tf.random.stateless_normal(shape, seeds[2])[own]
    return tf.clip_by_value(x, 0.0, 255.0)
