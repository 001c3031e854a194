"""The wheel by itself: built, unpacked into an empty folder, run without the training packages."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fau_tf.inference.model_info import DEFAULT_MODEL
from tests.helpers.tiny_model import write_tiny_model

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
PHOTO = ROOT / "docs" / "sample" / "astronaut.png"

# What [train] brings and the base dependencies don't: importing it fails.
BLOCK = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"tensorflow", "keras", "scipy", "tqdm", "torch"}:
            raise ModuleNotFoundError(f"blocked: {name}", name=name)

sys.meta_path.insert(0, Blocked())
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder of an installed wheel, and a blocker of training packages beside it."""
    folder = tmp_path_factory.mktemp("wheel")
    tree = folder / "tree"
    tree.mkdir()
    for name in ("fau_tf", "android_demo_assets"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tree / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, tree)
    model = tree / "android_demo_assets" / DEFAULT_MODEL
    if not model.exists():
        tiny = write_tiny_model(folder)
        shutil.copy(tiny, model)
        shutil.copy(tiny.with_suffix(".json"), model.with_suffix(".json"))
    (tree / "android_demo_assets" / "Other.kt").write_text("not for the wheel")
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", str(tree), "--no-deps", "-w", str(folder)], check=True)
    (wheel,) = folder.glob("*.whl")
    site = folder / "site"
    subprocess.run([*pip, "install", "--no-deps", "--target", str(site), str(wheel)], check=True)
    (site / "sitecustomize.py").write_text(BLOCK)
    return site


def run(installed, folder, *command):
    return subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_the_wheel_has_the_packages_and_three_assets(installed):
    folders = {path.parent.name for path in (ROOT / "fau_tf").glob("*/__init__.py")}
    found = {path.name for path in (installed / "fau_tf").iterdir() if path.is_dir()}
    assert found - {"__pycache__"} == folders | {"assets"}
    assert sorted(path.name for path in (installed / "fau_tf" / "assets").iterdir()) == [
        "face_landmarker.task",
        "fau_small_mesh_float16.json",
        "fau_small_mesh_float16.tflite",
    ]


@pytest.mark.slow
def test_the_command_reads_a_photo_in_an_empty_folder(installed, tmp_path):
    shutil.copy(PHOTO, tmp_path / "photo.png")
    done = run(installed, tmp_path, str(installed / "bin" / "fau-demo"), "photo.png")
    assert done.returncode == 0, done.stderr
    assert "1 face" in done.stdout
    results = sorted(path.name for path in (tmp_path / "fau_out").iterdir())
    assert results == ["photo_au.csv", "photo_au.png"]


@pytest.mark.slow
def test_the_estimator_takes_arrays_and_gives_plain_data(installed, tmp_path):
    shutil.copy(PHOTO, tmp_path / "photo.png")
    code = """
import sys
import numpy as np
from PIL import Image
import fau_tf
from fau_tf import AUEstimator
with AUEstimator() as estimator:
    (face,) = estimator.estimate(np.array(Image.open("photo.png").convert("RGB"))).faces
print(fau_tf.__file__)
print(len(face.box), face.landmarks.shape, sorted(face.intensity)[0], face.quality.flags)
print({"tensorflow", "keras"} & set(sys.modules))
"""
    done = run(installed, tmp_path, sys.executable, "-c", code)
    assert done.returncode == 0, done.stderr
    where, face, forbidden = done.stdout.splitlines()
    assert where == str(installed / "fau_tf" / "__init__.py")
    assert face == "4 (68, 2) AU01 ()"
    assert forbidden == "set()"
