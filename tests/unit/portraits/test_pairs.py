"""Pairs: exact differences, unknown starts, ranked smiles, the same bytes."""

import numpy as np
import pytest

from fau_tf import facs
from fau_tf.face.mesh import ibug68
from fau_tf.portraits import pairs
from fau_tf.portraits.editing.draw import sample_edit
from fau_tf.portraits.editing.edit import EditablePortrait, edit
from fau_tf.portraits.editing.movement import Manner
from fau_tf.portraits.fields import CANONICAL, face_shape
from fau_tf.portraits.pairs import PairSource, edited_pair
from fau_tf.synthetic.rigs.rig import side_difference
from tests.helpers.portraits import NEUTRAL, rendered, write_portraits

PLAIN = Manner({CANONICAL: 1.0})


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


SIDES = [
    (3.0, 2.0, 1.0, (5.0, 3.15)),
    (0.0, 4.5, 0.35, (5.0, 3.04)),
    (0.0, 2.0, -1.0, (0.15, 3.85)),
    (3.0, -3.0, 0.3, (0.0, 0.83)),
    (5.0, -2.0, -0.3, (3.56, 2.44)),
]
"""Start, change, lean, and what AU12 is then on the image's left and right: change times
1 +- 0.93 lean, by tanh(2.46 cm / 1.5 cm), within 0 to 5."""


@pytest.mark.parametrize(("start", "by", "lean", "sides"), SIDES)
def test_labels_of_both_sides_are_what_the_picture_shows(start, by, lean, sides, monkeypatch):
    image, mesh = rendered(3)
    portrait = EditablePortrait(image, mesh, NEUTRAL | {12: start})
    edits = iter([pairs.Edit(), pairs.Edit({12: by}, {12: lean})])
    monkeypatch.setattr(pairs, "sample_edit", lambda *_, **__: next(edits))
    monkeypatch.setattr(pairs, "sample_manner", lambda _: PLAIN)
    monkeypatch.setattr(pairs, "UNEDITED", 0.0)
    pair = edited_pair(portrait, np.random.default_rng(0))
    even = edit(EditablePortrait(image, mesh, NEUTRAL), pairs.Edit({12: 1.0}), PLAIN)[1]
    corners = [48, 54]  # where the centers of AU12 lie
    unit = (ibug68(even) - ibug68(mesh))[corners]
    moved = (pair.landmarks[1] - pair.landmarks[0])[corners]
    shown = start + (moved * unit).sum(1) / (unit**2).sum(1)
    column = facs.ALL.index(12)
    mean, half = pair.intensity[1, column], pair.side_difference[1, column] / 2
    # float32 landmarks of about 100 px; an intensity moves them by 1 to 2 px.
    np.testing.assert_allclose([mean + half, mean - half], shown, atol=1e-4)
    np.testing.assert_allclose(shown, sides, atol=0.01)
    assert pair.difference[column] == pytest.approx(mean - start, abs=1e-6)


@pytest.mark.parametrize("start", [{}, NEUTRAL, NEUTRAL | {12: 3.0, 6: 2.0, 25: 2.0}])
def test_labels_of_random_edits_are_each_side_cut_to_the_scale(start):
    image, mesh = rendered(3)
    portrait = EditablePortrait(image, mesh, start)
    neutral = face_shape().points[list(facs.IBUG_FROM_MEDIAPIPE)]
    cut = 0
    for seed in range(150):
        one = sample_edit(start, np.random.default_rng(seed))
        mean, sides = pairs.label_changes(portrait.start, one)
        for au, by in one.change.items():
            lean, before = one.asymmetry[au], start.get(au, 0.0)
            half = side_difference(neutral, au, lean) / 2 if facs.has_sides(au) else 0.0
            factors = 1 + half, 1 - half
            if au == 45:
                factors = min(1, 1 + lean), min(1, 1 - lean)
            free = [before + by * factor for factor in factors]
            left, right = (min(max(value, 0.0), 5.0) for value in free)
            cut += [left, right] != free
            column = facs.ALL.index(au)
            assert before + mean[column] == pytest.approx((left + right) / 2, abs=1e-9)
            assert sides[column] == pytest.approx(left - right, abs=1e-9)
    assert cut > 3 or not start


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
