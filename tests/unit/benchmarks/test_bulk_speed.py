"""The arithmetic of what 1,000 hours cost."""

import numpy as np
import pytest

from benchmarks import bulk
from benchmarks.runtime import FPS
from fau_tf.distributed.job import LEAD
from fau_tf.outputs.options import SHARD


def test_tasks_go_to_the_first_free_core():
    assert bulk.scheduled(np.ones(10), 2) == 5
    assert bulk.scheduled(np.array([4.0, 1, 1, 1]), 2) == 4
    assert bulk.scheduled(np.array([1.0, 1, 1, 4]), 2) == 5


def test_a_thousand_hours_are_their_frames_and_those_before_each_shard():
    measured = {
        "ms a frame by a worker of two, frames before its range not counted": 20.0,
        "ms a frame to find ranges": 1.0,
        "ms a frame to join": 0.5,
        "ms to hand out a shard": 0.0,
        "seconds to start Ray": 10.0,
        "seconds to start processes, all steps": 10.0,
        "bytes a row of CSV": 500.0,
    }
    found = bulk.simulated(measured)
    frames = 1000 * 3600 * FPS
    wanted = frames * (20.0 * (1 + LEAD / SHARD) + 1.5) / 1000 / 3600
    # 90,000 draws from 0.8 to 1.2 have a mean within 0.1 % of 1.
    assert found["core hours of work"] == pytest.approx(wanted, rel=1e-3)
    # Nearly all of the time all cores are at work: the last shard is one of 900 on each.
    assert wanted / 100 < found["hours"] < 1.02 * wanted / 100
    assert found["shards"] == frames / SHARD
    assert found["GB of CSV"] == frames * 500 / 1e9
