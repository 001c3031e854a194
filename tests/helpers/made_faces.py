"""A small data set of made records on disk, split as a run would."""

from fau_tf.data import datasets
from fau_tf.data.datasets import Faces
from fau_tf.data.record import as_bytes
from fau_tf.data.shards import shard_files, write_shards
from tests.helpers.records import SIZE, make_record


def made_parts(folder, people=20, faces=2):
    """Return `train`, `validation` and `test` of `people` people with `faces` records each."""
    records = [make_record(person, face) for person in range(people) for face in range(faces)]
    write_shards(folder, map(as_bytes, records), shards=2)
    names = tuple(sorted({record.subject for record in records}))
    return datasets.split(Faces("made", tuple(shard_files(folder)), names, SIZE), seed=1)
