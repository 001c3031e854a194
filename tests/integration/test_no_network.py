"""No command opens a connection or looks up a name; each is run where both are refused.

Refused and written down: names, connections, datagrams, and every socket but those of this
machine's kernel (AF_UNIX, AF_NETLINK). Only Ray's processes may use 127.0.0.1.
"""

import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.helpers import dataset_trees as trees
from tests.helpers.face_videos import crossing, face, frame, write_video
from tests.helpers.main_job import TINY
from tests.helpers.no_network import NoNetwork, compiler

ROOT = Path(__file__).parents[2]
PHOTO = ROOT / "docs" / "sample" / "astronaut.png"
OUTSIDE = "192.0.2.1"  # reserved for documentation, RFC 5737

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's preloading"),
    pytest.mark.skipif(compiler() is None, reason="needs a C compiler (cc, gcc or clang)"),
]


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    return NoNetwork(tmp_path_factory.mktemp("no_network"), compiler())


def assert_silent(result, code=0):
    done, asked = result
    assert done.returncode == code, done.stdout[-2000:] + done.stderr[-4000:]
    assert asked == []


WAYS_OUT = {
    "a connection": f"socket.create_connection(('{OUTSIDE}', 80), 1)",
    "a name": "socket.getaddrinfo('example.org', 443)",
    "a name, the old way": "socket.gethostbyname('example.org')",
    "a datagram": f"socket.socket(2, 2).sendto(b'x', ('{OUTSIDE}', 53))",
    "IPv6": "socket.socket(socket.AF_INET6)",
    "no socket object": f"import _socket; _socket.socket(2, 1, 0).connect(('{OUTSIDE}', 80))",
}


@pytest.mark.parametrize("layers", [("native",), ("python",), ("native", "python")])
@pytest.mark.parametrize("way", WAYS_OUT)
def test_each_way_out_is_refused_and_written_down_by_either_layer(refused, way, layers):
    done, asked = refused.run(["-c", f"import socket; {WAYS_OUT[way]}"], layers=layers)
    assert done.returncode == 1
    assert "error" in done.stderr.lower()
    assert len(asked) == 1


@pytest.mark.parametrize("code", ["libc.syscall({socket}, 2, 1, 0)", "libc.socket(2, 1, 0)"])
def test_native_code_is_refused_with_and_without_the_c_library(refused, code):
    """The number of socket(2): 41 on x86-64, 198 on ARM64."""
    code = code.format(socket="{'x86_64': 41, 'aarch64': 198}[os.uname().machine]")
    done, asked = refused.run(["-c", f"import ctypes, os; libc = ctypes.CDLL(None); print({code})"])
    assert (done.returncode, done.stdout) == (0, "-1\n"), done.stderr
    assert len(asked) == 1


def test_a_child_process_is_refused_too(refused):
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
    _, asked = refused.run(["-c", code, f"import socket; {WAYS_OUT['a name']}"])
    assert len(asked) == 1


def test_sockets_of_this_machine_are_allowed_and_loopback_where_it_is_asked_for(refused):
    here = (
        "import socket; a, b = socket.socketpair(); a.send(b'x'); assert b.recv(1) == b'x'\n"
        "server = socket.create_server(('127.0.0.1', 0)); "
        "socket.create_connection(server.getsockname(), 5)"
    )
    assert_silent(refused.run(["-c", here.splitlines()[0]]))
    assert_silent(refused.run(["-c", here], loopback=True))
    assert len(refused.run(["-c", here])[1]) == 1
    for way in ("a connection", "a name", "a datagram"):
        done, asked = refused.run(["-c", f"import socket; {WAYS_OUT[way]}"], loopback=True)
        assert (done.returncode, len(asked)) == (1, 1)


def test_mediapipe_is_caught(refused):
    """What this test is for: MediaPipe's tasks contact a server of its maker."""
    pytest.importorskip("mediapipe")
    code = "from fau_tf.face.mediapipe_landmarks import MediaPipeLandmarks as M; M().close()"
    done, asked = refused.run(["-c", code])
    assert done.returncode == 0, done.stderr
    assert any("getaddrinfo" in line for line in asked)


def test_the_demo_on_a_photo_a_video_and_a_folder(refused, tmp_path):
    video = write_video(tmp_path / "clip.mp4", crossing(6))
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.png").write_bytes(PHOTO.read_bytes())
    out = tmp_path / "out"
    command = ["-m", "fau_tf.cli.predict", PHOTO, video, tmp_path / "photos", "--draw", "--jsonl"]
    assert_silent(refused.run([*command, "--out", out]))
    assert len(list(out.iterdir())) > 4


def test_the_estimator(refused):
    code = "import sys, fau_tf\nwith fau_tf.AUEstimator() as e: print(e.estimate(sys.argv[1]))"
    done, asked = refused.run(["-c", code, PHOTO])
    assert "<Estimate: <FaceResult 0" in done.stdout
    assert_silent((done, asked))


@pytest.fixture(scope="module")
def trained(refused, tmp_path_factory):
    """What a tiny training asked, and the folder of its runs and faces."""
    place = tmp_path_factory.mktemp("trained")
    settings = TINY | {"data.subjects": "10", "data.faces_per_subject": "1", "training.epochs": "1"}
    settings |= {"model.aus": "[6, 12, 25]"}  # not every AU occurs on eight faces
    sets = [part for pair in settings.items() for part in ("--set", "=".join(pair))]
    places = ["--runs", place / "runs", "--data", place / "data"]
    return refused.run(["train_keras.py", *places, *sets]), place


@pytest.mark.integration
def test_training(trained):
    assert_silent(trained[0])


MANY = """
import json, sys
for name, arguments, codes in json.loads(sys.argv[1]):
    code = __import__(name, fromlist=["main"]).main(arguments)
    assert code in codes, (name, arguments, code)
"""


@pytest.mark.integration
def test_the_commands_of_data_evaluation_and_export(refused, trained, tmp_path):
    """In one process, because TensorFlow takes seconds to load."""
    run = ["--run", str(trained[1] / "runs" / "tiny"), "--data", str(trained[1] / "data")]
    trees.csv_list(tmp_path / "real")
    real = ["configs/disfa.toml", "--data", str(tmp_path), "--set", "data.dataset=csv"]
    real += ["--set", f"data.root={tmp_path / 'real' / 'faces.csv'}", "--set", "data.processes=1"]
    faces = ["configs/synthetic.toml", "--data", str(tmp_path), "--set", "data.processes=1"]
    for setting in ("data.subjects=10", "data.faces_per_subject=1", "data.record_size=80"):
        faces += ["--set", setting]
    faces += ["--set", "model.preset=tiny"]
    portraits = tmp_path / "portraits"
    portraits.mkdir()
    shutil.copy(PHOTO, portraits)
    (portraits / "portraits.toml").write_text(
        'license = "public domain"\nattribution = "NASA"\n[[rule]]\nexpression = "neutral"\n'
    )
    people = [str(portraits), "--part", "all", "--data", str(tmp_path / "kept")]
    video = write_video(tmp_path / "clip.mp4", [frame((10 * i, face())) for i in range(9)])
    commands = [
        ("fau_tf.cli.data", ["prepare", *real], [0, 1]),
        ("fau_tf.cli.data", ["check", *real], [0, 1]),
        ("fau_tf.cli.data", ["portraits", str(portraits), "--out", str(tmp_path / "set")], [0]),
        ("fau_tf.cli.synthesize", ["generate", *faces], [0]),
        ("fau_tf.cli.evaluate", [*run, "--quick", "--videos", str(video)], [0]),
        ("fau_tf.cli.evaluate", ["alignment", "--faces", "2"], [0]),
        ("fau_tf.cli.evaluate", ["real-faces", *people], [0]),
        ("fau_tf.cli.evaluate", ["compare", *2 * [str(trained[1] / "runs" / "tiny")]], [0]),
        ("fau_tf.cli.sides", ["--subjects", "1"], [0]),
        ("export.__main__", [*run, "--spec", "float16"], [0, 2]),  # 2: its weights are random
        ("export.bundle.__main__", ["check", "android_demo_assets"], [0, 2]),
    ]
    assert_silent(refused.run(["-c", MANY, json.dumps(commands)]))


@pytest.mark.integration
def test_a_job_on_this_machine_stays_on_it(refused, tmp_path):
    """Ray's processes talk over 127.0.0.1; nothing else is allowed."""
    pytest.importorskip("ray")
    command = ["-m", "fau_tf.cli.predict", PHOTO, "--cluster", "local", "--workers", "1"]
    assert_silent(refused.run([*command, "--out", tmp_path], loopback=True))
