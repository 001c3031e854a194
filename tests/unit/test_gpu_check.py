"""What the GPU check says of graphs that run, that are refused and where nothing can run."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from export import gpu_check
from export.gpu_check import GpuReport, gpu_residency, software_driver
from tests.helpers import convert_layer

SHAPE = (4, 4, 8)


class Doubled(keras.layers.Layer):
    """Operators that every accelerator takes."""

    def call(self, x):
        return ops.relu(2 * x) + 1


class Gathered(keras.layers.Layer):
    """Indices of rank 3, which the accelerator leaves to the CPU."""

    def call(self, x):
        index = ops.cast(ops.reshape(ops.abs(x), (4, 4, 8)), "int32") % 4
        return ops.sum(ops.take(ops.reshape(x, (4, 32)), index, axis=0), axis=(0, 1, 2))


def converted(layer: keras.layers.Layer, folder: Path) -> tuple[Path, dict[str, np.ndarray]]:
    path = folder / "layer.tflite"
    path.write_bytes(convert_layer.to_tflite(layer, SHAPE))
    x = np.random.default_rng(0).normal(size=(1, *SHAPE)).astype("float32")
    return path, {"x": x}


def report(**changes: object) -> GpuReport:
    facts = {"resident": True, "errors": {"y": 1e-6}, "largest": {"y": 2.0}}
    return GpuReport(**{**facts, "refused": (), "failure": "", **changes})


def test_a_report_passes_only_when_whole_and_close_and_finite() -> None:
    assert report().passes(1e-5)
    assert not report(errors={"y": 1e-3}).passes(1e-5)
    assert not report(resident=False).passes(1e-5)
    assert not report(errors={}).passes(1e-5)
    assert not report(errors={"y": float("nan")}).passes(1e-5)
    infinite = {"y": float("inf")}
    assert not report(errors=infinite, largest=infinite).passes(1e-5)


def fake_child(
    monkeypatch: pytest.MonkeyPatch, outputs: dict[str, np.ndarray], *, resident: bool = True
) -> None:
    """Answer as a GPU would that computes `outputs`."""

    def run(command: list[str], *_args: object) -> tuple[dict[str, bool], str]:
        np.savez(command[-2], **outputs)
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
    expected = gpu_check.cpu_outputs(path, gpu_check._random_inputs(path))["y"]
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


@pytest.mark.gpu
@pytest.mark.parametrize("float32", [True, False])
def test_a_plain_graph_runs_whole(float32: bool, tmp_path: Path) -> None:
    if software_driver() is None:
        pytest.skip("needs a software Vulkan driver: mesa-vulkan-drivers 25 or newer")
    path, inputs = converted(Doubled(), tmp_path)
    found = gpu_residency(path, inputs, float32=float32)
    assert found.passes(1e-6 if float32 else 2e-3), found  # float16 keeps 3 digits


@pytest.mark.gpu
def test_an_operator_on_the_cpu_is_seen(tmp_path: Path) -> None:
    if software_driver() is None:
        pytest.skip("needs a software Vulkan driver: mesa-vulkan-drivers 25 or newer")
    path, inputs = converted(Gathered(), tmp_path)
    found = gpu_residency(path, inputs)
    assert not found.resident
    assert not found.passes(1.0)
    assert found.refused or found.failure
