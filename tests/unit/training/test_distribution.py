"""Two devices or two workers learn what one does from the same batches."""

import json
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from fau_tf.training.config import ConfigError
from fau_tf.training.distribution import Devices
from tests.helpers.records import write_subsets

CHILD = Path(__file__).parents[2] / "helpers" / "train_on.py"


def train(strategy, faces, out, *changes, environment=None):
    done = subprocess.run(
        [sys.executable, str(CHILD), strategy, str(faces), str(out), *changes],
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def workers(faces, out):
    """Train with two processes that find each other by TF_CONFIG."""
    with socket.socket() as one, socket.socket() as two:
        for free in (one, two):
            free.bind(("127.0.0.1", 0))
        places = [f"127.0.0.1:{free.getsockname()[1]}" for free in (one, two)]

    def work(index):
        cluster = {"cluster": {"worker": places}, "task": {"type": "worker", "index": index}}
        train("multi_worker", faces, out, environment={"TF_CONFIG": json.dumps(cluster)})

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, (0, 1)))


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The faces, and what one device learns from them."""
    folder = tmp_path_factory.mktemp("devices")
    write_subsets(folder / "faces", faces=3)
    train("none", folder / "faces", folder / "alone")
    with np.load(folder / "alone.npz") as found:
        return folder / "faces", dict(found)


def assert_same_learning(one, other):
    weights = [name for name in one if name.startswith("weight_")]
    assert len(weights) > 40
    for name in weights:
        first = name.replace("weight", "start")
        np.testing.assert_array_equal(one[first], other[first])
    moved = [np.abs(one[name] - one[name.replace("weight", "start")]).max() for name in weights]
    assert np.isfinite(moved).all()
    assert min(moved) > 1e-4
    assert one["loss"][1] < one["loss"][0]
    # The first six steps differ by the rounding of float32 sums, 1e-7 of the loss. Adam divides by
    # the gradient's size, so that where it is nearly 0 its sign decides: 4e-5 after twelve.
    for figure in ("loss", "mae"):
        for epoch, tolerance in enumerate((1e-5, 5e-4)):
            np.testing.assert_allclose(other[figure][epoch], one[figure][epoch], rtol=tolerance)


@pytest.mark.integration
def test_two_devices_of_one_machine(alone, tmp_path):
    faces, one = alone
    train("mirrored", faces, tmp_path / "out")
    with np.load(tmp_path / "out.npz") as other:
        assert_same_learning(one, other)


@pytest.mark.integration
def test_two_workers(alone, tmp_path):
    faces, one = alone
    workers(faces, tmp_path / "out")
    with np.load(tmp_path / "out.npz") as other:
        assert_same_learning(one, other)
    assert (tmp_path / "out-run" / "best.keras").exists()
    assert (tmp_path / "out-run" / "checkpoint.npz").exists()


@pytest.mark.slow
def test_norms_of_each_device_alone_would_be_seen(alone, tmp_path):
    faces, one = alone
    code = (
        "import sys\n"
        f"sys.path.insert(0, {str(CHILD.parents[2])!r})\n"
        "from tests.helpers import train_on\n"
        "from fau_tf.models import heatmap_net\n"
        "heatmap_net.synchronize_norms = lambda net: 0\n"
        "train_on.main(*sys.argv[1:])\n"
    )
    command = [sys.executable, "-c", code, "mirrored", str(faces), str(tmp_path / "out")]
    subprocess.run(command, check=True, capture_output=True, timeout=150)
    with np.load(tmp_path / "out.npz") as other, pytest.raises(AssertionError, match="rtol"):
        assert_same_learning(one, other)


def test_a_batch_that_cannot_be_shared_is_refused():
    devices = Devices("none")
    devices.replicas = 3
    with pytest.raises(ConfigError, match="multiple of the 3 devices: got 8"):
        devices.check(8)


@pytest.mark.parametrize(
    "cluster",
    [
        "",
        "{",
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "chief", "index": 0}}',
    ],
)
def test_many_workers_need_tf_config_with_their_place(monkeypatch, cluster):
    monkeypatch.setenv("TF_CONFIG", cluster)
    with pytest.raises(ConfigError, match="multi_worker needs TF_CONFIG"):
        Devices("multi_worker")
