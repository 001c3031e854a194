"""Corruptions of aligned faces: occlusion, blur, light, color, noise, JPEG. No landmark moves."""

import math
from typing import Any, Final

import tensorflow as tf

from fau_tf.data.augment import Augment, vary_light

_LUMINANCE: Final = (0.299, 0.587, 0.114)
_SIDE: Final = (0.1, 0.4)
"""Range of each side of an occluding rectangle, as a fraction of the crop."""


def corrupt(images: Any, augment: Augment, seed: Any, *, first: int = 0, batch: Any = None) -> Any:
    """Return images (B, S, S, 3) float32, 0 to 255: occluded, blurred, relit, gray, compressed.

    The order is that from the scene through the camera into a file. Settings at 0 are skipped, and
    no random draw depends on another setting.

    Args:
        images: (B, S, S, 3) float32, 0 to 255, S static.
        augment: Strength of each corruption.
        seed: (2,) int of the stateless draws.
        first: Index of the first image within the batch that is drawn for.
        batch: Size of that batch; B by default.
    """
    count = tf.shape(images)[0]
    batch = count if batch is None else batch
    own = slice(first, first + count)
    # `vary_light` keeps the seed itself, so that runs without these corruptions do not change.
    seeds = [tf.random.fold_in(seed, i) for i in range(4)]
    if augment.occlude:
        draw = tf.random.stateless_uniform((batch, 8), seeds[0])[own]
        images = _occlude(images, augment.occlude, draw)
    if augment.blur:
        draw = tf.random.stateless_uniform((batch,), seeds[1])
        images = _blur(images, _gaussians(augment.blur, draw)[own])
    images = vary_light(images, augment, seed, first=first, batch=batch)
    if augment.gray:
        draw = tf.random.stateless_uniform((batch,), seeds[3])[own]
        images = _gray(images, augment.gray, draw)
    if augment.jpeg:
        draw = tf.random.stateless_uniform((batch,), seeds[2])[own]
        images = _jpeg(images, 100 - augment.jpeg * draw)
    return images


def _occlude(images: Any, probability: float, draw: Any) -> Any:
    """Return images with one rectangle of one color each, cut off at the border.

    Args:
        images: (B, S, S, 3).
        probability: Of a rectangle.
        draw: (B, 8), 0 to 1: occurrence, sides (2), center (2), color (3).
    """
    size = images.shape[1]
    half = size * (_SIDE[0] + (_SIDE[1] - _SIDE[0]) * draw[:, 1:3]) / 2
    center = size * draw[:, 3:5] - 0.5
    at = tf.range(size, dtype=tf.float32)[:, None]
    inside = tf.abs(at - center[:, None, :]) < half[:, None, :]  # (B, S, 2)
    covered = inside[:, :, None, 0] & inside[:, None, :, 1]
    covered &= (draw[:, 0] < probability)[:, None, None]
    return tf.where(covered[..., None], 255 * draw[:, None, None, 5:], images)


def _gaussians(largest: float, draw: Any) -> Any:
    """Return (B, 2 r + 1) weights that sum to 1, of sigma `largest * draw`."""
    radius = math.ceil(3 * largest)
    # Below a hundredth of a pixel there is no blur; the limit avoids 0 / 0.
    sigma = tf.maximum(largest * draw, 0.01)[:, None]
    weights = tf.exp(-0.5 * (tf.range(-radius, radius + 1, dtype=tf.float32) / sigma) ** 2)
    return weights / tf.reduce_sum(weights, -1, keepdims=True)


def _blur(images: Any, weights: Any) -> Any:
    """Return images (B, S, S, 3), each blurred in x and in y; borders replicated.

    Args:
        images: (B, S, S, 3).
        weights: (B, 2 r + 1).
    """
    size, radius = images.shape[1], weights.shape[1] // 2
    source = tf.clip_by_value(tf.range(-radius, size + radius), 0, size - 1)
    x = tf.gather(tf.gather(images, source, axis=1), source, axis=2)
    # Each image has its own kernel, so the batch moves into the channels: a depthwise convolution
    # treats channels independently, whatever part of the batch a worker has.
    x = tf.reshape(tf.transpose(x, (1, 2, 0, 3)), (1, size + 2 * radius, size + 2 * radius, -1))
    taps = tf.repeat(tf.transpose(weights), 3, axis=1)  # (2 r + 1, 3 B)
    for kernel in (taps[:, None, :, None], taps[None, :, :, None]):
        x = tf.nn.depthwise_conv2d(x, kernel, (1, 1, 1, 1), "VALID")
    return tf.transpose(tf.reshape(x, (size, size, -1, 3)), (2, 0, 1, 3))


def _gray(images: Any, probability: float, draw: Any) -> Any:
    """Return images (B, S, S, 3), some as their luminance (ITU-R BT.601)."""
    luminance = tf.reduce_sum(images * tf.constant(_LUMINANCE), -1, keepdims=True)
    return tf.where((draw < probability)[:, None, None, None], luminance, images)


def _jpeg(images: Any, quality: Any) -> Any:
    """Return images after JPEG compression, each at its own quality."""
    whole = tf.cast(tf.round(images), tf.uint8), tf.cast(tf.round(quality), tf.int32)
    coded = tf.map_fn(
        lambda each: tf.image.adjust_jpeg_quality(*each), whole, fn_output_signature=tf.uint8
    )
    return tf.ensure_shape(tf.cast(coded, tf.float32), images.shape)
