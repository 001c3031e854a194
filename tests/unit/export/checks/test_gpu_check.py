"""What the GPU check says of graphs that run, that are refused and where nothing can run."""

import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from export.checks import gpu_check
from export.checks.gpu_check import GpuReport, gpu_residency
from tests.helpers import convert_layer

SHAPE = (4, 4, 8)


class Doubled(keras.layers.Layer):
    """Operators that every accelerator takes."""

    def call(self, x):
        return ops.relu(2 * x) + 1


def converted(layer: keras.layers.Layer, folder: Path) -> tuple[Path, dict[str, np.ndarray]]:
    path = folder / "layer.tflite"
    path.write_bytes(convert_layer.to_tflite(layer, SHAPE))
    x = np.random.default_rng(0).normal(size=(1, *SHAPE)).astype("float32")
    return path, {"x": x}


def report(*errors: float, **changes: object) -> GpuReport:
    facts = {"resident": True, "errors": {"y": np.array(errors or [1e-6])}, "largest": {"y": 2.0}}
    return GpuReport(**{**facts, "refused": (), "adapter": "", "failure": "", **changes})


def test_a_report_passes_only_when_whole_and_close_and_finite() -> None:
    assert report().passes(1e-5)
    assert not report(1e-6, 1e-3).passes(1e-5)
    assert not report(resident=False).passes(1e-5)
    assert not report(errors={}).passes(1e-5)
    assert not report(1e-6, float("nan")).passes(1e-5)
    assert not report(float("inf"), largest={"y": float("inf")}).passes(1e-5)


def test_the_usual_error_forgives_one_face_in_twenty_but_no_nan() -> None:
    errors = [0.01] * 39 + [1.0]
    assert report(*errors).usual("y") == pytest.approx(0.01)
    assert report(*errors).worst("y") == 1.0
    assert report(*([0.01] * 36 + [1.0] * 4)).usual("y") == 1.0
    assert np.isnan(report(*errors, float("nan")).usual("y"))


def fake_child(
    monkeypatch: pytest.MonkeyPatch, outputs: dict[str, np.ndarray], *, resident: bool = True
) -> None:
    """Answer as a GPU would that computes `outputs`."""

    def run(command: list[str], *_args: object) -> tuple[dict[str, bool], str]:
        np.savez(command[-2], **{name: value[None] for name, value in outputs.items()})
        return {"resident": resident}, ""

    monkeypatch.setattr(gpu_check, "_run", run)


@pytest.mark.parametrize("outputs", [{}, {"y": np.zeros(3, "float32")}], ids=["absent", "shape"])
def test_an_output_that_the_gpu_does_not_give_is_nan(
    outputs: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path, inputs = converted(Doubled(), tmp_path)
    fake_child(monkeypatch, outputs)
    found = gpu_residency(path, inputs, driver=tmp_path)
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
def test_the_command_judges_the_numbers(
    relative: float,
    resident: bool,
    options: tuple[str, ...],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path, _ = converted(Doubled(), tmp_path)
    expected = gpu_check.cpu_outputs(path, gpu_check.random_inputs(path))["y"][0]
    assert expected.max() > 100
    fake_child(monkeypatch, {"y": expected * np.float32(1 - relative)}, resident=resident)
    assert gpu_check.main([str(path), "--driver", str(tmp_path), *options]) == code
    verdict = capsys.readouterr().out.splitlines()[-1]
    assert verdict.startswith("fails" if code else "passes")


@pytest.mark.parametrize("tolerance", ["-1", "nan", "inf"])
def test_a_tolerance_that_cannot_judge_is_refused(tolerance: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="2"):
        gpu_check.main([str(tmp_path / "any.tflite"), "--tolerance", tolerance])


def test_a_machine_without_a_driver_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(gpu_check, "software_driver", lambda: None)
    with pytest.raises(RuntimeError, match="Install mesa-vulkan-drivers"):
        gpu_residency(tmp_path / "any.tflite", {})


def test_each_run_is_compared_with_its_own_face(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path, inputs = converted(Doubled(), tmp_path)
    inputs = {"x": np.concatenate([inputs["x"], -inputs["x"]])}
    expected = gpu_check.cpu_outputs(path, inputs)["y"]
    assert expected.shape == (2, 1, *SHAPE)

    def run(command: list[str], *_args: object) -> tuple[dict[str, bool], str]:
        np.savez(command[-2], y=expected + np.array([0, 0.5]).reshape(2, 1, 1, 1, 1))
        return {"resident": True}, "I0000 environment.cc:532] Selected adapter: made up\n"

    monkeypatch.setattr(gpu_check, "_run", run)
    found = gpu_residency(path, inputs, driver=tmp_path)
    np.testing.assert_allclose(found.errors["y"], [0, 0.5], atol=1e-6)
    assert found.adapter == "made up"


def test_a_child_that_dies_is_a_failure_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path, inputs = converted(Doubled(), tmp_path)
    log = "INFO: fine\nE0000 00:00 kernel.cc:1] Shape mismatch\nINFO: bye\nexit code -6"
    monkeypatch.setattr(gpu_check, "_run", lambda *_: ({}, log))
    found = gpu_residency(path, inputs, driver=tmp_path)
    assert not found.resident
    assert not found.passes(1.0)
    assert found.failure == "E0000 00:00 kernel.cc:1] Shape mismatch\nexit code -6"


@pytest.mark.parametrize(
    ("program", "timeout", "answer", "message"),
    [
        ("print('Selected'); print('{\"resident\": true}')", 60, {"resident": True}, "Selected"),
        ("import sys; sys.exit('refused')", 60, {}, "refused\n\nexit code 1"),
        ("import os; os.abort()", 60, {}, "exit code -6"),
        ("import time; time.sleep(60)", 0.2, {}, "no result after 0 s"),
    ],
    ids=["answers", "fails", "aborts", "hangs"],
)
def test_whatever_the_child_does_ends_in_an_answer_or_a_log(
    program: str, timeout: float, answer: dict[str, bool], message: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", program]
    found, log = gpu_check._run(command, tmp_path / "driver.json", str(tmp_path), timeout)
    assert found == answer
    assert message in log
