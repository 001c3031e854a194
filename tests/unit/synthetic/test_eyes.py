"""Eyes at rest look as they do on photos: lids over the irises, dull whites, creases that vary."""

import numpy as np
import pytest

from fau_tf.synthetic.rigs.canonical import canonical_rig, template
from fau_tf.synthetic.rigs.rig import identity_shape
from fau_tf.synthetic.scene.person import sample_person
from fau_tf.synthetic.textures import albedo, uv_patches, wrinkles
from fau_tf.synthetic.textures.skin_color import skin_color
from fau_tf.synthetic.textures.uv_paint import FaceMap

IRIS = 0.6
"""Radius of an iris on a surface 0.3 cm behind the lids, cm."""
UPPER, LOWER, BROW = 159, 145, 52


def people(count):
    return [sample_person(seed, 5) for seed in range(count)]


def test_the_upper_lid_covers_an_iris_and_the_lower_one_touches_it():
    """85 neutral portraits: 15 % of its height and 5 %."""
    rig, rng = canonical_rig(), np.random.default_rng(0)
    above, below = [], []
    for _ in range(30):
        shape = identity_shape(rig, rng.normal(0, 1, len(rig.identity)))
        center = (shape[rig.eyes[0]].mean(0) + rig.eye_offset[0])[1]
        above.append((center + IRIS - shape[UPPER, 1]) / (2 * IRIS))
        below.append((shape[LOWER, 1] - center + IRIS) / (2 * IRIS))
    assert np.mean(above) == pytest.approx(0.15, abs=0.05)
    assert np.mean(below) == pytest.approx(0.05, abs=0.05)


def test_the_whites_of_eyes_are_duller_than_fair_skin():
    """On photos they are hardly lighter than the skin beside them; before, 0.8 of fair skin."""
    noise = {"mid": np.zeros((256, 256))}
    fair = skin_color(np.array(0.05), np.array(0.08)).mean()
    for person in people(20):
        eye = uv_patches._eye(person, noise)
        beside = eye[eye.shape[0] // 2, [eye.shape[1] // 4, -eye.shape[1] // 4]].mean()
        assert 0.15 < beside < 0.65 * fair


def test_lid_creases_differ_between_people_and_lie_between_lid_and_brow():
    average = wrinkles.lid_creases(FaceMap(template()))
    fields = [albedo._lid_creases(albedo._lids(person), average) for person in people(20)]
    depths = [-field.min() for field in fields]
    assert max(depths) > 3 * min(depths) > 0
    lid, brow = template().uv[[UPPER, BROW], 1]
    for field in fields:
        rows = np.nonzero(field < 0.9 * field.min())[0]
        assert brow < rows.min()
        assert np.median(rows) < lid
