"""Face records in TFRecord shards: the writer, and the parser for `tf.data`."""

from collections.abc import Mapping
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
    """Writes records into one file; use it in a `with` block, or call `close`."""

    def __init__(self, path: Path) -> None:
        self._writer = tf.io.TFRecordWriter(str(path))

    def write(self, features: Mapping[str, Any]) -> None:
        """Add a record, as `record.as_features` returns it."""
        self._writer.write(_serialized(features))

    def close(self) -> None:
        """Complete the file."""
        self._writer.close()

    def __exit__(self, *_: object) -> None:
        self.close()


def shard_files(folder: Path) -> list[Path]:
    """Return the shards in a folder, in order.

    Raises:
        FileNotFoundError: If there are none, or not as many as their names state.
    """
    files = sorted(folder.glob("*.tfrecord"))
    wanted = int(files[0].stem.rpartition("-")[2]) if files else 1
    if len(files) != wanted:
        raise FileNotFoundError(
            f"{folder}: must hold {wanted} or more *.tfrecord shards, as their names state. "
            f"Received: {len(files)}. Delete the folder and generate or prepare it again."
        )
    return files


def parse(serialized: Any) -> dict[str, Any]:
    """Return a record's features as tensors, `image` undecoded; for `tf.data`.

    Raises:
        tf.errors.InvalidArgumentError: When run on a record of another format version.
    """
    record = tf.io.parse_single_example(serialized, FEATURES)
    wanted = tf.constant(FORMAT_VERSION, tf.int64)
    rule = f"a record must have format version {FORMAT_VERSION}; generate or prepare it again"
    with tf.control_dependencies([tf.debugging.assert_equal(record["version"], wanted, rule)]):
        return {name: tf.identity(value) for name, value in record.items()}


def _serialized(features: Mapping[str, Any]) -> bytes:
    lists = {"version": tf.train.Feature(int64_list=tf.train.Int64List(value=[FORMAT_VERSION]))}
    for name, value in features.items():
        if FEATURES[name].dtype == tf.string:
            items = value if isinstance(value, list) else [value]
            raw = [item.encode() if isinstance(item, str) else item for item in items]
            lists[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=raw))
        else:
            lists[name] = tf.train.Feature(float_list=tf.train.FloatList(value=value))
    example = tf.train.Example(features=tf.train.Features(feature=lists))
    # Otherwise the order of the features differs between processes.
    return bytes(example.SerializeToString(deterministic=True))
