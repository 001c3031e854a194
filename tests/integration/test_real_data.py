"""Miniature data sets through the commands, as a researcher runs them."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import dataset_trees as trees

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
TINY = (
    "data.record_size=80", "data.processes=1", "model.preset=tiny", "training.epochs=3",
    "training.batch_size=4", "training.threads=1", "training.warmup_steps=0", "run.name=real",
)  # fmt: skip


def arguments(config, root, *more):
    sets = [part for one in (*TINY, f"data.root={root}", *more) for part in ("--set", one)]
    return [str(ROOT / "configs" / config), *sets]


def train(folder, config, root, *more, evaluate=()):
    command = [sys.executable, "train_keras.py", "--config", *arguments(config, root, *more)]
    places = ["--runs", str(folder / "runs"), "--data", str(folder / "data"), *evaluate]
    return subprocess.run(
        [*command, *places], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("real")
    trees.bp4d(folder / "BP4D", subjects=("F001", "F002", "M003", "F004", "M005"), frames=4)
    done = train(folder, "bp4d.toml", folder / "BP4D")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done


def test_from_the_folders_as_distributed_to_the_table(trained):
    folder, done = trained
    run = folder / "runs" / "real"
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["test"]["per_au"]["AU12"]["frames"] == 8  # of F002 and F004
    assert sorted(metrics["by_subject"]) == ["F002", "F004"]
    published = {row["method"]: row["icc"] for row in metrics["published"]}
    assert published["SCC, this method (Fan et al. 2020)"] == 0.72
    assert "this run" in done.stdout
    people = json.loads((run / "people.json").read_text())
    assert people["test"] == ["F002", "F004"]
    card = json.loads((run / "fau_real_float16.json").read_text())["training_data"]
    assert card["subjects"] == ["F001", "M003", "M005"]
    assert card["population"] == "BP4D"


@pytest.mark.slow
def test_the_exported_model_is_judged_as_the_run_was(trained):
    folder, _ = trained
    run = folder / "runs" / "real"
    file = run / "fau_real_float32.tflite"
    done = train(folder, "bp4d.toml", folder / "BP4D", evaluate=("--evaluate", str(file)))
    assert done.returncode == 0, done.stdout + done.stderr
    found = np.load(run / "evaluated_fau_real_float32_predictions.npz")
    want = np.load(run / "predictions.npz")
    assert found["subjects"].tolist() == want["subjects"].tolist()
    np.testing.assert_array_equal(found["coded"], want["coded"])
    assert np.ptp(want["predicted"]) > 0
    # Whole gray levels instead of interpolated ones, and answers clipped to 0 to 5.
    np.testing.assert_allclose(found["predicted"], want["predicted"].clip(0, 5), atol=0.02)


@pytest.mark.slow
def test_all_folds_are_trained_and_pooled(tmp_path):
    subjects = ("SN001", "SN002", "SN006", "SN011", "SN003", "SN004")
    trees.disfa(tmp_path / "DISFA", subjects=subjects, frames=6)
    done = train(tmp_path, "disfa.toml", tmp_path / "DISFA", "data.neutral_fraction=1.0")
    assert done.returncode == 0, done.stdout + done.stderr
    metrics = json.loads((tmp_path / "runs" / "real" / "metrics.json").read_text())
    assert metrics["test"]["per_au"]["AU12"]["frames"] == 36
    assert sorted(metrics["by_subject"]) == sorted(subjects)
    # DISFA+ has the same people: only the network that hasn't seen one may judge them.
    trees.disfa_plus(tmp_path / "plus", subjects=("SN001", "SN003", "SN009"))
    folds = 'data.folds=[["SN001"], ["SN003"], ["SN009"]]'
    plus = ("data.dataset=disfa_plus", "data.protocol=custom", folds, "run.name=plus")
    run = ("--evaluate", str(tmp_path / "runs" / "real"))
    done = train(tmp_path, "disfa.toml", tmp_path / "plus", *plus, evaluate=run)
    assert done.returncode == 0, done.stdout + done.stderr
    # SN001 is tested by fold 1, SN003 by fold 3, SN009 is in no fold of this miniature.
    assert "fold1 judges 2 people" in done.stdout
    assert "fold3 judges 1 people" in done.stdout


@pytest.mark.slow
def test_killed_at_any_moment_no_record_is_lost_or_doubled(tmp_path):
    trees.bp4d(tmp_path / "BP4D", subjects=("F001", "F002", "M003", "F004"), frames=40)

    def start(data):
        given = arguments("bp4d.toml", tmp_path / "BP4D", "data.processes=2")
        command = [sys.executable, "-m", "fau_tf.cli.data", "prepare", *given, "--data", str(data)]
        with (tmp_path / "log").open("ab") as log:
            return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)

    def hashes(data):
        files = sorted(data.glob("*/*.tfrecord"))
        return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}

    whole = start(tmp_path / "whole")
    assert whole.wait(300) == 0, (tmp_path / "log").read_text()
    killed = 0
    for limit in range(1, 5):
        process = start(tmp_path / "data")
        # Killed when so many shards are there and another one is half written.
        while process.poll() is None:
            if len(hashes(tmp_path / "data")) >= limit - 1 and any(
                path.stat().st_size for path in (tmp_path / "data").glob("*/.partial-*")
            ):
                os.kill(process.pid, signal.SIGKILL)
                killed += 1
                break
            time.sleep(0.001)
        process.wait()
        time.sleep(1)  # its processes end
    last = start(tmp_path / "data")
    assert last.wait(300) == 0, (tmp_path / "log").read_text()
    assert killed >= 2
    assert hashes(tmp_path / "data") == hashes(tmp_path / "whole")
    assert len(hashes(tmp_path / "data")) == 4
    card = json.loads(next((tmp_path / "data").glob("*/card.json")).read_text())
    assert card["records"] == 160
