"""Pairs: exact differences, unknown starts, ranked smiles, the same bytes."""

import numpy as np
import pytest

from fau_tf import facs
from fau_tf.portraits import pairs
from fau_tf.portraits.editing.edit import EditablePortrait
from fau_tf.portraits.pairs import PairSource, edited_pair
from tests.helpers.portraits import NEUTRAL, rendered, write_portraits


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("set")
    write_portraits(path)
    return path


@pytest.fixture(scope="module")
def drawn(folder):
    source = PairSource([folder], seed=4)
    return [source.pair(i) for i in range(60)]


def test_of_a_neutral_portrait_both_intensities_and_their_difference_are_known():
    image, mesh = rendered(3)
    portrait = EditablePortrait(image, mesh, NEUTRAL)
    for seed in range(12):
        pair = edited_pair(portrait, np.random.default_rng(seed))
        known = np.isfinite(pair.intensity).all(0) & np.isfinite(pair.difference)
        assert known.sum() >= len(facs.ALL) - 5
        found = (pair.intensity[1] - pair.intensity[0])[known]
        assert np.abs(found - pair.difference[known]).max() < 1e-6  # float32
        assert not pair.ranked.any()


@pytest.mark.parametrize("au", [6, 12, 45])
def test_of_a_one_sided_edit_the_sides_are_known(au, monkeypatch):
    image, mesh = rendered(3)
    portrait = EditablePortrait(image, mesh, NEUTRAL)
    edits = iter([pairs.Edit(), pairs.Edit({au: 2.0}, {au: 1.0})])
    monkeypatch.setattr(pairs, "sample_edit", lambda *_, **__: next(edits))
    monkeypatch.setattr(pairs, "UNEDITED", 0.0)
    pair = edited_pair(portrait, np.random.default_rng(0))
    column = facs.ALL.index(au)
    mean, sides = pair.intensity[1, column], pair.side_difference[1, column]
    right, left = mean - sides / 2, mean + sides / 2
    # The right of the image stays still. Of AU45 the left is then shut by 2, of the others the
    # mean of both sides is 2.
    assert right == pytest.approx(0, abs=0.2)  # tanh at the center's distance from the midline
    assert left == pytest.approx(2 if au == 45 else 4, abs=0.2)
    moved = np.abs(pair.landmarks[1] - pair.landmarks[0]).sum(1)
    one, other = {6: (41, 46), 12: (48, 54), 45: (37, 44)}[au]  # on the image's left and right
    assert moved[one] > 5 * moved[other]
    assert not pair.side_difference[0].any()
    assert pair.difference[column] == pytest.approx(mean)


def test_of_an_unknown_portrait_the_difference_is_known_and_the_intensity_is_not():
    image, mesh = rendered(4)
    pair = edited_pair(EditablePortrait(image, mesh, {}), np.random.default_rng(1))
    assert np.isnan(pair.intensity).all()
    assert np.isfinite(pair.difference).sum() >= len(facs.ALL) - 1
    assert np.abs(pair.difference[np.isfinite(pair.difference)]).max() > 0.3


def test_intensities_stay_on_the_scale(drawn):
    values = np.concatenate([pair.intensity.ravel() for pair in drawn])
    values = values[np.isfinite(values)]
    assert values.min() >= 0
    assert values.max() <= facs.MAX_INTENSITY


def test_a_smile_is_ranked_above_the_neutral_portrait_of_the_same_person(drawn):
    smiles = [pair for pair in drawn if pair.ranked.any()]
    assert 1 <= len(smiles) <= 20  # 12 % of 60
    for pair in smiles:
        assert np.isnan(pair.difference).all()
        assert {facs.ALL[i] for i in np.flatnonzero(pair.ranked)} == {6, 12, 25}
        assert pair.intensity[0, facs.ALL.index(12)] == 0
        assert pair.intensity[1, facs.ALL.index(12)] == 3
        assert np.isnan(pair.intensity[1, facs.ALL.index(6)])


def test_validation_people_are_not_among_the_training_pairs(folder):
    train, validation = (PairSource([folder], part=part) for part in ("train", "validation"))
    assert (len(train), len(validation)) == (3, 1)


def test_lips_that_other_aus_part_make_the_difference_of_au25_unknown(monkeypatch):
    image, mesh = rendered(3)
    portrait = EditablePortrait(image, mesh, NEUTRAL)
    jaw = pairs.Edit({26: 4.0})
    monkeypatch.setattr(pairs, "sample_edit", lambda *_, **__: jaw)
    pair = edited_pair(portrait, np.random.default_rng(0))
    column = facs.ALL.index(25)
    assert np.isnan(pair.difference[column])
    assert np.isnan(pair.intensity[1, column])
    assert np.isfinite(np.delete(pair.difference, column)).all()


def test_the_same_seed_and_number_give_the_same_bytes(folder):
    one, other, third = (PairSource([folder], seed=seed).pair(7) for seed in (1, 1, 2))
    assert one.images.tobytes() == other.images.tobytes()
    assert one.landmarks.tobytes() == other.landmarks.tobytes()
    assert one.images.tobytes() != third.images.tobytes()


def test_sets_of_two_sizes_and_empty_parts_are_refused(folder, tmp_path):
    write_portraits(tmp_path / "small", 96)
    with pytest.raises(ValueError, match="must have one size"):
        PairSource([folder, tmp_path / "small"])
    with pytest.raises(ValueError, match="No portrait is of the part 'test'"):
        PairSource([folder], part="test")
