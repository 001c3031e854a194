"""Miniature data sets through the commands, as a researcher runs them."""

import contextlib
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
    "data.record_size=80", "data.processes=1", "model.preset=tiny", "training.epochs=1",
    "training.batch_size=4", "training.threads=1", "training.warmup_steps=0", "run.name=real",
)  # fmt: skip


def arguments(config, root, *more):
    sets = [part for one in (*TINY, f"data.root={root}", *more) for part in ("--set", one)]
    return [str(ROOT / "configs" / config), *sets]


def train(folder, config, root, *more, evaluate=()):
    command = [sys.executable, "train_keras.py", "--config", *arguments(config, root, *more)]
    places = ["--runs", str(folder / "runs"), "--data", str(folder / "data"), *evaluate]
    done = subprocess.run(
        [*command, *places], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("real")
    trees.bp4d(folder / "BP4D", subjects=("F001", "F002", "M003", "F004", "M005"), frames=4)
    return folder, train(folder, "bp4d.toml", folder / "BP4D")


def test_from_the_folders_as_distributed_to_the_table(trained):
    folder, done = trained
    run = folder / "runs" / "real"
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["test"]["per_au"]["AU12"]["frames"] == 8  # of F002 and F004
    assert sorted(metrics["by_subject"]) == ["F002", "F004"]
    assert metrics["published"] == []  # of all 20 even subjects
    assert "of which this one lacks 18" in metrics["published_left_out"]
    assert "published results are not shown" in done.stdout
    assert (run / "metrics.csv").read_text().startswith("metric,statistic,AU06,")
    assert r"\toprule" in (run / "metrics.tex").read_text()
    people = json.loads((run / "people.json").read_text())
    assert people["test"] == ["F002", "F004"]
    card = json.loads((run / "fau_real_float16.json").read_text())["training_data"]
    assert card["subjects"] == ["F001", "M003", "M005"]
    assert card["population"] == "BP4D"


@pytest.mark.slow
def test_the_exported_model_predicts_what_the_run_predicted(trained):
    folder, _ = trained
    run = folder / "runs" / "real"
    file = run / "fau_real_float32.tflite"
    train(folder, "bp4d.toml", folder / "BP4D", evaluate=("--evaluate", str(file)))
    found = np.load(run / "evaluated_fau_real_float32_predictions.npz")
    want = np.load(run / "predictions.npz")
    assert found["subjects"].tolist() == want["subjects"].tolist()
    np.testing.assert_array_equal(found["coded"], want["coded"])
    assert np.ptp(want["predicted"]) > 0
    # Whole gray levels instead of interpolated ones, and predictions clipped to 0 to 5.
    np.testing.assert_allclose(found["predicted"], want["predicted"].clip(0, 5), atol=0.02)


def test_the_papers_protocol_trains_all_subjects_and_keeps_the_last_epoch(tmp_path):
    trees.disfa(tmp_path / "DISFA", subjects=("SN001", "SN003", "SN006"), frames=4)
    paper = (
        "training.epochs=2", "training.decay_epochs=[1]", 'model.decoder=[16, 16]',
        "data.protocol=custom", 'data.folds=[["SN001"]]',
    )  # fmt: skip
    done = train(tmp_path, "disfa_paper.toml", tmp_path / "DISFA", *paper)
    run = tmp_path / "runs" / "real"
    people = json.loads((run / "people.json").read_text())
    assert people["train"] == ["SN003", "SN006"]
    assert people["validation"] == []
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["test"]["per_au"]["AU12"]["frames"] == 4
    assert "coverage" not in metrics
    assert not (run / "calibration.json").exists()
    header, *rows = (run / "history.csv").read_text().splitlines()
    assert header == "epoch,loss,mae,learning_rate"
    assert [float(row.split(",")[-1]) for row in rows] == pytest.approx([5e-5, 5e-5])
    assert "the network of the last epoch is kept" in done.stdout
    assert "compared with Keras on training faces" in done.stdout
    assert "intervals" not in json.loads((run / "fau_real_float16.json").read_text())
    assert (run / "curves.png").is_file()


@pytest.mark.slow
def test_folds_are_pooled_and_no_network_predicts_its_training_subjects(tmp_path):
    subjects = ("SN001", "SN003", "SN004", "SN006")
    trees.disfa(tmp_path / "DISFA", subjects=subjects, frames=3)
    # Four subjects do not show every AU of DISFA in each fold.
    folds = 'data.folds=[["SN001", "SN004"], ["SN003", "SN006"]]'
    custom = ("data.protocol=custom", folds, "model.aus=data")
    train(tmp_path, "disfa.toml", tmp_path / "DISFA", *custom, "data.neutral_fraction=1.0")
    metrics = json.loads((tmp_path / "runs" / "real" / "metrics.json").read_text())
    assert metrics["test"]["per_au"]["AU12"]["frames"] == 12
    assert sorted(metrics["by_subject"]) == sorted(subjects)
    folds = json.loads((tmp_path / "runs" / "real" / "folds.json").read_text())
    assert list(folds["parts"]) == ["fold1", "fold2"]
    # DISFA+ has the same subjects; SN009 is in no fold of this miniature.
    trees.disfa_plus(tmp_path / "plus", subjects=("SN001", "SN003", "SN009"))
    plus = (
        "data.dataset=disfa_plus", "data.protocol=custom", "run.name=plus",
        'data.folds=[["SN001"], ["SN003"], ["SN009"]]',
    )  # fmt: skip
    run = ("--evaluate", str(tmp_path / "runs" / "real"))
    done = train(tmp_path, "disfa.toml", tmp_path / "plus", *plus, evaluate=run)
    assert "fold1 predicts 2 subjects" in done.stdout
    assert "fold2 predicts 1 subjects" in done.stdout
    # No subject of BP4D is in DISFA: each fold's network predicts all of them.
    trees.bp4d(tmp_path / "BP4D", subjects=("F001", "F002", "M003"), frames=3)
    other = ("data.neutral_fraction=1.0", "run.name=bp4d")
    done = train(tmp_path, "bp4d.toml", tmp_path / "BP4D", *other, evaluate=run)
    assert done.stdout.count("predicts all 3 subjects") == 2
    assert "left out, as bp4d or another fold lacks it: AU01" in done.stdout
    found = json.loads((tmp_path / "runs" / "bp4d" / "evaluated_real_networks.json").read_text())
    assert list(found["mean"]["per_au"]) == ["AU06", "AU12", "AU17"]
    assert found["parts"]["fold1"]["per_au"]["AU12"]["frames"] == 9


@pytest.mark.slow
def test_killed_at_any_moment_no_record_is_lost_or_doubled(tmp_path):
    trees.bp4d(tmp_path / "BP4D", subjects=("F001", "F002", "M003", "F004"), frames=20)
    log = tmp_path / "log"

    def start(data):
        given = arguments("bp4d.toml", tmp_path / "BP4D", "data.processes=2")
        command = [sys.executable, "-m", "fau_tf.cli.data", "prepare", *given, "--data", str(data)]
        with log.open("ab") as output:
            return subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)

    def hashes(data):
        files = sorted(data.glob("*/*.tfrecord"))
        return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}

    def half_written():
        return any(path.stat().st_size for path in (tmp_path / "data").glob("*/.partial-*"))

    whole = start(tmp_path / "whole")
    assert whole.wait(300) == 0, log.read_text()
    killed = 0
    for complete in range(3):  # killed when so many shards are complete and one is half written
        process = start(tmp_path / "data")
        while process.poll() is None:
            with contextlib.suppress(FileNotFoundError):  # renamed meanwhile
                if len(hashes(tmp_path / "data")) >= complete and half_written():
                    os.kill(process.pid, signal.SIGKILL)
                    killed += 1
                    break
            time.sleep(0.001)
        process.wait()
        time.sleep(1)  # its workers end
    last = start(tmp_path / "data")
    assert last.wait(300) == 0, log.read_text()
    assert killed >= 2
    assert hashes(tmp_path / "data") == hashes(tmp_path / "whole")
    assert len(hashes(tmp_path / "data")) == 4
    card = json.loads(next((tmp_path / "data").glob("*/card.json")).read_text())
    assert card["records"] == 80
