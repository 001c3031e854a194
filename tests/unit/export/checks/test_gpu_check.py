"""The GPU check's report for graphs that run, that are refused, and where nothing can run."""

import sys

import keras
import numpy as np
import pytest
from keras import ops

from export.checks import gpu_check
from export.checks.gpu_check import GpuReport, gpu_residency
from tests.helpers import convert_layer

SHAPE = (4, 4, 8)
INPUTS = {"x": np.random.default_rng(0).normal(size=(1, *SHAPE)).astype("float32")}


class Doubled(keras.layers.Layer):
    """Operators that every accelerator takes."""

    def call(self, x):
        return ops.relu(2 * x) + 1


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("layer") / "layer.tflite"
    path.write_bytes(convert_layer.to_tflite(Doubled(), SHAPE))
    return path


def report(*errors, **changes):
    facts = {"resident": True, "errors": {"y": np.array(errors or [1e-6])}, "largest": {"y": 2.0}}
    return GpuReport(**{**facts, "refused": (), "adapter": "", "failure": "", **changes})


def test_a_report_passes_only_when_whole_and_close_and_finite():
    assert report().passes(1e-5)
    assert not report(1e-6, 1e-3).passes(1e-5)
    assert not report(resident=False).passes(1e-5)
    assert not report(errors={}).passes(1e-5)
    assert not report(1e-6, float("nan")).passes(1e-5)
    assert not report(float("inf"), largest={"y": float("inf")}).passes(1e-5)


def test_the_usual_error_leaves_out_one_face_in_twenty_but_no_nan():
    errors = [0.01] * 39 + [1.0]
    assert report(*errors).usual("y") == pytest.approx(0.01)
    assert report(*errors).worst("y") == 1.0
    assert report(*([0.01] * 36 + [1.0] * 4)).usual("y") == 1.0
    assert np.isnan(report(*errors, float("nan")).usual("y"))


def fake_child(monkeypatch, *, resident=True, log="", **outputs):
    """Replace the child by one that computes (N, ...) `outputs`."""

    def run(command, *_):
        np.savez(command[-2], **outputs)
        return {"resident": resident}, log

    monkeypatch.setattr(gpu_check, "_run", run)


@pytest.mark.parametrize("outputs", [{}, {"y": np.zeros((1, 3), "f")}], ids=["absent", "shape"])
def test_an_output_that_the_gpu_does_not_give_is_nan(outputs, path, monkeypatch, tmp_path):
    fake_child(monkeypatch, **outputs)
    found = gpu_residency(path, INPUTS, driver=tmp_path)
    assert list(found.errors) == ["y"]
    assert np.isnan(found.errors["y"])
    assert not found.passes(1.0)


@pytest.mark.parametrize(
    ("relative", "resident", "options", "code"),
    [
        (0.0, True, (), 0),
        (1e-3, True, (), 1),
        (1e-3, True, ("--tolerance", "1e-2"), 0),
        (1e-3, True, ("--float16",), 0),
        (1e-1, True, ("--float16",), 1),
        (0.0, False, (), 1),
    ],
)
def test_the_command_compares_the_numbers(
    relative, resident, options, code, path, monkeypatch, tmp_path, capsys
):
    expected = gpu_check.cpu_outputs(path, gpu_check.random_inputs(path))["y"]
    assert expected.max() > 100
    fake_child(monkeypatch, resident=resident, y=expected * np.float32(1 - relative))
    assert gpu_check.main([str(path), "--driver", str(tmp_path), *options]) == code
    verdict = capsys.readouterr().out.splitlines()[-1]
    assert verdict.startswith("fails" if code else "passes")


@pytest.mark.parametrize("content", [b"", b"no model", b"\x1c\0\0\0TFL3" + bytes(40)])
def test_a_damaged_file_is_one_line_and_not_a_failed_check(tmp_path, capsys, content):
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(content)
    assert gpu_check.main([str(damaged), "--driver", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {damaged} can't be run: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize("tolerance", ["-1", "nan", "inf"])
def test_a_meaningless_tolerance_is_refused(tolerance, path):
    with pytest.raises(SystemExit, match="2"):
        gpu_check.main([str(path), "--tolerance", tolerance])


def test_without_a_driver_the_error_names_the_packages_to_install(path, monkeypatch):
    monkeypatch.setattr(gpu_check, "software_driver", lambda: None)
    with pytest.raises(RuntimeError, match="Install mesa-vulkan-drivers"):
        gpu_residency(path, INPUTS)


def test_each_run_is_compared_with_its_own_face(path, monkeypatch, tmp_path):
    inputs = {"x": np.concatenate([INPUTS["x"], -INPUTS["x"]])}
    expected = gpu_check.cpu_outputs(path, inputs)["y"]
    assert expected.shape == (2, 1, *SHAPE)
    log = "I0000 environment.cc:532] Selected adapter: made up\n"
    fake_child(monkeypatch, log=log, y=expected + np.array([0, 0.5]).reshape(2, 1, 1, 1, 1))
    found = gpu_residency(path, inputs, driver=tmp_path)
    np.testing.assert_allclose(found.errors["y"], [0, 0.5], atol=1e-6)
    assert found.adapter == "made up"


def test_a_child_that_dies_is_a_failure_with_its_reason(path, monkeypatch, tmp_path):
    log = "INFO: fine\nE0000 00:00 kernel.cc:1] Shape mismatch\nINFO: bye\nexit code -6"
    monkeypatch.setattr(gpu_check, "_run", lambda *_: ({}, log))
    found = gpu_residency(path, INPUTS, driver=tmp_path)
    assert not found.resident
    assert not found.passes(1.0)
    assert found.failure == "E0000 00:00 kernel.cc:1] Shape mismatch\nexit code -6"


@pytest.mark.parametrize(
    ("program", "timeout", "result", "message"),
    [
        ("print('Selected'); print('{\"resident\": true}')", 60, {"resident": True}, "Selected"),
        ("import os; os.abort()", 60, {}, "exit code -6"),
        ("import time; time.sleep(60)", 0.2, {}, "no result after 0 s"),
    ],
    ids=["result", "aborts", "hangs"],
)
def test_whatever_the_child_does_gives_a_result_or_a_log(
    program, timeout, result, message, tmp_path
):
    command = [sys.executable, "-c", program]
    found, log = gpu_check._run(command, tmp_path / "driver.json", str(tmp_path), timeout)
    assert found == result
    assert message in log
