"""Random edits stay possible and follow the rules of FACS."""

import numpy as np

from fau_tf import facs
from fau_tf.portraits.editing.draw import HARDLY_WRINKLED, sample_edit, sample_manner
from tests.helpers.portraits import NEUTRAL


def edits(start, count=300):
    return [sample_edit(start, np.random.default_rng((9, i))) for i in range(count)]


def test_changes_stay_within_0_to_5():
    start = NEUTRAL | {12: 3.0, 25: 5.0}
    for one in edits(start):
        for au, by in one.change.items():
            assert -1e-9 <= start[au] + by <= facs.MAX_INTENSITY + 1e-9


def test_an_unknown_start_is_never_taken_back():
    assert all(by > 0 for one in edits({}) for by in one.change.values())


def test_a_known_smile_is_often_taken_back():
    taken = [one for one in edits(NEUTRAL | {12: 3.0}) if one.change.get(12, 0) < 0]
    assert 60 < len(taken) < 180


def test_eyes_that_are_nearly_shut_are_never_opened():
    for shut, opened in ((2.0, True), (4.0, False), (5.0, False)):
        drawn = edits(NEUTRAL | {45: shut})
        assert any(one.change.get(45, 0) < 0 for one in drawn) == opened


def test_aus_that_stay_still_are_never_edited():
    start = NEUTRAL | {1: 3.0}
    drawn = [sample_edit(start, np.random.default_rng(i), still=(1, 12)) for i in range(200)]
    assert not any({1, 12} & set(one.change) for one in drawn)


def test_every_au_is_edited():
    seen = {au for one in edits(NEUTRAL) for au in one.change}
    assert seen == set(facs.AUS)


def test_a_dropped_jaw_parts_the_lips():
    for one in edits(NEUTRAL):
        if one.change.get(26, 0) > 1:
            assert one.change[25] >= 0.5 * one.change[26] - 1e-9


def test_some_movements_are_one_sided_where_an_au_has_sides():
    leans = [
        (au, lean)
        for one in edits({}, 400)
        for au, lean in one.asymmetry.items()
        if abs(lean) >= 0.4
    ]
    assert len({au for au, _ in leans}) > 8
    assert all(facs.has_sides(au) for au, _ in leans)
    assert {-1, 1} == {int(np.sign(lean)) for _, lean in leans}
    assert max(abs(lean) for _, lean in leans) <= 1


def test_the_same_seed_draws_the_same():
    one, other = (
        (sample_manner(rng), sample_edit(NEUTRAL, rng))
        for rng in (np.random.default_rng(4), np.random.default_rng(4))
    )
    assert one == other


def test_a_third_of_the_people_hardly_wrinkle():
    manners = [sample_manner(np.random.default_rng((1, i))) for i in range(400)]
    smooth = np.mean([not any(one.depths.values()) for one in manners])
    # 400 draws of 1/3: standard deviation 0.024
    assert abs(smooth - HARDLY_WRINKLED) < 0.08
    assert all(abs(sum(one.models.values()) - 1) < 1e-9 for one in manners)
