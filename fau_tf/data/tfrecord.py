"""FaceRecords <-> versioned TFRecord shards."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import tensorflow as tf

from fau_tf import facs
from fau_tf.data.record import FORMAT_VERSION

FEATURES: Final = {
    "version": tf.io.FixedLenFeature([], tf.int64),
    "image": tf.io.FixedLenFeature([], tf.string),
    "landmarks": tf.io.FixedLenFeature([68, 2], tf.float32),
    "intensity": tf.io.FixedLenFeature([len(facs.ALL)], tf.float32),
    "subject": tf.io.FixedLenFeature([], tf.string),
    "source": tf.io.FixedLenFeature([], tf.string),
    "dataset": tf.io.FixedLenFeature([], tf.string),
    "factor_names": tf.io.FixedLenSequenceFeature([], tf.string, allow_missing=True),
    "factors": tf.io.FixedLenSequenceFeature([], tf.float32, allow_missing=True),
}


class RecordWriter(AbstractContextManager["RecordWriter"]):
    """Writes rows of `record.as_features` into one file.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._writer = tf.io.TFRecordWriter(str(path))

    def write(self, row: dict[str, Any]) -> None:
        """Add a row."""
        self._writer.write(_example(row))

    def close(self) -> None:
        """Complete the file."""
        self._writer.close()

    def __exit__(self, *_: object) -> None:
        self.close()


def shard_files(folder: Path) -> list[Path]:
    """Return the shards in `folder`, in order.

    Raises:
        FileNotFoundError: If there are none, or not as many as their names say.
    """
    files = sorted(folder.glob("*.tfrecord"))
    wanted = int(files[0].stem.rpartition("-")[2]) if files else 1
    if len(files) != wanted:
        raise FileNotFoundError(
            f"{folder}: must hold {wanted} or more *.tfrecord shards, as many as their names say. "
            f"Received: {len(files)}. Delete the folder and generate or prepare it again."
        )
    return files


def parse(serialized: Any) -> dict[str, Any]:
    """Return a record's features as tensors, `image` still JPEG bytes; for `tf.data`.

    Raises:
        tf.errors.InvalidArgumentError: When run, on a record of another format version.
    """
    row = tf.io.parse_single_example(serialized, FEATURES)
    wanted = tf.constant(FORMAT_VERSION, tf.int64)
    rule = f"a record must have format version {FORMAT_VERSION}; generate or prepare it again"
    with tf.control_dependencies([tf.debugging.assert_equal(row["version"], wanted, rule)]):
        return {name: tf.identity(value) for name, value in row.items()}


def _bytes(value: Any) -> tf.train.Feature:
    items = value if isinstance(value, list) else [value]
    raw = [item.encode() if isinstance(item, str) else item for item in items]
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=raw))


def _floats(value: list[float]) -> tf.train.Feature:
    return tf.train.Feature(float_list=tf.train.FloatList(value=value))


_KINDS: Final[dict[str, Callable[[Any], tf.train.Feature]]] = {
    "image": _bytes,
    "landmarks": _floats,
    "intensity": _floats,
    "subject": _bytes,
    "source": _bytes,
    "dataset": _bytes,
    "factor_names": _bytes,
    "factors": _floats,
}


def _example(row: dict[str, Any]) -> bytes:
    feature = {name: make(row[name]) for name, make in _KINDS.items()}
    version = tf.train.Int64List(value=[FORMAT_VERSION])
    feature["version"] = tf.train.Feature(int64_list=version)
    example = tf.train.Example(features=tf.train.Features(feature=feature))
    # Else the order of the features is another one in each process.
    return bytes(example.SerializeToString(deterministic=True))
