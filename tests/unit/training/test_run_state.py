"""What a run's folder holds: trainings that are reused, refused, or cleared for a new one."""

import json

import pytest

from fau_tf.data.datasets import FaceDataset
from fau_tf.training import run_dir, run_state
from fau_tf.training.checkpoint import CheckpointError, Progress
from fau_tf.training.config import load_config
from fau_tf.training.run_dir import RunDir

TINY = ("model.preset=tiny", "data.record_size=80")


def config(*changes):
    return load_config(None, [*TINY, *changes])


@pytest.fixture
def faces(tmp_path):
    return FaceDataset("made", (tmp_path / "set" / "faces-000-of-001.tfrecord",), (), 80)


@pytest.fixture
def folder(tmp_path, faces):
    """A run that is trained to its end."""
    with RunDir(tmp_path / "run") as run:
        write_finished(run, faces)
    return tmp_path / "run"


def write_finished(run, faces):
    run_state.begin(config(), run)
    (run / run_state.BEST).write_bytes(b"weights")
    (run / run_state.HISTORY).write_text("epoch,loss\n1,0.5\n")
    run_state.finish(config(), faces, run, Progress("", "", seconds=3.0, resumed=[4]))


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def test_a_finished_training_of_the_same_settings_is_reused(folder, faces):
    done = run_state.finished(config("data.processes=9"), faces, folder)
    assert (done.rows, done.resumed) == ([{"epoch": 1.0, "loss": 0.5}], [4])
    assert done.seconds["training"] == 3.0


def test_a_finished_training_of_other_settings_is_refused_and_kept(folder, faces):
    before = files(folder)
    message = (
        r"run holds a finished training of other settings, faces or versions: "
        r"training\.epochs = 1 instead of 8\. "
        r"Give the same .* another run\.name to keep it, or --fresh to discard it"
    )
    with pytest.raises(CheckpointError, match=message):
        run_state.finished(config("training.epochs=1"), faces, folder)
    assert files(folder) == before


@pytest.mark.parametrize(
    ("name", "old", "said"),
    [
        ("keras", "3.0.0", "keras = '.*' instead of '3.0.0'"),
        ("training_version", 1, f"training_version = {run_state.TRAINING_VERSION} instead of 1"),
    ],
)
def test_a_training_of_another_version_is_told_which(name, old, said, folder, faces, monkeypatch):
    noted = json.loads((folder / "versions.json").read_text())
    (folder / "versions.json").write_text(json.dumps(noted | {name: old}))
    monkeypatch.setattr(run_state, "fingerprint", lambda *_: "of this version")
    with pytest.raises(CheckpointError, match=f"faces or versions: {said}\\. Give"):
        run_state.finished(config(), faces, folder)


def test_settings_that_came_or_went_since_are_named(folder, faces):
    toml = (folder / "config.toml").read_text()
    assert "ema = 0.0\n" in toml
    (folder / "config.toml").write_text(toml.replace("ema = 0.0\n", "old = 2\n"))
    said = "training.ema = 0.0, which it lacks, training.old = 2, which is gone"
    with pytest.raises(CheckpointError, match=said):
        run_state.finished(config("run.seed=2"), faces, folder)


def test_other_faces_are_refused(folder, tmp_path):
    other = FaceDataset("made", (tmp_path / "other" / "faces-000-of-001.tfrecord",), (), 80)
    with pytest.raises(CheckpointError, match="its faces, portraits, first weights or code differ"):
        run_state.finished(config(), other, folder)


def test_no_part_of_a_run_may_lose_a_training(tmp_path, faces):
    with RunDir(tmp_path / "run") as run, run.part("seed1") as seed, seed.part("fold2") as fold:
        write_finished(fold, faces)

    def require(folds, *changes):
        seeds = {"seed1": config(*changes), "seed2": config(*changes)}
        run_state.require_same_parts(seeds, faces, tmp_path / "run", folds)

    require(["fold1", "fold2"])
    with pytest.raises(CheckpointError, match=r"seed1/fold2 holds a finished training of other"):
        require(["fold1", "fold2"], "training.epochs=1")


def test_folds_do_not_take_the_place_of_a_training_without_any(folder, faces):
    seeds = {"": config()}
    run_state.require_same_parts(seeds, faces, folder, [""])
    with pytest.raises(CheckpointError, match=r"run holds a training without folds, as trained"):
        run_state.require_same_parts(seeds, faces, folder, ["fold1", "fold2"])


def test_a_training_without_folds_does_not_take_the_place_of_folds(tmp_path, faces):
    with RunDir(tmp_path / "run") as run, run.part("fold2") as fold:
        write_finished(fold, faces)
    run_state.require_same_parts({"": config()}, faces, tmp_path / "run", ["fold1", "fold2"])
    run_state.require_same_parts({"seed1": config()}, faces, tmp_path / "run", [""])
    with pytest.raises(CheckpointError, match=r"run holds a training of folds, as .*fold2 shows"):
        run_state.require_same_parts({"": config()}, faces, tmp_path / "run", [""])


def test_a_new_training_leaves_no_file_of_the_network_before(folder):
    network = {
        "calibration.json", "accuracy.json", "real_faces.json", "people.json", "checkpoint.npz",
        "fau_run_float16.tflite", "fau_run_float16.json", "astronaut_au.png", "astronaut_au.csv",
        "curves.png", "gallery.png", "neighbors.png", *run_dir.EVALUATION,
    }  # fmt: skip
    others = {"evaluated_bp4d_agreement.png", "evaluated_bp4d_predictions.npz", "notes.txt"}
    for name in network | others:
        (folder / name).touch()
    with RunDir(folder) as run:
        run_state.begin(config(), run)
    assert set(files(folder)) == {"config.toml", "versions.json"} | others
