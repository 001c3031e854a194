"""Face records in TFRecord shards: the writer, and the parser for `tf.data`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

import tensorflow as tf

from fau_tf import facs
from fau_tf.data.record import (
    FIRST_WITH_AUS,
    FIRST_WITH_SIDES,
    FORMAT_VERSION,
    READABLE_FORMATS,
    VERSION_1_AUS,
)

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
        FileNotFoundError: If there are none, not as many as their names state, or a file whose name
            states no number or another one.
    """
    files = sorted(folder.glob("*.tfrecord"))
    stated = {file.name: _stated_count(file) for file in files}
    wanted = next((count for count in stated.values() if count), 1)
    if set(stated.values()) != {len(files)}:
        foreign = ", ".join([name for name, count in stated.items() if count != wanted][:3])
        raise FileNotFoundError(
            f"{folder}: must hold {wanted} or more *.tfrecord shards, as their names state "
            f"(NAME-00000-of-{wanted:05d}). Received: {len(files)}"
            f"{f', with {foreign}' if foreign else ''}. Delete the folder and generate or prepare "
            "it again."
        )
    return files


def _stated_count(file: Path) -> int:
    """Return the number of shards that a shard's name states, or 0."""
    match = re.search(r"-of-(\d{1,9})$", file.stem, re.ASCII)
    return int(match[1]) if match else 0


@contextmanager
def explain_damage(files: Sequence[Path]) -> Iterator[None]:
    """Turn TensorFlow's error about a record of these files into a ValueError that names its file.

    An error that no file explains stays as it is.
    """
    try:
        yield
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError) as error:
        damaged = next((file for file in files if not _is_readable(file)), None)
        if damaged is None:
            raise
        raise ValueError(
            f"{damaged}: holds a damaged face record, or one of another format version. Delete the "
            "folder; the same command makes it again."
        ) from error


def read_records(files: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """Yield the parsed records of some shards as NumPy values, in order.

    Raises:
        ValueError: If a record is damaged.
    """
    with explain_damage(files):
        names = [str(file) for file in files]
        yield from tf.data.TFRecordDataset(names).map(parse).as_numpy_iterator()


def _is_readable(file: Path) -> bool:
    try:
        for _ in tf.data.TFRecordDataset(str(file)).map(parse):
            pass
    except tf.errors.OpError:
        return False
    return True


def parse(serialized: Any) -> dict[str, Any]:
    """Return a record's features as tensors, `image` undecoded; for `tf.data`.

    `intensity` and `side_difference` are (17,) in the order of `facs.ALL`, NaN and 0 for AUs that
    the record lacks; `aus` is left out.

    Raises:
        tf.errors.InvalidArgumentError: When run on a record of an unknown format version, or one
            without a value for each of its AUs.
    """
    record = tf.io.parse_single_example(serialized, FEATURES)
    version = record["version"]
    versions = " or ".join(map(str, READABLE_FORMATS))
    readable = tf.reduce_any(version == tf.constant(READABLE_FORMATS, tf.int64))
    with tf.control_dependencies([_required(readable, f"have format version {versions}")]):
        found = {name: tf.identity(value) for name, value in record.items()}
    named, intensity, sides = (found.pop(name) for name in ("aus", "intensity", "side_difference"))
    first = tf.constant(VERSION_1_AUS, tf.int64)
    aus = tf.cond(version >= FIRST_WITH_AUS, lambda: named, lambda: first)
    even = tf.zeros_like(aus, tf.float32)
    sides = tf.cond(version >= FIRST_WITH_SIDES, lambda: sides, lambda: even)
    finite = tf.reduce_all(tf.math.is_finite(sides))
    with tf.control_dependencies([_required(finite, "have finite values of `side_difference`")]):
        sides = tf.identity(sides)
    return {
        **found,
        "intensity": _in_order(aus, intensity, "intensity", missing=float("nan")),
        "side_difference": _in_order(aus, sides, "side_difference", missing=0.0),
    }


def _in_order(aus: Any, values: Any, name: str, *, missing: float) -> Any:
    """Return (17,) values in the order of `facs.ALL` from those of some AUs.

    Args:
        aus: (N,) AU numbers.
        values: (N,).
        name: Of the feature, for the error if N differs or is 0.
        missing: The value of AUs that are not among `aus`.
    """
    each = (tf.size(aus) > 0) & (tf.size(values) == tf.size(aus))
    with tf.control_dependencies([_required(each, f"have `aus` and a value of `{name}` for each")]):
        same = tf.constant(facs.ALL, tf.int64)[:, None] == aus[None]  # (17, N)
        found = tf.gather(values, tf.argmax(same, axis=1))
    known = tf.where(tf.reduce_any(same, axis=1), found, missing)
    return tf.ensure_shape(known, (len(facs.ALL),))


def _required(holds: Any, rule: str) -> Any:
    """Return an operation that fails with the rule unless the tensor `holds`."""
    why = f"a record must {rule}; generate or prepare it again"
    return tf.debugging.assert_equal(holds, True, why)


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
