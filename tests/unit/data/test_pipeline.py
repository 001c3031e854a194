"""Records, shards and batches; a stream of batches can be resumed and shared without a change."""

import dataclasses
from itertools import islice

import numpy as np
import pytest
import tensorflow as tf

from fau_tf import facs
from fau_tf.codec import HeatmapCodec
from fau_tf.data import augment as aug
from fau_tf.data import datasets, pipeline, tfrecord
from fau_tf.data import record as face_record
from fau_tf.data.record import as_features
from fau_tf.data.synthetic_set import SyntheticSet
from fau_tf.data.tfrecord import shard_files
from fau_tf.face.au_centers import au_centers
from tests.helpers.records import SIZE, make_record, stored_subsets, write_shards, write_subsets

CODEC = HeatmapCodec(64, 16, 1.0)
TARGETS = pipeline.Targets(codec=CODEC, aus=facs.ALL, rule="fau")


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    records = [make_record(person, face) for person in range(10) for face in range(2)]
    write_shards(folder, records, shards=3)
    return folder, records


@pytest.fixture(scope="module")
def subset(tmp_path_factory):
    return write_subsets(tmp_path_factory.mktemp("faces"))["train"]  # 32 records


def batches(subset, count, **options):
    """Return (images, heatmaps, intensities) of the first batches of 8."""
    options = {"seed": 3, "augment": aug.Augment()} | options
    stream = islice(subset.batches(TARGETS, batch_size=8, **options), count)
    return [(image.numpy(), y["heatmap"].numpy(), y["intensity"].numpy()) for image, y in stream]


@pytest.fixture(scope="module")
def whole(subset):
    return batches(subset, 10)  # two and a half passes


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        assert np.isfinite(a).all()
        assert a.std() > 0
        np.testing.assert_array_equal(a, b)


def test_records_come_back_as_they_were_written(stored):
    folder, records = stored
    subjects = sorted({record.subject for record in records})
    found = pipeline.examples(shard_files(folder), subjects).as_numpy_iterator()
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


@pytest.mark.parametrize("bad", [{6: 5.5}, {6: -1.0}, {24: 1.0}])
def test_a_label_off_the_scale_is_refused(bad):
    with pytest.raises(ValueError, match="intensity must be 0 to 5"):
        make_record(0, 0, intensity=bad)


@pytest.mark.parametrize("bad", [{12: np.nan}, {99: 3.0}, {6: 10.5}, {25: 1.0}, {6: -np.inf}])
def test_a_side_difference_that_no_face_can_have_is_refused(bad):
    record = make_record(0, 0)
    dataclasses.replace(record, side_difference={6: -10.0, 12: 10.0})
    with pytest.raises(ValueError, match=r"made/0/0: side_difference must be within 10 in size"):
        dataclasses.replace(record, side_difference=bad)


def test_a_record_of_another_format_version_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tfrecord, "FORMAT_VERSION", 99)
    record = make_record(0, 0)
    write_shards(tmp_path, [record], shards=1)
    rows = pipeline.examples(shard_files(tmp_path), [record.subject])
    with pytest.raises(tf.errors.InvalidArgumentError, match="format version 1 or 2 or 3"):
        list(rows)


@pytest.mark.parametrize(
    ("name", "values", "rule"),
    [
        ("side_difference", [], "a value of `side_difference` for each"),
        ("side_difference", [1.0] * 16, "a value of `side_difference` for each"),
        ("side_difference", [float("nan")] * 17, "finite values of `side_difference`"),
        ("intensity", [1.0] * 18, "a value of `intensity` for each"),
        ("aus", [], "have `aus` and a value"),
    ],
)
def test_a_record_that_lacks_values_is_refused(tmp_path, name, values, rule):
    record = make_record(0, 0)
    path = tmp_path / "faces-0-of-1.tfrecord"
    with tfrecord.RecordWriter(path) as writer:
        writer.write(as_features(record) | {name: values})
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"{rule}.*generate or prepare it"):
        list(pipeline.examples([path], [record.subject]))


def test_records_that_are_too_small_for_the_crops_are_refused(subset):
    large = pipeline.Targets(codec=HeatmapCodec(72, 18, 1.0), aus=(6,), rule="fau")
    message = (
        r"crops of 72 px .* 1\.25 times as many: 90 px\. Received: `data\.record_size` = 80.*"
        r"--set data\.record_size=90"
    )
    with pytest.raises(ValueError, match=message):
        subset.batches(large, batch_size=8)


@pytest.mark.parametrize(("image_size", "least"), [(64, 80), (160, 200), (66, 84), (256, 320)])
def test_the_smallest_record_size_is_even_and_holds_the_margin(image_size, least):
    assert face_record.least_record_size(image_size) == least


def test_the_sides_of_records_of_version_2_are_alike(tmp_path, monkeypatch):
    record = make_record(0, 0)
    monkeypatch.setattr(tfrecord, "FORMAT_VERSION", 2)
    features = as_features(record)
    del features["side_difference"]
    path = tmp_path / "faces-0-of-1.tfrecord"
    with tfrecord.RecordWriter(path) as writer:
        writer.write(features)
    (row,) = pipeline.examples([path], [record.subject])
    np.testing.assert_array_equal(row["intensity"], record.intensities())
    assert not row["side_difference"].numpy().any()


def test_records_of_version_1_have_their_14_aus_and_no_others(tmp_path, monkeypatch):
    record = make_record(0, 0)
    monkeypatch.setattr(tfrecord, "FORMAT_VERSION", 1)
    features = as_features(record)
    del features["aus"], features["side_difference"]
    features["intensity"] = [record.intensity[au] for au in facs.DISFA_BP4D]
    path = tmp_path / "faces-0-of-1.tfrecord"
    with tfrecord.RecordWriter(path) as writer:
        writer.write(features)
    (row,) = pipeline.examples([path], [record.subject])
    found = dict(zip(facs.ALL, row["intensity"].numpy(), strict=True))
    assert [au for au in facs.ALL if np.isnan(found[au])] == [7, 23, 45]
    for au in facs.DISFA_BP4D:
        assert found[au] == np.float32(record.intensity[au])
    assert not row["side_difference"].numpy().any()


def test_sides_of_a_record_come_back_and_each_center_has_its_own_height(tmp_path):
    leans = {6: 1.5, 12: -2.0}
    coded = make_record(0, 0, intensity={6: 2.0, 12: 3.0, 25: 1.0})
    record = dataclasses.replace(coded, side_difference=leans)
    write_shards(tmp_path, [record], shards=1)
    rows = pipeline.examples(shard_files(tmp_path), [record.subject])
    ((_, targets),) = pipeline.batches(rows, TARGETS, record_size=SIZE, batch_size=1)
    names = [one.name for one in facs.centers(facs.ALL)]
    peaks = CODEC.peaks(targets["heatmap"].numpy())[0]
    want = {"AU06_left": 2.75, "AU06_right": 1.25, "AU12_left": 2.0, "AU12_right": 4.0}
    for name, height in want.items():
        assert targets["weight"][0, names.index(name)] == 1
        assert peaks[names.index(name)] == pytest.approx(height, rel=1e-5)  # float32
    np.testing.assert_array_equal(targets["intensity"][0, facs.ALL.index(12)], 3.0)


def test_a_side_beyond_the_scale_of_a_mirrored_record_is_cut_at_its_end(tmp_path):
    coded = make_record(0, 0, intensity={6: 4.5, 12: 0.5})
    record = dataclasses.replace(coded, side_difference={6: 3.0, 12: -3.0})
    write_shards(tmp_path, [record], shards=1)
    rows = pipeline.examples(shard_files(tmp_path), [record.subject])
    augment = dataclasses.replace(aug.NO_AUGMENT, flip=1.0)
    targets = dataclasses.replace(TARGETS, aus=(6, 12))
    kind = {"record_size": SIZE, "batch_size": 1, "seed": 1}
    (_, found), *_ = pipeline.batches(rows, targets, augment=augment, **kind).take(1)
    peaks = CODEC.peaks(found["heatmap"].numpy())[0]
    np.testing.assert_allclose(peaks, [3, 5, 2, 0], atol=1e-5)  # float32
    np.testing.assert_array_equal(found["intensity"], [[4.0, 1.0]])


def test_a_mirrored_record_has_the_labels_of_the_other_side(tmp_path):
    record = dataclasses.replace(make_record(0, 0), side_difference={12: 1.0, 6: -0.5})
    write_shards(tmp_path, [record], shards=1)
    rows = pipeline.examples(shard_files(tmp_path), [record.subject])
    kind = {"record_size": SIZE, "batch_size": 1, "seed": 1}
    heights = []
    for flip in (0.0, 1.0):
        augment = dataclasses.replace(aug.NO_AUGMENT, flip=flip)
        (_, targets), *_ = pipeline.batches(rows, TARGETS, augment=augment, **kind).take(1)
        heights.append(CODEC.peaks(targets["heatmap"].numpy())[0])
    partner = [one.mirror for one in facs.centers(facs.ALL)]
    np.testing.assert_allclose(heights[1], heights[0][partner], rtol=1e-5)  # float32
    assert np.abs(heights[1] - heights[0]).max() > 0.9


def test_each_side_is_cut_to_the_scale_and_the_intensity_is_the_mean_of_both():
    aus = (6, 12, 15)
    targets = dataclasses.replace(TARGETS, aus=aus)
    coded = np.full((1, len(facs.ALL)), np.nan, np.float32)
    sides = np.zeros_like(coded)
    for au, intensity, side in ((6, 4.5, 3.0), (12, 0.5, -3.0), (15, 2.5, 1.0)):
        coded[0, facs.ALL.index(au)], sides[0, facs.ALL.index(au)] = intensity, side
    landmarks = np.random.default_rng(0).uniform(20, 44, (1, 68, 2)).astype(np.float32)
    found = targets.encode(landmarks, *targets.on_scale(coded, sides))
    heatmap = found["heatmap"].numpy()
    np.testing.assert_allclose(CODEC.peaks(heatmap)[0], [5, 3, 0, 2, 3, 2], atol=1e-5)  # float32
    decoded = CODEC.decode(heatmap, facs.center_to_au(aus))
    np.testing.assert_allclose(decoded, [[4.0, 1.0, 2.5]], atol=1e-5)
    np.testing.assert_array_equal(found["intensity"], [[4.0, 1.0, 2.5]])


def test_the_labels_of_a_subset_are_the_intensities_of_its_batches(tmp_path):
    uneven = {"intensity": {12: 4.5, 6: 0.5, 4: 2.0}, "side_difference": {12: 3.0, 6: -3.0}}
    made = [make_record(person, 0) for person in range(20)]
    write_shards(tmp_path, [dataclasses.replace(one, **uneven) for one in made], shards=1)
    subset = stored_subsets(tmp_path)["train"]
    targets = dataclasses.replace(TARGETS, aus=(4, 6, 12, 15))
    coded = subset.labels(targets)
    (_, learned), *_ = subset.batches(targets, batch_size=len(coded))
    np.testing.assert_array_equal(coded, learned["intensity"])
    np.testing.assert_array_equal(coded[0], np.float32([2.0, 1.0, 4.0, np.nan]))


def test_sides_of_an_unknown_intensity_stay_as_they_are():
    mean, sides = TARGETS.on_scale(np.float32([[np.nan]]), np.float32([[3.0]]))
    assert np.isnan(mean).all()
    np.testing.assert_array_equal(sides, [[3.0]])


def test_a_missing_shard_is_refused(tmp_path):
    write_shards(tmp_path, [make_record(0, face) for face in range(3)], shards=3)
    shard_files(tmp_path)[1].unlink()
    with pytest.raises(FileNotFoundError, match=r"must hold 3 .*Received: 2"):
        shard_files(tmp_path)


@pytest.mark.parametrize("name", ["a", "mine-1", "faces-of-x", "zz", "zz-00000-of-00002"])
def test_a_shard_of_another_name_is_refused(tmp_path, name):
    write_shards(tmp_path, [make_record(0, 0)], shards=1)
    (tmp_path / f"{name}.tfrecord").touch()
    with pytest.raises(FileNotFoundError, match=rf"Received: 2, .*{name}.tfrecord"):
        shard_files(tmp_path)
    (tmp_path / "faces-000-of-001.tfrecord").unlink()
    with pytest.raises(FileNotFoundError, match=r"Received: 1[,.]"):
        shard_files(tmp_path)


def test_a_folder_without_shards_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="Received: 0"):
        shard_files(tmp_path)


@pytest.mark.parametrize("harm", ["truncate", "card"])
def test_a_complete_set_is_reused_and_a_damaged_one_is_reported(tmp_path, harm):
    lines = []

    def prepare():
        settings = SyntheticSet(people=10, faces_per_person=1, record_size=32, seed=1)
        return datasets.prepare_synthetic(settings, tmp_path, processes=1, log=lines.append)

    faces = prepare()
    before = {file.name: file.stat().st_mtime_ns for file in faces.files}
    assert before == {file.name: file.stat().st_mtime_ns for file in prepare().files}
    assert any("is complete" in line for line in lines)
    file = faces.files[0] if harm == "truncate" else faces.files[0].parent / "card.json"
    file.write_bytes(file.read_bytes()[:-50])
    with pytest.raises(ValueError, match=r"Delete the folder; the same command makes it again"):
        prepare()


def test_centers_in_the_pipeline_equal_au_centers():
    landmarks = np.random.default_rng(0).uniform(0, 64, (3, 68, 2)).astype(np.float32)
    for rule, aus in (("fau", facs.ALL), ("libreface", facs.DISFA_BP4D)):
        targets = dataclasses.replace(TARGETS, aus=aus, rule=rule)
        got = targets.centers(tf.constant(landmarks)).numpy()
        # float32 sums of up to three landmarks below 64.
        np.testing.assert_allclose(got, au_centers(landmarks, aus, rule), atol=1e-4)


def test_unaugmented_batches_are_the_center_of_the_record(stored):
    folder, records = stored
    rows = pipeline.examples(shard_files(folder), [record.subject for record in records[:4]])
    ((image, targets),) = pipeline.batches(rows, TARGETS, record_size=SIZE, batch_size=8)
    by_source = {row["source"].numpy().decode(): i for i, row in enumerate(rows)}
    assert len(by_source) == 4
    for record in records[:4]:
        i = by_source[record.source]
        edge = (SIZE - 64) // 2
        center = record.image[edge:-edge, edge:-edge].astype(int)
        assert np.abs(image[i].numpy() - center).mean() < 2  # JPEG
        centers = au_centers(record.landmarks - edge, facs.ALL)
        want = CODEC.encode(centers, record.intensities()[facs.au_of_center(facs.ALL)])
        assert want.max() > 1
        np.testing.assert_allclose(targets["heatmap"][i], want, atol=1e-5)
        np.testing.assert_array_equal(targets["weight"][i], CODEC.inside(centers))


def test_uncoded_labels_get_weight_zero(tmp_path):
    record = make_record(0, 0, intensity={6: 2.0, 12: np.nan})
    write_shards(tmp_path, [record], shards=1)
    rows = pipeline.examples(shard_files(tmp_path), [record.subject])
    ((_, targets),) = pipeline.batches(rows, TARGETS, record_size=SIZE, batch_size=1)
    coded = np.array([center.au == 6 for center in facs.centers(facs.ALL)])
    np.testing.assert_array_equal(targets["weight"][0].numpy() > 0, coded)
    assert np.isfinite(targets["heatmap"].numpy()).all()
    assert np.isnan(targets["intensity"].numpy()).sum() == len(facs.ALL) - 1


@pytest.mark.parametrize("start", [3, 9])
def test_a_stream_entered_later_continues_with_the_same_batches(subset, whole, start):
    for one, other in zip(whole[start:], batches(subset, 10 - start, start=start), strict=True):
        assert_same(one, other)
    assert (whole[0][0] != whole[4][0]).any(), "another pass, another order"


@pytest.mark.parametrize("workers", [2, 4])
def test_the_parts_of_all_workers_add_up_to_the_batch(subset, whole, workers):
    parts = [batches(subset, 2, share=(i, workers)) for i in range(workers)]
    assert parts[0][0][0].shape[0] == 8 // workers
    for step in range(2):
        own = [np.concatenate([part[step][i] for part in parts]) for i in range(3)]
        assert_same(whole[step], own)


def test_a_batch_that_can_not_be_shared_equally_is_refused(subset):
    with pytest.raises(ValueError, match="batch_size=8 for 3 workers"):
        batches(subset, 1, share=(0, 3))


def test_the_seed_decides_order_and_augmentation(subset, whole):
    assert_same(whole[0], batches(subset, 1)[0])
    (other,) = batches(subset, 1, seed=4)
    assert (whole[0][2] != other[2]).any()
    assert np.abs(whole[0][0] - other[0]).mean() > 5
    (plain,) = batches(subset, 1, augment=aug.NO_AUGMENT)
    assert (whole[0][0] != plain[0]).any()


@pytest.mark.parametrize("seed", [None, 3])
def test_a_crop_that_does_not_move_is_cut_out_with_the_bits_of_the_resampled_one(
    subset, seed, monkeypatch
):
    cut = batches(subset, 2, seed=seed, augment=aug.NO_AUGMENT)
    monkeypatch.setattr(aug.Augment, "moves", True)
    monkeypatch.setattr(pipeline, "_cut", lambda *_: pytest.fail("must be resampled"))
    for one, other in zip(cut, batches(subset, 2, seed=seed, augment=aug.NO_AUGMENT), strict=True):
        assert_same(one, other)


def test_light_without_noise_has_the_bits_of_noise_of_strength_0(subset, monkeypatch):
    how = dataclasses.replace(aug.Augment(), noise=0.0)
    quiet = batches(subset, 1, augment=how)
    monkeypatch.setattr(tf.random, "stateless_normal", lambda *_: pytest.fail("drawn for nothing"))
    assert_same(quiet[0], batches(subset, 1, augment=how)[0])
    monkeypatch.undo()
    assert (quiet[0][0] != batches(subset, 1)[0][0]).mean() > 0.9


def test_the_sources_of_a_step_are_those_of_its_faces(subset, whole):
    coded = {row["source"].numpy().decode(): row["intensity"].numpy() for row in subset.records}
    for step in (0, 5):
        sources = subset.sources(step, batch_size=8, seed=3)
        assert len(sources) == 8
        for source, intensity in zip(sources, whole[step][2], strict=True):
            np.testing.assert_array_equal(coded[source], intensity)


def test_light_stays_within_the_gray_levels():
    images = tf.constant(np.random.default_rng(0).uniform(0, 255, (4, 8, 8, 3)), tf.float32)
    varied = aug.vary_light(images, aug.Augment(brightness=80), tf.constant([1, 2])).numpy()
    assert varied.min() >= 0
    assert varied.max() <= 255
    assert np.abs(varied - images.numpy()).mean() > 5
    same = aug.vary_light(images, aug.NO_AUGMENT, tf.constant([1, 2])).numpy()
    np.testing.assert_allclose(same, images, atol=1e-4)  # minus 128 plus 128
