"""Drawn faces look enough like faces for a detector trained on real ones."""

from pathlib import Path

import numpy as np
import pytest

from fau_tf import facs
from fau_tf.synthetic import generate

BUNDLE = Path(__file__).parents[2] / "android_demo_assets" / "face_landmarker.task"


@pytest.fixture(scope="module")
def landmarker():
    try:
        from mediapipe.tasks.python import BaseOptions, vision
    except (ImportError, OSError) as reason:
        pytest.skip(f"MediaPipe cannot be loaded: {reason}")
    if not BUNDLE.exists():
        pytest.skip(f"{BUNDLE.name} is not in this checkout")
    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(BUNDLE)), num_faces=1
    )
    with vision.FaceLandmarker.create_from_options(options) as detector:
        yield detector


def test_mediapipe_finds_at_least_95_of_100_faces_where_they_are(landmarker):
    import mediapipe

    rig = generate.canonical_rig()
    errors = []
    for seed in range(100):
        scene = generate.sample_scene(rig, person_seed=seed, face_seed=seed)
        photo = np.ascontiguousarray(generate.render(scene, size=generate.NOMINAL))
        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=photo)
        found = landmarker.detect(image).face_landmarks
        if found:
            points = np.array([(p.x, p.y) for p in found[0]]) * generate.NOMINAL - 0.5
            truth = generate.landmarks(scene)
            gap = points[list(facs.IBUG_FROM_MEDIAPIPE)] - truth
            eyes = np.linalg.norm(truth[36] - truth[45])
            errors.append(np.linalg.norm(gap, axis=1)[17:].mean() / eyes)
    assert len(errors) >= 95
    assert np.median(errors) < 0.07  # on photos it is 0.044
