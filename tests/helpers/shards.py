"""Records of the tests' own in files."""

from pathlib import Path

from fau_tf.data.record import as_features
from fau_tf.data.tfrecord import RecordWriter


def write_shards(folder, records, *, shards):
    """Write FaceRecords in turn over `shards` files."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    names = [folder / f"faces-{i:03d}-of-{shards:03d}.tfrecord" for i in range(shards)]
    writers = [RecordWriter(name) for name in names]
    for count, record in enumerate(records):
        writers[count % shards].write(as_features(record))
    for writer in writers:
        writer.close()
