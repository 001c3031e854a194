"""Whatever ends a training, the same command goes on, and ends as if nothing had happened."""

import json
import random
import resource
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from fau_tf.training.checkpoint import Checkpoint
from tests.helpers.main_job import MainJob, wait_for

pytestmark = pytest.mark.integration

STEPS = 12


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted training."""
    job = MainJob(tmp_path_factory.mktemp("whole"))
    job.until(job.trained)
    assert job.trained(), job.log()
    weights, history = job.result()
    assert len(weights) > 100_000
    assert history.count(b"\n") == 4
    return job


@pytest.fixture
def job(whole, tmp_path):
    """A training that has not begun, over the same faces."""
    shutil.copytree(whole.folder / "data", tmp_path / "data")
    return MainJob(tmp_path)


def resumed(job):
    return json.loads((job.run / "trained.json").read_text())["resumed"]


def test_killed_three_times_it_ends_with_the_same_weights(whole, job):
    first = job.until(job.writing_checkpoint)  # the very first: nothing to go on from
    second = job.until(lambda: job.checkpoint_step() >= 5 and job.writing_checkpoint())
    at = job.checkpoint_step()
    third = job.until(lambda: job.checkpoint_step() >= 8)  # an epoch's end
    assert [first, second, third] == [-signal.SIGKILL] * 3
    assert 5 <= at < 8 <= job.checkpoint_step() < STEPS
    assert job.until(job.trained) is not None
    assert job.result() == whole.result(), job.log()
    assert resumed(job)[-1] >= at
    assert not list(job.run.glob(".partial-*")), "left by a kill"
    assert not (job.run / "checkpoint.npz").exists()


def test_curves_for_tensorboard(whole):
    found = EventAccumulator(str(whole.run / "tensorboard")).Reload()
    tags = set(found.Tags()["tensors"])
    assert {"epoch/loss", "epoch/val_icc", "step/mae", "step/learning_rate"} <= tags
    assert [event.step for event in found.Tensors("epoch/loss")] == [4, 8, 12]
    assert [event.step for event in found.Tensors("step/loss")] == [0, 10]


@pytest.mark.slow
def test_killed_twenty_times_at_random_moments(job, tmp_path):
    chance = random.Random(7)
    kills = 0
    job = MainJob(job.folder, training__epochs="40")
    while kills < 20 and not job.trained():
        # From before the first step to the middle of a write: each session gets some 0 to 2 steps
        # further than its start-up, which takes most of its time.
        wanted = job.checkpoint_step() + chance.choice([0, 0, 1, 1, 2])
        moment = chance.random() * 0.2

        def reached(wanted=wanted):
            return job.checkpoint_step() > wanted

        code = job.until(_later(reached, moment))
        assert code in (0, -signal.SIGKILL), job.log()
        kills += code == -signal.SIGKILL
    assert kills == 20
    job.until(job.trained)
    other = MainJob(tmp_path / "whole", training__epochs="40")
    other.folder.mkdir()
    other.until(other.trained)
    assert job.result() == other.result()


def _later(reached, seconds):
    """Return a condition that holds `seconds` after `reached` first did."""
    since = []

    def condition():
        if not since and reached():
            since.append(time.monotonic())
        return bool(since) and time.monotonic() - since[0] >= seconds

    return condition


def test_ctrl_c_finishes_the_step_saves_and_says_how_to_go_on(whole, job):
    # Checkpoints are far apart, so it is the signal that saves. How often they are written doesn't
    # decide the weights: the rest may have another setting.
    rare = MainJob(job.folder, training__checkpoint_seconds="3600")
    events = rare.run / "tensorboard"
    code = rare.until(lambda: any(events.iterdir()), signal.SIGINT)
    assert code == 128 + signal.SIGINT, rare.log()
    step = rare.checkpoint_step()
    assert 0 < step < STEPS
    last = rare.log().strip().splitlines()[-1]
    assert last.startswith(f"stopped after step {step}, saved in")
    assert "the same command goes on from there" in last
    assert "Traceback" not in rare.log()
    job.until(job.trained)
    assert resumed(job) == [step], job.log()
    assert job.result() == whole.result()


def test_a_full_disk_or_other_settings_leave_the_last_checkpoint(job):
    job.until(lambda: job.checkpoint_step() >= 2)
    kept = (job.run / "checkpoint.npz").read_bytes()
    values = Checkpoint.load(job.run / "checkpoint.npz").values
    # weights, both moments of Adam, its iterations and rate, and two running means
    assert sum(value.size for value in values) > 2.9 * 150_000

    def full():  # a write beyond fails as on a full disk
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(kept) // 2, len(kept) // 2))

    process = job.start(preexec_fn=full)
    assert process.wait(120) == 2, job.log()
    last = job.log().strip().splitlines()[-1]
    assert last.startswith("error:")
    assert "checkpoint.npz can't be written" in last
    assert "Make room, then give the same command" in last
    assert (job.run / "checkpoint.npz").read_bytes() == kept
    assert not list(job.run.glob(".partial-*"))
    other = MainJob(job.folder, training__learning_rate="0.5").start()
    assert other.wait(120) == 2
    last = job.log().strip().splitlines()[-1]
    assert "training.learning_rate = 0.5 instead of 0.002" in last
    assert "--fresh" in last
    assert (job.run / "checkpoint.npz").read_bytes() == kept


def test_what_is_not_finite_stops_with_step_records_and_layer(job):
    process = MainJob(
        job.folder, training__learning_rate="1e30", training__warmup_steps="0"
    ).start()
    assert process.wait(120) == 2, job.log()
    last = job.log().strip().splitlines()[-1]
    assert last.startswith("error: The loss and its gradient must be finite")
    (kept,) = job.run.glob("nonfinite_step*.npz")
    step = int(kept.stem.removeprefix("nonfinite_step"))
    assert f"step {step}, epoch 1" in last
    with np.load(kept) as file:
        assert file["image"].shape == (8, 64, 64, 3)
        assert all(source in last for source in file["sources"])
        assert len(set(file["sources"])) == 8


def running(pid):
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())  # of a zombie it is empty
    except FileNotFoundError:
        return False


def test_rendering_processes_end_with_a_run_that_is_killed(tmp_path):
    job = MainJob(tmp_path, data__subjects="200", data__processes="2", data__faces_per_subject="20")
    process = job.start()

    def children():
        tasks = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        return [int(child) for child in tasks.read_text().split()]

    try:
        wait_for(lambda: len(children()) >= 2, process)
        found = children()
    finally:
        process.kill()
        process.wait()
    end = time.monotonic() + 60
    while alive := [pid for pid in found if running(pid)]:
        assert time.monotonic() < end, alive
        time.sleep(0.1)
