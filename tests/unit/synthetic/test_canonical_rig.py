"""The canonical rig: what its action units move, and what they leave alone."""

import numpy as np
import pytest

from fau_tf import facs
from fau_tf.synthetic.rigs import mesh
from fau_tf.synthetic.rigs.canonical import canonical_rig
from fau_tf.synthetic.rigs.rig import expression_offset

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
