"""A small data set of made records on disk, split as a run would."""

from fau_tf.data import datasets
from fau_tf.data.datasets import FaceDataset
from fau_tf.data.tfrecord import shard_files
from tests.helpers.records import SIZE, make_record
from tests.helpers.shards import write_shards

PEOPLE = 20


def made_parts(folder, faces=2):
    """Write `faces` records each of 20 people; return `train`, `validation` and `test`."""
    records = (make_record(person, face) for person in range(PEOPLE) for face in range(faces))
    write_shards(folder, records, shards=2)
    return stored_parts(folder)


def stored_parts(folder):
    """Return the parts of what `made_parts` wrote."""
    names = tuple(make_record(person, 0).subject for person in range(PEOPLE))
    return datasets.random_subsets(
        FaceDataset("made", tuple(shard_files(folder)), names, SIZE), seed=1
    )
