"""Damaged records: whoever reads them names the file and the way out."""

from types import SimpleNamespace

import pytest
import tensorflow as tf

from fau_tf import facs
from fau_tf.codec import HeatmapCodec
from fau_tf.data import pipeline
from fau_tf.data.adapters import validate_report
from fau_tf.data.dataset_card import describe
from fau_tf.data.datasets import FaceDataset
from fau_tf.data.record import as_features
from fau_tf.data.tfrecord import RecordWriter, explain_damage, shard_files
from tests.helpers.records import SIZE, make_record, write_shards

PEOPLE = tuple(make_record(person, 0).subject for person in range(4))
TARGETS = pipeline.Targets(codec=HeatmapCodec(64, 16, 1.0), aus=facs.ALL, rule="fau")


def card(folder):
    return describe(shard_files(folder))


def labels(folder):
    faces = FaceDataset("made", tuple(shard_files(folder)), PEOPLE, SIZE)
    return faces.subset(PEOPLE).labels(TARGETS)


def sheets(folder):
    return validate_report._sample_faces(SimpleNamespace(folder=folder), facs.ALL)


def cut(file):
    file.write_bytes(file.read_bytes()[:-50])


def altered(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def of_another_version(file):
    with RecordWriter(file) as writer:
        writer.write(as_features(make_record(0, 0)) | {"version": 99})


@pytest.mark.parametrize(
    ("read", "harm"),
    [
        *((read, cut) for read in (card, labels, sheets)),
        *((labels, harm) for harm in (altered, of_another_version)),
    ],
)
def test_a_damaged_record_is_an_error_that_names_its_file(tmp_path, read, harm):
    write_shards(tmp_path, [make_record(person, 0) for person in range(4)], shards=2)
    read(tmp_path)
    harm(tmp_path / "faces-001-of-002.tfrecord")
    with pytest.raises(ValueError, match=r"faces-001-of-002\.tfrecord: .*Delete the folder"):
        read(tmp_path)


def test_an_error_that_no_file_explains_stays_as_it_is(tmp_path):
    write_shards(tmp_path, [make_record(0, 0)], shards=1)
    with (
        pytest.raises(tf.errors.InvalidArgumentError, match="of the network"),
        explain_damage(shard_files(tmp_path)),
    ):
        raise tf.errors.InvalidArgumentError(None, None, "of the network")
