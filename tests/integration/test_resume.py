"""However it is interrupted, a training resumed by the same command ends with the same bits."""

import json
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.helpers.main_job import MainJob, wait_for

pytestmark = pytest.mark.integration

STEPS = 12


@pytest.fixture
def job(trained, tmp_path):
    """A training that has not begun, over the same faces."""
    shutil.copytree(trained.folder / "data", tmp_path / "data")
    return MainJob(tmp_path)


def test_killed_and_stopped_it_ends_with_the_same_weights(trained, job):
    first = job.until(job.writing_checkpoint)  # the very first: nothing to resume from
    second = job.until(lambda: job.checkpoint_step() >= 3 and job.writing_checkpoint())
    killed_at = job.checkpoint_step()
    # Checkpoints are far apart, so it is the signal that saves. How often they are written does not
    # determine the weights: the rest may have another setting.
    rare = MainJob(job.folder, training__checkpoint_seconds="3600")
    third = rare.until(rare.saves_on_signals, signal.SIGINT)
    stopped_at = job.checkpoint_step()
    last = job.log().strip().splitlines()[-1]
    fourth = job.until(lambda: job.checkpoint_step() >= 8)  # an epoch's end
    assert [first, second, fourth] == [-signal.SIGKILL] * 3
    assert third == 128 + signal.SIGINT, job.log()
    assert 3 <= killed_at < stopped_at < job.checkpoint_step() < STEPS
    assert last.startswith(f"stopped after step {stopped_at}, saved in")
    assert "the same command goes on from there" in last
    assert "Traceback" not in job.log()
    job.until(job.trained)
    weights, history = job.result()
    assert len(weights) > 100_000
    assert history.count(b"\n") == 4
    assert (weights, history) == trained.result(), job.log()
    resumed = json.loads((job.run / "trained.json").read_text())["resumed"]
    assert resumed[-2] == stopped_at
    assert resumed[-1] >= 8
    assert not list(job.run.glob(".partial-*")), "left by a kill"
    assert not (job.run / "checkpoint.npz").exists()


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
