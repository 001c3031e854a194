"""Edited portraits as batches: partners, exact differences, resumption, beside other faces."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from fau_tf import facs
from fau_tf.codec import HeatmapCodec
from fau_tf.data import augment as aug
from fau_tf.data.pipeline import Targets
from fau_tf.data.portrait_pairs import load_pairs, mixed, pair_batches
from fau_tf.portraits import pairs
from fau_tf.portraits.pairs import PairSource
from tests.helpers.portraits import write_portraits

AUS = (1, 6, 12, 25)
OWNER = facs.au_of_center(AUS)
TARGETS = Targets(codec=HeatmapCodec(64, 16, 1.0, "peak"), aus=AUS, rule="fau")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("set")
    write_portraits(path)
    return path


@pytest.fixture(scope="module")
def source(folder):
    return PairSource([folder], seed=4)


def stream(source, count, **options):
    batches = pair_batches(source, TARGETS, batch_size=6, seed=2, **options).take(count)
    return list(batches.as_numpy_iterator())


def test_pictures_come_in_pairs_with_opposite_differences(source):
    for image, target in stream(source, 3):
        assert image.shape == (6, 64, 64, 3)
        assert target["partner"].tolist() == [1, 0, 3, 2, 5, 4]
        one, other = target["difference"][::2], target["difference"][1::2]
        assert (np.isnan(one) == np.isnan(other)).all()
        assert np.nanmax(np.abs(one + other)) == 0
        assert not target["ranked"][::2].any()


def test_labels_are_those_of_the_pairs_in_order(source):
    columns = [facs.ALL.index(au) for au in AUS]
    side = facs.center_sides(AUS)
    uneven = []
    for step, (_, target) in enumerate(stream(source, 2)):
        for i in range(3):
            pair = source.pair(3 * step + i)
            rows = slice(2 * i, 2 * i + 2)
            assert np.array_equal(target["intensity"][rows], pair.intensity[:, columns], True)
            sides = pair.side_difference[1] - pair.side_difference[0]
            want = [
                pair.difference[facs.ALL.index(one.au)]
                + side[k] * sides[facs.ALL.index(one.au)] / 2
                for k, one in enumerate(facs.centers(AUS))
            ]
            found = target["difference"][2 * i + 1]
            np.testing.assert_allclose(found, want, atol=1e-6)  # float32
            uneven.append(np.nanmax(np.abs(found - pair.difference[columns][OWNER])))
            assert np.array_equal(target["ranked"][2 * i + 1], pair.ranked[columns])
    assert np.nanmax(uneven) > 0.1


def test_a_mirrored_pair_is_mirrored_together_with_its_labels(source):
    plain, mirrored = (
        stream(source, 2, augment=replace(aug.NO_AUGMENT, flip=float(flip))) for flip in (0, 1)
    )
    partner = [one.mirror for one in facs.centers(AUS)]
    for (image, target), (other, flipped) in zip(plain, mirrored, strict=True):
        # Interpolation at whole pixels in float32, of values up to 255.
        np.testing.assert_allclose(other, image[:, :, ::-1], atol=0.05)
        for name in ("difference", "weight"):
            np.testing.assert_array_equal(flipped[name], target[name][:, partner])
        peaks, swapped = (one["heatmap"].max((1, 2)) for one in (target, flipped))
        # Resampling of 80 px to 64 moves no landmark, and rounds it by float32.
        np.testing.assert_allclose(swapped, peaks[:, partner], atol=0.01)


def test_of_randomly_mirrored_pictures_partners_are_mirrored_alike(source):
    half = replace(aug.NO_AUGMENT, flip=0.5)
    (plain,), found = stream(source, 1), stream(source, 1, augment=half)
    same = np.abs(found[0][0] - plain[0]).mean((1, 2, 3)) < 1
    assert (same[::2] == same[1::2]).all()


def test_the_person_of_a_pair_is_known_without_drawing_it(source, monkeypatch):
    named = [source.subject(i) for i in range(40)]
    assert len(set(named)) > 1
    drawn = []
    for name in ("_smile_pair", "EditablePortrait"):
        monkeypatch.setattr(pairs, name, lambda *rows, name=name: drawn.append((name, rows)))
    monkeypatch.setattr(pairs, "edited_pair", lambda *_: None)
    for i in range(40):
        source.pair(i)
    assert {name for name, _ in drawn} == {"_smile_pair", "EditablePortrait"}
    for who, (name, rows) in zip(named, drawn, strict=True):
        if name == "_smile_pair":
            assert {str(one.subject[index]) for one, index in rows} == {who}


def test_where_the_start_is_unknown_the_heatmap_has_no_weight(source):
    for _, target in stream(source, 4):
        unknown = np.isnan(target["intensity"])[:, OWNER]
        assert (target["weight"][unknown] == 0).all()
        assert (target["heatmap"][np.moveaxis(np.broadcast_to(
            unknown[:, None, None], target["heatmap"].shape), 0, 0)] == 0).all()  # fmt: skip


def test_a_stream_entered_later_continues_with_the_same_batches(source):
    augment = aug.Augment(gray=0.5)
    whole = stream(source, 4, augment=augment)
    later = stream(source, 2, augment=augment, start=2)
    for (image, target), (other, same) in zip(whole[2:], later, strict=True):
        assert (image == other).all()
        assert all(np.array_equal(target[k], same[k], equal_nan=True) for k in target)


def test_faces_of_a_data_set_stay_without_partners(source):
    count = 4
    image = np.full((count, 64, 64, 3), 7, np.float32)
    landmarks = np.random.default_rng(0).uniform(8, 56, (count, 68, 2)).astype(np.float32)
    ones = np.ones((count, len(facs.ALL)), np.float32)
    coded = TARGETS.encode(landmarks, ones, 0 * ones)
    faces = tf.data.Dataset.from_tensors((image, coded)).repeat()
    pairs = pair_batches(source, TARGETS, batch_size=2, seed=2)
    together, target = next(iter(mixed(faces, pairs)))
    assert together.shape == (6, 64, 64, 3)
    assert (together[:4].numpy() == 7).all()
    assert target["partner"].numpy().tolist() == [0, 1, 2, 3, 5, 4]
    assert np.isnan(target["difference"][:4]).all()
    assert not target["ranked"][:4].numpy().any()
    assert (target["intensity"][:4].numpy() == 1).all()
    assert {len(value) for value in target.values()} == {6}


def test_odd_batches_and_other_sizes_are_refused(source, folder):
    with pytest.raises(ValueError, match="must have an even size"):
        pair_batches(source, TARGETS, batch_size=3, seed=0)
    with pytest.raises(ValueError, match=r"must have pictures of `data\.record_size`"):
        load_pairs([str(folder)], record_size=80, seed=1)
