"""Shards -> batches: image (B, S, S, 3) and everything that the loss compares with.

What is not coded (NaN) becomes weight 0 in `HeatmapTarget`, and nowhere else.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from fau_tf import facs
from fau_tf.codec import HeatmapCodec
from fau_tf.data import augment as aug
from fau_tf.data.corruptions import spoil
from fau_tf.data.record import MARGIN
from fau_tf.data.tfrecord import parse
from fau_tf.face.au_centers import au_centers
from fau_tf.models.heatmap_layers import HeatmapTarget

_IN_TURN = 64  # shards at once; more than one person's clips


@dataclass(frozen=True, kw_only=True)
class Targets:
    """What turns landmarks and AU intensities into training targets.

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
        """Return (B, A) from the records' (B, 14)."""
        return tf.gather(intensity, [facs.ALL.index(au) for au in self.aus], axis=1)

    def encode(self, landmarks: Any, intensity: Any) -> dict[str, Any]:
        """Return the targets of a batch.

        Args:
            landmarks: (B, 68, 2) in crop px.
            intensity: (B, 14) in the order of `facs.ALL`, NaN where not coded.

        Returns:
            `heatmap`, `gaussian` and `weight` of `HeatmapTarget`; `intensity` (B, A), NaN kept.
        """
        coded = self.columns(intensity)
        return {**self._layer([self.centers(landmarks), coded]), "intensity": coded}

    @cached_property
    def _layer(self) -> HeatmapTarget:
        return HeatmapTarget.of(self.codec, self.aus, self.rule)


def examples(
    files: Sequence[Path], people: Sequence[str], *, cache: bool = True, in_turn: bool = False
) -> tf.data.Dataset:
    """Return the parsed records of `people`, JPEG still undecoded.

    Args:
        files: The shards.
        people: Whose records; the others are passed over.
        cache: Keep them in memory once read; else each pass reads the shards.
        in_turn: Read many shards in turn, a record each, and not one after the other.
    """
    keys = tf.constant(list(people))
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(keys, tf.ones(len(people), tf.int32)), 0
    )
    names = [str(file) for file in files]
    # One reader: the order of the records, and so a run, is the same every time.
    if in_turn:
        stored = tf.data.Dataset.from_tensor_slices(names).interleave(
            tf.data.TFRecordDataset, cycle_length=_IN_TURN, num_parallel_calls=1, deterministic=True
        )
    else:
        stored = tf.data.TFRecordDataset(names)
    rows = stored.map(parse)
    rows = rows.filter(lambda row: table.lookup(row["subject"]) == 1)
    return rows.cache() if cache else rows


def batches(
    rows: tf.data.Dataset,
    targets: Targets,
    *,
    record_size: int,
    batch_size: int,
    seed: int | None = None,
    augment: aug.Augment = aug.NO_AUGMENT,
    shuffle: int = 10_000,
    start: int = 0,
    share: tuple[int, int] = (0, 1),
) -> tf.data.Dataset:
    """Return batches of (image, targets); endless, shuffled and augmented where `seed` is given.

    Args:
        rows: From `examples`.
        targets: Says what to make.
        record_size: Rows and columns of the records' images.
        batch_size: B; without a seed the last batch may be smaller.
        seed: Of order and augmentation; None reads once, in order, as the demo would crop.
        augment: How far to vary; used with a seed only.
        shuffle: Records in the shuffling buffer.
        start: Batches to leave out: the stream goes on as if they had been read.
        share: (i, n): of each batch the i-th of n equal parts, for a worker of n. What is drawn
            is drawn for the whole batch, so that the parts are together the batch that one worker
            would have.

    Raises:
        ValueError: If the batch can't be shared equally.
    """
    training = seed is not None
    worker, workers = share
    if batch_size % workers:
        raise ValueError(
            f"A batch is shared equally. Received: batch_size={batch_size} for {workers} workers. "
            "Change `training.batch_size`."
        )
    part = batch_size // workers
    if training:
        rows = endless(rows, seed, shuffle).skip(start * batch_size)
    if workers > 1:  # before the JPEGs are decoded
        mine = rows.enumerate().filter(lambda i, _: i % batch_size // part == worker)
        rows = mine.map(lambda _, row: row)

    def decode(row: dict[str, Any]) -> tuple[Any, Any, Any]:
        image = tf.io.decode_jpeg(row["image"], channels=3)
        image = tf.ensure_shape(image, (record_size, record_size, 3))
        return image, row["landmarks"], row["intensity"]

    def finish(step: Any, batch: tuple[Any, Any, Any]) -> tuple[Any, dict[str, Any]]:
        image, landmarks, intensity = batch
        size = targets.codec.image_size
        how = augment if training else aug.NO_AUGMENT
        seeds = tf.random.split(tf.stack([tf.constant(seed or 0, tf.int64), step]), 2)
        count = tf.shape(image)[0]
        drawn = count if workers == 1 else batch_size
        first = worker * part
        views, flipped = aug.crop_views(drawn, record_size, size, MARGIN, how, seeds[0])
        views, flipped = views[first : first + count], flipped[first : first + count]
        image = aug.warp_images(image, views, size)
        if training:
            image = spoil(image, how, seeds[1], first=first, batch=drawn)
        landmarks = aug.warp_landmarks(landmarks, views, flipped)
        image = tf.ensure_shape(image, (None, size, size, 3))
        return image, targets.encode(landmarks, intensity)

    options = tf.data.Options()
    # Threads of its own: training runs one operator at a time, to be the same every time.
    options.threading.private_threadpool_size = os.cpu_count() or 1
    return (
        rows.map(decode, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(part, drop_remainder=training)
        .enumerate(start)
        .map(finish, num_parallel_calls=tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
        .with_options(options)
    )


def endless(rows: tf.data.Dataset, seed: int | None, shuffle: int = 10_000) -> tf.data.Dataset:
    """Return the records of a training in its order, pass after pass."""
    return rows.shuffle(shuffle, seed=seed, reshuffle_each_iteration=True).repeat()


def labels(rows: tf.data.Dataset, targets: Targets) -> npt.NDArray[np.float32]:
    """Return (N, A) coded intensities in the order of `rows`; NaN where not coded."""
    coded = list(rows.map(lambda row: row["intensity"]).batch(4096).as_numpy_iterator())
    columns = [facs.ALL.index(au) for au in targets.aus]
    return np.concatenate(coded)[:, columns] if coded else np.zeros((0, len(columns)), np.float32)
