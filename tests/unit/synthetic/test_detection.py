"""The face landmarker, trained on real faces, finds synthetic ones."""

import numpy as np
import pytest

from fau_tf.face.landmarker import FaceLandmarker
from fau_tf.face.mesh import ibug68
from fau_tf.synthetic import sample

pytestmark = pytest.mark.integration


@pytest.fixture
def landmarker():
    with FaceLandmarker(num_faces=1, divisions=(1,)) as found:
        yield found


def test_at_least_95_of_100_faces_are_found_where_they_are(landmarker, rig):
    errors = []
    for seed in range(100):
        scene = sample.sample_scene(rig, person_seed=seed, face_seed=seed)
        truth = sample.landmarks(scene)
        for mesh in landmarker.find(sample.render(scene, size=sample.NOMINAL)):
            eyes = np.linalg.norm(truth[36] - truth[45])
            errors.append(np.linalg.norm(ibug68(mesh) - truth, axis=1)[17:].mean() / eyes)
    assert len(errors) >= 95  # 100 measured
    # Measured 0.036; on photos the mean is 0.041 (docs/reference/face.md).
    assert 0 < np.median(errors) < 0.04
    # 0.066, and 0.123 on a wide open mouth, where dark teeth mislead it about the lower lip
    assert sorted(errors)[-2] < 0.08
    assert max(errors) < 0.15
