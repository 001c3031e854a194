"""The face landmarker beside MediaPipe's Face Landmarker, which runs the same networks."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fau_tf.evaluation.real_faces.faces import annotated_faces
from fau_tf.face.landmarker import FaceLandmarker
from fau_tf.face.mesh import ibug68
from fau_tf.io.images import read_image
from fau_tf.synthetic import sample
from tests.helpers.face_videos import PHOTO, face, frame

pytest.importorskip("mediapipe", reason="the extra `mediapipe` is not installed")

from fau_tf.face.mediapipe_landmarks import MediaPipeLandmarks, around


@pytest.fixture(scope="module")
def ours():
    with FaceLandmarker(divisions=(1,)) as landmarker:
        yield landmarker


@pytest.fixture(scope="module")
def reference():
    with MediaPipeLandmarks(divisions=(1,)) as landmarker:
        yield landmarker


def apart(found, expected):
    """Return the mean distance of each face from the reference in % of its outer eye distance."""
    assert len(found) == len(expected)
    return [
        100 * np.linalg.norm(one - other, axis=1).mean() / np.linalg.norm(other[33] - other[263])
        for one, other in zip(found, expected, strict=True)
    ]


def turned(image, degrees):
    return np.array(Image.fromarray(image).rotate(degrees, Image.Resampling.BICUBIC, expand=True))


def resized(image, factor):
    size = (round(image.shape[1] * factor), round(image.shape[0] * factor))
    return np.array(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))


def pictures():
    photo = read_image(PHOTO)
    yield from (photo, photo[:, 110:], photo[90:])
    # Not upside down: there MediaPipe fits an upright mesh (see `face.upright`).
    yield from (turned(photo, degrees) for degrees in (-30, 30, 90, 270))
    yield from (resized(photo, factor) for factor in (0.35, 0.5, 3))
    yield from (np.pad(photo, ((pad, pad), (pad, pad), (0, 0))) for pad in (60, 120))
    yield frame((10, face()), (190, face(mirrored=True)))
    for seed in range(8):
        scene = sample.sample_scene(sample.canonical_rig(), person_seed=seed, face_seed=seed)
        yield np.asarray(sample.render(scene, size=sample.NOMINAL))


def test_landmarks_are_those_of_mediapipe(ours, reference):
    errors, counts = [], []
    for picture in pictures():
        expected = reference.find(picture)
        counts.append(len(expected))
        errors += apart(ours.find(picture), expected)
    assert set(counts) == {1, 2}
    # Measured: mean 0.03 %, largest 0.09 %. MediaPipe samples its crops at whole 1/32 px: with
    # that rounding here too the mean is 0.004 %.
    assert 0 < np.mean(errors) < 0.1
    assert max(errors) < 0.3


def test_pictures_without_a_face_have_none_by_either(ours, reference):
    photo = read_image(PHOTO)
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)
    for picture in (noise, photo[200:], np.zeros((1, 1, 3), np.uint8)):
        assert ours.find(picture) == reference.find(picture) == []


def test_the_window_around_a_face_is_twice_its_size_and_inside_the_picture():
    mesh = np.array([(100.0, 50.0), (140.0, 110.0)])
    assert around(mesh, 400, 400) == (60, 20, 181, 141)
    x0, y0, x1, y1 = around(mesh, 80, 120)
    assert (x0, y0, x1, y1) == (60, 20, 120, 80)
    assert around(mesh + 500, 80, 120) == (119, 79, 120, 80)


@pytest.mark.data
def test_real_faces_have_the_landmarks_of_mediapipe(ours, reference):
    """On dlib's example photos, whole and cut around each face, upright and turned."""
    folder = _folder()
    errors = []
    for path in sorted(folder.glob("*.jpg")):
        errors += apart(ours.find(read_image(path)), reference.find(read_image(path)))
    for part, _ in annotated_faces(folder):
        for picture in (part, turned(part, 25)):
            errors += apart(ours.find(picture), reference.find(picture))
    assert len(errors) > 80
    assert 0 < np.mean(errors) < 0.1


@pytest.mark.data
def test_landmarks_are_close_to_annotated_ones(ours):
    """On 43 example faces of dlib: at most 4.4 % of the outer eye distance on the inner 51."""
    errors = []
    for part, marked in annotated_faces(_folder()):
        middle = np.array(part.shape[1::-1]) / 2
        found = min(ours.find(part), key=lambda mesh: np.hypot(*(mesh.mean(axis=0) - middle)))
        distance = np.linalg.norm(ibug68(found) - marked, axis=1)
        errors.append(distance / np.linalg.norm(marked[45] - marked[36]))
    inner = 100 * np.mean(np.array(errors)[:, 17:])
    assert len(errors) == 43
    assert 1 < inner < 4.4


def _folder():
    folder = os.environ.get("FAU_FACES_DLIB")
    if not folder:
        pytest.skip("FAU_FACES_DLIB must name the folder of dlib's annotated example faces")
    return Path(folder)
