"""Face records in TFRecord shards: the writer, and the parser for `tf.data`."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import tensorflow as tf

from fau_tf import facs
from fau_tf.data.record import FORMAT_VERSION, READABLE_FORMATS, VERSION_1_AUS

FEATURES: Final = {
    "version": tf.io.FixedLenFeature([], tf.int64),
    "image": tf.io.FixedLenFeature([], tf.string),
    "landmarks": tf.io.FixedLenFeature([68, 2], tf.float32),
    "aus": tf.io.FixedLenSequenceFeature([], tf.int64, allow_missing=True),
    "intensity": tf.io.FixedLenSequenceFeature([], tf.float32, allow_missing=True),
    "side_difference": tf.io.FixedLenSequenceFeature([], tf.float32, allow_missing=True),
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

    `intensity` and `side_difference` are (17,) in the order of `facs.ALL`, NaN and 0 for AUs that
    the record lacks; `aus` is left out.

    Raises:
        tf.errors.InvalidArgumentError: When run on a record of an unknown format version.
    """
    record = tf.io.parse_single_example(serialized, FEATURES)
    versions = " or ".join(map(str, READABLE_FORMATS))
    rule = f"a record must have format version {versions}; generate or prepare it again"
    readable = tf.reduce_any(record["version"] == tf.constant(READABLE_FORMATS, tf.int64))
    with tf.control_dependencies([tf.debugging.assert_equal(readable, True, rule)]):
        found = {name: tf.identity(value) for name, value in record.items()}
    aus, sides = found.pop("aus"), found["side_difference"]
    found["intensity"] = _in_order(aus, found["intensity"])
    known = tf.cond(
        tf.size(sides) > 0, lambda: _in_order(aus, sides), lambda: tf.zeros(len(facs.ALL))
    )
    found["side_difference"] = tf.where(tf.math.is_nan(known), 0.0, known)
    return found


def _in_order(aus: Any, intensity: Any) -> Any:
    """Return (17,) values in the order of `facs.ALL` from those of some AUs; NaN: not there.

    Args:
        aus: (N,) AU numbers; empty for those of format version 1.
        intensity: (N,).
    """
    numbers = tf.cond(tf.size(aus) > 0, lambda: aus, lambda: tf.constant(VERSION_1_AUS, tf.int64))
    same = tf.constant(facs.ALL, tf.int64)[:, None] == numbers[None]  # (17, N)
    values = tf.gather(intensity, tf.argmax(same, axis=1))
    coded = tf.where(tf.reduce_any(same, axis=1), values, float("nan"))
    return tf.ensure_shape(coded, (len(facs.ALL),))


def _serialized(features: Mapping[str, Any]) -> bytes:
    lists = {}
    for name, value in ({"version": FORMAT_VERSION} | dict(features)).items():
        items = value if isinstance(value, list) else [value]
        if FEATURES[name].dtype == tf.string:
            raw = [item.encode() if isinstance(item, str) else item for item in items]
            lists[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=raw))
        elif FEATURES[name].dtype == tf.int64:
            lists[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=items))
        else:
            lists[name] = tf.train.Feature(float_list=tf.train.FloatList(value=items))
    example = tf.train.Example(features=tf.train.Features(feature=lists))
    # Otherwise the order of the features differs between processes.
    return bytes(example.SerializeToString(deterministic=True))
