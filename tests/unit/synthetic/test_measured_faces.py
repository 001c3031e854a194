"""The canonical rig's people are measured: their faces at rest read as those of portraits."""

import numpy as np
import pytest

from fau_tf.face.blendshapes import NAMES, Blendshapes
from fau_tf.synthetic.rigs import canonical_topology as topology
from fau_tf.synthetic.rigs import mesh
from fau_tf.synthetic.rigs.canonical import canonical_rig, face_mesh, sealed, template
from fau_tf.synthetic.rigs.measured_faces import measured_faces
from fau_tf.synthetic.rigs.rig import identity_shape


def scores(face):
    """Return name -> blendshape of a face (468, 3), seen from 120 cm, irises in the eyes."""
    irises = []
    for ring in (topology.RIGHT_EYE, topology.LEFT_EYE):
        center = face[list(ring)].mean(0) + np.array([0, measured_faces().iris_height, 0])
        irises += [
            center,
            *(center + 0.6 * np.array([[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]])),
        ]
    points = np.vstack([face, irises])
    seen = points[:, :2] / (1 - points[:, 2:] / 120) * [10, -10]
    return dict(zip(NAMES, Blendshapes()(seen).tolist(), strict=True))


def test_random_people_read_as_neutral_portraits_do():
    """85 of them: brow up 0.06, brow down 0.13, eyes wide 0.01, eyes down 0.12, jaw open 0.01."""
    rig, rng = canonical_rig(), np.random.default_rng(0)
    people = [
        scores(identity_shape(rig, rng.normal(0, 1, len(rig.identity)))[:468]) for _ in range(30)
    ]
    found = {name: np.mean([one[name] for one in people]) for name in people[0]}
    limits = {"browInnerUp": 0.15, "browDownLeft": 0.2, "eyeWideLeft": 0.05, "jawOpen": 0.03}
    assert {name for name, most in limits.items() if found[name] > most} == set()
    assert found["eyeLookDownLeft"] == pytest.approx(0.12, abs=0.06)


def test_the_published_mesh_reads_as_a_frown_over_lowered_eyes():
    """The check above can fail: on the face that people were made from before."""
    found = scores(sealed(face_mesh()[0]))
    assert found["browDownLeft"] > 0.3
    assert found["eyeLookDownLeft"] > 0.3


def test_the_packaged_faces_are_symmetric_and_their_components_independent():
    found = measured_faces()
    mirror = mesh.mirror_index(face_mesh()[0])
    np.testing.assert_allclose(found.neutral, found.neutral[mirror] * [-1, 1, 1], atol=1e-5)
    flat = found.identity.reshape(len(found.identity), -1)
    size = np.linalg.norm(flat, axis=1)
    assert (np.diff(size) < 0).all()
    assert size[0] > 10 * size[-1]
    cosines = (flat / size[:, None]) @ (flat / size[:, None]).T
    np.testing.assert_allclose(cosines, np.eye(len(flat)), atol=0.01)  # float16
    # An eye of 1 cm and an iris whose upper edge the lid covers.
    opening = found.neutral[159, 1] - found.neutral[145, 1]
    assert opening == pytest.approx(0.99, abs=0.02)
    assert found.iris_height == pytest.approx(0.14, abs=0.02)


def test_textures_stay_on_the_published_mesh():
    rig = canonical_rig()
    np.testing.assert_array_equal(template().uv, rig.uv)
    apart = np.linalg.norm(template().points - rig.neutral, axis=1)
    assert 0.1 < apart[:468].mean() < 0.5
