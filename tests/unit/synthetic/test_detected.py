"""Drawn faces look enough like faces for a detector trained on real ones."""

import os

import numpy as np
import pytest

from fau_tf.face.mediapipe_landmarks import MediaPipeLandmarks, ibug68
from fau_tf.synthetic import sample
from fau_tf.utils.optional_imports import MissingLibraryError


@pytest.fixture(scope="module")
def landmarker():
    try:
        found = MediaPipeLandmarks(num_faces=1, divisions=(1,))
    except MissingLibraryError as error:
        # On the CI machine a skip would hide that drawn faces are never looked for.
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up(f"MediaPipe can't be loaded: {error}")
    with found:
        yield found


def test_mediapipe_finds_at_least_95_of_100_faces_where_they_are(landmarker):
    rig = sample.canonical_rig()
    errors = []
    for seed in range(100):
        scene = sample.sample_scene(rig, person_seed=seed, face_seed=seed)
        photo = sample.render(scene, size=sample.NOMINAL)
        for mesh in landmarker.find(photo):
            truth = sample.landmarks(scene)
            gap = ibug68(mesh) - truth
            eyes = np.linalg.norm(truth[36] - truth[45])
            errors.append(np.linalg.norm(gap, axis=1)[17:].mean() / eyes)
    assert len(errors) >= 95  # 100 measured
    # Measured 0.036; on photos the mean is 0.041 (docs/reference/face.md).
    assert 0 < np.median(errors) < 0.04
    # 0.066, and 0.123 on a mouth torn open before dark teeth, whose lower lip it takes for higher
    assert sorted(errors)[-2] < 0.08
    assert max(errors) < 0.15
