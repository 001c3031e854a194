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
