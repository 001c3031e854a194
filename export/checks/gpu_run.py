"""Run a .tflite file on the LiteRT GPU accelerator over a software driver, beside the CPU.

The accelerator runs in a process of its own (`gpu_child`): a graph that it can't take may abort
the process, and TensorFlow and a software Vulkan driver in one process crash.
"""

import json
import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import ai_edge_litert
import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from export.graph.dequantize import with_float_weights

_DRIVERS: Final = (
    "/usr/share/vulkan/icd.d/lvp_icd*.json",
    "/usr/lib/chromium/vk_swiftshader*.json",
)
_REFUSED: Final = re.compile(
    r"not supported by GPU delegate:\n(.*?)\n\d* ?(?:No )?operations", re.S
)
_ADAPTER: Final = re.compile(r"Selected adapter: (.*)")
_REASON: Final = re.compile(r"^(?:E\d{4} |ERROR|Error|\w*Error:|exit code|no result)")
_LAST_LINES: Final = 15
NO_DRIVER: Final = (
    "The GPU check needs a Vulkan driver. Received: none. Install mesa-vulkan-drivers and "
    "libvulkan1, version 25 or newer: sh tests/device/install_driver.sh"
)


@dataclass(frozen=True)
class GpuReport:
    """What runs on the accelerator showed.

    Attributes:
        resident: Whether every operator ran on the GPU.
        errors: Output name -> (N,) largest absolute difference to the CPU in each of N runs; NaN
            without a result.
        largest: Output name -> largest absolute value on the CPU, to judge `errors` by.
        refused: Operators that the accelerator left to the CPU, in its own words.
        adapter: What the accelerator computed on, in its own words.
        failure: What the log says when there was no result, else "".
    """

    resident: bool
    errors: dict[str, npt.NDArray[np.float64]]
    largest: dict[str, float]
    refused: tuple[str, ...]
    adapter: str
    failure: str

    def worst(self, name: str) -> float:
        """Return the largest error of an output in any run; NaN if any is."""
        return float(self.errors[name].max())

    def usual(self, name: str, share: float = 0.95) -> float:
        """Return the error of an output that `share` of the runs stay within; NaN if any is."""
        return float(np.quantile(self.errors[name], share))

    def passes(self, tolerance: float) -> bool:
        """Return whether the model ran whole and each error is within `tolerance` of the largest.

        A NaN never passes.
        """
        return (
            self.resident
            and bool(self.errors)
            and all(
                math.isfinite(self.worst(name))
                and self.worst(name) <= tolerance * self.largest[name]
                for name in self.errors
            )
        )


def software_driver() -> Path | None:
    """Return the manifest of a software Vulkan driver, or None where none is installed."""
    for pattern in _DRIVERS:
        folder, name = os.path.split(pattern)
        found = sorted(Path(folder).glob(name))
        if found:
            return found[0]
    return None


def gpu_residency(
    model: Path,
    inputs: Mapping[str, Any],
    *,
    float32: bool = True,
    driver: Path | None = None,
    timeout: float = 300.0,
) -> GpuReport:
    """Return how `model` runs on the GPU accelerator, compared with the CPU.

    Args:
        model: .tflite file with one signature, batch 1.
        inputs: Input name -> (N, ...) float32, for N runs.
        float32: Ask the accelerator for float32; False allows it float16, its default.
        driver: Vulkan driver manifest (ICD); by default the software driver.
        timeout: Seconds after which the runs count as failed.

    Raises:
        RuntimeError: If no driver is given or installed.
    """
    driver = driver or software_driver()
    if driver is None:
        raise RuntimeError(NO_DRIVER)
    expected = cpu_outputs(model, inputs)
    with tempfile.TemporaryDirectory() as folder:
        feed, results = Path(folder, "inputs.npz"), Path(folder, "outputs.npz")
        np.savez(feed, **dict(inputs))
        precision = "float32" if float32 else "float16"
        command = [sys.executable, "-m", "export.checks.gpu_child"]
        command += [str(Path(model).resolve()), str(feed), str(results), precision]
        answer, log = _run(command, driver, folder, timeout)
        got = dict(np.load(results)) if answer else {}
    refused, adapter = _REFUSED.search(log), _ADAPTER.search(log)
    return GpuReport(
        resident=bool(answer.get("resident")),
        errors={name: _differences(got.get(name), value) for name, value in expected.items()},
        largest={name: float(np.abs(value).max()) for name, value in expected.items()},
        refused=tuple(refused.group(1).splitlines()) if refused else (),
        adapter=adapter.group(1) if adapter else "",
        failure="" if answer else _reasons(log),
    )


def cpu_outputs(model: Path, inputs: Mapping[str, Any]) -> dict[str, npt.NDArray[np.float32]]:
    """Return output name -> (N, ...) of the first signature, computed by the CPU interpreter.

    With float arithmetic throughout, as on the GPU: int8 weights are decoded first, where the CPU
    would round activations to int8 as well.
    """
    interpreter = Interpreter(model_content=with_float_weights(model.read_bytes()))
    signature = next(iter(interpreter.get_signature_list()))
    run = interpreter.get_signature_runner(signature)
    (count,) = {len(values) for values in inputs.values()}
    outputs = [
        run(**{name: values[i : i + 1] for name, values in inputs.items()}) for i in range(count)
    ]
    return {name: np.stack([output[name] for output in outputs]) for name in outputs[0]}


def _run(
    command: list[str], driver: Path, folder: str, timeout: float
) -> tuple[dict[str, Any], str]:
    """Return (the child's answer, empty if it had none; its messages)."""
    environment = {
        **os.environ,
        "VK_ICD_FILENAMES": str(driver),
        "VK_DRIVER_FILES": str(driver),
        "LD_LIBRARY_PATH": str(Path(ai_edge_litert.__file__).parent),  # holds the accelerator
        "XDG_RUNTIME_DIR": folder,
    }
    root = Path(__file__).resolve().parents[2]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            cwd=root,
            env=environment,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {}, f"no result after {timeout:.0f} s"
    log = done.stderr + done.stdout
    if done.returncode:
        return {}, f"{log}\nexit code {done.returncode}"
    return json.loads(done.stdout.splitlines()[-1]), log


def _reasons(log: str) -> str:
    """Return the lines of a log that name an error, or its end where none does."""
    lines = [line for line in log.splitlines() if line.strip()]
    return "\n".join([line for line in lines if _REASON.match(line)] or lines[-_LAST_LINES:])


def _differences(got: Any, expected: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return (N,) largest absolute difference; NaN if either holds one or they don't compare."""
    if got is None or got.shape != expected.shape:
        return np.full(len(expected), math.nan)
    difference = np.abs(got.astype(np.float64) - expected)
    return difference.reshape(len(expected), -1).max(axis=1)
