"""Pose and scale from a mesh."""

import numpy as np
import pytest

from fau_tf.portraits.fields import face_shape
from fau_tf.portraits.pose import fit_pose
from fau_tf.synthetic.render.geometry import rotation


@pytest.mark.parametrize("angles", [(0, 0, 0), (18, -9, 7), (-24, 12, -30)])
def test_an_orthographic_view_is_recovered(angles):
    shape, turn = face_shape(), rotation(*angles)
    seen = 5.5 * (shape.points @ turn.T)[:, :2] * (1, -1) + (80, 70)
    pose = fit_pose(np.vstack([seen, np.zeros((10, 2))]), shape)
    assert pose.scale == pytest.approx(5.5, abs=1e-9)
    assert np.abs(pose.rotation - turn).max() < 1e-9


def test_vectors_go_on_the_picture_as_points_do():
    shape, turn = face_shape(), rotation(10, 5, 3)
    seen = 4 * (shape.points @ turn.T)[:, :2] * (1, -1)
    pose = fit_pose(seen, shape)
    vector = np.array([0.3, 0.2, -0.5])
    moved = 4 * ((shape.points + vector) @ turn.T)[:, :2] * (1, -1)
    assert np.abs(pose.on_picture(vector) - (moved - seen)).max() < 1e-9


def test_an_open_jaw_does_not_turn_the_head():
    shape = face_shape()
    points = shape.points.copy()
    points[shape.points[:, 1] < -5] -= (0, 1.5, 0.5)
    pose = fit_pose(5 * points[:, :2] * (1, -1), shape)
    assert np.abs(pose.rotation - np.eye(3)).max() < 1e-9


@pytest.mark.parametrize("mesh", [np.zeros((68, 2)), np.full((478, 2), np.nan)])
def test_another_mesh_is_refused(mesh):
    with pytest.raises(ValueError, match="must be finite and"):
        fit_pose(mesh, face_shape())
