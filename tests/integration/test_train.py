"""`python train_keras.py` end to end and tiny, as a user runs it."""

import csv
import json
import os
import shutil
import signal
import sys

import keras
import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import fau_tf.models.heatmap_net  # noqa: F401 - registers the layers
from tests.helpers.main_job import MainJob
from tests.integration.test_import_boundaries import BLOCKED

pytestmark = pytest.mark.integration

PICTURES = [
    "curves.png",
    "agreement.png",
    "scatter.png",
    "gallery.png",
    "neighbors.png",
    "astronaut_au.png",
]


def read_json(path):
    return json.loads(path.read_text())


def test_a_run_leaves_everything_behind(trained):
    run, log = trained.run, trained.log()
    names = {path.name for path in run.iterdir()}
    files = {"config.toml", "versions.json", "metrics.json", "history.csv", "best.keras"}
    files |= {"calibration.json", "people.json", "predictions.npz"}
    models = {f"fau_tiny_{v}.{kind}" for v in ("float32", "float16") for kind in ("tflite", "json")}
    assert files | models | set(PICTURES) <= names
    assert not any("partial" in name for name in names)
    for name in PICTURES:
        picture = np.asarray(Image.open(run / name).convert("RGB"))
        assert picture.std() > 10, name
    metrics, versions = read_json(run / "metrics.json"), read_json(run / "versions.json")
    assert set(metrics["test"]["mean"]) >= {"icc", "mae", "pcc"}
    assert 0 < metrics["coverage"]["mean"]["covered"] <= 1
    assert len(metrics["test"]["per_au"]) == 14
    assert metrics["test"]["per_au"]["AU01"]["frames"] == 4
    intervals = read_json(run / "calibration.json")["intervals"]
    assert read_json(run / "fau_tiny_float16.json")["intervals"] == intervals
    assert versions["seed"] == 1
    assert 1 <= versions["cores"] <= (os.cpu_count() or 1)
    with (run / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert float(rows[2]["loss"]) < float(rows[0]["loss"])
    assert "AU26" in log
    stages = ("faces", "network", "training", "calibration", "evaluation", "export", "figures")
    for stage in (*stages, "photo"):
        assert f"== {stage}" in log
        assert metrics["seconds"][stage] >= 0


def test_tensorboard_has_the_curves_of_steps_and_epochs(trained):
    found = EventAccumulator(str(trained.run / "tensorboard")).Reload()
    tags = set(found.Tags()["tensors"])
    assert {"epoch/loss", "epoch/val_icc", "step/mae", "step/learning_rate"} <= tags
    assert [event.step for event in found.Tensors("epoch/loss")] == [4, 8, 12]
    assert [event.step for event in found.Tensors("step/loss")] == [0, 10]


def test_a_random_start_lets_the_backbones_norms_learn(trained):
    assert "starts from random weights" in trained.log()  # the tiny one has no ImageNet weights
    net = keras.saving.load_model(trained.run / "best.keras")
    assert np.abs(np.asarray(net.get_layer("tiny0_bn").moving_mean)).max() > 0


def test_a_second_run_reuses_faces_and_training_and_without_opencv_skips_only_the_photo(trained):
    first = trained.log()
    history = (trained.run / "history.csv").stat().st_mtime_ns
    code = BLOCKED.format(names={"cv2", "mediapipe"}) + (
        "import sys, train_keras\nsys.exit(train_keras.main(sys.argv[1:]))"
    )
    again = MainJob(trained.folder)
    again.command[:2] = [sys.executable, "-c", code]
    assert again.start().wait(300) == 0, again.log()
    log = again.log()[len(first) :]
    assert "is complete" in log  # the faces
    assert "best.keras is there already" in log
    assert (trained.run / "history.csv").stat().st_mtime_ns == history
    table = [line for line in first.splitlines() if line.startswith("   AU")]
    assert table == [line for line in log.splitlines() if line.startswith("   AU")]
    assert "   skipped: " in log
    assert "all of it is in" in log


REFUSING = """
import sys, train_keras
from export import export
from export.specs import VariantError
def refuse(*_, **__):
    raise VariantError("a planted reason")
if {whole}:
    export.export_network = refuse
else:
    export.gates.file_problems = lambda *_, **__: ["a planted reason"]
sys.exit(train_keras.main(sys.argv[1:]))
"""


@pytest.mark.parametrize("whole", [True, False], ids=["all variants", "a gate"])
def test_a_refused_model_costs_neither_metrics_nor_pictures(whole, trained, tmp_path):
    job = MainJob(tmp_path)
    (tmp_path / "data").symlink_to(trained.folder / "data")
    shutil.copytree(trained.run, job.run)  # trained already
    for name in ("metrics.json", *PICTURES):
        (job.run / name).unlink()
    job.command[:2] = [sys.executable, "-c", REFUSING.format(whole=whole)]
    assert job.start().wait(300) == 1, job.log()
    assert "models that were not written:" in job.log()
    assert "float16: a planted reason" in job.log()
    assert not list(job.run.glob("fau_*")) or whole
    assert {path.name for path in job.run.glob("*.png")} >= set(PICTURES) - {"astronaut_au.png"}
    metrics = read_json(job.run / "metrics.json")
    assert set(metrics["refused"]) == {"float32", "float16"}
    assert metrics["exported"] == {}
    assert len(metrics["test"]["per_au"]) == 14


def test_no_variant_need_be_exported(trained, tmp_path):
    job = MainJob(tmp_path, export__variants="[]")
    (tmp_path / "data").symlink_to(trained.folder / "data")
    shutil.copytree(trained.run, job.run, ignore=shutil.ignore_patterns("fau_*"))
    assert job.start().wait(300) == 0, job.log()
    assert "is there already" in job.log()
    assert not list(job.run.glob("fau_*"))
    assert read_json(job.run / "metrics.json")["exported"] == {}


@pytest.mark.slow
def test_seeds_resume_one_by_one_and_end_with_their_spread(trained, tmp_path):
    job = MainJob(tmp_path, export__variants="[]", training__epochs="1")
    (tmp_path / "data").symlink_to(trained.folder / "data")  # the faces of the first seed, for all
    first, second = job.run / "seed1", job.run / "seed2"
    code = job.until((second / "checkpoint.npz").is_file, signal.SIGKILL, "--seeds", "2")
    assert code == -signal.SIGKILL, job.log()
    assert not (job.run / "seeds.json").exists()
    written = (first / "best.keras").stat().st_mtime_ns
    assert job.start("--seeds", "2").wait(300) == 0, job.log()
    assert (first / "best.keras").stat().st_mtime_ns == written
    assert read_json(second / "metrics.json")["resumed_at_steps"]
    assert "is complete" in job.log()
    found = read_json(job.run / "seeds.json")
    assert found["sd"]["mean"]["mae"] > 0
    for name in ("seed1", "seed2"):
        assert read_json(job.run / name / "metrics.json")["test"] == found["parts"][name]
    assert (first / "people.json").read_text() == (second / "people.json").read_text()
