"""Mesh operations: subdivision, normals, grids, tubes."""

import numpy as np

from fau_tf.synthetic.rigs import mesh
from fau_tf.synthetic.scene.occluders.accessory_mesh import AccessoryMesh, concatenate, tube


def test_subdivision_keeps_a_plane_and_the_orientation():
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
    faces = mesh.grid_faces(np.arange(9 * 16).reshape(9, 16), closed=True)
    points = points.reshape(-1, 3)
    normals = mesh.vertex_normals(points, faces, mesh.normal_operator(len(points), faces))
    inner = slice(16, -16)
    assert ((normals * points).sum(1)[inner] > 0.98).all()  # facets of 22 degrees


def test_a_grid_faces_the_viewer():
    x, y = np.meshgrid(np.arange(4.0), -np.arange(2.0))  # rows go down, columns right
    points = np.stack([x, y, 0 * x], -1).reshape(-1, 3)
    faces = mesh.grid_faces(np.arange(8).reshape(2, 4))
    a, b, c = (points[faces[:, i]] for i in range(3))
    assert (np.cross(b - a, c - a)[:, 2] > 0).all()
    assert len(faces) == 6
    assert len(mesh.grid_faces(np.arange(8).reshape(2, 4), closed=True)) == 8


def test_a_tube_is_closed_and_seen_from_outside():
    line = np.stack([np.zeros(5), np.linspace(0, 4, 5), np.zeros(5)], 1)
    points, faces = tube(line, np.full(5, 0.5), 8)
    a, b, c = (points[faces[:, i]] for i in range(3))
    normal = np.cross(b - a, c - a)
    middle = (a + b + c) / 3
    axis = np.stack([0 * middle[:, 0], np.clip(middle[:, 1], 0, 4), 0 * middle[:, 0]], 1)
    assert ((middle - axis) * normal).sum(1).min() > 0
    edges = np.sort(np.vstack([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()


def test_concatenated_meshes_keep_their_triangles():
    one = AccessoryMesh(np.zeros((3, 3)), np.array([[0, 1, 2]]), np.zeros((3, 2)))
    both = concatenate([one, one])
    assert both.faces.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert len(both.points) == len(both.uv) == 6
