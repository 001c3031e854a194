"""How people differ in what an AU does to them, and what their faces do beside the AUs."""

from dataclasses import replace

import numpy as np
import pytest

from fau_tf import facs
from fau_tf.synthetic import sample
from fau_tf.synthetic.scene import person_variation
from fau_tf.synthetic.textures import uv_atlas
from fau_tf.synthetic.textures.albedo import appearance


@pytest.fixture(scope="module")
def rig():
    return sample.canonical_rig()


def test_furrows_prove_nothing():
    """Some people's skin hardly folds, and some have an AU's furrows without the AU."""
    people = [person_variation.sample_habits(seed, age=0.5) for seed in range(400)]
    for au in facs.AUS:
        folds = np.array([person.folds[au] for person in people])
        flat = (folds < 0.3).mean()
        assert 0.3 < flat < 0.65, au
        deep = np.log(folds[folds > 0.4])
        assert 0.1 < deep.std() < 0.5, au
        lines = np.array([person.lines[au] for person in people])
        # a binomial of 400 draws; four standard deviations
        assert abs((lines > 0).mean() - person_variation.LINED) < 4 * np.sqrt(
            person_variation.LINED / 400
        ), au
        assert 0.1 < lines[lines > 0].min() < lines.max() < 0.7, au


def test_lines_at_rest_deepen_with_age_and_do_not_move(rig):
    young, old = (
        sum(sum(person_variation.sample_habits(seed, age).lines.values()) for seed in range(200))
        for age in (0.0, 1.0)
    )
    assert old > 2 * young > 0
    scene = sample.sample_scene(rig, person_seed=0, face_seed=1, intensity={})
    lined = replace(scene.person.habits, lines=dict.fromkeys(facs.AUS, 0.0) | {4: 0.5})
    for value in (0.0, 5.0):
        acting = replace(
            scene,
            intensity=scene.intensity | {12: value},
            person=replace(scene.person, habits=lined),
        )
        assert acting.creases[4] == 0.5
        assert (acting.creases[12] > 0) == (value > 0)
        assert replace(acting, wrinkles=0.0).creases[4] == 0


def test_an_action_unit_moves_people_differently():
    people = [person_variation.sample_habits(seed, 0.5).ways for seed in range(200)]
    assert all(set(ways) == set(facs.AUS) for ways in people)
    scale = np.log([way.scale for ways in people for way in ways.values()])
    # 8,400 draws: a standard error of 0.003
    assert abs(scale.mean()) < 0.012
    assert abs(scale.std() - person_variation.WAYS) < 0.012
    waves = np.array([way.wave for ways in people for way in ways.values()])
    pace = np.hypot(*waves[:, :2].T)
    assert (
        person_variation.WAVES[0]
        <= pace.min()
        < 0.6
        < 1.5
        < pace.max()
        <= person_variation.WAVES[1]
    )
    assert len(np.unique(waves, axis=0)) == len(waves)


def test_a_jaw_that_drops_parts_the_lips():
    """FACS scores AU25 for whatever parts the lips."""
    drawn = [sample.sample_intensities(np.random.default_rng(seed)) for seed in range(600)]
    dropped = [value for value in drawn if value[26] > 0]
    assert 60 < len(dropped) < 300
    assert all(value[25] >= 0.5 * value[26] for value in dropped)
    assert any(value[25] > 0 for value in drawn if value[26] == 0)


def test_other_movements_come_without_a_label_and_shut_lips_stay_shut(rig):
    scenes = [sample.sample_scene(rig, person_seed=p, face_seed=2) for p in range(400)]
    parted = [max(scene.intensity[25], scene.intensity[26]) > 0.5 for scene in scenes]
    for name in rig.others:
        moves = np.array([scene.others.get(name, 0.0) for scene in scenes])
        assert moves.max() <= 1, name
        free = ~np.array(parted) if name in sample.SHUT else np.ones(len(scenes), bool)
        assert not moves[~free].any(), name
        share = (moves[free] > 0).mean()
        assert abs(share - sample.OTHERS) < 4 * np.sqrt(sample.OTHERS / free.sum()), name


def test_blinks_are_photographed_and_not_with_wide_eyes(rig):
    scenes = [sample.sample_scene(rig, person_seed=p, face_seed=2) for p in range(600)]
    shut = [scene for scene in scenes if scene.blink > 0.39]
    assert 10 < len(shut) < 70
    assert all(scene.intensity[5] == 0 for scene in shut)


def test_an_expression_that_is_given_is_all_that_moves(rig):
    """So faces at different intensities of an AU differ in nothing else."""
    for person in range(100):
        rest, wide, parted = (
            sample.sample_scene(rig, person_seed=person, face_seed=2, intensity=intensity)
            for intensity in ({}, {5: 4.0}, {25: 4.0})
        )
        assert rest.blink == wide.blink == parted.blink < 0.36
        assert rest.others == wide.others == parted.others == {}


def test_teeth_may_lie_in_the_dark(rig):
    scene = sample.sample_scene(rig, person_seed=0, face_seed=1)
    lit, dark = (
        appearance(
            rig, replace(scene.person, habits=replace(scene.person.habits, teeth=share))
        ).atlas[uv_atlas.patch("teeth")][..., :3]
        for share in (1.0, 0.1)
    )
    assert lit.mean() > 0.1
    np.testing.assert_allclose(dark, 0.1 * lit, rtol=1e-5)
