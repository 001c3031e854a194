"""The Kotlin landmarker of android_demo_assets, run on the JVM, step by step against Python's.

Both run the bundle's networks on LiteRT; what they differ in is all that is around them.
"""

import json

import numpy as np
import pytest
from PIL import Image

from fau_tf.face import detector, landmarker, mesh, regions, upright
from fau_tf.face.align import crop, crop_matrix
from fau_tf.face.bundle import BUNDLE_SHA256, default_bundle, read_bundle
from fau_tf.face.landmarker import FaceLandmarker
from fau_tf.face.mesh import LandmarkNetwork, ibug68
from fau_tf.inference.interpreter import AUInterpreter
from fau_tf.inference.tracking import FaceTracker
from fau_tf.io.images import read_image
from tests.golden.landmarker_steps import FILE, PICTURES, ROOT, TOLERANCES, kept_rows
from tests.helpers import jvm_kotlin
from tests.helpers.golden_files import ASSETS

pytestmark = pytest.mark.gpu

GOLDEN = json.loads(FILE.read_text(encoding="utf-8"))
PATHS = [ROOT / picture for picture in PICTURES]
CROPS = {"detector_input", "landmark_input"}
STEPS = {step: limit for step, (limit, _) in TOLERANCES.items() if step != "blendshapes"}
POINTS = 0.05
"""px: the landmark network adds up in float32; a gray level of its input moves points by 0.2."""
SAME_CROP = 1e-3
"""Intensity units: equal crops, so only the network's float32 sums may differ."""
ON_GPU = {"scores": 1e-4, "boxes": 1e-3, "mesh": POINTS}
"""The GPU's float32 sums: 3e-7, 3e-5 px and 8e-4 px were measured."""


@pytest.fixture(scope="module", autouse=True)
def _kotlin():
    if reason := jvm_kotlin.lacking():
        pytest.skip(reason)
    jvm_kotlin.compiled()


@pytest.fixture
def defining(monkeypatch):
    """Python cuts by the definition, not by OpenCV, which differs by single gray levels."""
    for module in (detector, mesh, upright):
        monkeypatch.setattr(module, "fast_cut", regions.cut)


def array(folder, i: int, step: str):
    return np.fromfile(folder / f"{i}.{step}.bin", "<f4" if step in CROPS else "<f8")


def landmarks(command: str, folder, *more, driver=None):
    """Run a command of Landmarks.kt; return what it printed."""
    return jvm_kotlin.run(command, default_bundle(), BUNDLE_SHA256, folder, *more, driver=driver)


@pytest.fixture(scope="module")
def on_cpu(tmp_path_factory):
    folder = tmp_path_factory.mktemp("steps")
    assert landmarks("steps", folder, "cpu", *PATHS) == {"detector": "CPU ", "landmarks": "CPU "}
    return folder


def found_steps(folder, i: int):
    """Return step -> array as tests/golden has it."""
    found = {step: array(folder, i, step) for step in STEPS if step != "anchors"}
    found["anchors"] = np.flatnonzero(found["scores"] >= GOLDEN["kept_score"])
    found["scores"] = found["scores"][found["anchors"]]
    found["boxes"] = found["boxes"].reshape(-1, 8, 2)[found["anchors"]]
    for step, side in (("detector_input", detector.SIDE), ("landmark_input", mesh.SIDE)):
        found[step] = kept_rows(found[step].reshape(side, side, 3))
    return found


def assert_golden(folder, i: int, limits):
    found = found_steps(folder, i)
    for step, limit in limits.items():
        golden = np.array(GOLDEN["pictures"][PICTURES[i]][step], float)
        assert golden.any()
        assert found[step].size == golden.size, step
        np.testing.assert_allclose(
            found[step].ravel(), golden.ravel(), rtol=0, atol=limit, err_msg=step
        )


@pytest.mark.parametrize("i", range(len(PICTURES)), ids=PICTURES)
def test_every_step_is_the_golden_one(i, on_cpu):
    assert STEPS["mesh"] == POINTS
    assert_golden(on_cpu, i, STEPS)


@pytest.mark.parametrize("i", range(len(PICTURES)), ids=PICTURES)
def test_a_picture_leads_to_that_mesh_and_the_next_frame_to_pythons(i, on_cpu):
    np.testing.assert_array_equal(array(on_cpu, i, "found"), array(on_cpu, i, "mesh"))
    region = regions.Region(*array(on_cpu, i, "next_region"))
    image = read_image(PATHS[i])
    followed = LandmarkNetwork(read_bundle()).read(
        regions.cut(image, region, mesh.SIDE, "replicate"), region
    )
    points = array(on_cpu, i, "followed").reshape(-1, 2)
    np.testing.assert_allclose(points, followed.mesh, rtol=0, atol=POINTS)


@pytest.mark.slow
def test_on_the_gpu_the_networks_give_the_same_points(tmp_path, driver):
    """Minutes without a shader cache: the software driver compiles every shader."""
    printed = landmarks("steps", tmp_path, "FP32", *PATHS, driver=driver)
    assert printed == {"detector": "GPU ", "landmarks": "GPU "}
    for i in range(len(PATHS)):
        assert_golden(tmp_path, i, STEPS | ON_GPU)


@pytest.mark.slow
def test_no_network_is_refused_for_what_float16_rounds(tmp_path, driver):
    printed = jvm_kotlin.run("glue", ASSETS, tmp_path, "FP16", PATHS[0], driver=driver)
    assert (printed["accelerator"], printed["fallbacks"]) == ("GPU", "")


def made_pictures(folder):
    """Write pictures that need every rule of the landmarker; return their paths."""
    face = read_image(PATHS[0])
    other = read_image(PATHS[1])
    high, wide = max(face.shape[0], other.shape[0]), face.shape[1] + other.shape[1]
    two = np.full((high, wide, 3), 90, np.uint8)
    two[: face.shape[0], : face.shape[1]] = face
    two[: other.shape[0], face.shape[1] :] = other
    small = np.full((900, 1300, 3), 60, np.uint8)
    reduced = np.asarray(Image.fromarray(face).resize((150, 150)))
    small[420:570, 901:1051] = reduced
    pictures = {
        "inverted": face[::-1, ::-1], "lying": np.rot90(face), "two": two, "small": small,
        "odd": face[3:-2, 5:], "noise": np.random.default_rng(1).integers(0, 255, (97, 131, 3)),
    }  # fmt: skip
    paths = [folder / f"{name}.png" for name in pictures]
    for path, pixels in zip(paths, pictures.values(), strict=True):
        Image.fromarray(np.ascontiguousarray(pixels, np.uint8)).save(path)
    return paths


def assert_same(folder, paths, expected):
    """Compare meshes with Python's; there must be as many."""
    for i, (path, meshes) in enumerate(zip(paths, expected, strict=True)):
        found = array(folder, i, "meshes").reshape(-1, 478, 2)
        assert len(found) == len(meshes), path.name
        if meshes:
            np.testing.assert_allclose(
                found, np.stack(meshes), rtol=0, atol=POINTS, err_msg=path.name
            )


@pytest.mark.usefixtures("defining")
def test_inverted_small_and_several_faces_are_those_of_python(tmp_path):
    paths = made_pictures(tmp_path)
    landmarks("find", tmp_path, "3", *paths)
    with FaceLandmarker(3) as python:
        expected = [python.find(read_image(path)) for path in paths]
    assert [len(meshes) for meshes in expected] == [1, 1, 2, 1, 1, 0]
    assert_same(tmp_path, paths, expected)


@pytest.mark.usefixtures("defining")
@pytest.mark.parametrize("faces", [1, 2])
def test_the_tracker_looks_where_python_does(faces, tmp_path):
    """A face that moves, is gone, comes back elsewhere, and another one that appears."""
    two = read_image(made_pictures(tmp_path)[2])
    side = read_image(PATHS[0]).shape[1]
    black = np.zeros_like(two[:, :side])
    starts = [0, 6, 14, 23, None, None, 30, 36, 60, 90, 120, 150, side]
    frames = [black if x is None else two[:, x : x + side] for x in starts]
    paths = [tmp_path / f"frame{i:02}.png" for i in range(len(frames))]
    for path, frame in zip(paths, frames, strict=True):
        Image.fromarray(np.ascontiguousarray(frame)).save(path)
    landmarks("follow", tmp_path, str(faces), *paths)
    with FaceLandmarker(faces, divisions=(1,)) as python:
        tracker = FaceTracker(python)
        expected = [[face.mesh for face in tracker.find(frame)[0]] for frame in frames]
    assert {0, 1} <= {len(meshes) for meshes in expected}
    assert_same(tmp_path, paths, expected)


def model_for_cpu(printed):
    """Return the model that ran, which must be the one for a CPU."""
    rows = json.loads((ASSETS / "fau_metadata.json").read_text())["variants"].values()
    (file,) = (row["file"] for row in rows if row["accelerators"] == ["cpu"])
    assert f"{printed['model']}.tflite" == file
    return ASSETS / file


def test_bitmap_and_assets_lead_to_the_intensities_of_python(tmp_path):
    printed = jvm_kotlin.run("glue", ASSETS, tmp_path, "cpu", *PATHS)
    reader = AUInterpreter(model_for_cpu(printed))
    assert (printed["accelerator"], printed["fallbacks"]) == ("CPU", "")
    for i, path in enumerate(PATHS):
        points = np.array(GOLDEN["pictures"][PICTURES[i]]["mesh"])
        assert np.abs(array(tmp_path, i, "mesh").reshape(-1, 2) - points).max() <= POINTS
        # From Kotlin's own landmarks, so that half a gray level is not rounded the other way.
        own = ibug68(array(tmp_path, i, "mesh").reshape(478, 2))
        np.testing.assert_array_equal(array(tmp_path, i, "landmarks"), own.ravel())
        size = reader.info.image_size
        cut = crop(read_image(path), crop_matrix(own, size), size)
        found = np.fromfile(tmp_path / f"{i}.crop.bin", "<f4")
        assert np.abs(found - cut.ravel()).max() <= 1
        expected, _ = reader(found.reshape(size, size, 3).astype(np.uint8))
        assert np.ptp(expected) > 0.5, "else nothing is compared"
        intensity = np.fromfile(tmp_path / f"{i}.intensity.bin", "<f4")
        np.testing.assert_allclose(intensity, expected, rtol=0, atol=SAME_CROP)


def test_without_a_gpu_every_network_says_why_and_the_model_for_a_cpu_runs(tmp_path):
    printed = jvm_kotlin.run("glue", ASSETS, tmp_path, "FP32", PATHS[0])
    reasons = printed["fallbacks"].split(" | ")
    assert [reason.partition(" GPU can't run ")[0] for reason in reasons] == 3 * ["This device's"]
    assert "face_detector.tflite" in reasons[1]
    assert "face_landmarks_detector.tflite" in reasons[2]
    assert model_for_cpu(printed).exists()


def test_kotlin_has_the_constants_of_python():
    text = (ASSETS / "kotlin" / "FauLandmarker.kt").read_text()
    text += (ASSETS / "kotlin" / "FauUpright.kt").read_text()
    text += (ASSETS / "kotlin" / "FauDetector.kt").read_text()
    for name, value in (
        ("DETECTION_CONFIDENCE", landmarker.DETECTION_CONFIDENCE),
        ("PRESENCE_CONFIDENCE", landmarker.PRESENCE_CONFIDENCE),
        ("DOUBTFUL_CONFIDENCE", landmarker._DOUBTFUL_CONFIDENCE),
        ("SURE_SCORE", upright.SURE_SCORE),
        ("SURE_DISTANCE", upright.SURE_DISTANCE),
        ("SAME_FACE", detector.SAME_FACE),
    ):
        assert f"const val {name} = {value}" in text, name
