"""The Kotlin of android_demo_assets, run on the JVM over the golden vectors.

The compiler and LiteRT's library are real; Android, CameraX and LiteRT's Kotlin classes are
stand-ins (tests/device/kotlin describes them). No phone or APK is tested, and no latency measured.
"""

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest

from export.checks.operators import max_versions
from fau_tf import facs
from fau_tf.inference.model_info import DEFAULT_MODEL, read_model
from fau_tf.inference.sides import side_channels, side_intensities
from tests.helpers import golden_files, jvm_kotlin, one_operator
from tests.helpers.golden_files import ASSETS, GOLDEN, tolerance, worst

pytestmark = pytest.mark.gpu

CONTENT = golden_files.index()
MODES = {"cpu": ["cpu"], "gpu": ["FP32", "FP16"]}
"""Accelerator -> arithmetic, as an argument of Main.kt. GPU float32 gives the CPU's numbers."""
RUNS = [
    (variant, accelerator, mode)
    for variant, row in CONTENT["variants"].items()
    for accelerator in row["accelerators"]
    for mode in MODES[accelerator]
]
DTYPES = {"landmarks": "<f8", "matrix": "<f8"}
LABELS = (ASSETS / "labels.txt").read_text().split()
SIZE = read_model(ASSETS / DEFAULT_MODEL)[1].image_size
LOW_RELIABILITY = "list of `criterion`, `value` and `limit` by AU label in `low_reliability`."
GUARDS = {
    "picture of too few pixels": "64 x 48 and 3024 pixels",
    "empty picture": "0 x 48",
    "picture larger than memory": "65536 x 65536 and 0 pixels",
    "67 landmarks": "68 iBUG points. Received: 134 numbers",
    "468 mesh points": "478 points, x and y each. Received: 936 numbers",
    "landmark of NaN": "finite. Received: NaN in point 3",
    "landmark of Infinity": "finite. Received: Infinity in point 3",
    "landmarks in one point": "spread out",
    "crop of 0 px": "positive. Received: 0",
    "matrix without inverse": "Received: Infinity",
    "matrix of NaN": "Received: NaN",
    "face as large as a town": "fewer than 1048576 picture px",
    "missing file": "no_such.json: must be readable",
    "other contract version": "contract_version must be 1 or 2. Received: 3.0",
    "no contract version": "contract_version must be 1 or 2. Received: null",
    "other crop": "trained on the crop of FauPreprocess",
    "JSON cut short": "must be JSON. Received: an end after",
    "JSON of a list": "must be a JSON object. Received: [1, 2]",
    "no JSON": "must be JSON. Received: an end after 0 characters",
    "size as text": f"positive whole number in `image_size`. Received: {SIZE}",
    "five ends of an interval": "six ends `below` and `above` of each AU in `intervals`",
    "an end on the wrong side": "six ends `below` and `above` of each AU in `intervals`",
    "intervals as text": "of each AU in `intervals`. Received: none",
    "low reliability of an unknown AU": f"{LOW_RELIABILITY} Received: {{AU99=[{{criterion=",
    "low reliability as text": f"{LOW_RELIABILITY} Received: {{AU10=poor}}",
    "low reliability without a criterion": f"{LOW_RELIABILITY} Received: {{AU10=[]}}",
    "low reliability without a limit": f"{LOW_RELIABILITY} Received: {{AU10=[{{criterion=",
    "interval of an unknown AU": f"{', '.join(LABELS[-4:])}]. Received: AU6",
    "an AU twice": "different words in `au_labels`",
    "another model's JSON": "must have the SHA-256 of its JSON file",
    "JSON with fewer AUs than the model": (
        f"must have the {len(LABELS) - 1} numbers that the JSON file describes"
    ),
    "not a model": "LiteRT must be able to load the model on the CPU",
    "crop of another size": (
        f"must be {3 * SIZE**2} numbers from 0 to 255. Received: {3 * (SIZE - 1) ** 2}"
    ),
    "crop from 0 to 256": "from 256.0 to 256.0",
    "crop of NaN": "from NaN to NaN",
    "unknown AU center": "Received: AU99_left",
    "closed estimator": "must be open",
    "bitmap of config RGB_565": "must be ARGB_8888 and not recycled. Received: RGB_565",
    "bitmap of config HARDWARE": "Received: HARDWARE",
    "bitmap of config null": "Received: null",
    "recycled bitmap": "Received: ARGB_8888, recycled",
    "missing asset": "none.json must be in the app's assets",
    "no assets": "fau_metadata.json must be in the app's assets",
    "missing landmarker": "face_landmarker.task must be in the app's assets",
    "missing model": ".json must be in the app's assets",
    "another landmarker": "must have the SHA-256 of fau_metadata.json",
    "bundle of nothing": "must contain face_detector.tflite. Received: []",
    "folder that is none": "must be writable",
    "networks the wrong way round": "LiteRT must be able to load the model on the CPU",
    "network that is none": "face_noise.tflite: LiteRT must be able to load the model on the CPU",
    "0 faces": "must be 1 or more. Received: 0 and [1]",
    "closed landmarker": "must be open. Received: a closed network",
    "metadata of another version": "contract_version must be 1 or 2. Received: 3.0",
    "metadata without models": "of each model in `variants`. Received: null",
    "metadata of a model without a file": "of each model in `variants`. Received: {",
    "metadata without a landmarker": "with text in `landmarks.file`. Received: null",
    "metadata of a list": "must be a JSON object. Received: [1]",
}
"""Bad input (tests/device/kotlin/Guards.kt) -> part of the exception's message."""


@pytest.fixture(scope="module", autouse=True)
def _kotlin():
    if reason := jvm_kotlin.lacking():
        pytest.skip(reason)
    jvm_kotlin.compiled()


def model(variant: str) -> Path:
    return ASSETS / CONTENT["variants"][variant]["file"]


def results(folder: Path):
    def result(case: str, point: str):
        path = folder / f"{case}.{point}.bin"
        return np.fromfile(path, DTYPES.get(point, "<f4")) if path.exists() else None

    return result


@pytest.mark.parametrize(("variant", "accelerator", "mode"), RUNS)
def test_every_cut_point_is_the_golden_one(variant, accelerator, mode, tmp_path, driver):
    printed = jvm_kotlin.run("golden", GOLDEN, model(variant), tmp_path, mode, driver=driver)
    assert printed == {"accelerator": accelerator.upper(), "fallback": ""}
    found = worst(CONTENT, variant, results(tmp_path))
    chip = "gpu" if mode == "FP16" else "cpu"
    allowed = {point: tolerance(CONTENT, variant, chip, point) for point in found}
    assert list(found) == ["matrix", "crop", "heatmaps", "intensity"]
    assert all(found[point] <= allowed[point] for point in found), (found, allowed)  # NaN fails too
    # On float32's numbers to the last digits it would not have been float16 that ran.
    assert mode != "FP16" or found["intensity"] > 1e-4, found


def test_a_crop_half_a_pixel_off_is_caught(tmp_path):
    """Otherwise the vectors could not tell a wrong warp from a right one."""
    variant = next(iter(CONTENT["variants"]))
    jvm_kotlin.run("golden", GOLDEN, model(variant), tmp_path, "cpu", "0.5")
    for case in CONTENT["cases"]:
        found = worst({**CONTENT, "cases": [case]}, variant, results(tmp_path))
        assert found["crop"] > 3 * tolerance(CONTENT, variant, "cpu", "crop"), (case["name"], found)


@pytest.mark.parametrize("variant", [variant for variant, _, mode in RUNS if mode == "FP32"])
def test_without_a_gpu_it_computes_on_the_cpu_and_says_why(variant, tmp_path):
    printed = jvm_kotlin.run("golden", GOLDEN, model(variant), tmp_path, "FP32", driver=None)
    assert printed["accelerator"] == "CPU"
    assert re.search(r"GPU can't run .*LiteRtCreateCompiledModel", printed["fallback"]), printed
    found = worst(CONTENT, variant, results(tmp_path))
    assert found["intensity"] <= tolerance(CONTENT, variant, "cpu", "intensity"), found


def test_a_model_that_the_gpu_refuses_runs_on_the_cpu_and_says_so(tmp_path, driver):
    """With the CPU allowed from the start, LiteRT would split the graph silently."""
    small = ASSETS / DEFAULT_MODEL
    taken = max_versions("litert_gpu")
    path = tmp_path / "newer.tflite"
    newer = one_operator.with_version(small.read_bytes(), "CONV_2D", taken["CONV_2D"] + 1)
    path.write_bytes(newer)
    beside = json.loads(small.with_suffix(".json").read_text())
    beside["sha256"] = hashlib.sha256(newer).hexdigest()
    path.with_suffix(".json").write_text(json.dumps(beside))
    printed = jvm_kotlin.run("golden", GOLDEN, path, tmp_path, "FP32", driver=driver)
    assert printed["accelerator"] == "CPU"
    assert "GPU can't run" in printed["fallback"], printed


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    return jvm_kotlin.run("guards", ASSETS, tmp_path_factory.mktemp("guards"))


@pytest.mark.parametrize("name", GUARDS)
def test_bad_input_is_an_exception_that_says_what_to_do(name, printed):
    rule, received = printed[name].split(" Received: ")
    assert rule.startswith("FauException: ")
    assert GUARDS[name] in printed[name]
    assert re.search(r"\. [A-Z]\S+ .*\.$", received), "no next step"


def test_every_bad_input_has_an_expected_message(printed):
    others = {"mesh points", "model for the CPU only", "JSON"}
    others |= {"low reliability", "level", "no intervals"}
    others |= {"no face", "picture of one px", "frames without a face", "status without a face"}
    others |= {"model of the CPU", "model by name"}
    assert set(printed) == set(GUARDS) | others


def test_intervals_and_low_reliability_are_optional(printed):
    criterion = "FauFailedCriterion(criterion=cross_rig_icc, value=0.25, limit=0.4)"
    assert printed["low reliability"] == f"{{AU10=[{criterion}]}}"
    assert printed["level"] == "0.9"
    assert printed["no intervals"] == "null, {}"


@pytest.mark.parametrize("variant", CONTENT["variants"])
def test_intervals_and_sides_are_those_of_python(variant, tmp_path):
    jvm_kotlin.run("golden", GOLDEN, model(variant), tmp_path, "cpu")
    info = read_model(model(variant))[1]
    result = results(tmp_path)
    channels = side_channels(info.aus, info.rule)
    for case in CONTENT["cases"]:
        shape = (info.heatmap_size, info.heatmap_size, len(info.centers))
        found = side_intensities(result(case["name"], "heatmaps").reshape(shape), channels)
        sides = result(case["name"], "sides").reshape(-1, 2)
        assert np.ptp(sides, axis=1).max() > 0.01, "left is not right"
        np.testing.assert_array_equal(sides, np.array(list(found.values()), np.float32))
        intensity, interval = (result(case["name"], point) for point in ("intensity", "interval"))
        ends = np.stack(info.intervals.around(intensity), axis=-1).astype(np.float32)
        assert np.ptp(ends, axis=-1).max() > 0.5
        # Both add in float64 and round to float32 once.
        np.testing.assert_array_equal(interval.reshape(-1, 2), ends)


def test_json_is_read_as_it_is_written(printed):
    assert printed["JSON"] == '{a=[1.0, -2500.0, é/", true, null, {}], b=[]}'


def test_a_picture_without_a_face_has_no_faces_and_says_what_to_do(printed):
    assert printed["no face"] == printed["picture of one px"] == "0 faces"
    assert printed["frames without a face"] == "[0, 0, 0]"
    assert printed["status without a face"].startswith("No face found. Hold the phone")


def test_the_metadata_names_the_model_for_each_accelerator(printed):
    rows = CONTENT["variants"].values()
    (gpu,) = (row["file"] for row in rows if "gpu" in row["accelerators"])
    (cpu,) = (row["file"] for row in rows if "gpu" not in row["accelerators"])
    assert f"{printed['model by name']}.tflite" == gpu == DEFAULT_MODEL
    assert f"{printed['model of the CPU']}" == f"{Path(cpu).stem} on [cpu]"


def test_a_model_for_the_cpu_never_asks_the_gpu(printed):
    assert re.search(r"CPU: \S+ runs on \[cpu\]", printed["model for the CPU only"])


def test_kotlin_has_the_landmarks_of_python(printed):
    assert printed["mesh points"].split() == [str(point) for point in facs.IBUG_FROM_MEDIAPIPE]
