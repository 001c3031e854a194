"""Shards -> batches of images (B, S, S, 3) and training targets.

An AU that is not coded (NaN) gets weight 0 in `HeatmapTarget`, and nowhere else.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from fau_tf import facs
from fau_tf.codec import HeatmapCodec
from fau_tf.data import augment as aug
from fau_tf.data.corruptions import corrupt
from fau_tf.data.record import MARGIN, least_record_size
from fau_tf.data.tfrecord import parse
from fau_tf.face.au_centers import au_centers
from fau_tf.models.heatmap_layers import HeatmapTarget

_SHUFFLE_BUFFER = 10_000  # records
_IN_TURN = 64  # shards read at once: more than one subject's clips


@dataclass(frozen=True, kw_only=True)
class Targets:
    """Conversion of landmarks and AU intensities into training targets.

    Attributes:
        codec: Between intensities and heatmaps.
        aus: The A action units of the network.
        rule: Row of `facs.RULES`.
    """

    codec: HeatmapCodec
    aus: Sequence[int]
    rule: str

    def centers(self, landmarks: Any) -> Any:
        """Return (B, K, 2) from (B, 68, 2) tensors, by `face.au_centers`."""
        # A center is a linear function of the landmarks, so the one formula, run on a basis, gives
        # the matrix for TensorFlow.
        basis = np.eye(136, dtype=np.float32).reshape(136, 68, 2)
        matrix = au_centers(basis, self.aus, self.rule)  # (136, K, 2)
        flat = tf.reshape(landmarks, (-1, 136))
        return tf.einsum("bi,ikd->bkd", flat, tf.constant(matrix))

    def columns(self, intensity: Any) -> Any:
        """Return (B, A) from the records' (B, 17)."""
        return tf.gather(intensity, [facs.ALL.index(au) for au in self.aus], axis=1)

    def at_centers(self, intensity: Any, side_difference: Any) -> Any:
        """Return (B, K), the intensity at each center.

        Args:
            intensity: (B, A), the mean of both sides.
            side_difference: (B, A), by how much the image's left is stronger than its right.
        """
        owner = facs.au_of_center(self.aus, self.rule)
        half = tf.constant(facs.center_sides(self.aus, self.rule) / 2)
        return tf.gather(intensity, owner, axis=1) + half * tf.gather(
            side_difference, owner, axis=1
        )

    def on_scale(self, intensity: Any, side_difference: Any) -> tuple[Any, Any]:
        """Return mean and difference of both sides, each cut to 0 to 5 as the graph cuts it.

        Args:
            intensity: Any shape, the mean of both sides; where it is NaN both stay as they are.
            side_difference: The same shape.
        """
        half = tf.abs(side_difference) / 2
        above = tf.maximum(intensity + half - facs.MAX_INTENSITY, 0.0)  # of the stronger side
        below = tf.maximum(half - intensity, 0.0)  # of the weaker side
        mean = intensity + (below - above) / 2
        inside = side_difference - tf.sign(side_difference) * (above + below)
        return mean, tf.where(tf.math.is_nan(intensity), side_difference, inside)

    def encode(self, landmarks: Any, intensity: Any, side_difference: Any) -> dict[str, Any]:
        """Return the targets of a batch.

        Args:
            landmarks: (B, 68, 2) in crop px.
            intensity: (B, 17) in the order of `facs.ALL`, NaN where not coded.
            side_difference: (B, 17), by how much the image's left is stronger than its right;
                both sides as `on_scale` cuts them.

        Returns:
            `heatmap`, `gaussian` and `weight` of `HeatmapTarget`; `intensity` (B, A), NaN kept.
        """
        coded = self.columns(intensity)
        at_centers = self.at_centers(coded, self.columns(side_difference))
        return {**self._layer([self.centers(landmarks), at_centers]), "intensity": coded}

    @cached_property
    def _layer(self) -> HeatmapTarget:
        return HeatmapTarget.of(self.codec, self.aus, self.rule)


def examples(
    files: Sequence[Path], subjects: Sequence[str], *, cache: bool = True, in_turn: bool = False
) -> tf.data.Dataset:
    """Return the parsed records of some subjects, JPEG undecoded.

    Args:
        files: The shards.
        subjects: Whose records; others are skipped.
        cache: Keep the records in memory; else each pass reads the shards.
        in_turn: Take one record from each of many shards in turn, not shard after shard.
    """
    keys = tf.constant(list(subjects))
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(keys, tf.ones(len(subjects), tf.int32)), 0
    )
    names = [str(file) for file in files]
    # One reader, so that the order of the records, and with it a run, is reproducible.
    if in_turn:
        stored = tf.data.Dataset.from_tensor_slices(names).interleave(
            tf.data.TFRecordDataset, cycle_length=_IN_TURN, num_parallel_calls=1, deterministic=True
        )
    else:
        stored = tf.data.TFRecordDataset(names)
    records = stored.map(parse)
    records = records.filter(lambda record: table.lookup(record["subject"]) == 1)
    return records.cache() if cache else records


def batches(
    records: tf.data.Dataset,
    targets: Targets,
    *,
    record_size: int,
    batch_size: int,
    seed: int | None = None,
    augment: aug.Augment = aug.NO_AUGMENT,
    start: int = 0,
    share: tuple[int, int] = (0, 1),
) -> tf.data.Dataset:
    """Return batches of (image, targets); endless, shuffled and augmented if `seed` is given.

    Args:
        records: From `examples`.
        targets: Conversion into targets.
        record_size: Rows and columns of the records' images.
        batch_size: B; without a seed the last batch may be smaller.
        seed: Of order and augmentation. None reads each record once, in order, and crops it as
            inference does.
        augment: Augmentation; used with a seed only.
        start: Batches to skip; the stream continues as if they had been read.
        share: (i, n): yield the i-th of n equal parts of each batch, for worker i of n. Random
            numbers are drawn for the whole batch, so the parts add up to the batch of one worker.

    Raises:
        ValueError: If the batch size is not divisible by the number of workers, or the records are
            too small for the network's crops.
    """
    require_record_size(record_size, targets.codec.image_size)
    training = seed is not None
    worker, workers = share
    if batch_size % workers:
        raise ValueError(
            "`training.batch_size` must be divisible by the number of workers. "
            f"Received: batch_size={batch_size} for {workers} workers."
        )
    part = batch_size // workers
    if training:
        records = endless(records, seed).skip(start * batch_size)
    if workers > 1:  # before the JPEGs are decoded
        own = records.enumerate().filter(lambda i, _: i % batch_size // part == worker)
        records = own.map(lambda _, record: record)

    def decode(record: dict[str, Any]) -> tuple[Any, ...]:
        image = tf.io.decode_jpeg(record["image"], channels=3)
        image = tf.ensure_shape(image, (record_size, record_size, 3))
        return image, record["landmarks"], record["intensity"], record["side_difference"]

    def finish(step: Any, batch: tuple[Any, ...]) -> tuple[Any, dict[str, Any]]:
        image, landmarks, intensity, sides = batch
        seeds = tf.random.split(tf.stack([tf.constant(seed or 0, tf.int64), step]), 2)
        drawn = tf.shape(image)[0] if workers == 1 else batch_size
        image, landmarks, sign = _crop(
            image, landmarks, targets.codec.image_size,
            augment if training else None, seeds, worker * part, drawn,
        )  # fmt: skip
        intensity, sides = targets.on_scale(intensity, sign * sides)
        return image, targets.encode(landmarks, intensity, sides)

    options = tf.data.Options()
    # Threads of its own, because training runs one operator at a time to be reproducible.
    options.threading.private_threadpool_size = os.cpu_count() or 1
    return (
        records.map(decode, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(part, drop_remainder=training)
        .enumerate(start)
        .map(finish, num_parallel_calls=tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
        .with_options(options)
    )


def require_record_size(record_size: int, image_size: int) -> None:
    """Raise ValueError if crops of `image_size` px would have to be enlarged from the records.

    Args:
        record_size: Rows and columns of the records' images.
        image_size: Rows and columns of the network's crops.
    """
    least = least_record_size(image_size)
    if record_size < least:
        raise ValueError(
            f"Face records for a network that reads crops of {image_size} px must have at least "
            f"{MARGIN:g} times as many: {least} px. Received: `data.record_size` = {record_size}. "
            f"Prepare or render the faces anew: --set data.record_size={least}"
        )


def paired_crops(
    image: Any, landmarks: Any, size: int, *, augment: aug.Augment, seed: int, step: Any
) -> tuple[Any, Any, Any]:
    """Return augmented crops of pairs, their landmarks, and (B, 1) -1 where a pair is mirrored.

    A pair is mirrored together: its sides can be compared, whatever they were before the edits.

    Args:
        image: (B, R, R, 3) images of records; 2 i and 2 i + 1 are a pair.
        landmarks: (B, 68, 2) in record px.
        size: Rows and columns of a crop.
        augment: Augmentation.
        seed: Of the augmentation, with the step.
        step: int64 scalar.
    """
    seeds = tf.random.split(tf.stack([tf.constant(seed, tf.int64), step]), 2)
    return _crop(image, landmarks, size, augment, seeds, 0, tf.shape(image)[0], paired=True)


def _crop(
    image: Any, landmarks: Any, size: int, augment: aug.Augment | None, seeds: Any, first: int,
    drawn: Any, paired: bool = False,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """Return (B, size, size, 3) crops, (B, 68, 2) landmarks in crop px, (B, 1) -1 where mirrored.

    Args:
        image: (B, R, R, 3) images of records.
        landmarks: (B, 68, 2) in record px.
        size: Rows and columns of a crop.
        augment: Augmentation; None crops as inference does.
        seeds: (2, 2) int, of the geometry and of the corruptions.
        first: Index of the first image within the batch that random numbers are drawn for.
        drawn: Size of that batch.
        paired: Whether images 2 i and 2 i + 1 are mirrored together.
    """
    how = augment or aug.NO_AUGMENT
    side = image.shape[1]
    as_it_is = not how.moves and side == MARGIN * size and (side - size) % 2 == 0
    if as_it_is:
        image, landmarks = _cut(image, landmarks, (side - size) // 2, size)
        sign = tf.ones_like(landmarks[:, 0, :1])
    else:
        views, flipped = aug.crop_views(drawn, side, size, MARGIN, how, seeds[0], paired)
        own = slice(first, first + tf.shape(image)[0])
        views, flipped = views[own], flipped[own]
        image = aug.warp_images(image, views, size)
        landmarks = aug.warp_landmarks(landmarks, views, flipped)
        sign = tf.where(flipped[:, None], -1.0, 1.0)
    if augment is not None and not (as_it_is and how == aug.NO_AUGMENT):
        image = corrupt(image, how, seeds[1], first=first, batch=drawn)
    return tf.ensure_shape(image, (None, size, size, 3)), landmarks, sign


def _cut(image: Any, landmarks: Any, start: int, size: int) -> tuple[Any, Any]:
    """Return what resampling does where nothing moves, in a twentieth of the time."""
    own = slice(start, start + size)
    return tf.cast(image[:, own, own], tf.float32), landmarks - float(start)


def endless(records: tf.data.Dataset, seed: int | None) -> tf.data.Dataset:
    """Return the records in the order of a training, pass after pass."""
    return records.shuffle(_SHUFFLE_BUFFER, seed=seed, reshuffle_each_iteration=True).repeat()
