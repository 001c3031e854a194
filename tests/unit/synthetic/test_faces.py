"""Drawn faces: seeds, landmarks, views, skin and expression statistics."""

import hashlib
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from fau_tf import facs
from fau_tf.synthetic import sample
from fau_tf.synthetic.scene.occluders.occluders import Occluders
from fau_tf.synthetic.textures.skin_color import skin_color

FRONT = (0.0, 0.0, 0.0)
DIGEST = """
import hashlib
from fau_tf.synthetic import sample
rig = sample.canonical_rig()
scene = sample.sample_scene(rig, person_seed=11, face_seed=4)
print(hashlib.sha256(sample.render(scene, size=64).tobytes()).hexdigest())
"""


@pytest.fixture(scope="module")
def rig():
    return sample.canonical_rig()


def _clean(scene, **changes):
    """Return the scene without sensor noise, blur and compression, and with nothing in the way."""
    camera = scene.camera.without_faults(blur=1e-3)
    return replace(scene, **{"camera": camera, "occluders": Occluders(), **changes})


def test_the_same_seeds_give_the_same_bytes_in_another_process(rig):
    scene = sample.sample_scene(rig, person_seed=11, face_seed=4)
    here = hashlib.sha256(sample.render(scene, size=64).tobytes()).hexdigest()
    other = sample.sample_scene(rig, person_seed=12, face_seed=4)
    sample.render(other, size=64)  # caches must not matter
    again = hashlib.sha256(sample.render(scene, size=64).tobytes()).hexdigest()
    there = subprocess.run(
        [sys.executable, "-c", DIGEST],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"},
    )
    assert here == again == there.stdout.strip()


def test_seeds_decide_person_and_face(rig):
    scene, other_face, other_person = (
        sample.sample_scene(rig, person_seed=p, face_seed=f) for p, f in ((1, 1), (1, 2), (2, 1))
    )
    assert scene.person == other_face.person
    assert scene.intensity != other_face.intensity
    assert scene.person != other_person.person
    assert sample.sample_scene(rig, person_seed=1, face_seed=1) == scene


def test_pictures_are_rgb_bytes_with_contrast(rig):
    scene = sample.sample_scene(rig, person_seed=3, face_seed=3)
    image = sample.render(scene, size=96)
    assert image.shape == (96, 96, 3)
    assert image.dtype == np.uint8
    assert image.std() > 20


def test_landmarks_lie_inside_the_photo(rig):
    for seed in range(60):
        scene = sample.sample_scene(rig, person_seed=seed, face_seed=seed)
        points = sample.landmarks(scene)
        assert points.shape == (68, 2)
        assert points.dtype == np.float64
        assert points.min() > 8
        assert points.max() < sample.NOMINAL - 8
        assert np.ptp(points, axis=0).min() > 60


def test_an_integer_shift_of_the_view_shifts_the_picture(rig):
    scene = _clean(sample.sample_scene(rig, person_seed=5, face_seed=5))
    plain = sample.render(scene, size=256).astype(int)
    moved = sample.render(scene, size=256, view=np.array([[1, 0, 7], [0, 1, -4.0]])).astype(int)
    assert plain.std() > 20
    # hollows are shaded on a grid of 2 px, which a shift by an odd number moves
    difference = np.abs(moved[:-4, 7:] - plain[4:, :-7])
    assert np.percentile(difference, 99) <= 3


def test_the_eyes_render_where_the_landmarks_say_under_any_view(rig):
    angle, scale = np.radians(25), 1.7
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    for seed in (0, 4, 9):
        drawn = sample.sample_scene(
            rig, person_seed=seed, face_seed=seed, intensity={5: 5.0}, pose=FRONT
        )
        scene = _clean(drawn, gaze=(0.0, 0.0), blink=0.0)
        points = sample.landmarks(scene)
        eyes = np.stack([points[36:42].mean(0), points[42:48].mean(0)])
        view = np.hstack([turn, 80 - turn @ eyes.mean(0)[:, None]])
        expected = eyes @ turn.T + view[:, 2]
        image = sample.render(scene, size=160, view=view).astype(float).mean(-1)
        for x, y in expected:
            around = image[round(y) - 8 : round(y) + 9, round(x) - 8 : round(x) + 9]
            dark = np.maximum(around.mean() - around, 0) ** 2
            row, column = np.indices(around.shape)
            found = [(dark * k).sum() / dark.sum() - 8 for k in (column, row)]
            assert np.hypot(*found) < 4  # the iris is 9 px wide, half covered by the lid


def test_melanin_darkens_skin_steadily():
    color = skin_color(np.linspace(0, 1.25, 40), np.full(40, 0.1))
    assert color.shape == (40, 3)
    assert (np.diff(color, axis=0) < 0).all()
    assert color[0].mean() > 0.6
    assert color[-1].mean() < 0.06
    assert (color[:, 0] > color[:, 2]).all()


def test_rendered_cheeks_darken_with_melanin(rig):
    drawn = sample.sample_scene(rig, person_seed=2, face_seed=2, intensity={}, pose=FRONT)
    cheek = []
    for melanin in (0.0, 0.2, 0.5, 0.9, 1.25):
        person = replace(drawn.person, melanin=melanin, stubble=0.0, style=0)
        scene = _clean(drawn, person=person)
        x, y = sample.landmarks(scene)[[2, 31]].mean(0).round().astype(int)
        cheek.append(sample.render(scene, size=256)[y - 4 : y + 5, x - 4 : x + 5].mean())
    assert cheek[0] - cheek[-1] > 60
    assert (np.diff(cheek) < 0).all()


@pytest.mark.parametrize("au", facs.AUS)
def test_every_action_unit_can_be_seen_at_128_px(rig, au):
    view = np.array([[1.0, 0, -64], [0, 1.0, -70]])
    pictures = [
        sample.render(
            _clean(
                sample.sample_scene(
                    rig, person_seed=7, face_seed=7, intensity={au: level}, pose=FRONT
                )
            ),
            size=128,
            view=view,
        ).astype(float)
        for level in (0.0, 2.5, 5.0)
    ]
    half, full = (np.abs(picture - pictures[0]).max(-1) for picture in pictures[1:])
    assert (full > 12).sum() > 60  # px that a viewer can tell from neutral
    assert full.sum() > 1.2 * half.sum()


def test_expressions_are_mostly_zero_yet_every_action_unit_acts():
    rng = np.random.default_rng(0)
    drawn = [sample.sample_intensities(rng) for _ in range(4000)]
    value = np.array([[row[au] for au in facs.AUS] for row in drawn])
    assert 0.74 < (value == 0).mean() < 0.81
    assert (value > 0).mean(0).min() > 0.15
    assert value.min() == 0
    assert value.max() <= facs.MAX_INTENSITY
    for column in value.T:
        active = column[column > 0]
        spread = np.histogram(active, bins=5, range=(0, 5))[0] / len(active)
        assert spread.min() > 0.08
    together = np.corrcoef(value.T)
    place = {au: i for i, au in enumerate(facs.AUS)}
    assert together[place[1], place[2]] > 0.2
    assert np.abs(together - np.eye(len(facs.AUS))).max() < 0.6


def test_a_given_expression_fills_up_with_zeros(rig):
    scene = sample.sample_scene(rig, person_seed=1, face_seed=1, intensity={12: 3.5}, pose=FRONT)
    assert scene.intensity == {au: 3.5 if au == 12 else 0.0 for au in facs.AUS}
    assert scene.pose == FRONT
    assert all(np.isfinite(list(scene.factors.values())))
    assert scene.factors["yaw"] == 0


def test_bad_requests_are_refused(rig):
    scene = sample.sample_scene(rig, person_seed=1, face_seed=1)
    with pytest.raises(ValueError, match=r"Received: \[7\]"):
        sample.sample_scene(rig, person_seed=1, face_seed=1, intensity={7: 1.0})
    with pytest.raises(ValueError, match=r"even and at least 16 px\. Received: 33"):
        sample.render(scene, size=33)
    with pytest.raises(ValueError, match="regular"):
        sample.render(scene, size=32, view=np.zeros((2, 3)))
    with pytest.raises(ValueError, match="Missing: "):
        sample.render(replace(scene, intensity={1: 0.0}), size=32)
