"""Sampled scenes: seeds, landmarks, views, skin and the statistics of expressions."""

import hashlib
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from fau_tf import facs
from fau_tf.synthetic import sample
from fau_tf.synthetic.textures.skin_color import skin_color
from tests.helpers.scenes import FRONT, clean, clean_scene

DIGEST = """
import hashlib, sys
from fau_tf.synthetic import sample
scene = sample.sample_scene(sample.canonical_rig(), person_seed=11, face_seed=4)
picture = sample.render(scene, size=48, renderer=sys.argv[1])
print(hashlib.sha256(picture.tobytes()).hexdigest())
"""


@pytest.mark.integration
@pytest.mark.parametrize("renderer", ["fast", "path"])
def test_another_process_with_other_threads_renders_the_same_bytes(rig, renderer):
    if renderer == "path":
        pytest.importorskip("mitsuba")
    scene = sample.sample_scene(rig, person_seed=11, face_seed=4)
    other = sample.sample_scene(rig, person_seed=12, face_seed=4)
    sample.render(other, size=32, renderer=renderer)  # caches must not matter
    here = sample.render(scene, size=48, renderer=renderer)
    there = subprocess.run(
        [sys.executable, "-c", DIGEST, renderer], capture_output=True, text=True, check=True,
        env={**os.environ, "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"},
    )  # fmt: skip
    assert hashlib.sha256(here.tobytes()).hexdigest() == there.stdout.strip().splitlines()[-1]
    assert here.std() > 20


def test_seeds_decide_person_and_face(rig):
    scene, other_face, other_person = (
        sample.sample_scene(rig, person_seed=p, face_seed=f) for p, f in ((1, 1), (1, 2), (2, 1))
    )
    assert scene.person == other_face.person
    assert scene.intensity != other_face.intensity
    assert scene.person != other_person.person
    assert sample.sample_scene(rig, person_seed=1, face_seed=1) == scene


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
    scene = clean(sample.sample_scene(rig, person_seed=5, face_seed=5))
    plain = sample.render(scene, size=256).astype(int)
    moved = sample.render(scene, size=256, view=np.array([[1, 0, 7], [0, 1, -4.0]])).astype(int)
    assert plain.std() > 20
    # ambient visibility is computed on a grid of 2 px, which a shift by an odd number moves
    difference = np.abs(moved[:-4, 7:] - plain[4:, :-7])
    assert np.percentile(difference, 99) <= 3


def test_eyes_are_where_the_landmarks_are_under_any_view(rig):
    angle, scale = np.radians(25), 1.7
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    for seed in (1, 4, 9):
        scene = clean_scene(rig, seed, seed, {5: 5.0}, gaze=(0.0, 0.0), lid_droop=0.0)
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
            assert np.hypot(*found) < 4  # the iris is 9 px wide, half covered by the eyelid


def test_melanin_darkens_skin_steadily():
    color = skin_color(np.linspace(0, 1.25, 40), np.full(40, 0.1))
    assert color.shape == (40, 3)
    assert (np.diff(color, axis=0) < 0).all()
    assert color[0].mean() > 0.6
    assert color[-1].mean() < 0.06
    assert (color[:, 0] > color[:, 2]).all()


def test_rendered_cheeks_darken_with_melanin(rig):
    scene = clean_scene(rig, 2, 2)
    x, y = sample.landmarks(scene)[[2, 31]].mean(0)
    view = np.array([[1.0, 0, 16 - x], [0, 1.0, 16 - y]])  # a cheek
    cheek = []
    for melanin in (0.0, 0.2, 0.5, 0.9, 1.25):
        person = replace(scene.person, melanin=melanin, stubble=0.0, style=0)
        picture = sample.render(replace(scene, person=person), size=32, view=view)
        cheek.append(picture[12:21, 12:21].mean())
    assert cheek[0] - cheek[-1] > 60
    assert (np.diff(cheek) < 0).all()


@pytest.mark.parametrize("au", facs.AUS)
def test_every_action_unit_is_visible_at_128_px(rig, au):
    view = np.array([[1.0, 0, -64], [0, 1.0, -70]])
    neutral, middle, strong = (
        sample.render(clean_scene(rig, 8, 8, {au: level}), size=128, view=view).astype(float)
        for level in (0.0, 2.5, 5.0)
    )
    half, full = (np.abs(picture - neutral).max(-1) for picture in (middle, strong))
    assert (full > 12).sum() > 60  # px that a viewer can tell from neutral
    assert full.sum() > 1.2 * half.sum()


def test_expressions_are_mostly_zero_yet_every_action_unit_occurs():
    rng = np.random.default_rng(0)
    rows = [sample.sample_intensities(rng) for _ in range(4000)]
    value = np.array([[row[au] for au in facs.AUS] for row in rows])
    assert 0.74 < (value == 0).mean() < 0.81
    active = dict(zip(facs.AUS, (value > 0).mean(0), strict=True))
    assert 0.08 < active.pop(45) < 0.15
    assert min(active.values()) > 0.15
    assert not (value[:, facs.ALL.index(45)] * value[:, facs.ALL.index(5)]).any()
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


def test_a_dropped_jaw_parts_the_lips():
    """FACS scores AU25 whenever the lips part."""
    drawn = [sample.sample_intensities(np.random.default_rng(seed)) for seed in range(600)]
    dropped = [value for value in drawn if value[26] > 0]
    assert 60 < len(dropped) < 300
    assert all(value[25] >= 0.5 * value[26] for value in dropped)
    assert any(value[25] > 0 for value in drawn if value[26] == 0)


def test_a_given_expression_is_completed_with_zeros_and_all_that_moves(rig):
    """So that faces at different intensities of an AU differ in nothing else."""
    scene = sample.sample_scene(rig, person_seed=1, face_seed=1, intensity={12: 3.5}, pose=FRONT)
    assert scene.intensity == {au: 3.5 if au == 12 else 0.0 for au in facs.AUS}
    assert scene.pose == FRONT
    assert all(np.isfinite(list(scene.factors.values())))
    assert scene.factors["yaw"] == 0
    for person in range(100):
        rest, wide, parted = (
            sample.sample_scene(rig, person_seed=person, face_seed=2, intensity=intensity)
            for intensity in ({}, {5: 4.0}, {25: 4.0})
        )
        droop = rest.lid_droop
        assert droop == wide.lid_droop == parted.lid_droop <= sample.MOST_DROOP < 1 / 5
        assert rest.unlabeled == wide.unlabeled == parted.unlabeled == {}


def test_unlabeled_movements_occur_where_they_may(rig):
    scenes = [sample.sample_scene(rig, person_seed=p, face_seed=2) for p in range(500)]
    busy = np.array([
        max(scene.intensity[25], scene.intensity[26]) > 0.5 or scene.intensity[23] > 0
        for scene in scenes
    ])  # fmt: skip
    for name in rig.unlabeled:
        moves = np.array([scene.unlabeled.get(name, 0.0) for scene in scenes])
        assert moves.max() <= 1, name
        free = ~busy if name in sample.CLOSED_LIPS else np.ones(len(scenes), bool)
        assert not moves[~free].any(), name
        share = (moves[free] > 0).mean()
        assert abs(share - sample.UNLABELED) < 4 * np.sqrt(sample.UNLABELED / free.sum()), name


def test_wrong_arguments_are_refused(rig):
    scene = sample.sample_scene(rig, person_seed=1, face_seed=1)
    with pytest.raises(ValueError, match=r"Unknown AUs \[24\]"):
        sample.sample_scene(rig, person_seed=1, face_seed=1, intensity={24: 1.0})
    with pytest.raises(ValueError, match="even and at least 16 px, not 33"):
        sample.render(scene, size=33)
    with pytest.raises(ValueError, match="invertible"):
        sample.render(scene, size=32, view=np.zeros((2, 3)))
    with pytest.raises(ValueError, match="missing are"):
        replace(scene, intensity={1: 0.0})
