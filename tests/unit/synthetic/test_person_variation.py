"""Differences between people in the wrinkles and movements of an AU."""

from dataclasses import replace

import numpy as np

from fau_tf import facs
from fau_tf.synthetic import sample
from fau_tf.synthetic.scene.person_variation import GAIN_SD, RESTING, WAVE, sample_variation
from fau_tf.synthetic.textures import uv_atlas
from fau_tf.synthetic.textures.albedo import appearance


def test_wrinkles_do_not_prove_an_action_unit():
    """The skin of some people hardly wrinkles, and some have an AU's wrinkles without the AU."""
    people = [sample_variation(seed, age=0.5) for seed in range(400)]
    for au in facs.AUS:
        depth = np.array([person.wrinkle_depth[au] for person in people])
        assert 0.3 < (depth < 0.3).mean() < 0.65, au
        assert 0.1 < np.log(depth[depth > 0.4]).std() < 0.5, au
        resting = np.array([person.resting_wrinkles[au] for person in people])
        # a binomial of 400 draws; four standard deviations
        assert abs((resting > 0).mean() - RESTING) < 4 * np.sqrt(RESTING / 400), au
        assert 0.1 < resting[resting > 0].min() < resting.max() < 0.7, au


def test_resting_wrinkles_deepen_with_age_and_do_not_depend_on_the_expression(rig):
    young, old = (
        sum(sum(sample_variation(seed, age).resting_wrinkles.values()) for seed in range(200))
        for age in (0.0, 1.0)
    )
    assert old > 2 * young > 0
    scene = sample.sample_scene(rig, person_seed=0, face_seed=1, intensity={})
    resting = dict.fromkeys(facs.AUS, 0.0) | {4: 0.5}
    person = replace(
        scene.person, variation=replace(scene.person.variation, resting_wrinkles=resting)
    )
    for value in (0.0, 5.0):
        acting = replace(scene, intensity=scene.intensity | {12: value}, person=person)
        assert acting.wrinkle_depth[4] == 0.5
        assert (acting.wrinkle_depth[12] > 0) == (value > 0)
        assert replace(acting, wrinkles=0.0).wrinkle_depth[4] == 0


def test_an_action_unit_moves_people_differently():
    people = [sample_variation(seed, 0.5).au_gains for seed in range(200)]
    assert all(set(gains) == set(facs.AUS) for gains in people)
    scale = np.log([field.scale for gains in people for field in gains.values()])
    # 8,400 draws: a standard error of 0.003
    assert abs(scale.mean()) < 0.012
    assert abs(scale.std() - GAIN_SD) < 0.012
    waves = np.array([field.wave for gains in people for field in gains.values()])
    pace = np.hypot(*waves[:, :2].T)
    assert WAVE[0] <= pace.min() < 0.6
    assert 1.5 < pace.max() <= WAVE[1]
    assert len(np.unique(waves, axis=0)) == len(waves)


def test_teeth_can_be_dark(rig):
    scene = sample.sample_scene(rig, person_seed=0, face_seed=1)
    lit, dark = (
        appearance(
            rig, replace(scene.person, variation=replace(scene.person.variation, teeth_light=share))
        ).atlas[uv_atlas.patch("teeth")][..., :3]
        for share in (1.0, 0.1)
    )
    assert lit.mean() > 0.1
    np.testing.assert_allclose(dark, 0.1 * lit, rtol=1e-5)
