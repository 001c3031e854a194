import numpy as np
import pytest

from fau_tf.face.blendshapes import NAMES, POINTS, Blendshapes
from fau_tf.face.bundle import read_bundle
from fau_tf.face.landmarker import DETECTION_CONFIDENCE, FaceLandmarker
from fau_tf.face.mesh import MESH_POINTS
from fau_tf.io.images import read_image
from fau_tf.utils import optional_imports
from tests.helpers.face_videos import PHOTO


@pytest.fixture(scope="module")
def mesh():
    with FaceLandmarker(divisions=(1,)) as landmarker:
        (found,) = landmarker.find(read_image(PHOTO))
    return found


def test_the_smile_of_the_sample_photo_is_seen(mesh):
    scores = dict(zip(NAMES, Blendshapes()(mesh).tolist(), strict=True))
    assert min(scores["mouthSmileLeft"], scores["mouthSmileRight"]) > 0.8
    assert scores["jawOpen"] < 0.1
    assert all(0 <= score <= 1 for score in scores.values())


def test_place_and_size_do_not_matter(mesh):
    shapes = Blendshapes()
    # float32 coordinates: 1e-4 measured
    np.testing.assert_allclose(shapes(3 * mesh + (500, -20)), shapes(mesh), atol=1e-3)


def test_names_and_points_are_in_order():
    assert len(set(NAMES)) == 52
    assert len(POINTS) == 146
    assert sorted(set(POINTS)) == list(POINTS)
    assert POINTS[-1] < MESH_POINTS


def test_a_mesh_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"got \(468, 2\)"):
        Blendshapes()(np.zeros((468, 2)))


def test_scores_are_those_of_mediapipe(mesh):
    pytest.importorskip("mediapipe", reason="the extra `mediapipe` is not installed")
    mp = optional_imports.mediapipe()
    options = mp.tasks.vision.FaceLandmarkerOptions(
        base_options=mp.tasks.BaseOptions(model_asset_buffer=read_bundle()),
        min_face_detection_confidence=DETECTION_CONFIDENCE,  # another group of boxes else
        output_face_blendshapes=True,
    )
    photo = mp.Image(image_format=mp.ImageFormat.SRGB, data=read_image(PHOTO))
    with mp.tasks.vision.FaceLandmarker.create_from_options(options) as reference:
        (expected,) = reference.detect(photo).face_blendshapes
    assert tuple(one.category_name for one in expected) == NAMES
    # 0.004 measured: the meshes differ by 0.01 % of the outer eye distance.
    np.testing.assert_allclose(Blendshapes()(mesh), [one.score for one in expected], atol=0.02)
