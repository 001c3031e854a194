"""The child process of quantization-aware training, replaced by a script, and its packages."""

import importlib.util
import sys

import pytest

from export.qat import launch
from export.qat.launch import QatError, QatPackagesError


def child(folder, monkeypatch, body):
    """Replace Python by a script with the given body."""
    script = folder / "python"
    script.write_text(f"#!{sys.executable}\n{body}\n")
    script.chmod(0o755)
    monkeypatch.setattr(launch.sys, "executable", str(script))


@pytest.mark.parametrize("missing", list(launch.PACKAGES))
def test_a_missing_package_is_named_with_the_command(missing, monkeypatch):
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == missing else object()
    )
    with pytest.raises(QatPackagesError) as error:
        launch.require_packages()
    text = str(error.value)
    assert f"packages: {launch.PACKAGES[missing]} is not installed" in text
    assert "pip install --no-deps -c constraints.txt tensorflow-model-optimization" in text


def test_the_versions_are_pinned():
    pinned = (launch.ROOT / "constraints.txt").read_text().splitlines()
    names = {line.partition("==")[0] for line in pinned if "==" in line}
    assert set(launch.PACKAGES.values()) <= names


def test_the_child_gets_the_folder_and_prints_its_progress(tmp_path, monkeypatch, capfd):
    body = (
        "import os, sys\n"
        "print(sys.argv[1:], os.environ['TF_USE_LEGACY_KERAS'], flush=True)\n"
        "print('ignored', file=sys.stderr)"
    )
    child(tmp_path, monkeypatch, body)
    launch.run_child(tmp_path, 60)
    out, err = capfd.readouterr()
    assert out == f"{['-m', 'export.qat.child', str(tmp_path)]} 1\n"
    assert err == ""


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise ValueError('no such layer')", "exit code 1: ValueError: no such layer"),
        ("import sys; sys.exit(3)", "exit code 3: no message"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "exit code -9"),
        ("import time; time.sleep(60)", r"must end within 0\.5 s"),
    ],
    ids=["error", "silent", "killed", "too slow"],
)
def test_a_failed_child_is_reported(body, message, tmp_path, monkeypatch):
    child(tmp_path, monkeypatch, body)
    with pytest.raises(QatError, match=message):
        launch.run_child(tmp_path, 0.5 if "sleep" in body else 60)
