import resource
import signal

import keras
import numpy as np
import pytest

from fau_tf.data.datasets import FaceDataset
from fau_tf.training import checkpoint, run_state
from fau_tf.training.callbacks import Restore
from fau_tf.training.checkpoint import Checkpoint, CheckpointError, Progress
from fau_tf.training.config import dump_toml, load_config
from fau_tf.training.fit import legs
from fau_tf.training.run_dir import RunDir
from tests.unit.training.test_nonfinite import step, trainer

PROGRESS = Progress(
    "a hash", "[run]\nseed = 1\n", 7, [{"epoch": 1, "loss": 0.1 + 0.2}], 0.5, 9.5, [3]
)


def variables():
    rng = np.random.default_rng(0)
    shapes = ((3, 4), (5,), ())
    return [keras.Variable(rng.normal(size=shape).astype(np.float32)) for shape in shapes]


def test_what_is_saved_is_restored_exactly(tmp_path):
    file = tmp_path / "checkpoint.npz"
    saved = variables()
    assert checkpoint.save(file, PROGRESS, saved)
    found = Checkpoint.load(file)
    assert found.progress == PROGRESS
    other = [keras.Variable(np.zeros(v.shape, np.float32)) for v in saved]
    found.restore(other)
    for one, same in zip(saved, other, strict=True):
        assert np.abs(np.asarray(one)).max() > 0
        np.testing.assert_array_equal(np.asarray(one), np.asarray(same))
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_other_variables_are_refused(tmp_path):
    checkpoint.save(tmp_path / "c.npz", PROGRESS, variables())
    with pytest.raises(CheckpointError, match="must have the 2 variables"):
        Checkpoint.load(tmp_path / "c.npz").restore(variables()[:2])


def test_values_that_are_not_finite_are_not_kept(tmp_path):
    values = variables()
    checkpoint.save(tmp_path / "c.npz", PROGRESS, values)
    before = (tmp_path / "c.npz").read_bytes()
    values[1].assign(np.full(5, np.nan))
    assert not checkpoint.save(tmp_path / "c.npz", PROGRESS, values)
    assert (tmp_path / "c.npz").read_bytes() == before


@pytest.mark.parametrize("share", [0, 0.3, 0.99])
def test_a_damaged_file_is_named(tmp_path, share):
    file = tmp_path / "c.npz"
    checkpoint.save(file, PROGRESS, variables())
    whole = file.read_bytes()
    file.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(CheckpointError, match=r"c\.npz is not a whole checkpoint.*--fresh"):
        Checkpoint.load(file)


def test_on_a_full_disk_the_last_checkpoint_stays(tmp_path):
    file = tmp_path / "c.npz"
    checkpoint.save(file, PROGRESS, variables())
    before = file.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write beyond then fails as there
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        with pytest.raises(OSError, match=r"c\.npz can't be written.*Make room, then"):
            checkpoint.save(file, PROGRESS, variables())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_a_checkpoint_of_other_settings_is_refused_and_kept(tmp_path):
    config = load_config(None, ["model.preset=tiny", "data.record_size=80"])
    faces = FaceDataset("made", (tmp_path / "set" / "faces-000-of-001.tfrecord",), (), 80)
    with RunDir(tmp_path / "run") as run:
        progress = Progress(run_state.fingerprint(config, faces), dump_toml(config), 7)
        checkpoint.save(run / run_state.CHECKPOINT, progress, variables())
        found = run_state.unfinished(config, faces, run.path)
        assert found is not None
        assert found.progress.step == 7
        same = ["training.checkpoint_seconds=9", "data.processes=3"]  # the result doesn't change
        assert run_state.unfinished(_changed(same), faces, run.path) is not None
        with pytest.raises(CheckpointError, match=r"learning_rate = 0\.5 instead of .*--fresh"):
            run_state.unfinished(_changed(["training.learning_rate=0.5"]), faces, run.path)
        assert (run / run_state.CHECKPOINT).exists()


def _changed(changes):
    return load_config(None, ["model.preset=tiny", "data.record_size=80", *changes])


@pytest.mark.parametrize(("done", "want"), [
    (0, [(0, 3, 4)]),
    (3, [(3, 1, 1), (4, 3, 4)]),
    (4, [(4, 3, 4)]),
    (9, [(9, 3, 3)]),
    (12, []),
])  # fmt: skip
def test_what_is_left_of_three_epochs_of_four_steps(done, want):
    assert list(legs(done, 3, 4)) == want


def test_one_process_at_a_time_writes_a_folder(tmp_path):
    with RunDir(tmp_path / "run") as run:
        with pytest.raises(OSError, match="one process at a time writes a run's folder"):
            RunDir(tmp_path / "run")
        (run.path / ".partial-1.npz").touch()
    with RunDir(tmp_path / "run"):
        assert not list((tmp_path / "run").glob(".partial-*")), "left by a process that was killed"


@pytest.mark.parametrize(("steps", "kept"), [(7, False), (8, True)])
def test_running_metrics_go_on_within_an_epoch_only(tmp_path, steps, kept):
    model, data = trainer()
    step(model, data)
    found = [np.asarray(value) for value in model.metrics_variables]
    assert min(np.abs(value).min() for value in found) > 0
    checkpoint.save(tmp_path / "c.npz", PROGRESS, checkpoint.training_variables(model))  # step 7
    restore = Restore(Checkpoint.load(tmp_path / "c.npz"), steps)
    other, _ = trainer()
    restore.set_model(other)
    restore.on_epoch_begin(0)
    for one, same in zip(found, other.metrics_variables, strict=True):
        np.testing.assert_array_equal(np.asarray(same), one if kept else np.zeros_like(one))
    for one, same in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(same))
