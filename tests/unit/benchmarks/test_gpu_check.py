import json
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from benchmarks import gpu_check

ROOT = Path(__file__).parents[3]
SPEED = {"step_ms": 12.3, "images_per_second": 456.7, "memory_mb": 789.0, "peak_share": 0.123}


def child(loss_on_gpu, *, failing=()):
    """Return a stand-in of the processes: what they would write."""

    def run(what, _preset, _folder, gpu):
        if what in failing:
            return {"failed": "exit code 1, out of memory"}
        return {"loss": loss_on_gpu if gpu else [2.0, 1.0]} if what == "learn" else SPEED

    return run


def test_without_a_gpu_one_line_says_that_nothing_was_checked(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(gpu_check.tf.config, "list_physical_devices", lambda _kind: [])
    monkeypatch.setattr(gpu_check, "check", lambda *_: pytest.fail("must not check"))
    page = tmp_path / "page.md"
    page.write_text("as it was")
    assert gpu_check.main(["--write", str(page)]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("not checked: TensorFlow finds no GPU")
    assert page.read_text() == "as it was"


@pytest.mark.parametrize(
    ("gpu", "message"),
    [
        ([2.0, 1.04], ""),
        ([2.0, 1.06], "must agree within 5%"),
        ([2.2, 1.0], "must agree within 5%"),
        ([float("nan"), 1.0], "must be finite"),
    ],
)
def test_losses_must_agree(gpu, message):
    lines = gpu_check.differences("small", {"loss": [2.0, 1.0]}, {"loss": gpu})
    assert bool(lines) == bool(message)
    assert all(message in line for line in lines)


def test_losses_that_do_not_fall_compare_nothing():
    flat = {"loss": [2.0, 1.99]}
    assert "must be finite and fall" in gpu_check.differences("small", flat, flat)[0]


@pytest.mark.parametrize(
    ("run", "code"),
    [
        (child([2.0, 1.0]), 0),
        (child([2.0, 1.5]), 1),
        (child([2.0, 1.0], failing=("bfloat16, XLA",)), 1),
        (child([2.0, 1.0], failing=("learn",)), 1),
    ],
)
def test_the_page_and_the_exit_code_tell_what_was_found(run, code, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(gpu_check.tf.config, "list_physical_devices", lambda _kind: ["GPU:0"])
    monkeypatch.setattr(gpu_check.training, "device_name", lambda: "Card X")
    monkeypatch.setattr(gpu_check, "_run_child", run)
    page, file = tmp_path / "page.md", tmp_path / "found.json"
    page.write_text("<!-- gpu -->\nnothing\n<!-- end of gpu -->\n")
    assert gpu_check.main(["--write", str(page), "--json", str(file)]) == code
    text = page.read_text()
    assert "Card X" in text
    assert "| small | float32 | 12 | 457 | 789 | 0.12 |" in text
    assert ("do not agree" in text) == (code == 1)
    assert [row["preset"] for row in json.loads(file.read_text())["presets"]] == ["paper", "small"]
    assert "out of memory" in capsys.readouterr().out or code == 0 or "1.5" in text


@pytest.mark.integration
def test_two_epochs_are_learned_twice_alike_and_a_step_is_timed(tmp_path, monkeypatch):
    """The processes themselves, with the tiny preset and the CPU in the GPU's place."""
    few = ("data.subjects=20", "data.faces_per_subject=4", "data.processes=1")
    monkeypatch.setattr(gpu_check, "_LEARN", (*gpu_check._LEARN, *few))
    seed = keras.utils.set_random_seed
    monkeypatch.setattr(gpu_check.setup, "make_deterministic", lambda config: seed(config.run.seed))
    one, other = (gpu_check.learn("tiny", tmp_path)["loss"] for _ in range(2))
    assert len(one) == 2
    assert one[1] < one[0]
    # The same arithmetic, but operators of this process may run in another order.
    assert other == pytest.approx(one, rel=1e-3)
    command = [sys.executable, "-m", "benchmarks.gpu_check", "--child", "float32", "tiny"]
    subprocess.run([*command, str(tmp_path)], cwd=ROOT, check=True, timeout=600)
    row = json.loads((tmp_path / "result.json").read_text())
    assert row["step_ms"] > 0
    assert 0 < row["peak_share"] < 1
