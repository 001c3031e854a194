"""What each part imports, checked in processes where the forbidden imports fail."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.tiny_model import write_tiny_model

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
PHOTO = ROOT / "docs" / "sample" / "astronaut.png"

DEMO_PATH = sorted(
    str(path.relative_to(ROOT).with_suffix("")).replace("/", ".")
    for folder in ("face", "io", "inference", "outputs", "utils")
    for path in (ROOT / "fau_tf" / folder).glob("*.py")
    if path.stem != "__init__"
)
TRAINING_PATH = [
    "fau_tf.synthetic.sample",
    "fau_tf.data.pipeline",
    "fau_tf.models.heatmap_net",
    "fau_tf.training.config",
]

BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"blocked: {{name}}", name=name)

sys.meta_path.insert(0, Blocked())
"""


def run(code, blocked):
    return subprocess.run(
        [sys.executable, "-c", BLOCKED.format(names=set(blocked)) + code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_block_blocks():
    assert "blocked: keras" in run("import keras.ops", {"keras"}).stderr


def test_the_demo_path_imports_without_tensorflow_keras_and_matplotlib():
    """All modules in one process: each is imported, none may have imported for another."""
    code = "".join(f"import {name}\n" for name in DEMO_PATH)
    done = run(code, {"tensorflow", "keras", "matplotlib", "scipy", "tqdm"})
    assert done.returncode == 0, done.stderr


def test_the_demo_path_opens_neither_opencv_nor_mediapipe_before_they_are_used():
    """So that a missing system library is an error message, not a failed import."""
    code = "".join(f"import {name}\n" for name in DEMO_PATH)
    done = run(code, {"cv2", "mediapipe", "tensorflow", "keras", "matplotlib"})
    assert done.returncode == 0, done.stderr


def test_pyav_is_loaded_for_videos_only():
    done = run("import fau_tf.cli.predict, fau_tf.io.sources", {"av"})
    assert done.returncode == 0, done.stderr


def test_the_demo_reads_a_photo_where_tensorflow_and_keras_are_missing(tmp_path):
    model = write_tiny_model(tmp_path)
    code = (
        "from fau_tf.cli.predict import main\n"
        f"code = main([{str(PHOTO)!r}, '--model', {str(model)!r}, '--out', {str(tmp_path)!r}])\n"
        "import sys; sys.exit(code)"
    )
    done = run(code, {"tensorflow", "keras", "ray"})
    assert done.returncode == 0, done.stderr
    assert "1 face" in done.stdout


def test_the_demo_does_not_import_tensorflow_where_it_is_installed(tmp_path):
    model = write_tiny_model(tmp_path)
    code = (
        "from fau_tf.cli.predict import main\n"
        f"main([{str(PHOTO)!r}, '--model', {str(model)!r}, '--out', {str(tmp_path)!r}])\n"
        "import sys; print('found', {'tensorflow', 'keras'} & set(sys.modules))"
    )
    assert "found set()" in run(code, set()).stdout


def test_training_on_synthetic_faces_needs_neither_opencv_nor_mediapipe():
    code = "".join(f"import {name}\n" for name in TRAINING_PATH)
    done = run(code, {"cv2", "mediapipe"})
    assert done.returncode == 0, done.stderr
