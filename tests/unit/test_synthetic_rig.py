"""The canonical rig: what its action units move, and what they leave alone."""

import numpy as np
import pytest

from fau_tf import facs
from fau_tf.synthetic import mesh
from fau_tf.synthetic.canonical_rig import canonical_rig
from fau_tf.synthetic.rig import expression_offset, identity_shape

JAW = list(range(4, 13))
INNER_LIPS = [(61, 67), (62, 66), (63, 65)]


@pytest.fixture(scope="module")
def rig():
    return canonical_rig()


def test_the_rig_covers_every_action_unit_with_finite_fields(rig):
    assert set(rig.action_units) == set(facs.AUS)
    for field in (*rig.action_units.values(), rig.neutral, rig.blink, *rig.identity):
        assert field.shape == rig.neutral.shape
        assert np.isfinite(field).all()
        assert np.abs(field).max() > 0.03


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
def test_displacement_still_grows_beside_every_other_action_unit(rig, au):
    for other in set(facs.AUS) - {au}:
        for level in (2.0, 5.0):
            offsets = [expression_offset(rig, {other: level, au: float(i)}) for i in range(6)]
            steps = [np.linalg.norm(offset - offsets[0]) for offset in offsets]
            assert (np.diff(steps) > 0).all(), (au, other)


def test_the_neutral_mouth_is_closed(rig):
    shape = rig.neutral[rig.landmarks]
    for upper, lower in INNER_LIPS:
        np.testing.assert_allclose(shape[upper], shape[lower], atol=1e-9)  # rounding of the weights
    assert np.ptp(shape[[61, 62, 63], 0]) > 0.5


def test_the_mouth_of_every_person_is_closed_at_rest(rig):
    rng = np.random.default_rng(0)
    for _ in range(5):
        shape = identity_shape(rig, rng.normal(0, 1, len(rig.identity)))[rig.landmarks]
        for upper, lower in INNER_LIPS:
            np.testing.assert_allclose(shape[upper], shape[lower], atol=1e-9)


@pytest.mark.parametrize("au", [10, 25, 26])
def test_lips_part(rig, au):
    moved = rig.neutral + expression_offset(rig, {au: 5.0})
    gap = moved[rig.landmarks][[61, 62, 63], 1] - moved[rig.landmarks][[67, 66, 65], 1]
    assert (gap > 0.25).all()


def test_parting_the_lips_does_not_move_the_jaw(rig):
    parted = rig.action_units[25][rig.landmarks][JAW]
    dropped = rig.action_units[26][rig.landmarks][JAW]
    assert np.linalg.norm(dropped, axis=1)[2:7].min() > 1.0
    assert np.abs(parted).max() < 0.02  # the far end of a soft pull


def test_action_units_are_symmetric(rig):
    mirror = list(facs.MIRROR_68)
    for au, field in rig.action_units.items():
        points = field[rig.landmarks]
        inner = points[17:]
        assert np.abs(inner).max() > 0.2, au
        # sums over a vertex' neighbours round differently on the two sides
        np.testing.assert_allclose(points[mirror] * [-1, 1, 1], points, atol=1e-9)


@pytest.mark.parametrize(
    ("au", "landmarks", "direction"),
    [
        (1, (20, 21, 22, 23), (0, 1, 0)),
        (2, (17, 18, 25, 26), (0, 1, 0)),
        (4, (20, 21, 22, 23), (0, -1, 0)),
        (5, (37, 38, 43, 44), (0, 1, 0)),
        (6, (40, 41, 46, 47), (0, 1, 0)),
        (9, (31, 35, 50, 52), (0, 1, 0)),
        (10, (50, 51, 52), (0, 1, 0)),
        (12, (54,), (1, 1, -0.5)),
        (14, (54,), (1, 0, -1)),
        (15, (48, 54), (0, -1, 0)),
        (17, (57, 58, 56), (0, 1, 0.5)),
        (20, (54,), (1, 0, 0)),
        (25, (66,), (0, -1, 0)),
        (26, (7, 8, 9, 57), (0, -1, 0)),
    ],
)
def test_each_action_unit_moves_its_part_of_the_face_its_way(rig, au, landmarks, direction):
    moved = rig.action_units[au][rig.landmarks][list(landmarks)]
    along = moved @ (np.array(direction) / np.linalg.norm(direction))
    assert (along > 0.2).all()
    assert (along > 0.5 * np.linalg.norm(moved, axis=1)).all()


def test_no_two_action_units_move_the_face_alike(rig):
    fields = np.stack([rig.action_units[au].ravel() for au in facs.AUS])
    fields /= np.linalg.norm(fields, axis=1, keepdims=True)
    alike = fields @ fields.T - np.eye(len(fields))
    assert alike.max() < 0.75


def test_an_unknown_action_unit_is_refused(rig):
    with pytest.raises(ValueError, match=r"AU must be one of .* Received: 7"):
        expression_offset(rig, {7: 1.0})


@pytest.mark.parametrize("value", [-0.1, 5.1, float("nan")])
def test_an_intensity_outside_the_scale_is_refused(rig, value):
    with pytest.raises(ValueError, match=r"AU12: intensity must be 0\.\.5"):
        expression_offset(rig, {12: value})


def test_subdivision_keeps_a_plane_and_its_old_vertices():
    points = np.array([[0, 0, 0], [2, 0, 0], [0, 2, 0], [2, 2, 0.0]])
    faces = np.array([[0, 1, 2], [1, 3, 2]])
    matrix, fine = mesh.subdivide(len(points), faces)
    smooth = matrix @ points
    assert smooth.shape == (9, 3)
    assert fine.shape == (8, 3)
    np.testing.assert_allclose(np.asarray(matrix.sum(1)).ravel(), 1)
    assert np.abs(smooth[:, 2]).max() == 0
    a, b, c = (smooth[fine[:, i]] for i in range(3))
    assert (np.cross(b - a, c - a)[:, 2] > 0).all()
    assert 4 in fine  # a new vertex
    np.testing.assert_allclose(smooth[4:].min(0)[:2], 0)


def test_normals_of_a_sphere_point_outwards():
    turn, tilt = np.meshgrid(np.arange(16) / 16 * 2 * np.pi, np.linspace(0.2, np.pi - 0.2, 9))
    points = np.stack([np.sin(tilt) * np.cos(turn), np.sin(tilt) * np.sin(turn), np.cos(tilt)], -1)
    ids = np.arange(9 * 16).reshape(9, 16)
    a, b = ids[:-1], ids[1:]
    c, d = np.roll(a, -1, 1), np.roll(b, -1, 1)
    faces = np.vstack([np.stack(q, -1).reshape(-1, 3) for q in ((a, b, c), (c, b, d))])
    points = points.reshape(-1, 3)
    normals = mesh.vertex_normals(points, faces, mesh.normal_operator(len(points), faces))
    inner = slice(16, -16)
    assert ((normals * points).sum(1)[inner] > 0.98).all()  # facets of 22 degrees
