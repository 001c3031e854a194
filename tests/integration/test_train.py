"""The main job, end to end and tiny, as a user runs it."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers import main_job
from tests.integration.test_import_boundaries import BLOCKED

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
TINY = main_job.TINY | {"training.epochs": "2", "training.warmup_steps": "1"}
PICTURES = [
    "curves.png",
    "agreement.png",
    "scatter.png",
    "gallery.png",
    "neighbors.png",
    "astronaut_au.png",
]


def train(folder, *more, run=(sys.executable, "train_keras.py")):
    changes = [part for key, value in TINY.items() for part in ("--set", f"{key}={value}")]
    places = ["--runs", str(folder / "runs"), "--data", str(folder / "data")]
    return subprocess.run(
        [*run, *places, *changes, *more],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("main_job")
    done = train(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done


def test_a_run_leaves_everything_behind(trained):
    folder, done = trained
    run = folder / "runs" / "tiny"
    names = {path.name for path in run.iterdir()}
    files = {"config.toml", "versions.json", "metrics.json", "history.csv", "best.keras"}
    files |= {"calibration.json"}
    models = {f"fau_tiny_{v}.{kind}" for v in ("float32", "float16") for kind in ("tflite", "json")}
    assert files | models | set(PICTURES) <= names
    assert not any("partial" in name for name in names)
    for name in PICTURES:
        picture = np.asarray(Image.open(run / name).convert("RGB"))
        assert picture.std() > 10, name
    metrics = json.loads((run / "metrics.json").read_text())
    assert set(metrics["test"]["mean"]) >= {"icc", "mae", "pcc"}
    assert 0 < metrics["coverage"]["mean"]["covered"] <= 1
    entries = json.loads((run / "fau_tiny_float16.json").read_text())
    assert entries["intervals"] == json.loads((run / "calibration.json").read_text())["intervals"]
    assert len(metrics["test"]["per_au"]) == 14
    assert metrics["test"]["per_au"]["AU01"]["frames"] == 4
    versions = json.loads((run / "versions.json").read_text())
    assert versions["seed"] == 1
    assert 1 <= versions["cores"] <= (os.cpu_count() or 1)
    with (run / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert float(rows[1]["loss"]) < float(rows[0]["loss"])
    assert "AU26" in done.stdout
    for stage in (
        "faces",
        "network",
        "training",
        "calibration",
        "evaluation",
        "export",
        "figures",
        "photo",
    ):
        assert f"== {stage}" in done.stdout


def test_the_second_time_reuses_faces_and_training(trained):
    folder, first = trained
    history = (folder / "runs" / "tiny" / "history.csv").stat().st_mtime_ns
    again = train(folder)
    assert again.returncode == 0, again.stdout + again.stderr
    assert again.stdout.count("is there already") == 2
    assert (folder / "runs" / "tiny" / "history.csv").stat().st_mtime_ns == history
    table = [line for line in first.stdout.splitlines() if line.startswith("   AU")]
    assert table == [line for line in again.stdout.splitlines() if line.startswith("   AU")]


def test_a_machine_that_cannot_read_photos_skips_only_the_photo(trained):
    folder, _ = trained
    code = BLOCKED.format(names={"cv2", "mediapipe"}) + (
        "import sys, train_keras\nsys.exit(train_keras.main(sys.argv[1:]))"
    )
    done = train(folder, run=[sys.executable, "-c", code])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped: Reading photos needs" in done.stdout
    assert "all of it is in" in done.stdout


def test_the_same_seed_gives_the_same_history_and_weights(trained, tmp_path):
    folder, _ = trained
    done = train(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("history.csv", "fau_tiny_float32.tflite"):
        one, other = (place / "runs" / "tiny" / name for place in (folder, tmp_path))
        assert one.read_bytes() == other.read_bytes(), name


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--set", "training.epoch=3"], "Did you mean `epochs`"),
        (["--set", "data.subjects=5"], "must be at least 10"),
        (["--set", "model.k=500"], "`k` must be 1 to 16"),
        (["--runs", "README.md/x"], "Give another --runs"),
        (["--config", "nowhere.toml"], "nowhere.toml"),
    ],
)
def test_a_mistake_ends_in_one_line_and_exit_code_2(more, message, tmp_path):
    done = train(tmp_path, *more)
    assert done.returncode == 2
    # TensorFlow's start-up notices come first; the error is the last line, without a traceback.
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error:")
    assert message in last
    assert "Traceback" not in done.stderr


def test_a_random_start_is_not_frozen(trained):
    # The tiny network has no ImageNet weights; its norms must have learned.
    import keras

    from fau_tf.models import heatmap_net  # registers the layers

    folder, done = trained
    assert "starts from random weights" in done.stdout
    assert heatmap_net is not None
    net = keras.saving.load_model(folder / "runs" / "tiny" / "best.keras")
    assert np.abs(np.asarray(net.get_layer("tiny0_bn").moving_mean)).max() > 0
