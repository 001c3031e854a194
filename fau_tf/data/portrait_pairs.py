"""Pairs of edited portraits as batches, alone or beside the faces of a data set."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from fau_tf import facs
from fau_tf.data import augment as aug
from fau_tf.data.pipeline import Targets, paired_crops
from fau_tf.portraits.pairs import PairSource
from fau_tf.utils import optional_imports


def pair_batches(
    source: PairSource,
    targets: Targets,
    *,
    batch_size: int,
    seed: int,
    augment: aug.Augment = aug.NO_AUGMENT,
    start: int = 0,
) -> tf.data.Dataset:
    """Return endless batches of (image, targets) in which pictures 2 i and 2 i + 1 are a pair.

    The targets are those of `Targets.encode` and `partner` (B,), the place of a picture's partner
    in the batch; `difference` (B, K), by how much it exceeds its partner at each AU center, NaN
    where unknown; and `ranked` (B, A), 1 where it shows an AU more than its partner, else 0.

    Args:
        source: Draws the pairs.
        targets: Conversion into targets.
        batch_size: B, even.
        seed: Of the augmentation.
        augment: Of each picture on its own; but a pair is mirrored together.
        start: Batches to skip; the stream continues as if they had been read.

    Raises:
        ValueError: If the batch size is odd.
    """
    if batch_size < 2 or batch_size % 2:
        raise ValueError(f"A batch of pairs must have an even size. Received: {batch_size}")
    count, size, aus = batch_size // 2, source.size, len(facs.ALL)

    def draw(step: Any) -> list[np.ndarray]:
        pairs = [source.pair(int(step) * count + i) for i in range(count)]
        names = ("images", "landmarks", "intensity", "side_difference", "difference", "ranked")
        return [np.stack([getattr(pair, name) for pair in pairs]) for name in names]

    def finish(step: Any) -> tuple[Any, dict[str, Any]]:
        kinds = (tf.uint8, *(tf.float32,) * 5)
        images, landmarks, intensity, sides, difference, ranked = tf.numpy_function(
            draw, [step], kinds
        )
        image, landmarks, sign = paired_crops(
            tf.reshape(images, (batch_size, size, size, 3)),
            tf.reshape(landmarks, (batch_size, 68, 2)),
            targets.codec.image_size, augment=augment, seed=seed, step=step,
        )  # fmt: skip
        intensity = tf.reshape(intensity, (batch_size, aus))
        sides = sign * tf.reshape(sides, (batch_size, aus))
        difference = targets.columns(tf.reshape(difference, (count, aus)))
        side_change = targets.columns(sides[1::2] - sides[::2])
        second = targets.at_centers(difference, side_change)  # (count, K)
        more = targets.columns(tf.reshape(ranked, (count, aus)))
        return image, {
            **targets.encode(landmarks, intensity, sides),
            "partner": tf.constant(np.arange(batch_size) ^ 1, tf.int32),
            "difference": _in_turn(-second, second),
            "ranked": _in_turn(tf.zeros_like(more), more),
        }

    # One call at a time and in order: a run is reproducible, and editing takes all of a core.
    steps = tf.data.Dataset.range(start, tf.int64.max)
    return steps.map(finish).prefetch(4).with_options(_options())


def mixed(faces: tf.data.Dataset, pairs: tf.data.Dataset) -> tf.data.Dataset:
    """Return batches of a data set's faces followed by pairs.

    Args:
        faces: From `pipeline.batches`.
        pairs: From `pair_batches`.
    """
    return tf.data.Dataset.zip(faces, pairs).map(_joined).prefetch(2)


def load_pairs(
    folders: Sequence[str], *, record_size: int, seed: int, part: str = "train"
) -> PairSource:
    """Return the pairs of the people of one part of some sets.

    Raises:
        ValueError: If a set can't be read or has pictures of another size than the records.
    """
    # On pictures this small OpenCV's threads only wait for each other and for the training.
    optional_imports.cv2().setNumThreads(1)
    source = PairSource([Path(folder) for folder in folders], part=part, seed=seed)
    if source.size != record_size:
        raise ValueError(
            "`data.portraits` must have pictures of `data.record_size`. Received: "
            f"{source.size} px for {record_size}. Make the sets again with --size {record_size}."
        )
    return source


def _joined(faces: tuple[Any, Any], pairs: tuple[Any, Any]) -> tuple[Any, dict[str, Any]]:
    (image, target), (other, paired) = faces, pairs
    count = tf.shape(image)[0]
    alone = {
        **target,
        "partner": tf.range(count, dtype=tf.int32),
        "difference": tf.fill(tf.shape(target["weight"]), np.float32(np.nan)),
        "ranked": tf.zeros_like(target["intensity"]),
    }
    paired = {**paired, "partner": paired["partner"] + count}
    together = {name: tf.concat([alone[name], paired[name]], 0) for name in paired}
    return tf.concat([image, other], 0), together


def _in_turn(first: Any, second: Any) -> Any:
    """Return (2 n, ...), the rows of both in turn."""
    return tf.reshape(tf.stack([first, second], 1), (-1, first.shape[-1]))


def _options() -> tf.data.Options:
    options = tf.data.Options()
    options.threading.private_threadpool_size = os.cpu_count() or 1
    return options
