"""Evidence for the list of the GPU accelerator's operators, and that its check can fail."""

from pathlib import Path

import pytest

from export.checks import gpu_check
from export.checks.gpu_check import GpuReport, gpu_residency
from export.checks.operators import max_versions
from tests.helpers import one_operator
from tests.helpers.one_operator import REFUSED, TAKEN, WRONG

pytestmark = pytest.mark.gpu

LISTED = max_versions("litert_gpu")
CPU = max_versions("cpu")


def on_gpu(flatbuffer: bytes, folder: Path) -> GpuReport:
    path = folder / "graph.tflite"
    path.write_bytes(flatbuffer)
    return gpu_residency(path, one_operator.values())


def listed_graph(name: str, version: int | None) -> bytes:
    flatbuffer = one_operator.to_tflite(TAKEN[name], float16=name == "DEQUANTIZE")
    assert name in one_operator.operators(flatbuffer)
    return one_operator.with_version(flatbuffer, name, version)


@pytest.mark.parametrize("name", LISTED)
def test_a_listed_operator_runs_on_the_gpu_up_to_its_listed_version(name, tmp_path):
    report = on_gpu(listed_graph(name, LISTED[name]), tmp_path)
    assert report.largest["y"] > 0.1
    assert report.passes(1e-5), report  # one operator: a few float32 roundings


@pytest.mark.parametrize("name", [name for name in LISTED if LISTED[name] < CPU[name]])
def test_the_next_version_of_a_listed_operator_falls_to_the_cpu(name, tmp_path):
    report = on_gpu(listed_graph(name, LISTED[name] + 1), tmp_path)
    assert not report.resident
    assert not report.passes(1e9)
    assert any(name in line and "Max version" in line for line in report.refused), report


@pytest.mark.parametrize("name", REFUSED)
def test_an_unsupported_graph_is_reported(name, tmp_path):
    flatbuffer = one_operator.to_tflite(REFUSED[name])
    report = on_gpu(flatbuffer, tmp_path)
    assert not report.resident
    assert not report.passes(1e9)
    assert report.refused or report.failure


@pytest.mark.parametrize("name", WRONG)
def test_a_supported_but_wrongly_computed_graph_is_reported(name, tmp_path):
    flatbuffer = one_operator.to_tflite(WRONG[name])
    report = on_gpu(flatbuffer, tmp_path)
    assert report.resident, "no longer supported: find another graph for this control"
    assert not report.passes(0.1), "no longer wrong: add it to the list"


def test_a_difference_of_a_thousandth_is_reported(tmp_path, monkeypatch):
    honest = gpu_check.cpu_outputs

    def planted(*given):
        return {name: value * 1.001 for name, value in honest(*given).items()}

    monkeypatch.setattr(gpu_check, "cpu_outputs", planted)
    report = on_gpu(one_operator.to_tflite(TAKEN["CONV_2D"]), tmp_path)
    assert report.resident
    assert not report.passes(1e-4)
