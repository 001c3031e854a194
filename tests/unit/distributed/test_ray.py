"""Ray with two workers on this machine: a killed worker loses and doubles nothing."""

import contextlib
import csv
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from fau_tf.cli import predict
from fau_tf.data.adapters.prepare import CARD, DROPPED, prepare
from fau_tf.distributed import cluster as clusters
from fau_tf.distributed import predict as cluster_predict
from fau_tf.distributed.job import WORK
from tests.helpers import dataset_trees as trees
from tests.helpers.face_videos import crossing, write_video
from tests.helpers.prediction_jobs import joined, one_machine, photo_folder
from tests.helpers.tiny_model import write_tiny_model

ROOT = Path(__file__).parents[3]
PHOTOS, SHARD = 300, 20
THREADED = ("OPENBLAS", "OMP")

pytestmark = [
    pytest.mark.integration,
    # Of Ray's own modules.
    pytest.mark.filterwarnings("ignore:::ray"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def cluster():
    with clusters.start_cluster("local", 2) as found:
        yield found


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("model"))


def run(model, out, *arguments):
    return predict.main([*map(str, arguments), "--model", str(model), "--out", str(out)])


def kill_one(out, killed, ended):
    """Kill a process that has written a report, while it works on another shard.

    Workers take 10 s to start, minutes on a busy machine, so only the end of the job ends the wait.
    """
    while not ended.is_set():
        reports = sorted(out.glob(f"job-*/{WORK}/*.json"))
        for path in reports if len(reports) > 3 else ():
            # The job's own file has no process.
            with contextlib.suppress(OSError, ValueError, KeyError):
                number = int(json.loads(path.read_text())["process"].rpartition(":")[2])
                os.kill(number, signal.SIGKILL)
                killed.append(number)
                return
        time.sleep(0.02)


TWICE = """
from fau_tf.distributed.cluster import start_cluster
for _ in range(2):
    with start_cluster("local", 1) as cluster:
        print(cluster.workers)
"""


def test_one_process_starts_a_cluster_after_another():
    # A process of its own: here `cluster` may be running, which `start_cluster` would join.
    done = subprocess.run([sys.executable, "-c", TWICE], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.split() == ["1", "1"], done.stderr


@pytest.mark.usefixtures("cluster")
def test_a_killed_worker_loses_and_doubles_nothing(model, tmp_path, capfd):
    photo_folder(tmp_path / "in", PHOTOS, broken=217, wide=True)
    write_video(tmp_path / "in" / "film.mp4", crossing(45))
    options = ("--faces", "2")
    wanted = one_machine(model, tmp_path / "one", [tmp_path / "in"], options, code=1)
    said = capfd.readouterr().err
    said = said[said.rindex("photo217.png") :]  # a slow machine shows its progress before
    killed, ended = [], threading.Event()
    killer = threading.Thread(target=kill_one, args=(tmp_path / "many", killed, ended))
    killer.start()
    arguments = ("--cluster", "local", "--shard", SHARD, *options)
    try:
        assert run(model, tmp_path / "many", tmp_path / "in", *arguments) == 1
    finally:
        ended.set()
        killer.join()
    assert len(killed) == 1
    [place] = (tmp_path / "many").glob("job-*")
    assert joined(place) == wanted
    assert len(wanted["in_au", "csv"].splitlines()) == 1 + PHOTOS
    assert capfd.readouterr().err.endswith(said)
    assert "photo217.png" in said
    with (place / cluster_predict.FAILED).open(newline="") as file:
        [failed] = csv.DictReader(file)
    assert failed["shard"] == "in_au-00010-of-00015"
    _check_processes(json.loads((place / cluster_predict.CARD).read_text())["processes"])


def _check_processes(processes):
    """Two started, at least one replaced the killed one, and memory does not grow."""
    assert len(processes) >= 3
    assert sum(one["shards"] for one in processes) == PHOTOS // SHARD + 3
    busiest = max(processes, key=lambda one: one["shards"])
    assert busiest["shards"] >= 5  # of 18 on at most four
    # A process that kept its images would grow by 9 MiB per shard of photos, 36 at least; the video
    # decoder takes 10, once.
    assert busiest["last_mib"] - busiest["first_mib"] < 30


@pytest.mark.usefixtures("cluster")
def test_prepared_shards_are_the_bytes_of_one_machine(tmp_path):
    from fau_tf.data.config import DataSettings
    from fau_tf.distributed.prepare import cluster_runner

    trees.disfa(tmp_path / "in", frames=5)
    film = next((tmp_path / "in").glob("Videos_LeftCamera/*"))
    film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    settings = DataSettings(dataset="disfa", root=str(tmp_path / "in"), record_size=80, processes=1)
    said = []
    run_ = cluster_runner(settings, "local", 2, piece=2)
    many = prepare(settings, tmp_path / "many", log=said.append, run=run_)
    one = prepare(settings, tmp_path / "one", log=said.append)
    files = sorted(path.name for path in one.folder.iterdir() if path.name != ".lock")
    assert files == sorted(path.name for path in many.folder.iterdir() if path.name != ".lock")
    shards = [name for name in files if name.endswith(".tfrecord")]
    assert len(shards) >= 2
    for name in [*shards, DROPPED]:
        assert (many.folder / name).read_bytes() == (one.folder / name).read_bytes(), name
    assert (one.folder / shards[-1]).stat().st_size > 1000
    assert many.dropped == one.dropped
    assert len(one.dropped) > 0
    cards = [json.loads((done.folder / CARD).read_text()) for done in (many, one)]
    assert cards[0] == cards[1]


def thread_settings(_folder):
    def fail_with_them(_row):
        raise ValueError(" ".join(os.environ.get(f"{name}_NUM_THREADS", "") for name in THREADED))

    return fail_with_them


def test_workers_start_with_one_thread_each(cluster):
    [result] = cluster.run(thread_settings, [{"key": "1", "name": "row", "folder": ""}])
    assert result == {"key": "1", "error": "row: ValueError: 1 1"}


class Missing:
    """Work of a module that the worker's machine does not have."""

    def __reduce__(self):
        return importlib.import_module, ("fau_tf.missing",)


def test_workers_that_cannot_start_are_reported(cluster):
    with pytest.raises(clusters.ClusterError, match="the same fau_tf on every machine"):
        list(cluster.run(Missing(), [{"key": "1"}]))


def started_by(process):
    """Return a process and all that it has started, by number."""
    children = {}
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has just ended
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(place.name))
    found = [process]
    for one in found:
        found += children.get(one, [])
    return found


def listening(processes):
    """Return the addresses at which processes listen, as Linux writes them."""
    sockets = set()
    for process in processes:
        for place in Path(f"/proc/{process}/fd").glob("*"):
            with contextlib.suppress(OSError):
                sockets.add(str(place.readlink()))
    lines = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path("/proc/net", name).read_text().splitlines()[1:]
    ]
    return {
        fields[1].rpartition(":")[0]
        for fields in lines
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets
    }


def test_ctrl_c_leaves_no_process_and_the_same_command_continues(model, tmp_path):
    photos = 3 * PHOTOS  # 90 shards: not done before a slow machine sends Ctrl-C
    photo_folder(tmp_path / "in", photos)
    command = [
        sys.executable, "-m", "fau_tf.cli.predict", str(tmp_path / "in"), "--cluster", "local",
        "--workers", "2", "--shard", "10", "--model", str(model), "--out", str(tmp_path / "out"),
    ]  # fmt: skip
    began = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        # A shell that starts the tests in the background has them ignore Ctrl-C.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    deadline = time.monotonic() + 600  # workers start in minutes on a busy machine
    while not list(tmp_path.glob("out/job-*/*-of-*.csv")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    opened = listening(started_by(began.pid))
    # 127.0.0.1, also in its IPv6 form: no other host can reach the cluster.
    assert opened
    assert opened <= {"0100007F", "0000000000000000FFFF00000100007F"}
    began.send_signal(signal.SIGINT)
    _, errors = began.communicate(timeout=600)
    assert began.returncode == 130, errors
    assert b"interrupted" in errors
    [place] = tmp_path.glob("out/job-*")
    assert 0 < len(list(place.glob("*-of-*.csv"))) < photos // 10
    folders = [Path(entry) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    lines = []
    for folder in folders:
        with contextlib.suppress(OSError):
            lines.append((folder / "cmdline").read_bytes())
    assert not [line for line in lines if str(tmp_path).encode() in line]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(list(place.glob("*-of-*.csv"))) == photos // 10
