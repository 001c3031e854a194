import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from fau_tf import facs
from fau_tf.codec import HeatmapCodec
from fau_tf.data import augment as aug
from fau_tf.data import datasets, pipeline
from fau_tf.data import tfrecord as shards_module
from fau_tf.data.record import MARGIN
from fau_tf.data.splits import random_split
from fau_tf.data.synthetic_set import SyntheticSet
from fau_tf.data.tfrecord import shard_files
from fau_tf.face.au_centers import au_centers
from tests.helpers.records import SIZE, dotted, make_record
from tests.helpers.shards import write_shards

CODEC = HeatmapCodec(64, 16, 1.0)
TARGETS = pipeline.Targets(codec=CODEC, aus=facs.ALL, rule="fau")


@pytest.fixture
def shards(tmp_path):
    records = [make_record(person, face) for person in range(10) for face in range(2)]
    write_shards(tmp_path, records, shards=3)
    return tmp_path, records


def test_records_come_back_as_they_were_written(shards):
    folder, records = shards
    people = sorted({record.subject for record in records})
    found = pipeline.examples(shard_files(folder), people).as_numpy_iterator()
    rows = {row["source"].decode(): row for row in found}
    assert len(rows) == len(records)
    for record in records:
        row = rows[record.source]
        np.testing.assert_array_equal(row["landmarks"], record.landmarks)
        np.testing.assert_array_equal(row["intensity"], record.intensities())
        assert row["subject"].decode() == record.subject
        assert dict(zip(row["factor_names"], row["factors"], strict=True)) == {b"yaw": 3.0}
        image = tf.io.decode_jpeg(row["image"]).numpy().astype(int)
        # JPEG at quality 92: a few gray levels.
        assert np.abs(image - record.image).mean() < 2


def test_an_uncoded_au_is_nan_in_the_record():
    record = make_record(0, 0, intensity={6: 2.0, 12: np.nan})
    values = dict(zip(facs.ALL, record.intensities(), strict=True))
    assert values.pop(6) == 2.0
    assert np.isnan(list(values.values())).all()


@pytest.mark.parametrize("bad", [{6: 5.5}, {6: -1.0}, {7: 1.0}])
def test_a_label_off_the_scale_is_refused(bad):
    with pytest.raises(ValueError, match="intensity must be 0 to 5"):
        make_record(0, 0, intensity=bad)


def test_a_record_of_another_format_version_is_refused(shards, monkeypatch):
    folder, records = shards
    monkeypatch.setattr(shards_module, "FORMAT_VERSION", 99)
    rows = pipeline.examples(shard_files(folder), [records[0].subject])
    with pytest.raises(tf.errors.InvalidArgumentError, match="format version 99"):
        list(rows)


def test_a_missing_shard_is_refused(shards):
    folder, _ = shards
    shard_files(folder)[1].unlink()
    with pytest.raises(FileNotFoundError, match=r"must hold 3 .*Received: 2"):
        shard_files(folder)


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    settings = SyntheticSet(people=10, faces_per_person=1, record_size=32, seed=1)

    def prepare():
        lines = []
        return datasets.prepare_synthetic(settings, folder, processes=1, log=lines.append), lines

    return folder, prepare


def test_a_generated_set_is_used_again(generated):
    folder, prepare = generated
    once, _ = prepare()
    before = {file.name: file.stat().st_mtime_ns for file in once.files}
    again, lines = prepare()
    assert any("is complete" in line for line in lines)
    assert before == {file.name: file.stat().st_mtime_ns for file in again.files}
    assert [path for path in folder.iterdir() if path.name.startswith(".partial")] == []


@pytest.mark.parametrize("harm", ["truncate", "card"])
def test_a_harmed_set_is_named_with_the_next_step(generated, harm):
    _, prepare = generated
    faces, _ = prepare()
    file = faces.files[0] if harm == "truncate" else faces.files[0].parent / "card.json"
    content = file.read_bytes()
    file.write_bytes(content[:-50])
    try:
        with pytest.raises(ValueError, match=r"Delete the folder; the same command makes it again"):
            prepare()
    finally:
        file.write_bytes(content)
    prepare()


@pytest.mark.parametrize("count", [10, 57, 1000])
def test_nobody_is_in_two_splits(count):
    people = [f"p{i}" for i in range(count)]
    split = random_split(people, seed=3)
    everyone = [person for part in split.values() for person in part]
    assert sorted(everyone) == sorted(people)
    assert all(split.values())
    assert len(split["test"]) == pytest.approx(count / 10, abs=1)
    assert split == random_split(people[::-1], seed=3)
    assert split != random_split(people, seed=4)


def test_too_few_people_are_refused():
    with pytest.raises(ValueError, match="at least 10 subjects"):
        random_split(["a", "b"], seed=0)


def test_centers_in_the_pipeline_equal_au_centers():
    landmarks = np.random.default_rng(0).uniform(0, 64, (3, 68, 2)).astype(np.float32)
    for rule in ("fau", "libreface"):
        targets = dataclasses.replace(TARGETS, rule=rule)
        got = targets.centers(tf.constant(landmarks)).numpy()
        # float32 sums of up to three landmarks below 64.
        np.testing.assert_allclose(got, au_centers(landmarks, facs.ALL, rule), atol=1e-4)


def test_unaugmented_batches_are_the_middle_of_the_record(shards):
    folder, records = shards
    people = [record.subject for record in records[:4]]
    rows = pipeline.examples(shard_files(folder), people)
    ((image, targets),) = pipeline.batches(rows, TARGETS, record_size=SIZE, batch_size=8)
    by_source = {row["source"].numpy().decode(): i for i, row in enumerate(rows)}
    assert len(by_source) == 4
    for record in records[:4]:
        i = by_source[record.source]
        edge = (SIZE - 64) // 2
        middle = record.image[edge:-edge, edge:-edge].astype(int)
        assert np.abs(image[i].numpy() - middle).mean() < 2  # JPEG
        centers = au_centers(record.landmarks - edge, facs.ALL)
        grades = record.intensities()[facs.au_of_center(facs.ALL)]
        want = CODEC.encode(centers, grades)
        assert want.max() > 1
        np.testing.assert_allclose(targets["heatmap"][i], want, atol=1e-5)
        np.testing.assert_array_equal(targets["weight"][i], CODEC.inside(centers))


def test_uncoded_labels_get_weight_zero(tmp_path):
    record = make_record(0, 0, intensity={6: 2.0})
    write_shards(tmp_path, [record], shards=1)
    rows = pipeline.examples(shard_files(tmp_path), [record.subject])
    ((_, targets),) = pipeline.batches(rows, TARGETS, record_size=SIZE, batch_size=1)
    coded = np.array([center.au == 6 for center in facs.centers(facs.ALL)])
    np.testing.assert_array_equal(targets["weight"][0].numpy() > 0, coded)
    assert np.isfinite(targets["heatmap"].numpy()).all()
    assert np.isnan(targets["intensity"].numpy()).sum() == 13


def test_the_same_seed_gives_the_same_batches(shards):
    folder, records = shards
    people = [record.subject for record in records]

    def first(seed):
        rows = pipeline.examples(shard_files(folder), people)
        stream = pipeline.batches(
            rows, TARGETS, record_size=SIZE, batch_size=4, seed=seed, augment=aug.Augment()
        )
        return [image.numpy() for image, _ in stream.take(7)]  # past one epoch

    once, again, other = first(1), first(1), first(2)
    np.testing.assert_array_equal(once, again)
    assert np.abs(np.array(once) - np.array(other)).mean() > 5


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_landmarks_move_with_the_pixels(flip):
    # One dot per image at a known landmark; after any crop its centroid must be where the
    # landmark says, and after a flip it is the mirrored landmark.
    rng = np.random.default_rng(0)
    index = 36
    landmarks = rng.uniform(35, 45, (12, 68, 2)).astype(np.float32)
    images = np.stack([dotted([points[index]]) for points in landmarks])
    strong = aug.Augment(flip=flip, rotate=25, scale=0.15, shift=0.06)
    views, flipped = aug.crop_views(12, SIZE, 64, MARGIN, strong, tf.constant([5, 7]))
    assert flipped.numpy().all() == bool(flip)
    crops = aug.warp_images(images, views, 64).numpy()[..., 0] - 60
    moved = aug.warp_landmarks(landmarks, views, flipped).numpy()
    at = moved[:, facs.MIRROR_68[index] if flip else index]
    y, x = np.mgrid[:64, :64]
    total = crops.sum((1, 2))
    centroid = np.stack([(crops * x).sum((1, 2)) / total, (crops * y).sum((1, 2)) / total], -1)
    assert np.ptp(centroid, axis=0).min() > 3
    # Gray levels are rounded and the dot interpolated: a tenth of a pixel.
    np.testing.assert_allclose(centroid, at, atol=0.1)


def test_light_stays_within_the_gray_levels():
    images = tf.constant(np.random.default_rng(0).uniform(0, 255, (4, 8, 8, 3)), tf.float32)
    varied = aug.vary_light(images, aug.Augment(brightness=80), tf.constant([1, 2])).numpy()
    assert varied.min() >= 0
    assert varied.max() <= 255
    assert np.abs(varied - images.numpy()).mean() > 5
    same = aug.vary_light(images, aug.NO_AUGMENT, tf.constant([1, 2])).numpy()
    np.testing.assert_allclose(same, images, atol=1e-4)  # minus 128 plus 128


def test_subsampling_keeps_all_active_faces_and_a_share_of_the_neutral_ones(tmp_path):
    zero = dict.fromkeys(facs.ALL, 0.0)
    active = zero | {6: 2.0}
    records = [make_record(0, i, intensity=active if i % 4 == 0 else zero) for i in range(80)]
    write_shards(tmp_path, records, shards=1)
    part = datasets.FaceDataset("faces", tuple(shard_files(tmp_path)), ("person00000",), SIZE).subset(["person00000"])
    targets = pipeline.Targets(codec=CODEC, aus=(6, 12), rule="fau")
    labels = part.subsample_neutral(targets, 0.5).labels(targets)
    assert (labels[:, 0] == 2).sum() == 20
    # 60 neutral faces, each kept by a coin: 4 standard deviations are 16.
    assert abs((labels[:, 0] == 0).sum() - 30) < 16
    np.testing.assert_array_equal(labels, part.subsample_neutral(targets, 0.5).labels(targets))
    assert part.subsample_neutral(targets, 1.0) is part
    only_12 = pipeline.Targets(codec=CODEC, aus=(12,), rule="fau")
    assert len(part.subsample_neutral(only_12, 0.5).labels(only_12)) < 60
